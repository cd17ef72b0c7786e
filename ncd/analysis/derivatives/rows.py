"""Derivatives of torch's calls, one row a call: a function named like it.

A row is given the cotangent of the result, the result, and the call's own arguments, and answers with
one thunk for each of its operands in turn: what the cotangent of that operand is (None: it has none).
Only those that are asked for are run.  What is too large, where the operand was broadcast, is summed
by the caller.  The formulas are those that follow from the definitions; every row is held to
torch's autograd by tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ncd.analysis.derivatives import whole as w

Thunk = Callable[..., Any] | None
Thunks = tuple[Thunk, ...]
ROWS: dict[str, Callable[..., Thunks]] = {}


def row(*names: str) -> Callable[[Callable[..., Thunks]], Callable[..., Thunks]]:
    """Enter a row under these names, or its own."""

    def enter(fn: Callable[..., Thunks]) -> Callable[..., Thunks]:
        ROWS.update(dict.fromkeys(names or (fn.__name__.strip("_"),), fn))
        return fn

    return enter


# ---------------------------------------------------------------- number by number


@row()
def add(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: g, lambda: g if alpha == 1 else g * alpha


@row()
def sub(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: g, lambda: -g if alpha == 1 else g * -alpha


@row()
def rsub(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: -g if alpha == 1 else g * -alpha, lambda: g


@row("mul", "multiply")
def mul(g, y, input, other) -> Thunks:
    return lambda: g * other, lambda: g * input


@row("div", "truediv", "divide")
def div(g, y, input, other) -> Thunks:
    return lambda: g / other, lambda: -(g * y) / other


@row("rdiv", "rtruediv")
def rdiv(g, y, input, other) -> Thunks:
    return lambda: -(g * y) / input, lambda: g / input


@row()
def neg(g, y, input) -> Thunks:
    return (lambda: -g,)


@row()
def exp(g, y, input) -> Thunks:
    return (lambda: g * y,)


@row()
def log(g, y, input) -> Thunks:
    return (lambda: g / input,)


@row()
def sqrt(g, y, input) -> Thunks:
    return (lambda: g / (2 * y),)


@row()
def rsqrt(g, y, input) -> Thunks:
    return (lambda: g * (-0.5 * y**3),)


@row()
def square(g, y, input) -> Thunks:
    return (lambda: g * (2 * input),)


@row()
def sin(g, y, input) -> Thunks:
    return (lambda: g * torch.cos(input),)


@row()
def cos(g, y, input) -> Thunks:
    return (lambda: -(g * torch.sin(input)),)


@row()
def abs(g, y, input) -> Thunks:
    return (lambda: g * torch.sign(input),)


@row()
def tanh(g, y, input) -> Thunks:
    return (lambda: g * w.d_tanh(y),)


@row()
def sigmoid(g, y, input) -> Thunks:
    return (lambda: g * w.d_sigmoid(y),)


@row()
def relu(g, y, input, inplace=False) -> Thunks:
    return (lambda: g * w.d_relu(y),)


@row()
def silu(g, y, input, inplace=False) -> Thunks:
    return (lambda: g * w.d_silu(input),)


@row()
def gelu(g, y, input, approximate="none") -> Thunks:
    return (lambda: g * w.d_gelu(input, approximate),)


@row()
def softplus(g, y, input, beta=1.0, threshold=20.0) -> Thunks:
    return (lambda: g * w.d_softplus(input, beta, threshold),)


@row()
def where(g, y, condition, input, other) -> Thunks:
    zero = g.new_zeros(())
    return None, lambda: torch.where(condition, g, zero), lambda: torch.where(condition, zero, g)


@row()
def masked_fill(g, y, input, mask, value) -> Thunks:
    return lambda: g.masked_fill(mask, 0.0), None, lambda: torch.where(mask, g, g.new_zeros(()))


@row()
def pow(g, y, input, exponent) -> Thunks:
    if isinstance(input, Tensor) and isinstance(exponent, (int, float)):
        return (lambda: g * (exponent * input ** (exponent - 1) if exponent != 2 else 2 * input),)
    raise NotImplementedError("an exponent that is an array")


@row()
def tril(g, y, input, diagonal=0) -> Thunks:
    return (lambda: g.tril(diagonal),)


@row()
def triu(g, y, input, diagonal=0) -> Thunks:
    return (lambda: g.triu(diagonal),)


# ---------------------------------------------------------------- sums of products


@row()
def linear(g, y, input, weight, bias=None) -> Thunks:
    m = ascii_letters[: input.dim() - 1]
    return (
        lambda: g @ weight,
        lambda: torch.einsum(f"{m}O,{m}I->OI", g, input),
        lambda: g.sum(tuple(range(g.dim() - 1))) if g.dim() > 1 else g,
    )


@row("matmul", "mm", "bmm", "mv", "dot")
def matmul(g, y, input, mat2) -> Thunks:
    a, b, out = _letters(input, mat2)
    return lambda: _product(g, out, mat2, b, input, a), lambda: _product(input, a, g, out, mat2, b)


@row("rmatmul")
def rmatmul(g, y, input, other) -> Thunks:
    first, second = matmul(g, y, other, input)
    return second, first


@row()
def addmm(g, y, input, mat1, mat2, *, beta=1, alpha=1) -> Thunks:
    a, b, out = _letters(mat1, mat2)

    def times(x: Tensor, n: float) -> Tensor:
        return x if n == 1 else x * n

    return (
        lambda: times(g, beta),
        lambda: times(_product(g, out, mat2, b, mat1, a), alpha),
        lambda: times(_product(mat1, a, g, out, mat2, b), alpha),
    )


ROWS["baddbmm"] = addmm


@row()
def einsum(g, y, equation, *operands) -> Thunks:
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    ins, out = _spelled(equation, operands)

    def one(k: int) -> Tensor:
        mine, x = ins[k], operands[k]
        if len(set(mine)) < len(mine):
            raise NotImplementedError("a diagonal")
        rest = [(s, o) for i, (s, o) in enumerate(zip(ins, operands, strict=True)) if i != k]
        known = out + "".join(s for s, _ in rest)
        lost = [c for c in mine if c not in known]
        kept = "".join(c for c in mine if c in known)
        made = torch.einsum(",".join([out, *(s for s, _ in rest)]) + "->" + kept, g, *(o for _, o in rest))
        for c in lost:  # what was summed away alone is the same everywhere
            made = made.unsqueeze(mine.index(c))
        return made.expand(x.shape) if lost else made

    return None, one


def _letters(a: Tensor, b: Tensor) -> tuple[str, str, str]:
    """The letters of two operands of a matrix product, and of the product."""
    batch = ascii_letters[: max(a.dim(), b.dim()) - 2] if max(a.dim(), b.dim()) > 2 else ""
    left = "XY" if a.dim() > 1 else "Y"
    right = "YZ" if b.dim() > 1 else "Y"
    first = batch[len(batch) - max(a.dim() - 2, 0) :] + left
    second = batch[len(batch) - max(b.dim() - 2, 0) :] + right
    return first, second, batch + left[:-1] + right[1:]


def _product(a: Tensor, la: str, b: Tensor, lb: str, like: Tensor, letters: str) -> Tensor:
    """The cotangent of an operand: a sum of products, as a matrix product where there is nothing else to sum."""
    if a.dim() == b.dim() == like.dim() > 1 and a.shape[:-2] == b.shape[:-2] == like.shape[:-2]:
        left = a if la[-1] == lb[-2] or la[-1] == lb[-1] else a.transpose(-2, -1)
        right = b if (lb[-2] in la) else b.transpose(-2, -1)
        return left @ right
    made = torch.einsum(f"{la},{lb}->{letters}", a, b)
    return made


def _spelled(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The letters of every operand and of the result of an einsum, with letters for ``...``."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    ins = left.split(",")
    free = [c for c in ascii_letters if c not in equation]
    most = max(
        (x.dim() - len(s.replace("...", "")) for s, x in zip(ins, operands, strict=True) if "..." in s), default=0
    )
    dots = "".join(free[:most])
    if not arrow:
        every = left.replace("...", "").replace(",", "")
        out = (
            "..." + "".join(sorted(c for c in set(every) if every.count(c) == 1))
            if "..." in left
            else "".join(sorted(c for c in set(every) if every.count(c) == 1))
        )

    def said(s: str, n: int) -> str:
        return s.replace("...", dots[len(dots) - n :] if n else "")

    spelled = [said(s, x.dim() - len(s.replace("...", ""))) for s, x in zip(ins, operands, strict=True)]
    return spelled, said(out, most)


# ---------------------------------------------------------------- windows


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


# ---------------------------------------------------------------- along an axis


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


# ---------------------------------------------------------------- moved, split, joined


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
