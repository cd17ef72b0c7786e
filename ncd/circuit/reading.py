"""At which index every wire of an operation's arrays is read or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import is_

from ncd.circuit.axis import Axis
from ncd.circuit.weave import Side, Weave

Dimensions = tuple[Axis, ...]
"""The axes of one array."""
Indices = tuple[tuple[str, ...], ...]
"""An index for every wire of several arrays."""


@dataclass(frozen=True)
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
    def pattern(self) -> tuple[tuple[tuple[int, bool, int], ...], ...]:
        """Every operand's wires by number of the index, whether it is acted on, and size: no names."""
        number: dict[str, int] = {}
        return tuple(
            tuple(
                (number.setdefault(t, len(number)), t in self.touched, w.size)
                for t, w in zip(row, [leaf for axis in axes for leaf in axis.leaves], strict=True)
            )
            for row, axes in zip((*self.ins, *self.outs), self.axes, strict=True)
        )


def reading(weave: Weave, axes: tuple[Dimensions, ...]) -> Reading:
    """How a weave reads arrays of these axes, the inputs' first; found once for operations that share all this."""
    key = tuple(map(id, axes))
    known = weave.readings.get(key)
    if known is None or not all(map(is_, known.axes, axes)):
        known = weave.readings[key] = _reading(weave, axes)
    return known


def _reading(weave: Weave, axes: tuple[Dimensions, ...]) -> Reading:
    sizes, targets = weave.sizes, weave.targets
    touched: set[str] = set()
    shifted: set[str] = set()

    def side(arrays: Sequence[Dimensions], forms: Side, mark: str) -> Indices:
        out = []
        for i, (array, dims) in enumerate(zip(arrays, forms, strict=True)):
            row: list[str] = []
            for axis, form in zip(array, dims, strict=True):
                terms = form.terms
                if len(terms) == 1 and not (axis.factors or form.const) and axis.id >= 0:
                    # Nearly all of them: one variable, one wire.
                    coef, var = terms[0]
                    if coef == 1 and sizes[var] == axis.size:
                        row.append(var)
                        continue
                named = form.radix(axis.size, sizes) if terms else None
                leaves = axis.leaves
                if named is None or len(named) != len(leaves):
                    shifted.update(form.variables)
                    named = tuple(f"@{mark}{i}.{len(row) + k}" for k in range(len(leaves)))
                    touched.update(named)
                row.extend(named)
            touched.update(targets.intersection(row))
            out.append(tuple(row))
        return tuple(out)

    count = len(weave.ins)
    ins, outs = side(axes[:count], weave.ins, "i"), side(axes[count:], weave.outs, "o")
    return Reading(axes, ins, outs, frozenset(touched), frozenset(shifted))
