"""Derivatives of what only moves numbers: views, pieces, joins, look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ncd.analysis.derivatives import whole as w
from ncd.analysis.derivatives.rows import Thunks, row


@row(
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel",
)  # fmt: skip
def reshape(g, y, input, *how, **named) -> Thunks:
    return (lambda: g.reshape(input.shape),)


@row(
    "contiguous", "clone", "alias", "to", "type", "type_as", "float", "double", "half", "bfloat16", "identity",
    "requires_grad",
)  # fmt: skip
def same(g, y, input, *how, **named) -> Thunks:
    return (lambda: g,)


@row("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout")
def dropout(g, y, input, p=0.5, training=True, inplace=False) -> Thunks:
    if training and p:
        raise NotImplementedError("numbers that it draws itself")
    return (lambda: g,)


@row("detach", "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full", "sign")
def nothing(g, y, input, *how, **named) -> Thunks:
    return (None,)


@row("expand", "expand_as", "broadcast_to")
def expand(g, y, input, *how, **named) -> Thunks:
    return (lambda: g,)  # summed by the caller


@row()
def permute(g, y, input, *dims) -> Thunks:
    flat = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    back = [0] * len(flat)
    for k, d in enumerate(flat):
        back[d % len(flat)] = k
    return (lambda: g.permute(back),)


@row("transpose", "swapaxes", "swapdims")
def transpose(g, y, input, dim0, dim1) -> Thunks:
    return (lambda: g.transpose(dim0, dim1),)


@row("t", "T")
def t(g, y, input, *_) -> Thunks:
    return (lambda: g.permute(*range(g.dim() - 1, -1, -1)),)


@row("mT")
def mT(g, y, input, *_) -> Thunks:
    return (lambda: g.transpose(-2, -1),)


@row("movedim", "moveaxis")
def movedim(g, y, input, source, destination) -> Thunks:
    return (lambda: g.movedim(destination, source),)


@row("flip")
def flip(g, y, input, *dims) -> Thunks:
    return (lambda: g.flip(*dims),)


@row()
def roll(g, y, input, shifts, dims=None) -> Thunks:
    return (lambda: g.roll([-s for s in shifts] if not isinstance(shifts, int) else -shifts, dims),)


@row("cat", "concat", "concatenate")
def cat(g, y, tensors, dim=0) -> Thunks:
    ends = [0]
    for x in tensors:
        ends.append(ends[-1] + (x.shape[dim] if x.dim() == g.dim() else 0))
    return (lambda k: g.narrow(dim, ends[k], ends[k + 1] - ends[k]) if tensors[k].dim() == g.dim() else None,)


@row()
def stack(g, y, tensors, dim=0) -> Thunks:
    return (lambda k: g.select(dim, k),)


@row("split", "chunk", "split_with_sizes", "tensor_split", "unsafe_chunk")
def split(g, y, input, how=None, dim=0, **named) -> Thunks:
    return (lambda: torch.cat(_filled(g, y), dim),)


@row("unbind", "iter")
def unbind(g, y, input, dim=0) -> Thunks:
    return (lambda: torch.stack(_filled(g, y), dim),)


def _filled(g: Sequence[Tensor | None], y: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(b) if a is None else a for a, b in zip(g, y, strict=True)]


@row()
def getitem(g, y, input, index) -> Thunks:
    """Slices are put back between zeros, as padding; what was looked up is added up."""
    items = index if isinstance(index, tuple) else (index,)
    if any(not (i is None or i is Ellipsis or isinstance(i, (int, slice))) or isinstance(i, bool) for i in items):
        return (lambda: w.d_index(g, list(input.shape), index),)
    pads, shape, steps = _padding(input.shape, items)
    if any(s != 1 for s in steps):
        return (lambda: w.d_index(g, list(input.shape), index),)

    def back() -> Tensor:
        x = g.reshape(shape) if list(g.shape) != shape else g
        return F.pad(x, [n for pair in reversed(pads) for n in pair]) if any(map(any, pads)) else x

    return (back,)


def _padding(shape: Sequence[int], items: Sequence[Any]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """What a slice left out before and after it in every dimension, what it has of each, and its steps."""
    used = len([i for i in items if i is not None and i is not Ellipsis])
    every: list[Any] = []
    for i in items:
        every += [slice(None)] * (len(shape) - used) if i is Ellipsis else [] if i is None else [i]
    every += [slice(None)] * (len(shape) - len(every))
    pads, sizes, steps = [], [], []
    for i, n in zip(every, shape, strict=True):
        start, stop, step = i.indices(n) if isinstance(i, slice) else (i % n, i % n + 1, 1)
        size = len(range(start, stop, step))
        pads.append((start, n - start - size))
        sizes.append(size)
        steps.append(step)
    return pads, sizes, steps


@row()
def select(g, y, input, dim, index) -> Thunks:
    n = input.shape[dim]
    items = [slice(None)] * (dim % input.dim()) + [index % n]
    return getitem(g, y, input, tuple(items))


@row()
def narrow(g, y, input, dim, start, length) -> Thunks:
    items = [slice(None)] * (dim % input.dim()) + [slice(start, start + length)]
    return getitem(g, y, input, tuple(items))


@row()
def pad(g, y, input, pad, mode="constant", value=None) -> Thunks:
    if mode != "constant":
        raise NotImplementedError("padding with what is there")
    return (lambda: F.pad(g, [-n for n in pad]),)


@row()
def gather(g, y, input, dim, index, *, sparse_grad=False) -> Thunks:
    return (lambda: w.d_gather(g, list(input.shape), dim, index),)


@row()
def scatter(g, y, input, dim, index, src=None, *, value=None, reduce=None) -> Thunks:
    if reduce is not None:
        raise NotImplementedError("what several places make together")
    return lambda: g.scatter(dim, index, 0.0), None, None, lambda: g.gather(dim, index)


@row()
def scatter_add(g, y, input, dim, index, src) -> Thunks:
    return lambda: g, None, None, lambda: g.gather(dim, index)


@row()
def index_select(g, y, input, dim, index) -> Thunks:
    return (lambda: w.d_index(g, list(input.shape), (slice(None),) * (dim % input.dim()) + (index,)),)


@row()
def topk(g, y, input, k, dim=-1, largest=True, sorted=True) -> Thunks:
    return (lambda: w.d_gather(g[0], list(input.shape), dim, y[1]),)


@row()
def sort(g, y, input, dim=-1, descending=False, stable=False) -> Thunks:
    return (lambda: w.d_gather(g[0], list(input.shape), dim, y[1]),)


@row()
def embedding(
    g, y, input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False
) -> Thunks:
    if max_norm is not None or scale_grad_by_freq:
        raise NotImplementedError("rows that are scaled")

    def table() -> Tensor:
        kept = g if padding_idx is None else g.masked_fill((input == padding_idx % len(weight)).unsqueeze(-1), 0.0)
        return w.d_embedding(kept, input, weight.shape[0])

    return None, table


@row()
def setitem(g, y, input, index, value) -> Thunks:
    """What was written over counts no more; what was written counts where it was."""

    def value_of() -> Tensor:
        return g[index]

    def rest() -> Tensor:
        kept = torch.ones(g.shape, dtype=g.dtype, device=g.device)
        kept[index] = 0.0
        return g * kept

    return rest, None, value_of
