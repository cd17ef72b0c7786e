"""Formulas for the axes and the literals of a program, from what was seen at several sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import prod
from typing import Any

import sympy
import torch

from ncd.analysis.formula import Unknown, at, evaluated, expression, symbol, tidy
from ncd.analysis.growth import several
from ncd.analysis.vary import Key, Point, Varied, makes, shape_of, vary
from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.tracing.again import Made
from ncd.tracing.callables import short
from ncd.tracing.counted import Tree
from ncd.tracing.derive import undisturbed
from ncd.tracing.plain import tensors
from ncd.tracing.record import Recorded, Value

LOOPING = frozenset("lstm gru rnn_tanh rnn_relu".split())
"""Calls that take as many steps as a size: they are not asked at a thousand."""
Unit = tuple[int, ...]
"""An axis by the ids of its atomic parts."""


@dataclass
class Solver:
    """One run over the ops in order; ``formulas`` are by the id of an atomic axis."""

    ops: list[Op]
    arrays: dict[int, Array]
    varied: Varied
    names: dict[int, str]
    formulas: dict[int, Any] = field(default_factory=dict)
    seen: list[dict[int, int | None]] = field(default_factory=list)
    conditions: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.points = self.varied.points
        self.symbols = {a: symbol(self.names[a]) for a in self.varied.varying}
        self.chosen = [{s: p.axes[a] for a, s in self.symbols.items()} for p in self.points]
        self.traced = {leaf.id: leaf.size for a in self.arrays.values() for leaf in a.wires}
        self.seen = [self.sizes_at(p) for p in self.points]

    # ---------------------------------------------------------------- what was seen
    def sizes_at(self, point: Point) -> dict[int, int | None]:
        """The size of every atomic axis at a point; None where its arrays do not agree on one."""
        found: dict[int, int | None] = dict(point.axes)
        composed: list[tuple[Axis, int]] = []

        def see(axis: int, n: int) -> None:
            if found.setdefault(axis, n) != n:
                found[axis] = None

        for array in self.arrays.values():
            for axis, n in zip(array.axes, point.shapes.get(array.id, array.shape), strict=True):
                if len(axis.leaves) == 1:
                    see(axis.id, n)
                elif axis.leaves:
                    composed.append((axis, n))
        for axis, n in composed:
            unknown = [leaf.id for leaf in axis.leaves if leaf.id not in found]
            known = 1
            for leaf in axis.leaves:
                known *= found.get(leaf.id) or 1
            if len(unknown) == 1 and n % known == 0:
                found[unknown[0]] = n // known
            elif not unknown and known != n:
                for leaf in axis.leaves:
                    if len(axis.leaves) > 1 and leaf.id not in point.axes:
                        found[leaf.id] = None
        return found

    def holds(self, expr: Any, values: Iterable[float | None]) -> bool:
        """Whether a formula gives what was seen, everywhere."""
        if not expr.free_symbols <= set(self.symbols.values()):
            return False
        for chosen, v in zip(self.chosen, values, strict=True):
            found = at(expr, chosen) if v is not None else None
            if v is None or found is None or abs(found - v) > 1e-9 * abs(v):
                return False
        return True

    # ---------------------------------------------------------------- axes
    def run(self) -> None:
        for a in self.varied.points[0].axes:
            self.formulas[a] = self.symbols.get(a, sympy.Integer(self.traced.get(a, self.points[0].axes[a])))
        for op in self.ops:
            for array in op.inputs:
                if array.hidden:
                    self.settle(array.wires)
            for call in op.body:
                self.call(op, makes(call))
        self.settle([leaf for a in self.arrays.values() for leaf in a.wires])

    def settle(self, axes: Iterable[Axis]) -> None:
        """Axes that no call made: as large as they always were, or fitted."""
        for leaf in axes:
            if leaf.id not in self.formulas:
                self.formulas[leaf.id] = self.fitted([seen.get(leaf.id) for seen in self.seen])

    def call(self, op: Op, key: Made) -> None:
        given = [tuple(leaf.id for leaf in axis.leaves) for a in op.inputs for axis in a.axes]
        fresh = [
            (array, k, axis)
            for array in op.outputs
            for k, axis in enumerate(array.axes)
            if any(leaf.id not in self.formulas for leaf in axis.leaves)
        ]
        for array, k, axis in sorted(fresh, key=lambda f: len(f[2].leaves)):
            unknown = [leaf for leaf in axis.leaves if leaf.id not in self.formulas]
            for leaf in unknown[:1] if len(unknown) == 1 else []:
                values = [seen.get(leaf.id) for seen in self.seen]
                self.formulas[leaf.id] = self.made(key, array, k, axis, leaf, given, values)
        self.settle(leaf for a in op.outputs for leaf in a.wires)

    def made(
        self,
        key: Made,
        array: Array,
        k: int,
        axis: Axis,
        leaf: Axis,
        given: list[Unit],
        values: list[int | None],
    ) -> Any:
        """The formula of an axis that a call makes."""
        if not self.symbols:
            return sympy.Integer(leaf.size)
        point, sizes = self.points[1], self.seen[1]
        recorded = point.calls.get(key)
        if recorded is None or short(recorded.fn) in LOOPING:
            return self.fitted(values)
        local = Local(self, recorded, key, point, sizes)
        moving = [u for u in units([*given, *local.told]) if any(map(self.moves, u))]
        rest = [x.id for x in axis.leaves if x.id != leaf.id]
        ids = [v.id for v in recorded.outs] or [new.id for _, new in recorded.writes]
        if not moving or array.id not in ids or any(sizes.get(a) is None for u in [*moving, rest] for a in u):
            return self.fitted(values)
        where = ids.index(array.id)

        def answer(env: Mapping[Unit, int]) -> int | None:
            shapes = local.shapes(env)
            if shapes is None or where >= len(shapes) or k >= len(shapes[where]):
                return None
            n = shapes[where][k]
            for other in rest:
                m = env.get((other,), sizes[other])
                n = n // m if m and n % m == 0 else -1
            return n if n >= 0 else None

        here = {u: total(u, sizes) for u in moving}
        others = [
            {u: total(u, seen) for u in moving} for seen in self.seen if all(seen.get(a) for u in moving for a in u)
        ]
        found = several(answer, here, others)
        if found is None:
            return self.fitted(values)
        expr, conditions = found
        names: dict[Any, Any] = {}
        for i, u in enumerate(here):
            if symbol(f"t{i}") in expr.free_symbols:
                parts = [self.formulas.get(a) for a in u]
                if None in parts:
                    return self.fitted(values)
                names[symbol(f"t{i}")] = sympy.Mul(*parts)
        expr = tidy(expr.xreplace(names))
        if not self.holds(expr, values):
            return self.fitted(values)
        self.conditions += [c.xreplace(names) for c in conditions]
        return expr

    def moves(self, axis: int) -> bool:
        return len({seen.get(axis) for seen in self.seen}) > 1 or self.formulas.get(axis, 0) is None

    def fitted(self, values: list[Any]) -> Any:
        """A number if it never changes; else the simplest thing that gives all values seen, else None."""
        if None in values:
            return None
        if len(set(values)) == 1:
            n = values[0]
            return sympy.Integer(n) if isinstance(n, int) else sympy.Float(n)
        if len(values) < 4 or not all(isinstance(v, int) for v in values):
            return None
        known = dict.fromkeys(e for e in self.formulas.values() if e is not None and e.free_symbols)
        for expr in [*known, *(a * b for a, b in combinations(self.symbols.values(), 2))]:
            seen = [at(expr, c) for c in self.chosen]
            (difference, *others) = [v - n for v, n in zip(values, seen, strict=True)]
            if all(d == difference for d in others):
                return expr + difference
            if all(v * seen[0] == n * values[0] for v, n in zip(values, seen, strict=True)):
                return expr * sympy.Rational(values[0], seen[0])
        return None

    # ---------------------------------------------------------------- literals
    def dimension(self, value: int, k: int) -> Any:
        """The size of a dimension of a value as a formula.  Raises Unknown."""
        if value not in self.arrays or k >= len(self.arrays[value].axes):
            raise Unknown
        parts = [self.formulas.get(leaf.id) for leaf in self.arrays[value].axes[k].leaves]
        if None in parts:
            raise Unknown
        return sympy.Mul(*parts)

    def literals(self) -> dict[Key, Any]:
        found: dict[Key, Any] = {}
        known: dict[Any, Any] = {}
        for key, n in self.points[0].numbers.items():
            values = [p.numbers.get(key) for p in self.points]
            trees = [p.trees[key] for p in self.points if key in p.trees]
            if not trees:
                if len(set(values)) == 1:
                    found[key] = n
                    continue
                if tuple(values) not in known:
                    known[tuple(values)] = self.fitted(values)
                found[key] = known[tuple(values)]
                continue
            once = (trees[0], tuple(values))
            if once not in known:
                known[once] = self.computed(trees, values)
            found[key] = known[once]
        return found

    def computed(self, trees: list[Tree], values: list[Any]) -> Any:
        for tree in dict.fromkeys(trees):
            try:
                expr = tidy(expression(tree, self.dimension))
            except Unknown:
                continue
            if self.holds(expr, values):
                return values[0] if expr.is_number else expr
        return self.fitted(values)

    def guards(self) -> list[Any]:
        """What the program asked about sizes, as it came out every time."""
        common: set[Any] | None = None
        for p in self.points[1:]:
            here = set()
            for op, a, b, outcome in set(p.guards):
                try:
                    said = expression((op, a, b), self.dimension)
                except (Unknown, TypeError):
                    continue
                here.add(said if outcome else sympy.Not(said))
            common = here if common is None else common & here
        return sorted(common or (), key=str)

    def limits(self) -> tuple[Any, ...]:
        """The conditions that say something, and hold as traced."""
        kept = []
        for c in dict.fromkeys([*self.conditions, *self.guards()]):
            if c in (sympy.true, sympy.false) or not all(c.xreplace(chosen) == True for chosen in self.chosen):  # noqa: E712
                continue
            kept.append(c)
        return tuple(kept)

    def changing(self) -> frozenset[int]:
        """Constants whose shape or values are others at other sizes."""
        found = set()
        first = self.points[1].constants if len(self.points) > 1 else {}
        for i, x in first.items():
            for p in self.points[2:]:
                y = p.constants.get(i)
                if y is None or x.shape != y.shape or type(x) is not type(y) or not _equal(x, y):
                    found.add(i)
        return frozenset(found)


class Local:
    """One call, run on meta tensors at other sizes of the axes it is given."""

    def __init__(
        self, solver: Solver, call: Recorded, key: Made, point: Point, sizes: Mapping[int, int | None]
    ) -> None:
        self.solver, self.recorded, self.point, self.sizes = solver, call, point, sizes
        self.trees = {way: tree for (made, way), tree in point.trees.items() if made == key}
        self.told = [u for tree in self.trees.values() for u in self._axes(tree)]
        self.answers: dict[Any, list[tuple[int, ...]] | None] = {}

    def _axes(self, tree: Tree) -> list[Unit]:
        """The axes that a number was computed from."""
        if not isinstance(tree, tuple):
            return []
        if tree[0] == "dim":
            array = self.solver.arrays.get(tree[1])
            return [tuple(leaf.id for leaf in array.axes[tree[2]].leaves)] if array is not None else []
        return [u for t in tree[1:] for u in self._axes(t)]

    def shapes(self, env: Mapping[Unit, int]) -> list[tuple[int, ...]] | None:
        """The shapes that the call makes; None where it raises."""
        key = tuple(sorted(env.items()))
        if key not in self.answers:
            try:
                self.answers[key] = self._run(env)
            except Exception:
                self.answers[key] = None
        return self.answers[key]

    def _run(self, env: Mapping[Unit, int]) -> list[tuple[int, ...]]:
        sizes = {a: n for a, n in self.sizes.items() if n is not None}
        sizes |= {u[0]: n for u, n in env.items() if len(u) == 1}

        def shape(value: int, was: tuple[int, ...]) -> tuple[int, ...]:
            array = self.solver.arrays.get(value)
            if array is None:
                return was
            now = shape_of(array, sizes)
            return tuple(
                env.get(tuple(leaf.id for leaf in axis.leaves), n) if axis.leaves else m
                for n, m, axis in zip(now, was, array.axes, strict=True)
            )

        def size(value: int, k: int) -> int:
            if value not in self.solver.arrays:
                raise Unknown
            return shape(value, self.point.shapes[value])[k]  # type: ignore[arg-type]

        def filled(x: Any, way: tuple[Any, ...]) -> Any:
            if isinstance(x, Value):
                return torch.empty(shape(x.id, x.shape), dtype=x.dtype, device="meta")
            if isinstance(x, slice):
                return slice(*(filled(getattr(x, part), (*way, part)) for part in ("start", "stop", "step")))
            if isinstance(x, (tuple, list)):
                return type(x)([filled(y, (*way, i)) for i, y in enumerate(x)])
            if isinstance(x, dict):
                return {k: filled(y, (*way, k)) for k, y in x.items()}
            if isinstance(x, torch.device):
                return torch.device("meta")
            return evaluated(self.trees[way], size) if way in self.trees else x

        args = tuple(filled(x, ("args", i)) for i, x in enumerate(self.recorded.args))
        kwargs = {k: filled(x, ("kwargs", k)) for k, x in self.recorded.kwargs.items()}
        if not tensors((args, kwargs)) and "device" in kwargs:
            kwargs["device"] = torch.device("meta")
        with undisturbed():
            out = tensors(self.recorded.fn(*args, **kwargs))
        return [tuple(x.shape) for x in out]


def units(axes: Iterable[Unit]) -> list[Unit]:
    """What varies by itself: composed axes whose parts occur nowhere else, and atomic ones."""
    distinct = list(dict.fromkeys(u for u in axes if u))
    whole = [u for u in distinct if all(u == v or not set(u) & set(v) for v in distinct)]
    return list(dict.fromkeys([*whole, *((a,) for u in distinct if u not in whole for a in u)]))


def total(unit: Unit, sizes: Mapping[int, int | None]) -> int:
    return prod(sizes[a] or 0 for a in unit)


def _equal(x: torch.Tensor, y: torch.Tensor) -> bool:
    from torch._subclasses.fake_tensor import FakeTensor

    if isinstance(x, FakeTensor) or x.is_meta or x.layout is not torch.strided:
        return True
    return bool(torch.equal(torch.nan_to_num(x), torch.nan_to_num(y)))


@dataclass
class Solution:
    solver: Solver
    literals: dict[Key, Any]


def solve(exact: Diagram) -> Solution:
    """All that can be said of a traced diagram at other sizes."""
    inner = [op for ops in exact.source.opened.values() for op in ops]
    ops = [*exact.ops, *inner]
    arrays = {a.id: a for a in (*exact.source.inputs, *exact.arrays)}
    for op in inner:
        for a in (*op.inputs, *op.outputs):
            arrays.setdefault(a.id, a)
    varied = vary(exact.source, ops, list(arrays.values()))
    names = {leaf.id: leaf.name for a in arrays.values() for leaf in a.wires}
    solver = Solver(ops, arrays, varied, names)
    solver.run()
    return Solution(solver, solver.literals())
