"""Derivatives of what goes along an axis: softmax, norms, sums, extremes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ncd.analysis.derivatives import whole as w
from ncd.analysis.derivatives.rows import Thunks, row


@row()
def softmax(g, y, input, dim=None, _stacklevel=3, dtype=None) -> Thunks:
    return (lambda: w.d_softmax(g, y, _known(dim)),)


@row()
def log_softmax(g, y, input, dim=None, _stacklevel=3, dtype=None) -> Thunks:
    return (lambda: w.d_log_softmax(g, y, _known(dim)),)


def _known(dim: int | None) -> int:
    if dim is None:
        raise NotImplementedError("a dimension that the call chooses itself")
    return dim


@row()
def layer_norm(g, y, input, normalized_shape, weight=None, bias=None, eps=1e-5) -> Thunks:
    shape = list(normalized_shape)
    lead = tuple(range(g.dim() - len(shape)))
    return (
        lambda: w.d_layer_norm(g if weight is None else g * weight, input, shape, eps),
        None,
        lambda: _summed(g * w.normalised(input, shape, eps, True), lead),
        lambda: _summed(g, lead),
    )


@row()
def rms_norm(g, y, input, normalized_shape, weight=None, eps=None) -> Thunks:
    shape = list(normalized_shape)
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    lead = tuple(range(g.dim() - len(shape)))
    return (
        lambda: w.d_rms_norm(g if weight is None else g * weight, input, shape, eps),
        None,
        lambda: _summed(g * w.normalised(input, shape, eps, False), lead),
    )


def _summed(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return x.sum(dims) if dims else x


@row()
def cumsum(g, y, input, dim, *, dtype=None) -> Thunks:
    return (lambda: w.d_cumsum(g, dim),)


@row()
def sum(g, y, input, dim=None, keepdim=False, *, dtype=None) -> Thunks:
    return (lambda: _back(g, input, dim, keepdim).expand(input.shape),)


@row()
def mean(g, y, input, dim=None, keepdim=False, *, dtype=None) -> Thunks:
    return (lambda: _back(g / (input.numel() // max(y.numel(), 1)), input, dim, keepdim).expand(input.shape),)


@row()
def logsumexp(g, y, input, dim, keepdim=False) -> Thunks:
    return (lambda: _back(g, input, dim, keepdim) * torch.exp(input - _back(y, input, dim, keepdim)),)


def _back(g: Tensor, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """A reduced array with the reduced dimensions back, of size 1."""
    if keepdim:
        return g
    dims = range(x.dim()) if dim is None or dim == () else [dim] if isinstance(dim, int) else dim
    for d in sorted(d % x.dim() for d in dims):
        g = g.unsqueeze(d)
    return g
