"""One more token of a causal model: what of the past it needs, and what it costs.

The outputs are wanted at one new position only.  Going back from them, an index of the sequence on an
output is that position; one that is summed over, or a softmax runs along, is all positions.  Where an op
at the new position reads an array at all positions, that array is what a cache keeps: it is made for the
new position and read from the cache for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from ncd.analysis.amount import Amount, Product, Scale
from ncd.analysis.memory import is_view, width
from ncd.analysis.work import axes_of, shape
from ncd.circuit.diagram import Array, Op
from ncd.errors import NCDError
from ncd.rewrite.tree import by_output

if TYPE_CHECKING:
    from ncd.analysis.cost import Cost

FLOATS = ("float", "bfloat", "complex")


@dataclass
class Step:
    """What a causal model needs for one more token, at the end of a context as long as its sequence axis.

    ``cache`` is how many bytes of the past it reads, those of ``arrays``; ``flops`` and ``macs`` are what the token
    takes, ``traffic`` the bytes that it reads and writes, weights and cache among them.  All are amounts:
    ``step.cache.at(s=4096)``.
    """

    axis: str
    cache: Amount
    macs: Amount
    traffic: Amount
    arrays: tuple[Array, ...] = field(repr=False)

    @property
    def flops(self) -> Amount:
        return 2 * self.macs

    @property
    def intensity(self) -> float:
        """FLOPs for each byte of traffic."""
        return int(self.flops) / max(1, int(self.traffic))


def decode(cost: Cost, axis: str) -> Step:
    """Raises NCDError where the model is not causal along the axis, as far as its masks say."""
    _is_causal(cost, axis)
    return _Demand(cost.calls, cost.recorded.outputs, cost.memory, axis).step(cost.scale)


def _refused(cause: str, axis: str, fix: str = "") -> NCDError:
    return NCDError(cause, doing=f"looking for what one more step along {axis} costs", fix=fix)


def _is_causal(cost: Cost, axis: str) -> None:
    """Every softmax along the sequence has a causal mask before it."""
    simple = cost.recorded.simplify()
    found, masks = [], set()
    for op in simple.ops:
        named = axes_of(op)
        if op.symbol == "softmax" and any(named.get(v) == axis for v in op.weave.targets):
            found.append(op)
        if op.symbol == "mask" and "causal" in op.label:
            masks.add(op.path)
    if not found:
        raise _refused(f"no attention runs along {axis!r}", axis, "name the axis of the sequence")
    for op in found:
        if op.path not in masks:
            raise _refused(f"the attention in {op.path!r} has no causal mask", axis)


class _Demand:
    """Which wires of the sequence are wanted at one position, and which at all, by array and place."""

    def __init__(self, ops: Sequence[Op], outputs: Sequence[Array], memory: Mapping[int, int], axis: str) -> None:
        self.ops, self.memory, self.axis = ops, memory, axis
        self.maker = {a.id: op for op in ops for a in op.outputs}
        self.data = self._data()
        self.want: dict[int, dict[int, bool]] = {}
        """True: at one position."""
        self.cached: dict[int, Array] = {}
        for a in outputs:
            self.want[a.id] = dict.fromkeys(self.places(a), True)
        if not any(self.want.values()):
            raise _refused(f"no output has the axis {axis!r}", axis)

    def _data(self) -> set[int]:
        """Arrays that depend on weights: not masks, nor positions."""
        found: set[int] = set()
        for op in self.ops:
            if any(a.kind == "parameter" or a.id in found for a in op.inputs):
                found.update(a.id for a in op.outputs if a.dtype.startswith(FLOATS))
        return found

    def places(self, a: Array) -> list[int]:
        return [k for k, w in enumerate(a.wires) if w.name == self.axis]

    def step(self, scale: Scale) -> Step:
        macs: dict[Product, int] = {}
        moved: dict[Product, int] = {}
        for op in reversed(self.ops):
            for part in by_output(op):
                if not any(a.id in self.want for a in part.outputs):
                    continue
                for p in self._multiplied(part, self._back(part)):
                    macs[p] = macs.get(p, 0) + 1
            if any(a.id in self.want for a in op.outputs) and not is_view(op, self.memory):
                for p, n in self._moved(op):
                    moved[p] = moved.get(p, 0) + n
        arrays = {a.id: a for a in map(self._smallest, self.cached.values())}
        held: dict[Product, int] = {}
        for a in arrays.values():
            held[shape(a)] = held.get(shape(a), 0) + width(a)
        return Step(self.axis, Amount(scale, held), Amount(scale, macs), Amount(scale, moved), tuple(arrays.values()))

    def _back(self, op: Op) -> dict[str, bool]:
        """Go back over an op; which of its indices of the sequence are the one position."""
        ins, outs = op.indices()
        one: dict[str, bool] = {}
        for a, row in zip(op.outputs, outs, strict=True):
            for k, wanted in self.want.get(a.id, {}).items():
                one[row[k]] = one.get(row[k], True) and wanted
        attention = op.name == "scaled_dot_product_attention"
        for a, row in zip(op.inputs, ins, strict=True):
            there: dict[int, bool] = {}
            for k in self.places(a):
                mixed = not attention and op.touches(row[k])
                there[k] = one.get(row[k], False) and not mixed
            if there and not any(there.values()) and any(one.values()) and a.id in self.data:
                if op.kind != "contraction":
                    raise _refused(f"{op.name} in {op.path!r} mixes positions, and not by attention", self.axis)
                self.cached[a.id] = a
                there = dict.fromkeys(there, True)
            known = self.want.setdefault(a.id, dict(there))
            for k, w in there.items():
                known[k] = known.get(k, True) and w
        return one

    def _multiplied(self, op: Op, one: Mapping[str, bool]) -> Iterator[Product]:
        named = axes_of(op)
        for p in op.work or ():
            kept = [v for v in p if not (isinstance(v, str) and one.get(v))]
            yield tuple(sorted(named.get(v, f"*{op.weave.sizes[v]}") if isinstance(v, str) else f"*{v}" for v in kept))

    def _moved(self, op: Op) -> Iterator[tuple[Product, int]]:
        table = next(
            (a for a in op.inputs if op.symbol in ("embed", "gather") and a.dtype == op.outputs[0].dtype), None
        )
        for a in {a.id: a for a in (*op.inputs, *op.outputs)}.values():
            like = op.outputs[0] if a is table else a
            at = self.want.get(like.id, {})
            # What comes from the cache is read at all positions, though only one is made.
            read = a.id in self.cached and any(a is b for b in op.inputs) and op.kind == "contraction"
            yield tuple(sorted(w.name for k, w in enumerate(like.wires) if read or not at.get(k))), width(a)

    def _smallest(self, a: Array) -> Array:
        """What has to be kept of an array that only repeats or re-arranges another: that one."""
        best = here = a
        while (op := self.maker.get(here.id)) is not None and op.kind == "rearrange" and len(op.inputs) == 1:
            here = op.inputs[0]
            if not self.places(here) or prod(here.shape) > prod(best.shape):
                break
            if prod(here.shape) < prod(best.shape):
                best = here
        return best
