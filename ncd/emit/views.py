"""Chains of views, each one line: what they do to the axes, as an einops pattern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ncd.circuit.diagram import Call, Op, Ref
from ncd.emit.lines import Dim, Line, Pattern, Program, Size, renamed
from ncd.emit.tidy import VIEWS

Rows = tuple[list[Dim], list[Dim]]
"""The indices of an operand and of the result, dimension by dimension."""


def _grouped(line: Line, side: str, k: int) -> list[Dim] | None:
    """The indices of one operand by dimension; None where it is not read one to one."""
    arrays, rows = (line.op.inputs, 0) if side == "in" else (line.op.outputs, 1)
    row = line.op.indices()[rows][k]
    if any(t.startswith("@") for t in row) or len(set(row)) < len(row):
        return None
    dims, at = [], 0
    for axis in arrays[k].axes:
        n = len(axis.leaves)
        dims.append(row[at : at + n])
        at += n
    return dims


def named(line: Line) -> tuple[list[list[Dim]], list[list[Dim]]] | None:
    """The indices of every operand and of every result; None where one is not read or made one to one."""
    op = line.op
    if op.weave.rest or not op.outputs:
        return None
    ins = [_grouped(line, "in", k) for k in range(len(op.inputs))]
    outs = [_grouped(line, "out", k) for k in range(len(op.outputs))]
    if any(x is None for x in (*ins, *outs)):
        return None
    return [x for x in ins if x is not None], [x for x in outs if x is not None]


def _other_bits(op: Op) -> bool:
    """Whether the same bits are read as another dtype: other values, though a view."""
    return any(a.dtype != o.dtype for a in op.inputs for o in op.outputs)


def _view_rows(line: Line) -> Rows | None:
    """What a pure view does to its axes, None for any other line."""
    op = line.op
    if not line.pure or line.out is None or line.function not in VIEWS or op.kind not in ("rearrange", "map"):
        return None
    if (
        len(set(line.reads)) != 1
        or len(op.inputs) != 1
        or len(op.outputs) != 1
        or _other_bits(op)
        or op.weave.targets
        or op.weave.rest
    ):
        return None
    ins, outs = _grouped(line, "in", 0), _grouped(line, "out", 0)
    if ins is None or outs is None:
        return None
    lost = {t for d in ins for t in d} - {t for d in outs for t in d}
    return None if lost else (ins, outs)


Chain = tuple[int, list[Dim], list[Dim]]
"""A chain of views: the array it begins with, that array's indices, those of the result."""


def view_chains(program: Program, count: Counter[int]) -> tuple[dict[int, Chain], set[int]]:
    """The chains of views by what they make, and the arrays inside one: each is read only by the next view."""
    chains: dict[int, Chain] = {}
    inner: set[int] = set()
    for line in program.lines:
        rows = _view_rows(line)
        if rows is None or line.out is None:
            continue
        source, (ins, outs) = line.reads[0], rows
        if source in chains and count[source] == 1:
            inner.add(source)
            source, first, before = chains[source]
            name = _renaming(before, ins, outs)
            ins, outs = first, [tuple(name[t] for t in d) for d in outs]
        chains[line.out] = source, ins, outs
    return chains, inner


def join_views(program: Program, chains: dict[int, Chain], inner: set[int]) -> None:
    """One line for a chain of views of which only the last is read."""
    lines = []
    same: dict[int, int] = {}
    for line in program.lines:
        if line.out in inner:
            continue
        if line.out in chains:
            source, ins, outs = chains[line.out]
            source = same.get(source, source)
            if ins == outs and program.shape(source) == program.shape(line.out):
                same[line.out] = source
                continue
            line = replace(line, call=_rearranged(program, line, source, ins, outs))
        lines.append(line)
    program.lines = [replace(line, call=renamed(line.call, same)) for line in lines]
    program.returns = [same.get(i, i) for i in program.returns]


def _renaming(before: list[Dim], ins: list[Dim], outs: list[Dim]) -> dict[str, str]:
    """What a view's indices are called in a chain whose result so far has the indices ``before``."""
    flat = [t for d in before for t in d]
    name = dict(zip((t for d in ins for t in d), flat, strict=True))
    used = set(flat)
    for t in (t for d in outs for t in d):
        fresh = t
        while t not in name and fresh in used:
            fresh += "'"
        used.add(name.setdefault(t, fresh))
    return name


def _rearranged(program: Program, line: Line, source: int, ins: list[Dim], outs: list[Dim]) -> Call:
    old = {t for d in ins for t in d}
    added = [t for d in outs for t in d if t not in old]
    at = _new_ones(ins, outs)
    if at is not None:
        return Call("torch.Tensor.__getitem__", (Ref(source), at), (), line.call.out)
    coarse = coarsened([ins, outs])
    left, right = [tuple(coarse(d)) for d in ins], [tuple(coarse(d)) for d in outs]
    sizes = [(t, _size(program, t)) for t in dict.fromkeys(_first(coarse, added))]
    for d in left:
        sizes += _all_but_one([(t, _size(program, t)) for t in d])
    name = "einops.repeat" if added else "einops.rearrange"
    shown = tuple(dict.fromkeys((t, s) for t, s in sizes))
    return Call(name, (Ref(source), Pattern((tuple(left),), (tuple(right),), shown)), (), line.call.out)


def _new_ones(ins: list[Dim], outs: list[Dim]) -> tuple[Any, ...] | None:
    """The index that only adds axes of size 1: ``x[:, None]``."""
    at: list[Any] = []
    left = list(ins)
    for d in outs:
        if left and d == left[0] and (d or len(left) > len(outs) - len(at) - 1):
            at.append(slice(None))
            del left[0]
        elif d == ():
            at.append(None)
        else:
            return None
    while at and at[-1] == slice(None):
        at.pop()
    return None if left or not at else tuple(at)


def _first(coarse: Callable[[Dim], Dim], tokens: Iterable[str]) -> list[str]:
    return [t for token in tokens for t in coarse((token,))]


def _all_but_one(sizes: list[tuple[str, Size]]) -> list[tuple[str, Size]]:
    """A split needs all sizes but one: a formula rather than a number is left out, else the last."""
    if len(sizes) < 2:
        return []
    formulas = [k for k, (_, s) in enumerate(sizes) if not isinstance(s.value, int)]
    out = formulas[-1] if formulas else len(sizes) - 1
    return sizes[:out] + sizes[out + 1 :]


def _size(program: Program, token: str) -> Size:
    n = 1
    for part in token.split():
        n = n * program.size(part.rstrip("'"))
    return Size(n, token.split()[0].rstrip("'"))


def coarsened(sides: Sequence[list[Dim]]) -> Callable[[Dim], Dim]:
    """Axes that are nowhere apart become one: ``a b`` is then a single token of the pattern."""
    after: dict[str, set[str | None]] = {}
    before: dict[str, set[str | None]] = {}
    for dims in sides:
        for d in dims:
            for k, t in enumerate(d):
                after.setdefault(t, set()).add(d[k + 1] if k + 1 < len(d) else None)
                before.setdefault(t, set()).add(d[k - 1] if k else None)
    only = {t: next(iter(nexts)) for t, nexts in after.items() if len(nexts) == 1}
    glued = {t for t, u in only.items() if u is not None and before[u] == {t}}

    def coarse(d: Dim) -> Dim:
        out: list[str] = []
        for k, t in enumerate(d):
            if k and d[k - 1] in glued:
                out[-1] += f" {t}"
            else:
                out.append(t)
        return tuple(out)

    return coarse
