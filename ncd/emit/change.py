"""How far one run's outputs are from another's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ncd.circuit.diagram import Array


@dataclass(frozen=True)
class Change:
    """One output against that of the clean run.

    ``relative`` is the norm of the difference over the norm of the clean output (infinite where that
    is 0 and the other is not), ``largest`` the largest absolute difference, ``flips`` the share of
    positions whose largest element along the last axis, ``over``, is another; None where it has one
    axis of one element, or values that have no order.
    """

    name: str
    axes: tuple[str, ...]
    relative: float
    largest: float
    flips: float | None
    over: str = ""

    def __repr__(self) -> str:
        said = f"{self.name}[{' '.join(self.axes)}]: changed by {self.relative:.3g} of its norm"
        said += f", at most {self.largest:.3g}"
        return f"<{said}{'' if self.flips is None else f'; argmax over {self.over} differs at {self.flips:.1%}'}>"


def change(array: Array, name: str, clean: Tensor, now: Tensor) -> Change:
    """The change of an output of this name.  Values that are not finite in both runs alike count as unchanged."""
    axes = tuple(a.name for a in array.axes)
    precise = torch.complex128 if clean.is_complex() else torch.float64
    a, b = clean.to(precise), now.to(precise)
    apart = torch.where((a == b) | (a.isnan() & b.isnan()), 0, b - a).abs()
    norm, moved = float(a[a.isfinite()].norm()), float(apart.norm())
    relative = moved / norm if norm else math.inf if moved else 0.0
    flips = None
    if a.ndim and a.shape[-1] > 1 and a.numel() and not a.is_complex():
        flips = float((a.argmax(-1) != b.argmax(-1)).double().mean())
    largest = float(apart.max()) if apart.numel() else 0.0
    return Change(name, axes, relative, largest, flips, axes[-1] if flips is not None else "")
