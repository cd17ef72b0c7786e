"""Where rows end: as the lines of a paragraph are broken, all at once, so that none is much shorter than others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, inf

from ncd.layout.spacing import Cut

DEEP, WIRES, RAGGED, TOO_WIDE = 0.6, 0.05, 0.6, 50.0
"""Costs, in rows: a cut by the square of its depth and for each wire, a row by the square of what is left empty.

A row that is too wide costs so much for every width that it takes.
"""
IDLE, SINGLE = 2.0, 0.5
"""What it costs that a row has no operation, or only one."""
SMALL, SCRAP = 0.2, 0.1
"""A piece of a block that is narrower than this share of a row is a scrap, and costs so much."""
TRAIL = 26.0
"""Room at the end of a row that goes on."""
EDGE = 8.0


def choose(
    cuts: Sequence[Cut], begun: Sequence[int], xs: Sequence[float], end: float, most: float, tail: float
) -> list[Cut]:
    """The cuts, each at its x, that make the best rows of at most ``most`` px.

    Few rows, about equally full, each with several operations (before a cut so many have ``begun``, and at the
    end), and seldom cut deep in a block or through many wires.
    """
    stops = [*xs, end]
    before = [0, *begun]
    best: list[tuple[float, int]] = []  # of the rows up to a cut: their cost, and where the last of them begins
    for i, stop in enumerate(stops):
        final = i == len(cuts)
        own = 0.0 if final else DEEP * cuts[i].depth ** 2 + WIRES * cuts[i].wires + SCRAP * cuts[i].scraps
        found = (inf, -1)
        for j in range(i - 1, -2, -1):
            room = most - (EDGE if j < 0 else tail + EDGE) - (EDGE if final else TRAIL)
            taken = (stop - (xs[j] if j >= 0 else 0.0)) / room
            if taken > 1 and found[0] < inf:
                break
            count = before[i + 1] - before[j + 1]
            cost = (
                (best[j][0] if j >= 0 else 0.0)
                + 1
                + own
                + (TOO_WIDE * taken if taken > 1 else RAGGED * (1 - taken) ** 2)
                + (IDLE if count == 0 else SINGLE if count == 1 else 0.0)
            )
            if cost < found[0]:
                found = (cost, j)
        best.append(found)
    chosen = []
    j = best[-1][1]
    while j >= 0:
        chosen.append(cuts[j])
        j = best[j][1]
    return chosen[::-1]


def scraps(cut: Cut, most: float) -> int:
    """How many blocks around a cut begin or end near it."""
    c, count = cut.container, 0
    while c.parent:
        count += min(cut.x - c.x0, c.x1 - cut.x) < SMALL * most
        c = c.parent
    return count


def tail(widest: float) -> float:
    """The wire before a further row: an arrow, and a name that ends before any block begins."""
    return ceil(11 + widest + 8)


def widths(edges: Sequence[float], end: float, tail: float) -> list[float]:
    """The widths of rows that end at ``edges``."""
    last = len(edges)
    return [
        stop - start + EDGE + (tail if k else 0) + (TRAIL if k < last else EDGE)
        for k, (start, stop) in enumerate(pairwise([0.0, *edges, end]))
    ]


class Steps:
    """From one place where rows may end to the next, so far it was at most in the plans made so far.

    A row that is cut off stands at other heights, so its curves may get wider.
    """

    def __init__(self) -> None:
        self.most: dict[object, float] = {}

    def learn(self, cuts: Sequence[Cut], end: float) -> tuple[list[float], float]:
        """Where the cuts are, and the end, if all is as wide as it ever was."""
        at = 0.0
        xs = []
        ends = sorted(cuts, key=lambda c: c.x)
        stretches = pairwise([0.0, *(c.x for c in ends), end])
        for key, (x0, x1) in zip([*(c.place for c in ends), None], stretches, strict=True):
            self.most[key] = max(self.most.get(key, 0.0), x1 - x0)
            at += self.most[key]
            xs.append(at)
        return xs[:-1], xs[-1]
