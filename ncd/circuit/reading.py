"""At which index every wire of an operation's arrays is read or written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ncd.circuit.axis import Axis

if TYPE_CHECKING:
    from ncd.circuit.weave import Form, Weave

Dimensions = tuple[Axis, ...]
"""The axes of one array."""
Indices = tuple[tuple[str, ...], ...]
"""An index for every wire of several arrays."""


@dataclass(eq=False)
class Reading:
    """The ``indices`` of every operand, inputs and outputs; ``touched`` are those that are acted on.

    A wire of a dimension that is not enumerated one to one (a window, a slice) gets an index of its own,
    named ``@side.operand.wire``: it is a target, and shared with no other wire.  Drawn, such a dimension is
    touched whole, so the weave's variables in it, which are ``shifted``, are no shared ones any more.
    """

    axes: tuple[Dimensions, ...]
    ins: Indices
    outs: Indices
    touched: frozenset[str]
    shifted: frozenset[str]

    @cached_property
    def pattern(self) -> object:
        """All of it but names and sizes: of every operand its wires' indices by number; those acted on."""
        number: dict[str, int] = {}
        rows = tuple([tuple([number.setdefault(t, len(number)) for t in row]) for row in (*self.ins, *self.outs)])
        return rows, frozenset([number[t] for t in self.touched])

    @cached_property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Of every operand its wires' sizes."""
        return tuple([tuple([leaf.size for axis in axes for leaf in axis.leaves]) for axes in self.axes])


def reading(weave: Weave, axes: tuple[Dimensions, ...]) -> Reading:
    """How a weave reads arrays of these axes, the inputs' first."""
    sizes, targets = weave.sizes, weave.targets
    touched: set[str] = set()
    shifted: set[str] = set()

    def row(axes: Dimensions, forms: tuple[Form, ...], mark: str) -> tuple[str, ...]:
        out: list[str] = []
        for axis, form in zip(axes, forms, strict=True):
            terms = form.terms
            if not axis.factors:
                if axis.id < 0 and not terms:
                    continue  # a dimension of size 1
                if len(terms) == 1 and axis.id >= 0 and not form.const:
                    # Nearly all of them: one variable, one wire.
                    coef, var = terms[0]
                    if coef == 1 and sizes[var] == axis.size:
                        out.append(var)
                        continue
            leaves = axis.leaves
            named = form.radix(axis.size, sizes) if terms else None
            if named is None or len(named) != len(leaves):
                shifted.update(form.variables)
                named = tuple([f"@{mark}.{len(out) + k}" for k in range(len(leaves))])
                touched.update(named)
            out.extend(named)
        if targets:
            touched.update(targets.intersection(out))
        return tuple(out)

    count = len(weave.ins)
    ins = [row(a, f, f"i{i}") for i, (a, f) in enumerate(zip(axes[:count], weave.ins, strict=True))]
    outs = [row(a, f, f"o{i}") for i, (a, f) in enumerate(zip(axes[count:], weave.outs, strict=True))]
    return Reading(axes, tuple(ins), tuple(outs), frozenset(touched), frozenset(shifted))
