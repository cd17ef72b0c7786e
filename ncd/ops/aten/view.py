"""View ops: the weave is read off the strides of the result.

A view of a dense array reads memory at ``offset + Σ stride·index``.  Written in the mixed radix of
the input's shape, each stride says how far one step of an output dimension moves along every input
dimension, and the offset where it starts: these are the coefficients and constants of the forms.
"""

from __future__ import annotations

from math import prod

from ncd.circuit.weave import UNIT, Form, Weave, plain
from ncd.ops.aten.call import AtenCall, Operand, contiguous
from ncd.ops.aten.spec import read

Shape = tuple[int, ...]


def weave(call: AtenCall) -> Weave | None:
    """The weave of a view of a *dense* first operand, one further weave for each further output."""
    source, found = call.ins[0], []
    if source.empty or _steps(source.shape, source.strides) != _steps(source.shape, contiguous(source.shape)):
        return None
    for out in call.outs:
        part = _bits(call, source.ndim, out.ndim) if out.dtype != source.dtype else None
        if part is None and out.dtype == source.dtype:
            part = decode(source.shape, out.strides, out.offset, out.shape)
            if (
                part is None
                and not out.offset
                and _steps(out.shape, out.strides) == _steps(out.shape, contiguous(out.shape))
            ):
                part = regroup(source.shape, out.shape)
        if part is None:
            return None
        found.append(part)
    return together(found)


def _steps(shape: Shape, strides: Shape) -> Shape:
    """The strides that matter: a dimension of size 1 may have any."""
    return tuple(s for n, s in zip(shape, strides, strict=True) if n > 1)


def together(parts: list[Weave]) -> Weave:
    first, *rest = parts
    return Weave(first.ins, first.outs, first.sizes, first.targets, tuple(rest))


def _bits(call: AtenCall, before: int, after: int) -> Weave | None:
    """The same memory under another dtype: complex numbers as pairs, bytes as words."""
    if after == before + 1:
        return read("* -> * [c]", call.ins, call.outs)
    if after == before - 1:
        return read("* [c] -> *", call.ins, call.outs)
    if call.ins[0].shape == call.outs[0].shape:
        return read("* -> *", call.ins, call.outs)
    return read("* [c] -> * [d]", call.ins, call.outs)


def decode(shape: Shape, strides: Shape, offset: int, oshape: Shape) -> Weave | None:
    """The forms of a strided view of a dense array, or None where no affine forms exist."""
    if 0 in shape or 0 in oshape or offset >= prod(shape):
        return None
    steps = contiguous(shape)
    real = [i for i, n in enumerate(shape) if n > 1]

    def digits(x: int) -> dict[int, int]:
        return {i: d for i in real if (d := x // steps[i] % shape[i])}

    start = digits(offset)
    room = {i: shape[i] - 1 - start.get(i, 0) for i in real}
    reads: dict[int, list[tuple[int, str]]] = {i: [] for i in range(len(shape))}
    sizes: dict[str, int] = {}
    outs: dict[int, Form] = {}
    for o in sorted(range(len(oshape)), key=lambda i: -strides[i]):
        rest, step = oshape[o], strides[o]
        if rest == 1:
            outs[o] = UNIT
            continue
        if step == 0:
            var = f"v{len(sizes)}"
            sizes[var] = rest
            outs[o] = plain(var)
            continue
        found: list[tuple[int, str]] = []
        while rest > 1:
            if step >= prod(shape):
                return None
            moves = digits(step)
            # As many steps as stay inside; what is left is a digit of its own, of larger stride.
            take = _stretch(rest, moves, room)
            if take == 1:
                return None
            var = f"v{len(sizes)}"
            sizes[var] = take
            for i, coef in moves.items():
                reads[i].append((coef, var))
                room[i] -= coef * (take - 1)
            found.append((take, var))
            rest, step = rest // take, step * take
        terms, scale = [], 1
        for n, var in found:
            terms.append((scale, var))
            scale *= n
        outs[o] = Form(tuple(reversed(terms)))
    # A dimension of size 1 has no digit: an offset cannot fall on it.
    ins = tuple(Form(tuple(sorted(reads[i], key=lambda t: -t[0])), start.get(i, 0)) for i in range(len(shape)))
    return Weave((ins,), (tuple(outs[o] for o in range(len(oshape))),), sizes)


def _stretch(n: int, moves: dict[int, int], room: dict[int, int]) -> int:
    """The largest divisor of n whose steps stay inside every dimension they move along."""
    fits = n
    for i, coef in moves.items():
        while fits > 1 and coef * (fits - 1) > room[i]:
            fits = next((q for q in range(fits - 1, 0, -1) if n % q == 0 and coef * (q - 1) <= room[i]), 1)
    return fits


def regroup(shape: Shape, oshape: Shape) -> Weave | None:
    """A reshape without a common refinement, such as (b, 7, 5) to (b, 5, 7).

    Exact between the places where the products of both shapes meet, all target where they do not.
    """
    if 0 in shape or prod(shape) != prod(oshape):
        return None
    ins: list[Form] = []
    outs: list[Form] = []
    sizes: dict[str, int] = {}
    targets: set[str] = set()
    i = j = 0
    while i < len(shape) or j < len(oshape):
        i2, j2 = _meet(shape, oshape, i, j)
        group, ogroup = shape[i:i2], oshape[j:j2]
        part = decode(group, contiguous(ogroup), 0, ogroup) or read("? -> ?", [Operand(group)], [Operand(ogroup)])
        part = part.renamed({v: f"g{len(sizes) + k}" for k, v in enumerate(part.sizes)})
        ins += part.ins[0]
        outs += part.outs[0]
        sizes |= part.sizes
        targets |= part.targets
        i, j = i2, j2
    return Weave((tuple(ins),), (tuple(outs),), sizes, frozenset(targets))


def _meet(shape: Shape, oshape: Shape, i: int, j: int) -> tuple[int, int]:
    """The next place where the products of both shapes agree, with the 1s that follow it."""
    a = b = 1
    while True:
        if a <= b and i < len(shape):
            a *= shape[i]
            i += 1
        elif j < len(oshape):
            b *= oshape[j]
            j += 1
        else:
            break
        if a == b and (a > 1 or i == len(shape) or j == len(oshape)):
            break
    while i < len(shape) and shape[i] == 1:
        i += 1
    while j < len(oshape) and oshape[j] == 1:
        j += 1
    return i, j
