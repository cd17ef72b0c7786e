"""Real values for a piece of a diagram, when its weights are fake or its inputs unknown.

Recognising a function by what it computes needs numbers.  Constants have their recorded values;
weights are drawn at random, since a weight of ones would hide that it is there at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from ncd.rewrite.net import Net

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1 << 24
"""No array larger than this is made up (elements)."""


class Sample:
    """Values of arrays by id: recorded, made up, or computed by the recorded calls."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.known: dict[int, Tensor | None] = {}
        module = net.exact.source.module
        self.buffers = dict(module.named_buffers(remove_duplicate=False)) if module is not None else {}

    def value(self, i: int) -> Tensor | None:
        """The value of a constant or weight, or None where there is none to be had."""
        if i not in self.known:
            self.known[i] = None
            self.known[i] = self._find(i)
        return self.known[i]

    def _find(self, i: int) -> Tensor | None:
        import torch

        array, recorded = self.net.arrays[i], self.net.exact.source.tensors.get(i)
        if array.kind == "parameter":
            return self.random(i)
        if array.kind == "buffer":
            recorded = self.buffers.get(array.name)
        if recorded is not None:
            if recorded.device.type == "meta" or type(recorded) not in (torch.Tensor, torch.nn.Parameter):
                return self.random(i)
            return recorded.detach()
        if i in self.net.steps and i in self.net.constants:
            return self.replay(i, {})
        return None

    def possible(self, i: int) -> bool:
        """Whether values of an array can be made up: not of huge ones, nor of integers."""
        import torch

        array = self.net.arrays[i]
        return prod(array.shape) <= LARGEST and getattr(torch, array.dtype).is_floating_point

    def random(self, i: int, mean: float = 0.3, std: float = 1.0, shape: Sequence[int] | None = None) -> Tensor | None:
        """Random values of an array's shape, or of another; None where none are possible."""
        import torch

        if not self.possible(i):
            return None
        array = self.net.arrays[i]
        generator = torch.Generator().manual_seed(i)
        values = torch.randn(array.shape if shape is None else shape, generator=generator)
        return values.mul_(std).add_(mean).to(getattr(torch, array.dtype))

    def replay(self, target: int, given: Mapping[int, Tensor]) -> Tensor | None:
        """The value of an array when those in ``given`` have these values; None if it cannot be told."""
        import torch

        from ncd.emit.calls import operands, step

        steps = self.net.slice((target,), given)
        written = any(call.writes for s in steps for call in s.calls)
        env: dict[int, Tensor] = {i: t.clone() for i, t in given.items()} if written else dict(given)
        functions = self.net.exact.source.functions
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            for s in steps:
                if all(i in env for i in s.makes):
                    continue
                for call in s.calls:
                    for i in operands(call):
                        if i not in env:
                            value = self.value(i)
                            if value is None:
                                return None
                            env[i] = value.clone() if call.writes else value
                    step(call, env, functions)
        return env.get(target)
