"""One call, run on meta tensors at other sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import torch

from ncd.analysis.formula import Unknown, evaluated
from ncd.analysis.vary import Point
from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array
from ncd.tracing.again import made
from ncd.tracing.counted import Tree
from ncd.tracing.derive import undisturbed
from ncd.tracing.plain import tensors
from ncd.tracing.recording import Recorded, Value

Unit = tuple[int, ...]
"""An axis by the ids of its atomic parts."""


class Local:
    """One call, run on meta tensors at other sizes of the axes it is given."""

    def __init__(
        self, arrays: Mapping[int, Array], call: Recorded, point: Point, sizes: Mapping[int, int | None]
    ) -> None:
        self.arrays, self.recorded, self.point, self.sizes = arrays, call, point, sizes
        self.trees = point.trees.get(made(call), {})
        self.told = [u for tree in self.trees.values() for u in self._axes(tree)]
        self.answers: dict[Any, list[tuple[int, ...]] | None] = {}

    def _axes(self, tree: Tree) -> list[Unit]:
        """The axes that a number was computed from."""
        if not isinstance(tree, tuple):
            return []
        if tree[0] == "dim":
            array = self.arrays.get(tree[1])
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

    def size(self, axis: Axis, env: Mapping[Unit, int]) -> int:
        """The size of an axis where some have other sizes."""
        whole = tuple(leaf.id for leaf in axis.leaves)
        return env[whole] if whole in env else prod(env.get((a,), self.sizes.get(a) or 0) for a in whole)

    def _run(self, env: Mapping[Unit, int]) -> list[tuple[int, ...]]:
        def shape(value: int, was: tuple[int, ...]) -> tuple[int, ...]:
            array = self.arrays.get(value)
            if array is None:
                return was
            return tuple(self.size(axis, env) if axis.leaves else m for m, axis in zip(was, array.axes, strict=True))

        def size(value: int, k: int) -> int:
            if value not in self.arrays:
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
