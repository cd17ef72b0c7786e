"""Whole numbers that rise by so much in every period: what windows, strides and roundings make of a size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy


@dataclass(frozen=True)
class Steps:
    """``outer * ((inner * t + shift) // period) + offset``."""

    outer: int
    inner: int
    shift: int
    period: int
    offset: int

    def __call__(self, t: int) -> int:
        return self.outer * ((self.inner * t + self.shift) // self.period) + self.offset

    def expression(self, t: Any) -> Any:
        return self.outer * sympy.floor((self.inner * t + self.shift) / sympy.Integer(self.period)) + self.offset


def periodic(start: int, values: list[int], longest: int) -> Steps | None:
    for period in range(1, longest + 1):
        steps = {b - a for a, b in zip(values, values[period:], strict=False)}
        if len(steps) == 1:
            return _steps(start, values, period, steps.pop())
    return None


def _steps(start: int, values: list[int], period: int, rise: int) -> Steps | None:
    """Values that rise by so much in every period."""
    if period == 1:
        return Steps(1, rise, values[0] - rise * start, 1, 0)
    # (rise t + shift) // period, with the shift of least size that gives the first period.
    over = [v * period - rise * (start + i) for i, v in enumerate(values[:period])]
    low, high = max(over), min(over) + period - 1
    if low <= high:
        return Steps(1, rise, min(range(low, high + 1), key=abs), period, 0)
    # All of the rise at once.
    for shift in range(period):
        form = Steps(rise, 1, shift, period, values[0] - rise * ((start + shift) // period))
        if all(v == form(start + i) for i, v in enumerate(values)):
            return form
    return None
