"""How the sizes that one call makes grow with those it is given, found by running it on meta tensors.

A call of torch has no shapes but those of its arguments to go by, and runs on meta tensors in
microseconds: so it is asked at many sizes.  What it answers is affine in a period (a convolution
of stride 2 adds one every two pixels), or there is no formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import sympy

from ncd.analysis.formula import symbol
from ncd.analysis.steps import Steps, periodic

Unit = tuple[int, ...]
Answer = Callable[[int], int | None]
"""The size made at a size given; None where the call raises."""

FAR = (127, 128, 251, 509, 1021, 4093)
LONGEST = 80
"""The longest period looked for: the largest stride of a patch embedding, with room."""


def affine(answer: Answer, start: int, known: list[int]) -> tuple[Steps, int, int | None] | None:
    """``answer`` as steps, and the lowest and the highest size (None: any) for which it is that.

    ``known`` are sizes for which it must be.
    """
    for longest in (8, LONGEST):
        values = [v for v in map(answer, range(start, start + 2 * longest + 8)) if v is not None]
        form = periodic(start, values, longest) if len(values) == 2 * longest + 8 else None
        if form is not None and all(answer(n) == form(n) for n in known):
            return form, *limits(answer, form, min(known), max(known))
    return None


def limits(answer: Answer, formula: Callable[[int], int], low: int, high: int) -> tuple[int, int | None]:
    """The lowest and the highest size for which the formula does not contradict the answers."""

    def wrong(n: int) -> bool:
        v = answer(n)
        return v is not None and v != formula(n)

    lowest = 1
    for n in sorted({*range(1, min(low, 33)), *(low * k // 16 for k in range(1, 16))} - {0}, reverse=True):
        if n < low and wrong(n):
            lowest = _edge(wrong, n, low)
            break
    previous = high
    for n in (k for k in sorted({*FAR, high + 1, 2 * high, 4 * high}) if k > high):
        if wrong(n):
            return lowest, _edge(wrong, n, previous)
        previous = n
    return lowest, None


def _edge(wrong: Callable[[int], bool], bad: int, good: int) -> int:
    """The good size next to the bad ones."""
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        if wrong(middle):
            bad = middle
        else:
            good = middle
    return good


def several(
    answer: Callable[[Mapping[Unit, int]], int | None], given: Mapping[Unit, int], points: list[dict[Unit, int]]
) -> tuple[Any, list[Any]] | None:
    """``answer`` as a sum, or else a product, of steps in one size each, in the symbols ``t0``, ``t1``...

    Returns the expression and the conditions it holds under; None if it does not hold at the points.
    """
    here = answer(given)
    if here is None:
        return None
    parts: list[tuple[Unit, Steps]] = []
    conditions: list[Any] = []
    for k, (axis, n) in enumerate(given.items()):

        def alone(m: int, axis: Unit = axis) -> int | None:
            return answer({**given, axis: m})

        trial = [m for m in (n - 1, n + 1, n + 2, 2 * n, 3 * n + 1, n + 64, n + 129, n + 1000) if m > 0]
        known = sorted({n, *(p[axis] for p in points)})
        if all(v is None or v == here for v in map(alone, [*trial, *known])):
            continue
        form = affine(alone, n, [m for m in known if alone(m) is not None])
        if form is None:
            return None
        steps, lowest, highest = form
        parts.append((axis, steps))
        if lowest > 1:
            conditions.append(symbol(f"t{k}") >= lowest)
        if highest is not None:
            conditions.append(symbol(f"t{k}") <= highest)
    seen = [(p, made) for p in points if (made := answer(p)) is not None]
    names = {axis: symbol(f"t{k}") for k, axis in enumerate(given)}
    if all(here + sum(f(p[u]) - here for u, f in parts) == n for p, n in seen):
        return sympy.Integer(here) + sum(f.expression(names[u]) - here for u, f in parts), conditions
    if all(here * prod(f(p[u]) for u, f in parts) == n * here ** len(parts) for p, n in seen):
        whole = prod((f.expression(names[u]) for u, f in parts), start=sympy.Integer(here))
        return whole / sympy.Integer(here) ** len(parts), conditions
    return None
