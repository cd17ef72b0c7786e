"""What symbols are drawn with: a box, the heights of its wires, and a few shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ncd import text
from ncd.layout.scene import NOTHING, Dot, Ids, Mark, Path, Segment, Text

HALF = 14.0
"""Half the height of a symbol that touches one wire."""
DEPTH = 8.0
"""How far the top and right faces of a closed block recede."""
CHIP = 7.0
"""The corner cut off a learned symbol."""
HEAD = 9.0
"""Length of an arrowhead."""

Point = tuple[float, float]
Edge = Callable[[float], float]


class At(NamedTuple):
    """Where a wire meets a box: its height, whether it is a double wire, and whether the operation mixes its axis.

    What is touched and not mixed is an axis that a weight has.
    """

    y: float
    double: bool = False
    mixed: bool = True


@dataclass
class Pen:
    """A box to draw in, and the marks drawn so far."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float
    ins: Sequence[At]
    outs: Sequence[At]
    ids: Ids
    tone: str
    marks: list[Mark]

    @property
    def cx(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        return (self.y0 + self.y1) / 2

    def path(self, role: str, *segments: Segment, tone: str = "") -> None:
        self.marks.append(Path(role, segments, self.ids, tone))

    def shape(self, role: str, *points: Point, tone: str = "") -> None:
        self.path(role, *through(points), ("Z", ()), tone=tone)

    def rect(self, role: str, inset: float = 0, tone: str = "") -> None:
        self.shape(role, *corners(self.x0, self.y0 + inset, self.x1, self.y1 - inset), tone=tone)

    def line(self, role: str, *points: Point) -> None:
        self.path(role, *through(points))

    def say(
        self, role: str, label: str, x: float | None = None, y: float | None = None, anchor: str = "middle"
    ) -> None:
        """A word centred on a point (by default that of the box), whatever its role's size."""
        font = text.FONTS[role]
        rise = (0.355 if font.face.startswith("sans") else 0.33) * font.size
        self.marks.append(
            Text(role, self.cx if x is None else x, (self.cy if y is None else y) + rise, label, anchor, self.ids)
        )

    def stubs(self, left: Edge | None = None, right: Edge | None = None) -> None:
        """Wire from the box's edges to the outline, given as the outline's x at a height."""
        if left:
            for at in self.ins:
                if left(at.y) - self.x0 > 0.4:
                    self.wire(at, (self.x0, at.y), (left(at.y), at.y))
        if right:
            for at in self.outs:
                if self.x1 - right(at.y) > 0.4:
                    self.wire(at, (right(at.y), at.y), (self.x1, at.y))

    def wire(self, at: At, *points: Point) -> None:
        self.line("bundle" if at.double else "wire", *points)


def arrow(x: float, y: float, ids: Ids = NOTHING) -> Path:
    """An arrowhead pointing right, its tip at (x, y)."""
    h = HEAD / 2
    points = ((x - HEAD, y - h), (x, y), (x - HEAD, y + h), (x - HEAD * 2 / 3, y))
    return Path("arrow", (*through(points), ("Z", ())), ids)


def decision(x: float, y: float, ids: Ids = NOTHING) -> Path:
    """A value was read here, and decided what the program did next: the diamond of a flow chart."""
    return Path("decision", (*through(((x - 5, y), (x, y - 5), (x + 5, y), (x, y + 5))), ("Z", ())), ids)


def carried(x: float, y: float, ids: Ids = NOTHING) -> Path:
    """What one turn of a loop hands to the next: an arrowhead at its bracket, the tip at (x, y)."""
    return replace(arrow(x, y, ids), role="carried")


def through(points: Sequence[Point]) -> tuple[Segment, ...]:
    return tuple(("L" if i else "M", p) for i, p in enumerate(points))


def corners(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def circle(x: float, y: float, r: float) -> tuple[Segment, ...]:
    return ("M", (x - r, y)), ("A", (r, 1, x + r, y)), ("A", (r, 1, x - r, y)), ("Z", ())


def disc(x: float, y: float, ids: Ids = NOTHING) -> Dot:
    """A copy, a shared index or a sum."""
    return Dot("dot", x, y, 3.6, ids)


def ring(x: float, y: float, ids: Ids = NOTHING) -> Dot:
    """The end of a wire that is not used."""
    return Dot("ring", x, y, 3.4, ids)
