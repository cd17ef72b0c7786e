"""Lengths, angles, products of three, and bags of embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Tensor:
    """x over its length, which is at least eps."""
    if p == 2:
        length = torch.sqrt(input.square().sum(dim, keepdim=True))
    elif p == 1:
        length = input.abs().sum(dim, keepdim=True)
    else:
        length = torch.linalg.vector_norm(input, p, dim, keepdim=True)
    return input / length.clamp_min(eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The inner product of two normalised arrays."""
    a, b = (torch.nn.functional.normalize(x, dim=dim, eps=eps) for x in torch.broadcast_tensors(x1, x2))
    return (a * b).sum(dim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W y for every output, plus a bias."""
    product = torch.einsum("...i,oij,...j->...o", input1, weight, input2)
    return product if bias is None else product + bias


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of a table, summed, averaged or maximised over the second axis of the indices."""
    if input.dim() != 2 or max_norm is not None or padding_idx is not None or not isinstance(mode, str):
        raise NotImplementedError("bags of different sizes, rescaled or padded tables")
    rows = torch.nn.functional.embedding(input, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    return {"sum": rows.sum, "mean": rows.mean, "max": rows.amax}[mode](1)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b."""
    product = torch.einsum("...i,oi->...o", input, weight)
    return product if bias is None else product + bias


def var(input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **said: Any) -> Tensor:
    """The mean square of what is left after the mean."""
    correction = said.get("correction", int(unbiased))
    centred = input - input.mean(dim, keepdim=True)
    count = input.numel() // centred.sum(dim).numel()
    return centred.square().sum(dim, keepdim=keepdim) / (count - correction)


def std(input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **said: Any) -> Tensor:
    """The root of the variance."""
    return torch.sqrt(torch.var(input, dim, unbiased, keepdim) if not said else torch.var(input, dim, **said))


ROWS = (normalize, cosine_similarity, bilinear, embedding_bag, linear, var, std)
