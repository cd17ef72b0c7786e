"""The normal form of a diagram: what it computes, written so that what linear algebra makes equal is written alike.

Products of products are one product, whose factors are sorted; so are sums.  What is computed twice is
written once.  Two diagrams with one normal form compute the same function; the reverse need not hold.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from hashlib import sha256
from itertools import count, islice, permutations, product
from typing import Any

from ncd.circuit.diagram import Array, Diagram, Op, Ref
from ncd.emit.binding import ending
from ncd.rewrite.ground import Ground
from ncd.rewrite.products import Factor, Product, substituted
from ncd.rewrite.rules import RULES, Rule

MOST = 24
"""A product of more factors is left as it is made of smaller ones."""
ORDERS = 720
"""So many orders of equal factors are compared, at most."""
SIDES = frozenset(["add", "maximum", "minimum"])
"""Functions of two arrays that do not care for the order."""


def normal(diagram: Diagram) -> Hashable | None:
    """The normal form, equal for equal functions of the inputs in order; None where there is none.

    There is none where random numbers are drawn or arrays are written into.
    """
    exact = diagram.source.exact or diagram
    parted: Rule = next(r for r in RULES if r.name == "part_bias")
    found = _Normal(parted(exact))
    if found.ground.written or any(op.name in _RANDOM for op in exact.ops) or ending(exact)[0]:
        return None
    return tuple(found.key(a) for a in exact.outputs)


_RANDOM = frozenset("dropout rand randn rand_like randn_like randint bernoulli multinomial normal".split())


class _Normal:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.ground = Ground(diagram)
        self.fresh = count()
        self.inputs = {a.id: k for k, a in enumerate(diagram.inputs)}
        self.keys: dict[int, str] = {}
        self.wholes: dict[int, Product] = {}

    def key(self, a: Array) -> str:
        """What an array is: a digest of how it is made, out of the digests of what it is made of."""
        if a.id not in self.keys:
            self.keys[a.id] = sha256(repr(self._of(a)).encode()).hexdigest()
        return self.keys[a.id]

    def _of(self, a: Array) -> Hashable:
        if a.id in self.inputs:
            return ("input", self.inputs[a.id])
        k = self.ground.maker.get(a.id)
        if k is None:
            return self._given(a)
        op = self.diagram.ops[k]
        p = self.ground.products[k]
        if p is not None:
            return self._product(self.whole(k), a.shape)
        place = [o.id for o in op.outputs].index(a.id)
        ins = [self.key(i) for i in op.inputs]
        if op.name in SIDES and len(ins) == 2 and op.kind == "map" and not op.weave.targets:
            rows = op.indices()[0]
            order = {t: i for i, t in enumerate(op.indices()[1][0])}
            sides = sorted((n, tuple(order[t] for t in row)) for n, row in zip(ins, rows, strict=True))
            if not _literals(op):
                return (op.name, sides, a.shape)
        return (self._calls(op), ins, place)

    def _given(self, a: Array) -> Hashable:
        """A weight by its name, a constant by its value."""
        if a.kind in ("parameter", "buffer") and a.name:
            return (a.kind, a.name, a.shape)
        value = self.diagram.source.tensors.get(a.id)
        told = value.detach().numpy().tobytes() if value is not None and value.device.type == "cpu" else a.id
        return (a.kind, a.shape, a.dtype, told)

    def _calls(self, op: Op) -> Hashable:
        """What an op does, by its calls; operands by their places."""
        places = {x.id: i for i, x in enumerate((*op.inputs, *op.outputs))}
        return tuple((c.name, _plain(c.args, places), _plain(tuple(c.kwargs), places), c.autocast) for c in op.body)

    def whole(self, k: int) -> Product:
        """A product with all products that it is made of put into it."""
        if k not in self.wholes:
            p = self.ground.products[k]
            assert p is not None
            at = 0
            while at < len(p.factors):
                j = self.ground.inner(p.factors[at].array, once=False)
                if j is None:
                    at += 1
                    continue
                inner = self.whole(j)
                if len(p.factors) + len(inner.factors) > MOST:
                    at += 1
                    continue
                p = substituted(p, at, inner, self.fresh)
                at += len(inner.factors)
            self.wholes[k] = p
        return self.wholes[k]

    def _product(self, p: Product, shape: tuple[int, ...]) -> Hashable:
        """A product with its factors sorted and its indices numbered as they come."""
        if p.renames and p.factors[0].tokens == p.kept and p.factors[0].array.shape == shape:
            return self._of(p.factors[0].array)
        groups: dict[str, list[Factor]] = {}
        for f in p.factors:
            groups.setdefault(self.key(f.array), []).append(f)
        ordered = sorted(groups.items())
        orders: Iterable[Any] = product(*(permutations(fs) for _, fs in ordered))
        names = [n for n, fs in ordered for _ in fs]

        def numbered(factors: list[Factor]) -> tuple[tuple[int, ...], ...]:
            at: dict[str, int] = {t: i for i, t in enumerate(p.kept)}
            return tuple(tuple(at.setdefault(t, len(at)) for t in f.tokens) for f in factors)

        rows = min(numbered([f for fs in choice for f in fs]) for choice in islice(orders, ORDERS))
        return (
            "product",
            f"{p.number:.9g}",
            tuple(zip(names, rows, strict=True)),
            tuple(p.size(t) for t in p.kept),
            shape,
        )


def _literals(op: Op) -> bool:
    return any(not isinstance(x, Ref) for c in op.body for x in (*c.args, *(v for _, v in c.kwargs)))


def _plain(x: Any, places: dict[int, int]) -> Hashable:
    if isinstance(x, Ref):
        return ("@", places.get(x.id, -1))
    if isinstance(x, (tuple, list)):
        return (type(x).__name__, *(_plain(y, places) for y in x))
    if isinstance(x, dict):
        return tuple((k, _plain(v, places)) for k, v in x.items())
    return repr(x)
