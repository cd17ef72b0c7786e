"""All pictures of the notation on one sheet: a scene like any other, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ncd.layout.scene import Mark, Path, Scene, Segment, Text
from ncd.notation.entry import Section

WIDTH, GAP, HEADING = 1500.0, 14.0, 34.0


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    if isinstance(mark, Path):
        return replace(mark, segments=tuple(_moved(s, dx, dy) for s in mark.segments))
    return replace(mark, x=mark.x + dx, y=mark.y + dy)


def _moved(segment: Segment, dx: float, dy: float) -> Segment:
    kind, v = segment
    if kind == "A":
        return kind, (v[0], v[1], v[2] + dx, v[3] + dy)
    return kind, tuple(x + (dy if k % 2 else dx) for k, x in enumerate(v))


def sheet(drawn: Iterable[tuple[Section, Sequence[Scene]]]) -> Scene:
    """The scenes of every section in rows below its title."""
    marks: list[Mark] = []
    y = GAP
    for section, scenes in drawn:
        marks.append(Text("title", GAP, y + 18, section.title))
        x, y, row = GAP, y + HEADING, 0.0
        for scene in scenes:
            if x + scene.width > WIDTH and x > GAP:
                x, y, row = GAP, y + row + GAP, 0.0
            marks += (moved(m, x, y) for m in scene.marks)
            x, row = x + scene.width + 2 * GAP, max(row, scene.height)
        y += row + 2 * GAP
    return Scene(WIDTH, y, "The notation", "Every symbol of the notation.", tuple(marks))
