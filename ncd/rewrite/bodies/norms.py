"""Normalisations: minus a mean, over a root mean square, then a gain and a shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _standardised(x: Tensor, dims: Sequence[int], eps: float) -> Tensor:
    centred = x - x.mean(dims, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dims, keepdim=True) + eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * gain + shift (Ba et al. 2016, eq. 4)."""
    return _affine(_standardised(input, _last(normalized_shape), eps), weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean x² + eps) * gain (Zhang & Sennrich 2019, eq. 4)."""
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    mean = input.square().mean(_last(normalized_shape), keepdim=True)
    return _affine(input * torch.rsqrt(mean + eps), weight, None)


def _last(shape: Sequence[int]) -> list[int]:
    return list(range(-len(shape), 0))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """Statistics over the channels of a group and all positions (Wu & He 2018, eq. 7)."""
    grouped = input.unflatten(1, (num_groups, -1))
    normed = _standardised(grouped, list(range(2, grouped.dim())), eps).flatten(1, 2)
    return _affine(normed, _channelwise(weight, input), _channelwise(bias, input))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """Statistics over all positions, of every channel of every example (Ulyanov et al. 2016, eq. 4)."""
    return _batch_or_running(input, running_mean, running_var, weight, bias, use_input_stats, eps, first=2)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """Statistics over the batch and all positions, or the running ones (Ioffe & Szegedy 2015, alg. 1 and 2)."""
    if torch.is_tensor(training):
        raise NotImplementedError("another order of arguments")
    return _batch_or_running(input, running_mean, running_var, weight, bias, training, eps, first=0)


def _batch_or_running(
    x: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    of_batch: bool,
    eps: float,
    first: int,
) -> Tensor:
    if of_batch and mean is not None:
        raise NotImplementedError("it also updates its running statistics, which no picture shows")
    if of_batch:
        normed = _standardised(x, [k for k in range(first, x.dim()) if k != 1], eps)
    else:
        assert mean is not None and var is not None
        normed = (x - _channelwise(mean, x)) * _channelwise(torch.rsqrt(var + eps), x)
    return _affine(normed, _channelwise(weight, x), _channelwise(bias, x))


def _channelwise(weight: Tensor | None, x: Tensor) -> Tensor | None:
    """One number a channel, along the second axis of ``x``."""
    return None if weight is None else weight.view(-1, *[1] * (x.dim() - 2))


ROWS = (layer_norm, rms_norm, group_norm, instance_norm, batch_norm)
