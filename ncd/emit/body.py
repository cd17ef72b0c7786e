"""One op as a function from its input tensors to its output tensors, apart from the rest of the diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ncd.circuit.diagram import Call, Name, Op, Ref
from ncd.emit.calls import constant, execute, operands


class Body:
    """An op's calls, run from one random seed, without gradients; its operands are not written into.

    ``random``: whether an evaluation drew random numbers, or a call has a generator of its own.
    ``tied``: positions of inputs that are one
    array and cannot be given different tensors (a single call reading an array twice can).
    """

    def __init__(self, op: Op, functions: Sequence[Any] = ()) -> None:
        self.op, self.functions = op, functions
        named = (x for c in op.body for x in (*c.args, *(v for _, v in c.kwargs)) if isinstance(x, Name))
        self.random = any(isinstance(constant(x, functions), torch.Generator) for x in named if x.text[:1] == "#")
        ids = [a.id for a in op.inputs]
        self.calls = op.body
        self.places = list(ids)
        places: dict[int, list[int]] = {}
        for k, i in enumerate(ids):
            places.setdefault(i, []).append(k)
        self.own = len(operands(op.body[0])) if len(op.body) == 1 else 0
        repeated = {i: ks for i, ks in places.items() if len(ks) > 1}
        if repeated and len(op.body) == 1 and list(operands(op.body[0])) == ids[: len(operands(op.body[0]))]:
            self.places = [-1 - k for k in range(len(ids))]
            self.calls = (_renumbered(op.body[0]),)
            repeated = {}
        self.writes = any(call.writes for call in self.calls)
        # What as_strided reads depends on how its operand lies in memory: as it did the first time.
        self.strided = any("as_strided" in call.name for call in self.calls)
        self.strides: list[tuple[int, ...]] = []
        self.tied = [tuple(ks) for ks in repeated.values()]

    def __call__(self, xs: Sequence[Tensor]) -> list[Tensor]:
        env = {}
        if self.strided:
            self.strides = self.strides or [x.stride() for x in xs]
            xs = [_laid(x, strides) for x, strides in zip(xs, self.strides, strict=True)]
        for array, place, x in zip(self.op.inputs, self.places, xs, strict=True):
            env[place] = x.clone() if self.writes or array.kind == "buffer" else x
            env.setdefault(array.id, env[place])
        # An alias of what is written stands behind the call's own operands.
        for array, place in list(zip(self.op.inputs, self.places, strict=True))[self.own :]:
            env[array.id] = env[place]
        generators = [torch.default_generator]
        generators += [torch.cuda.default_generators[i] for i in sorted({x.device.index for x in xs if x.is_cuda})]
        found = [g.get_state() for g in generators]
        try:
            for g in generators:
                g.manual_seed(0)
            seeded = [g.get_state() for g in generators]
            with torch.no_grad():
                execute(self.calls, env, self.functions)
            self.random |= any(not torch.equal(g.get_state(), s) for g, s in zip(generators, seeded, strict=True))
        finally:
            for g, state in zip(generators, found, strict=True):
                g.set_state(state)
        return [env[a.id] for a in self.op.outputs]


def _laid(x: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The same values in memory of other strides."""
    if x.stride() == strides or len(strides) != x.ndim:
        return x
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device=x.device).copy_(x)


def _renumbered(call: Call) -> Call:
    """The call with every operand a reference of its own: the k-th is ``-1 - k``."""
    count = iter(range(len(operands(call))))

    def walk(x: Any) -> Any:
        if isinstance(x, Ref):
            return Ref(-1 - next(count))
        if isinstance(x, (tuple, list)):
            return type(x)([walk(y) for y in x])
        if isinstance(x, dict):
            return {k: walk(y) for k, y in x.items()}
        if isinstance(x, slice):
            return slice(walk(x.start), walk(x.stop), walk(x.step))
        return x

    return replace(call, args=walk(call.args), kwargs=tuple((k, walk(x)) for k, x in call.kwargs))
