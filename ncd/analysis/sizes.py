"""Sizes as formulas: what every axis and every literal of a recorded program is at other input sizes.

The program is recorded again at a few other sizes of its inputs.  A number that it computed from
sizes remembers how (``tracing.counted``); what a call makes of the sizes it is given is asked of
the call itself (``growth``).  Every formula is then held to all recordings: one that does not
give the size seen at each is no formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ncd.analysis.formula import at, symbol, text
from ncd.analysis.solve import Solution, solve
from ncd.analysis.vary import makes, numbers, replaced
from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Call, Diagram
from ncd.errors import AxisError, NCDError
from ncd.tracing.again import Made

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Sizes:
    """What is known about a diagram at other sizes.  Expressions are sympy's, in ``symbol(name)``.

    ``variables`` are the input axes that can vary, with the sizes as traced; ``fixed`` those that
    cannot, and why.  ``axes`` has the size of every axis of which a formula is known.
    ``literals`` has every plain number in the recorded calls, by the position of the op in the
    exact diagram and the way to the number in its call (``("args", 1, 0)``, ``("kwargs", "dim")``,
    a slice's ``"start"``, ``"stop"``, ``"step"``): a number if it is the same at all sizes, None if it
    changes and no formula is known.  ``constants`` are the ids of arrays made outside all calls whose shape
    or values change.  ``conditions`` are comparisons of sizes that the program made, and limits of
    its slices: the formulas hold where they do.  ``steps``: of what a variable must be a multiple.
    """

    variables: Mapping[str, int]
    axes: Mapping[str, Any]
    literals: Mapping[tuple[int, Path], Any]
    fixed: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Any, ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict)
    constants: frozenset[int] = frozenset()
    calls: Mapping[Made, Mapping[Path, Any]] = field(default_factory=dict, repr=False)

    def of(self, call: Call) -> Mapping[Path, Any]:
        """The literals of one recorded call, by the way to each; empty for a call that was not recorded."""
        return self.calls.get(makes(call), {})

    def called(self, call: Call, **sizes: int) -> Call:
        """A recorded call with its literals as they are at these sizes of input axes.

        Raises AxisError where one is not known there, and as ``at`` does.
        """
        chosen, known = self._chosen(sizes), self.of(call)
        found: dict[Path, Any] = {}
        for way, n in numbers(call):
            expr = known.get(way)
            found[way] = n if isinstance(expr, (int, float)) else None if expr is None else at(expr, chosen)
            if found[way] is None:
                raise AxisError(
                    f"a number that {call.name.split('.')[-1]} is given is not known there",
                    doing="computing sizes",
                    sizes={str(k): v for k, v in chosen.items()},
                    fix="trace at these sizes",
                )
        return replaced(call, found) if found else call

    def shape(self, array: Array) -> tuple[Any, ...]:
        """The size of every dimension of an array; None where it is not known."""
        return tuple(map(self.dimension, array.axes))

    def dimension(self, axis: Axis) -> Any:
        """The size of an axis, also of a composed one; None where it is not known."""
        import sympy

        parts = [self.axes.get(leaf.name) for leaf in axis.leaves]
        return None if None in parts else sympy.Mul(*parts)

    @cached_property
    def traced(self) -> Mapping[Any, int]:
        return {symbol(v): n for v, n in self.variables.items()}

    def at(self, **sizes: int) -> dict[str, int]:
        """The sizes of all axes with a formula, with these sizes of input axes, the others as traced.

        Raises AxisError on an axis that is no variable, and where a condition does not hold.
        """
        chosen = self._chosen(sizes)
        return {name: at(expr, chosen) for name, expr in self.axes.items()}

    def _chosen(self, sizes: Mapping[str, int]) -> dict[Any, int]:
        doing = "computing sizes"
        for name, n in sizes.items():
            if name not in self.variables:
                why = self.fixed.get(name)
                raise AxisError(
                    f"the axis {name!r} cannot vary: {why}" if why else f"no input axis is called {name!r}",
                    doing=doing,
                    fix="the axes that can are " + (", ".join(self.variables) or "none"),
                )
            if n < 1 or n % self.steps.get(name, 1):
                raise AxisError(
                    f"{name}={n} is not a multiple of {self.steps.get(name, 1)}", doing=doing, sizes=self.variables
                )
        chosen = {symbol(v): sizes.get(v, n) for v, n in self.variables.items()}
        for condition in self.conditions:
            if condition.xreplace(chosen) == False:  # noqa: E712  a sympy truth value
                raise AxisError(
                    f"the program does something else there: this holds only where {text(condition)}",
                    doing=doing,
                    sizes={str(k): v for k, v in chosen.items()},
                    fix="trace at these sizes",
                )
        return chosen

    def table(self, axes: Iterable[Axis]) -> str:
        """Name, formula and size, one axis a line; then what varies and what cannot."""
        rows = []
        for a in axes:
            expr = self.axes.get(a.name)
            if expr is None:
                rows.append(f"{a.name} = ? = {a.size}" if self.variables else f"{a.name} = {a.size}")
            elif expr.is_number or expr == symbol(a.name):
                rows.append(f"{a.name} = {a.size}")
            else:
                rows.append(f"{a.name} = {text(expr)} = {a.size}")
        free = [f"{v} (a multiple of {self.steps[v]})" if v in self.steps else v for v in self.variables]
        rows.append("can vary: " + (", ".join(free) or "none"))
        rows += [f"{name} is fixed: {why}" for name, why in self.fixed.items()]
        if self.conditions:
            rows.append("where " + ", ".join(map(text, self.conditions)))
        return "\n".join(rows)


def sizes(diagram: Diagram) -> Sizes:
    """Sizes and literals of a traced diagram, found at the first call and then kept.

    Raises NCDError if the program is not at hand.
    """
    origin = diagram.source
    if origin.example is None or (origin.target is None and origin.module is None):
        raise NCDError(
            "sizes are known as numbers only: the diagram has no program to run at other sizes",
            doing="looking for formulas of sizes",
            fix="trace the model again",
        )
    exact: Diagram = origin.exact if origin.exact is not None else diagram
    names = tuple((leaf.id, leaf.name) for a in (*origin.inputs, *exact.arrays) for leaf in a.wires)
    key = (tuple(a.id for op in exact.ops for a in op.outputs), names)
    if key not in origin.sizes:
        origin.sizes[key] = _said(solve(exact), exact)
    return origin.sizes[key]


def _said(found: Solution, exact: Diagram) -> Sizes:
    """The solution in names: a named input axis that is composed stands for the part of it that varies."""
    s = found.solver
    variables = {s.names[a]: s.traced[a] for a in s.varied.varying}
    steps = {s.names[a]: n for a, n in s.varied.steps.items() if a in s.symbols}
    swap: dict[Any, Any] = {}
    for axis in (axis for a in exact.source.inputs for axis in a.axes if axis.factors):
        loose = [leaf for leaf in axis.leaves if leaf.id in s.symbols]
        if len(loose) == 1 and axis.name.isidentifier() and symbol(loose[0].name) not in swap:
            unit = axis.size // loose[0].size
            swap[symbol(loose[0].name)] = symbol(axis.name) / unit
            del variables[loose[0].name]
            variables[axis.name] = axis.size
            steps[axis.name] = unit * steps.pop(loose[0].name, 1)

    def said(expr: Any) -> Any:
        return s.stepped(expr).xreplace(swap) if hasattr(expr, "xreplace") else expr

    position = {makes(call): i for i, op in enumerate(exact.ops) for call in op.body}
    calls: dict[Made, dict[Path, Any]] = {}
    for (made, way), expr in found.literals.items():
        formula = said(expr)
        calls.setdefault(made, {})[way] = int(formula) if getattr(formula, "is_Integer", False) else formula
    return Sizes(
        variables,
        {s.names[a]: said(e) for a, e in s.formulas.items() if e is not None},
        {(position[made], way): e for made, ways in calls.items() if made in position for way, e in ways.items()},
        {s.names[a]: why for a, why in s.varied.fixed.items()},
        tuple(map(said, s.limits())),
        steps,
        s.changing(),
        calls,
    )
