"""Formulas for the axes and the literals of a program, from what was seen at several sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import sympy
import torch

from ncd.analysis.formula import Unknown, at, expression, symbol, tidy
from ncd.analysis.growth import limits, several
from ncd.analysis.local import Local, Unit, total, units
from ncd.analysis.vary import Key, Point, Varied, makes, vary
from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.tracing.again import Made
from ncd.tracing.callables import short
from ncd.tracing.counted import LOST, Tree
from ncd.tracing.recording import Recorded

LOOPING = frozenset("lstm gru rnn_tanh rnn_relu".split())
"""Calls that take as many steps as a size: they are not asked at a thousand."""


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
        self.sliced = {made for made, way in self.points[0].numbers if "start" in way or "stop" in way}

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
        new = {leaf.id for _, _, axis in fresh for leaf in axis.leaves}
        kept = [(a, k) for a in op.outputs for k, x in enumerate(a.axes) if not new & {leaf.id for leaf in x.leaves}]
        recorded = self.points[1].calls.get(key) if len(self.points) > 1 else None
        if recorded is not None and key in self.sliced:
            self.whole(recorded, kept, given)

    def whole(self, recorded: Recorded, kept: list[tuple[Array, int]], given: list[Unit]) -> None:
        """A slice that takes all of an axis does so up to some size only."""
        point, sizes = self.points[1], self.seen[1]
        local = Local(self.arrays, recorded, point, sizes)
        ids = [v.id for v in recorded.outs]
        moving = [u for u in units([*given, *local.told]) if any(map(self.moves, u)) and all(sizes.get(a) for a in u)]
        here = {a for u in [*given, *local.told] for a in u}
        wanted = [
            (ids.index(a.id), k, a.axes[k])
            for a, k in kept
            if a.id in ids and here.issuperset(leaf.id for leaf in a.axes[k].leaves)
        ]
        for u in moving:

            def same(n: int, u: Unit = u) -> int | None:
                shapes = local.shapes({u: n})
                env = {u: n}
                if shapes is None:
                    return None
                return int(all(shapes[at][k] == local.size(axis, env) for at, k, axis in wanted))

            tried = [total(u, seen) for seen in self.seen if all(seen.get(a) for a in u)]
            lowest, highest = limits(same, lambda _: 1, min(tried), max(tried))
            expr = sympy.Mul(*(self.formulas.get(a) or sympy.oo for a in u))
            self.conditions += [expr >= lowest] if lowest > 1 else []
            self.conditions += [expr <= highest] if highest is not None else []

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
        local = Local(self.arrays, recorded, point, sizes)
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
                return self.as_tried(expr + difference)
            if all(v * seen[0] == n * values[0] for v, n in zip(values, seen, strict=True)):
                return self.as_tried(expr * sympy.Rational(values[0], seen[0]))
        return None

    def as_tried(self, expr: Any) -> Any:
        """A formula of which it is not known why it holds: said of the range of sizes that were tried."""
        for s in expr.free_symbols:
            tried = [chosen[s] for chosen in self.chosen]
            self.conditions += [s >= min(tried), s <= max(tried)]
        return expr

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
            trees = [p.trees[key[0]][key[1]] for p in self.points if key[1] in p.trees.get(key[0], ())]
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
        """What the program asked about sizes, as it came out every time.

        A size that it computed with out of sight is taken for known where it was tried.
        """
        common: set[Any] | None = None
        lost: set[Tree] = set()
        for p in self.points[1:]:
            here = set()
            for op, a, b, outcome in set(p.guards):
                if op == LOST:
                    lost.add(a)
                    continue
                try:
                    said = expression((op, a, b), self.dimension)
                except (Unknown, TypeError):
                    continue
                here.add(said if outcome else sympy.Not(said))
            common = here if common is None else common & here
        for tree in lost:
            try:
                self.as_tried(expression(tree, self.dimension))
            except Unknown:
                self.as_tried(sympy.Add(*self.symbols.values()))
        return sorted(common or (), key=str)

    def limits(self) -> tuple[Any, ...]:
        """The conditions that say something, and hold wherever the program was tried."""
        kept = []
        for c in dict.fromkeys([*self.guards(), *self.conditions]):
            if c in (sympy.true, sympy.false) or not all(c.xreplace(chosen) == True for chosen in self.chosen):  # noqa: E712
                continue
            kept.append(self.stepped(c))
        kept = [c for c in dict.fromkeys(kept) if c not in (sympy.true, sympy.false)]
        return tuple(c for c in kept if not (isinstance(c, sympy.Ne) and sympy.Gt(c.lhs, c.rhs) in kept))

    def stepped(self, expr: Any) -> Any:
        """The same where the variables are multiples of their steps: ``h//2`` is ``h/2`` if h is even."""
        whole = {self.symbols[a]: n for a, n in self.varied.steps.items() if a in self.symbols}
        if not hasattr(expr, "free_symbols") or not whole.keys() & expr.free_symbols:
            return expr
        expr = expr.xreplace({s: n * s for s, n in whole.items()})
        expr = expr.func(*map(tidy, expr.args)) if expr.is_Relational else tidy(expr)
        return expr.xreplace({s: s / n for s, n in whole.items()})

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
