"""Derivatives of convolutions, as contractions of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ncd.analysis.derivatives.rows import Thunks, row


def _pair(x: Any, n: int) -> list[int]:
    return [int(x)] * n if isinstance(x, int) else [int(i) for i in x] * (n if len(x) == 1 else 1)


def _windows(x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """(…, y, x) -> (…, y', x', i, j): what a window sees at each place."""
    n = len(kernel)
    for k in range(n):
        x = x.unfold(2 + k, (kernel[k] - 1) * dilation[k] + 1, stride[k])
        if dilation[k] > 1:
            x = x[..., :: dilation[k]]
    return x


def _over_windows(g: Tensor, seen: Tensor, n: int, groups: int) -> Tensor:
    """Σ over examples and places of a cotangent with what the windows saw: the weight's cotangent."""
    places, window = "uvw"[:n], "ijk"[:n]
    if groups == 1:
        return torch.einsum(f"bO{places},bI{places}{window}->OI{window}", g, seen)
    g = g.unflatten(1, (groups, -1))
    seen = seen.unflatten(1, (groups, -1))
    return torch.einsum(f"bGO{places},bGI{places}{window}->GOI{window}", g, seen).flatten(0, 1)


@row("conv1d", "conv2d", "conv3d")
def conv(g, y, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Thunks:
    n = weight.dim() - 2
    if input.dim() != n + 2:
        raise NotImplementedError("one example without a batch")
    kernel, stride, dilation = weight.shape[2:], _pair(stride, n), _pair(dilation, n)
    if isinstance(padding, str):
        total = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        if any(t % 2 for t in total):
            raise NotImplementedError("padding that is not the same on both sides")
        padding = [t // 2 for t in total]
    padding = _pair(padding, n)
    transposed = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]

    def of_input() -> Tensor:
        small = [
            (g.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + 1 for i in range(n)
        ]
        more = [input.shape[2 + i] - small[i] for i in range(n)]
        return transposed(g, weight, None, stride, padding, more, groups, dilation)

    def of_weight() -> Tensor:
        x = input
        if any(padding):
            x = F.pad(x, [p for q in reversed(padding) for p in (q, q)])
        seen = _windows(x, kernel, stride, dilation)
        for i in range(n):  # at the end no window may fit
            seen = seen.narrow(2 + i, 0, g.shape[2 + i]) if seen.shape[2 + i] != g.shape[2 + i] else seen
        return _over_windows(g, seen, n, groups)

    return of_input, of_weight, lambda: g.sum((0, *range(2, g.dim())))


@row("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    g, y, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Thunks:
    n = weight.dim() - 2
    if input.dim() != n + 2:
        raise NotImplementedError("one example without a batch")
    kernel, stride, dilation, padding = weight.shape[2:], _pair(stride, n), _pair(dilation, n), _pair(padding, n)
    forward = (F.conv1d, F.conv2d, F.conv3d)[n - 1]

    def of_input() -> Tensor:
        made = forward(g, weight, None, stride, padding, dilation, groups)
        for i in range(n):
            made = made.narrow(2 + i, 0, input.shape[2 + i]) if made.shape[2 + i] != input.shape[2 + i] else made
        return made

    def of_weight() -> Tensor:
        x = F.pad(g, [p for q in reversed(padding) for p in (q, q)]) if any(padding) else g
        seen = _windows(x, kernel, stride, dilation)
        for i in range(n):
            seen = seen.narrow(2 + i, 0, input.shape[2 + i]) if seen.shape[2 + i] != input.shape[2 + i] else seen
        return _over_windows(input, seen, n, groups)

    return of_input, of_weight, lambda: g.sum((0, *range(2, g.dim())))
