"""All pictures of the notation on one sheet: a scene like any other, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ncd.layout.scene import Mark, Scene, Text, moved
from ncd.notation.entry import Section

WIDTH, GAP, HEADING = 1500.0, 14.0, 34.0


def sheet(drawn: Iterable[tuple[Section, Sequence[Scene]]], wide: float = WIDTH) -> Scene:
    """The scenes of every section in rows below its title, ``wide`` px."""
    marks: list[Mark] = []
    y = GAP
    for section, scenes in drawn:
        marks.append(Text("title", GAP, y + 18, section.title))
        x, y, row = GAP, y + HEADING, 0.0
        for scene in scenes:
            if x + scene.width > wide and x > GAP:
                x, y, row = GAP, y + row + GAP, 0.0
            marks += (moved(m, x, y) for m in scene.marks)
            x, row = x + scene.width + 2 * GAP, max(row, scene.height)
        y += row + 2 * GAP
    return Scene(wide, y, "The notation", "Every symbol of the notation.", tuple(marks))
