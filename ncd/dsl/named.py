"""Tensors whose dimensions have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_letters
from typing import NamedTuple

import torch
from torch import Tensor

from ncd.dsl.patterns import Axes

Weights = Mapping[str, Tensor]
Sizes = Mapping[str, int]


class Named(NamedTuple):
    """A tensor and the names of its dimensions."""

    data: Tensor
    axes: Axes

    def put(self, axes: Sequence[str]) -> Tensor:
        """The tensor with its dimensions in this order."""
        order = [self.axes.index(a) for a in axes]
        return self.data if order == sorted(order) else self.data.permute(order)


def product(operands: Sequence[Named], out: Axes) -> Tensor:
    """A contraction by names: what is not in ``out`` is summed over."""
    letters: dict[str, str] = {}
    for x in operands:
        for a in x.axes:
            letters.setdefault(a, ascii_letters[len(letters)])
    left = ",".join("".join(letters[a] for a in x.axes) for x in operands)
    return torch.einsum(f"{left}->{''.join(letters[a] for a in out)}", *(x.data for x in operands))


def spread(x: Named, out: Axes) -> Tensor:
    """With a dimension of size 1 for every axis it does not have."""
    data = x.put([a for a in out if a in x.axes])
    for k, a in enumerate(out):
        if a not in x.axes:
            data = data.unsqueeze(k)
    return data


def batched(x: Named, axes: Axes) -> tuple[Tensor, Sequence[int]]:
    """These dimensions behind a single one for all others, and what that one is made of."""
    over = [a for a in x.axes if a not in axes]
    data = x.put((*over, *axes))
    batch = data.shape[: len(over)]
    if len(over) > 1:
        data = data.flatten(0, len(over) - 1)
    return (data if over else data.unsqueeze(0)), batch


def unbatched(y: Tensor, batch: Sequence[int]) -> Tensor:
    """The single dimension in front as what it is made of."""
    return y.squeeze(0) if not batch else y if len(batch) == 1 else y.unflatten(0, batch)
