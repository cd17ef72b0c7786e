"""The multiply-adds of ops, as products of axis sizes: of recorded calls, and of what is drawn of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod

from ncd.analysis.amount import Product
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.circuit.weave import Form

Terms = Mapping[Product, int | Fraction]

_FREE = frozenset("map reduce rearrange join source gather".split())
_FREE_ALONG = frozenset("softmax norm mask".split())
"""Kinds, and symbols of ops along an axis, that multiply nothing to add it up."""


def axes_of(op: Op) -> dict[str, str]:
    """The name of the axis that each index enumerates, where it does."""
    ins, outs = op.indices()
    named: dict[str, str] = {}
    for arrays, rows in ((op.inputs, ins), (op.outputs, outs)):
        for array, row in zip(arrays, rows, strict=True):
            for wire, index in zip(array.wires, row, strict=True):
                named.setdefault(index, wire.name)
    return named


def shape(array: Array) -> Product:
    """The number of elements of an array as a product."""
    return tuple(sorted(w.name for w in array.wires))


def _terms(op: Op, products: Sequence[Sequence[str | int]]) -> Terms:
    """Products of indices and numbers in terms of axes."""
    if not products:
        return {}
    named = axes_of(op)
    found: dict[Product, int] = {}
    for p in products:
        sized = [named.get(v, f"={op.weave.sizes[v]}") if isinstance(v, str) else f"={v}" for v in p]
        key = tuple(sorted(sized))
        found[key] = found.get(key, 0) + 1
    return found


def calls(diagram: Diagram) -> list[tuple[Op, ...]]:
    """For every op what it is made of: a call that was recorded with its inside (multi-head attention), or itself."""
    inside = {a.id: inner for inner in diagram.source.opened.values() for op in inner for a in op.outputs}
    return [next((inside[a.id] for a in op.outputs if a.id in inside), (op,)) for op in diagram.ops]


def multiplied(op: Op) -> Terms | None:
    """The multiply-adds of an op; None where they are not known."""
    return _terms(op, op.work) if op.work is not None else read_off(op)


def _sum(parts: Iterable[Terms]) -> Terms:
    found: dict[Product, int | Fraction] = {}
    for part in parts:
        for p, n in part.items():
            found[p] = found.get(p, 0) + n
    return found


def read_off(op: Op) -> Terms | None:
    """What an op takes by its kind and weave alone; None where these do not tell."""
    if op.inside:
        parts = [read_off(o) for o in op.inside]
        return None if None in parts else _sum(p for p in parts if p)
    if op.kind in _FREE or (op.kind == "along" and op.symbol in _FREE_ALONG):
        return {}
    if op.symbol in ("conv", "upconv") and op.kind == "window" and len(op.inputs) > 1:
        read = op.weave.ins[0] if op.symbol == "upconv" else op.weave.outs[0]
        return _terms(op, [tuple(dict.fromkeys([*_variables(read), *_variables(op.weave.ins[1])]))])
    if op.kind == "window":
        return {}
    if op.kind == "contraction" and op.symbol in ("linear", "einsum"):
        rows = [r for r, a in zip(op.weave.ins, op.inputs, strict=True) if not (a.hidden and len(a.axes) < 2)]
        rows = rows if len(rows) > 1 else list(op.weave.ins)
        seen = [set(_variables(r)) for r in rows]
        shared = [v for v in op.weave.sizes if sum(v in s for s in seen) > 1]
        return _terms(op, [tuple(dict.fromkeys([*_variables(op.weave.outs[0]), *shared]))])
    return None


def _variables(forms: Iterable[Form]) -> list[str]:
    return [v for form in forms for v in form.variables]


def shared_out(
    ops: Sequence[Op], exact: Sequence[Sequence[Terms | None]], sizes: Mapping[str, int]
) -> list[tuple[Terms | None, Fraction]]:
    """What each drawn op takes of what the recorded calls that it covers take, and its share in them.

    Ops that cover the same calls (the parts of an attention, of a fused projection) have between them
    what these take, each in proportion to what its own weave says.
    """
    found: dict[int, tuple[Terms | None, Fraction]] = {}
    for group in _clusters(ops):
        parts = [t for c in sorted({c for i in group for c in ops[i].covers}) for t in exact[c]]
        whole = None if None in parts else _sum(p for p in parts if p)
        found.update(zip(group, _divided([ops[i] for i in group], whole, sizes), strict=True))
    return [found[i] for i in range(len(ops))]


def _divided(
    ops: Sequence[Op], whole: Terms | None, sizes: Mapping[str, int]
) -> Iterable[tuple[Terms | None, Fraction]]:
    if len(ops) == 1:
        return [(whole, Fraction(1))]
    own = [read_off(op) or {} for op in ops]
    numbers = [number(t, sizes) for t in own]
    said, taken = sum(numbers), number(whole or {}, sizes)
    shares = [Fraction(n, said) if said else Fraction(1, len(ops)) for n in numbers]
    if whole is not None and said and taken % said == 0:
        terms: list[Terms | None] = [{p: n * (taken // said) for p, n in t.items()} for t in own]
    else:
        terms = [None if whole is None else {p: n * k for p, n in whole.items()} for k in shares]
    return zip(terms, shares, strict=True)


def number(terms: Terms, sizes: Mapping[str, int]) -> int:
    return int(sum(n * prod(int(a[1:]) if a[0] in "=*" else sizes[a] for a in p) for p, n in terms.items()))


def _clusters(ops: Sequence[Op]) -> list[list[int]]:
    """Positions of ops that cover some of the same calls, together."""
    group: dict[int, list[int]] = {}
    for i, op in enumerate(ops):
        mine = [i]
        for g in {id(group[c]): group[c] for c in op.covers if c in group}.values():
            mine = g + mine
        for k in mine:
            group.update(dict.fromkeys(ops[k].covers, mine))
    alone = [[i] for i, op in enumerate(ops) if not op.covers]
    return [*{id(g): g for g in group.values()}.values(), *alone]
