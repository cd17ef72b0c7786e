"""Where arrays enter and leave the picture: in the rows where they are first read, and last used.

An input need not pass the rows before, nor an output those behind: it begins at the left edge of a row,
or ends at the right edge of one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from ncd.layout.net import Container, Item, Lane, Value

Place = tuple[Container, int]
"""Where a row may end: a container, and one of its gaps."""


class Borders:
    """Inputs and outputs of the whole, once it is in order; rows may take them in and let them go."""

    def __init__(self, root: Container) -> None:
        self.root = root
        self.left, self.right = list(root.left), list(root.right)
        self.columns = [list(column) for column in root.columns]
        self.faces = [root.starts(gap) for gap in range(len(root.columns) + 1)]
        self.first: dict[Value, int] = {}
        """The columns in which inputs are first read."""
        self.last: dict[Value, float] = {}
        """Where outputs were last used: in the column that reads them, or behind the one that makes them."""
        entering, leaving = {p.value for p in root.left}, {p.value for p in root.right}
        for kid in root.kids:
            at = root.column[kid]
            for p in kid.left:
                if p.value in entering:
                    self.first[p.value] = min(at, self.first.get(p.value, at))
            for p in (*kid.left, *kid.right):
                if p.value in leaving:
                    self.last[p.value] = max(at if p in kid.left else at + 0.25, self.last.get(p.value, 0))

    def where(self, place: Place) -> float:
        """The column of the whole that a row ends in, or half a column before the one it ends before."""
        c, gap = place
        if c.root:
            return gap - 0.5
        while c.parent and not c.parent.root:
            c = c.parent
        return self.root.column[c]

    def idle(self, place: Place) -> int:
        """How many wires need not pass a place if a row ends there."""
        at = self.where(place)
        values = [v for v, c in self.first.items() if c > at] + [v for v, c in self.last.items() if c < at]
        return sum(len(v.wires) for v in values)

    def move(self, places: Sequence[Place]) -> None:
        """Let arrays enter as late, and leave as early, as rows permit that end at these places, from left to right."""
        root, ends, count = self.root, [self.where(p) for p in places], len(self.columns)
        start: dict[Value, float] = {}
        stop: dict[Value, float] = {}
        for v, c in self.first.items():
            i = bisect_left(ends, c) - 1
            start[v] = ends[i] if i >= 0 else -1
        for v, at in self.last.items():
            i = bisect_left(ends, at)
            stop[v] = ends[i] if i < len(ends) else count
        root.left[:] = [p for p in self.left if start.get(p.value, -1) < 0]
        root.right[:] = [p for p in self.right if stop.get(p.value, count) == count]
        for k, column in enumerate(self.columns):
            root.columns[k] = [i for i in column if _needed(i, k, start, stop)]
            for item in root.columns[k]:
                if isinstance(item, Lane):
                    item.begins, item.ends = start.get(item.port.value) == k, stop.get(item.port.value) == k
        root.enters, root.leaves = {}, {}
        for gap in (gap for c, gap in places if c.root):
            root.enters[gap] = [
                (root if start.get(p.value) == gap - 0.5 else item, p)
                for item, p in self.faces[gap]
                if start.get(p.value) == gap - 0.5 or _needed(item, gap - 1, start, stop)
            ]
            root.leaves[gap] = [p for p in self.right if stop.get(p.value) == gap - 0.5]


def _needed(item: Item, column: int, start: Mapping[Value, float], stop: Mapping[Value, float]) -> bool:
    if not isinstance(item, Lane):
        return True
    v = item.port.value
    return start.get(v, -1) <= column <= stop.get(v, column)
