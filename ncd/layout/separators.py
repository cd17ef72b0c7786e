"""Dashed lines between arrays that stand above one another.

Each line walks from left to right and keeps its height as long as that stays in its corridor, the
free strip between the upper array and the labels of the lower one.  It ends where the two arrays
become one, and begins where one becomes two.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ncd import symbols
from ncd.layout.heights import Heights
from ncd.layout.lines import Line, Room, clamp, common
from ncd.layout.net import Container, Face, Item, Lane, Operation, Value
from ncd.layout.spacing import CUP, LEVEL, Gap, Spacing
from ncd.layout.strip import Step

UNDER, OVER = 10.0, 19.0
"""What a line keeps from the wire above it, and from the wire below it with its label."""
BEND = 20.0
"""Width of a bend where no wires bend."""
SHORTEST = 12.0
"""A line shorter than this says nothing."""

Key = tuple[Value, Value, int]
State = dict[Key, float]


@dataclass
class Border:
    """The face of a container, seen from inside."""

    face: Face


@dataclass
class Between:
    """Two arrays, one right above the other on a face, and the corridor between them."""

    key: Key
    low: float
    high: float
    wish: float
    upper: Item | Border
    lower: Item | Border

    @property
    def room(self) -> Room:
        return self.low, self.high


def separate(root: Container, heights: Heights, spacing: Spacing) -> list[list[Step]]:
    """All separators of the strip."""
    walk = _Walk(heights, spacing)
    walk.container(root, {})
    walk.finish()
    return walk.lines


class _Walk:
    """Draws the lines of containers, innermost as they are met; ``open`` are lines that may go on."""

    def __init__(self, heights: Heights, spacing: Spacing) -> None:
        self.heights, self.spacing = heights, spacing
        self.lines: list[list[Step]] = []
        self.open: dict[Key, Line] = {}

    def finish(self) -> None:
        for line in self.open.values():
            self._keep(line)
        self.open.clear()

    def _keep(self, line: Line) -> None:
        if line.steps[-1][3] - line.steps[0][1] >= SHORTEST:
            self.lines.append(line.straightened())

    def draw(self, key: Key, x0: float, y0: float, x1: float, y1: float, room: Room) -> None:
        """Continue the line of a key, or start it anew if it ended elsewhere."""
        if x1 - x0 < LEVEL:
            return
        step: Step = ("L" if abs(y0 - y1) < LEVEL else "C", x0, y0, x1, y1)
        line = self.open.get(key)
        if line and abs(line.steps[-1][3] - x0) < 0.6 and abs(line.steps[-1][4] - y0) < 0.6:
            line.add(step, room)
            return
        if line:
            self._keep(line)
        self.open[key] = Line([step], [room])

    # -- corridors -------------------------------------------------------------------------

    def between(self, items: Sequence[Item | Border], right: bool) -> list[Between]:
        """The pairs of neighbouring arrays on one side of a column, from the top."""
        y, row = self.heights.y, -1 if right else 0
        out: list[Between] = []
        count: dict[tuple[Value, Value], int] = {}
        before: tuple[Value, float, Item | Border] | None = None
        for item in items:
            if isinstance(item, Lane) and (item.ends if right else item.begins):
                continue
            face = item.face if isinstance(item, Border) else item.right if right else item.left
            for port in face:
                first, last = port.ends[0], port.ends[-1]
                if right and isinstance(item, Lane):
                    top, bottom = y(self.heights.leaving(item, first)), y(self.heights.leaving(item, last))
                else:
                    top, bottom = y(first.slot), y(last.slot)
                if before:
                    value, low, upper = before
                    high = top - OVER
                    if upper is not item:
                        low, high = max(low, self._floor(upper, row)), min(high, self._ceiling(item, row, top))
                    pair = (value, port.value)
                    count[pair] = count.get(pair, 0) + 1
                    low = min(low, high)
                    # Along a lane, which stays level, a line need not bend later.
                    passing = isinstance(item, Lane) and not isinstance(upper, Lane)
                    wish = max(high - 3, low) if passing else min(low + 3, high)
                    out.append(Between((*pair, count[pair]), low, high, wish, upper, item))
                before = (port.value, bottom + UNDER, item)
        return out

    def _floor(self, upper: Item | Border, row: int) -> float:
        """How far down an item reaches in a row, besides the wires of its face."""
        y = self.heights.y
        if isinstance(upper, Container):
            return y(self.heights.frames[upper].extents[row][1]) + 6 + 5 * (upper.repeat > 1)
        if isinstance(upper, Operation) and upper.style == "box":
            return y(self.heights.stands[upper].bottom) + 5
        if isinstance(upper, Lane):
            return y(self.heights.levels[upper][row][upper.port.ends[-1]]) + UNDER
        return -1e9

    def _ceiling(self, lower: Item | Border, row: int, top: float = 0.0) -> float:
        """How far up an item reaches in a row, besides the wires of its face; ``top`` is the first of these."""
        y = self.heights.y
        if isinstance(lower, Container):
            return y(self.heights.frames[lower].extents[row][0]) - 6 - 16 * (lower.repeat > 1)
        if isinstance(lower, Operation):
            if lower.style == "box":
                return y(self.heights.stands[lower].top) - 5
            if lower.style == "word":
                return top - 27
            if lower.sign:
                return min(y(p.ends[0].slot) for p in (lower.left[0], lower.right[0])) - 26
        if isinstance(lower, Lane):
            return y(self.heights.levels[lower][row][lower.port.ends[0]]) - OVER
        return 1e9

    # -- walking ---------------------------------------------------------------------------

    def container(self, c: Container, state: Mapping[Key, float]) -> State:
        """Walk through a container with the lines that enter it; returns those that leave it."""
        start, end = Border(c.left), Border(c.right)
        gaps = self.spacing.gaps[c]
        first_column: Sequence[Item | Border] = c.columns[0] if c.columns else [end]
        wishes = {b.key: b.wish for b in self.between(first_column, False)} | dict(state)
        now = {b.key: clamp(wishes.get(b.key, b.wish), b.low, b.high) for b in self.between([start], True)}
        for k, gap in enumerate(gaps):
            first, last = k == 0, k == len(gaps) - 1
            behind: Sequence[Item | Border] = [start] if first else c.columns[k - 1]
            ahead: Sequence[Item | Border] = [end] if last else c.columns[k]
            left = c.x0 if first and not c.root else gap.x0
            right = c.x1 if last and not c.root else gap.x1
            now = self._gap(c, k, gap, left, right, self.between(behind, True), self.between(ahead, False), now)
            if not last:
                now = self._column(c, k, now)
        return now

    def _gap(
        self, c: Container, k: int, gap: Gap, left: float, right: float,
        sources: list[Between], targets: list[Between], now: State,
    ) -> State:  # fmt: skip
        broken = k in self.heights.frames[c].broken
        goals = {b.key: b for b in targets}
        after: State = {}
        going = {p.end.wire.value for p in self.heights.frames[c].pieces[k]}
        for b in sources:
            y = clamp(now.get(b.key, b.wish), b.low, b.high)
            if b.upper is b.lower and isinstance(b.upper, Container) and not going.issuperset(b.key[:2]):
                continue  # what a repeated block hands on, and nothing reads, ends at its edge
            goal = goals.get(b.key)
            if broken:
                self.draw(b.key, left, y, gap.c0 - 1, y, b.room)
                if b.key in self.open:
                    self._keep(self.open.pop(b.key))
            elif goal:
                y1 = clamp(y, goal.low, goal.high)
                c0, c1 = gap.c0, gap.c1
                if abs(y1 - y) > LEVEL and c1 - c0 < BEND:
                    middle = (c0 + c1) / 2
                    c0, c1 = max(left, middle - BEND / 2), min(right, middle + BEND / 2)
                self.draw(b.key, left, y, c0, y, b.room)
                self.draw(b.key, c0, y, c1, y1, common(b.room, goal.room))
                self.draw(b.key, c1, y1, right, y1, goal.room)
                after[b.key] = y1
            else:
                self.draw(b.key, left, y, self._first_met(c, k, gap, y), y, b.room)
        for b in targets:
            if b.key not in after:
                after[b.key] = b.wish
                begin = gap.c0 - 1 if broken and gap.c1 - gap.c0 < 1 else self._last_met(c, k, gap, b.wish)
                self.draw(b.key, begin, b.wish, right, b.wish, b.room)
        return after

    def _met(self, c: Container, k: int, gap: Gap, height: float) -> list[float]:
        """Where the curves of a gap pass a height."""
        y = self.heights.y
        found = (_crossing(gap, y(p.start), y(p.end.slot), height) for p in self.heights.frames[c].pieces[k])
        return [x for x in found if x is not None]

    def _last_met(self, c: Container, k: int, gap: Gap, height: float) -> float:
        met = self._met(c, k, gap, height)
        return max(met) + 6 if met else gap.c1 - 0.25 * (gap.c1 - gap.c0)

    def _first_met(self, c: Container, k: int, gap: Gap, height: float) -> float:
        met = self._met(c, k, gap, height)
        return min([gap.c0, *(x - 6 for x in met)])

    def _column(self, c: Container, k: int, now: State) -> State:
        """Lines past the items of a column, up to where those that read both arrays join them, and through blocks."""
        x0, x1 = self.spacing.columns[c][k]
        column = c.columns[k]
        ends = self.spacing.ends(self.heights.cuts_beside(c, k))
        passing: dict[tuple[Item | Border, Item | Border], tuple[Between, float]] = {}
        for b in self.between(column, False):
            y = now[b.key]
            if b.upper is not b.lower:
                passing[b.upper, b.lower] = (b, y)
            elif isinstance(b.upper, Operation):
                self.draw(b.key, x0, y, max(x0 + 1, self._joined(b.upper, y)), y, b.room)
        after: State = {}
        for b in self.between(column, True):
            if b.upper is b.lower:
                after[b.key] = b.wish
                if isinstance(b.upper, Operation):
                    begin = b.upper.x1 - 0.3 * self.spacing.inner[b.upper].behind
                    self.draw(b.key, begin, b.wish, x1, b.wish, b.room)
            elif (b.upper, b.lower) in passing:
                here, y = passing.pop((b.upper, b.lower))
                after[b.key] = self._rows(here.key, y, b, [x0, *ends, x1]) if ends else self._past(here, y, b, x0, x1)
                if here.key != b.key and here.key in self.open and b.key not in self.open:
                    self.open[b.key] = self.open.pop(here.key)
            else:
                after[b.key] = b.wish
                self.draw(b.key, ends[-1] if ends else x0, b.wish, x1, b.wish, b.room)
        if ends:  # what ends in the first row
            for b, y in passing.values():
                self.draw(b.key, x0, y, ends[0], y, b.room)
        for item in column:
            if isinstance(item, Container):
                after.update(self.container(item, now))
        return after

    def _rows(self, key: Key, y: float, b: Between, xs: list[float]) -> float:
        """A line beside a block that rows end in: in each row by itself."""
        for row, (x0, x1) in enumerate(itertools.pairwise(xs)):
            low, high = self._floor(b.upper, row), self._ceiling(b.lower, row)
            y = clamp(y if row == 0 else (b.wish if row == len(xs) - 2 else low + 3), low, max(low, high))
            self.draw(key, x0, y, x1, y, (low, max(low, high)))
            if row < len(xs) - 2:
                self._keep(self.open.pop(key))
        return y

    def _past(self, here: Between, y: float, b: Between, x0: float, x1: float) -> float:
        y1 = clamp(y, b.low, b.high)
        if abs(y1 - y) < LEVEL:
            self.draw(here.key, x0, y, x1, y, common(here.room, b.room))
            return y
        middle, half = (x0 + x1) / 2, min(14.0, (x1 - x0) / 2)
        self.draw(here.key, x0, y, middle - half, y, here.room)
        self.draw(here.key, middle - half, y, middle + half, y1, (0.0, 0.0))
        self.draw(here.key, middle + half, y1, x1, y1, b.room)
        return y1

    def _joined(self, o: Operation, height: float) -> float:
        """Where a line at a height between two arrays that an operation reads ends."""
        inner = self.spacing.inner[o]
        if o.sign and o.right and o.right[0].ends:
            above = min(self.heights.y(e.slot) for e in o.right[0].ends) - height
            if 4 < above < 26:  # the sign stands in the way
                half = max(9.0, symbols.width("add", o.sign) / 2)
                return o.x0 + min(inner.start + 0.3 * inner.before, inner.start + inner.before - half - 3)
        if o.style == "route":
            return o.x0 + (0.6 * CUP if inner.offsets else inner.start + 0.3 * inner.before)
        return o.x0 + 0.4 * inner.before


def _crossing(gap: Gap, y0: float, y1: float, height: float) -> float | None:
    """Where the S-curve of a gap from y0 to y1 passes a height."""
    if (y0 - height) * (y1 - height) >= 0 or gap.c1 - gap.c0 < 1:
        return None
    goal = (height - y0) / (y1 - y0)
    low, high = 0.0, 1.0
    for _ in range(24):
        t = (low + high) / 2
        if 3 * t * t - 2 * t**3 < goal:
            low = t
        else:
            high = t
    t = (low + high) / 2
    u, middle = 1 - t, (gap.c0 + gap.c1) / 2
    return u**3 * gap.c0 + 3 * u * u * t * middle + 3 * u * t * t * middle + t**3 * gap.c1
