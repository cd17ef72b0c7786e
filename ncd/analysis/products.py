"""A product of two arrays in tiles: an axis that is summed over streamed, with the sum so far.

The simplest of what can be streamed: a tile of both arrays makes a part of every sum.  With the axes of the result
partitioned in groups, what is loaded falls with the root of the small memory (Hong and Kung 1981, "I/O complexity:
the red-blue pebble game").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ncd.circuit.diagram import Diagram, Op

if TYPE_CHECKING:
    from torch import Tensor

    from ncd.analysis.replay import Replay
    from ncd.analysis.stream import Tiles


@dataclass(frozen=True)
class Product:
    """A contraction of two arrays, and which dimension of each is streamed."""

    op: Op
    along: tuple[int, int]

    @property
    def size(self) -> int:
        return self.op.inputs[0].shape[self.along[0]]


def products(diagram: Diagram, axis: str) -> list[Product]:
    """Every product of two arrays that is summed over an axis of this name, in the recorded ops."""
    found = (_product(op, axis) for op in diagram.ops if op.kind == "contraction" and len(op.inputs) == 2)
    return [p for p in found if p is not None]


def _product(op: Op, axis: str) -> Product | None:
    left, right = op.inputs
    if left.id == right.id:
        return None
    made = {v for f in op.weave.outs[0] for v in f.variables}
    for k, form in enumerate(op.weave.ins[0]):
        if left.axes[k].name == axis and len(form.variables) == 1 and not made & {*form.variables}:
            there = [j for j, other in enumerate(op.weave.ins[1]) if other == form]
            if len(there) == 1:
                return Product(op, (k, there[0]))
    return None


def partial_sums(replay: Replay, p: Product, env: Mapping[int, Tensor], tiles: Tiles) -> Tensor:
    """The sum over the tiles so far, and the next."""
    import torch

    given = [env[a.id] for a in p.op.inputs]
    there = {
        f.variables: n for row, x in zip(p.op.weave.ins, given, strict=True) for f, n in zip(row, x.shape, strict=True)
    }
    out = p.op.outputs[0]
    shape = [there.get(f.variables, n) for f, n in zip(p.op.weave.outs[0], out.shape, strict=True)]
    total = torch.zeros(shape, dtype=given[0].dtype, device=given[0].device)
    for parts in zip(*(tiles(x, dim) for x, dim in zip(given, p.along, strict=True)), strict=True):
        here = dict(zip((a.id for a in p.op.inputs), parts, strict=True))
        replay.call(p.op, here)
        total = total + here[out.id]
    return total


def moved(p: Product, grouped: Mapping[int, Any], tile: Any, extent: Any) -> tuple[list[Any], Any]:
    """How often each array is loaded, and what lies in the small memory at once.

    ``grouped`` are the groups by dimension of the result; ``extent`` gives the size of an axis as a formula.
    """
    out = p.op.outputs[0]
    outs = [{*f.variables} for f in p.op.weave.outs[0]]
    again, held = [], prod(grouped.get(k, 1) for k in range(len(outs)))
    for a, row, along in zip(p.op.inputs, p.op.weave.ins, p.along, strict=True):
        own = {v for f in row for v in f.variables}
        again.append(
            prod((extent(out.axes[k]) / grouped.get(k, 1) for k, vs in enumerate(outs) if not vs & own), start=1)
        )
        part: list[Any] = []
        for k, f in enumerate(row):
            at = next((j for j, vs in enumerate(outs) if vs & {*f.variables}), None)
            part.append(tile if k == along else extent(a.axes[k]) if at is None else grouped.get(at, 1))
        held += prod(part)
    return again, held
