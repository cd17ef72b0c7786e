"""What is added to a finished figure: a glow behind what is pointed at, and colours."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ncd.circuit.diagram import Diagram, no_block
from ncd.layout.pointing import Box, Found, boxes
from ncd.layout.scene import Mark, Path, Scene, Segment
from ncd.text import width
from ncd.theme import TONED

EDGE = 8.0
LINE = 22.0
"""From one line of text below the figure to the next, px."""


def lit(scene: Scene, targets: Iterable[Found]) -> Scene:
    """A glow behind the wires of axes and behind operations, and a frame around blocks, where they are drawn."""
    plates = [k for k, m in enumerate(scene.marks) if isinstance(m, Path) and m.role == "block" and m.ids.op is None]
    behind: dict[int, list[Mark]] = {}
    """By the place of the first mark before which they are drawn, which is after the plates of its row."""
    around: list[Mark] = []

    def after(k: int) -> int:
        below = bisect(plates, k)
        return plates[below - 1] + 1 if below else 0

    for found in targets:
        for k, mark in enumerate(scene.marks):
            if isinstance(mark, Path) and mark.role in ("wire", "bundle") and found.has(mark):
                behind.setdefault(after(k), []).append(Path("glow", mark.segments))
        for k, box in boxes(scene, found):
            if k in plates:
                around.append(Path("halo", rectangle(box, 2.0)))
            else:
                behind.setdefault(after(k), []).append(Path("spot", rectangle(box, 4.0)))
    marks = [m for k, mark in enumerate(scene.marks) for m in (*behind.get(k, ()), mark)]
    return replace(scene, marks=(*marks, *around))


def coloured(scene: Scene, drawn: Diagram, whole: Diagram, colours: Mapping[str, str]) -> Scene:
    """Blocks in other colours, by path, else by class.  Raises NCDError on a name that no block has."""
    opened = {b.path: (b.path, *b.also, b.cls) for b in whole.blocks}
    closed = {i: opened.get(op.block, (op.name,)) for i, op in enumerate(drawn.ops) if op.symbol == "block"}
    known = {n for names in (*opened.values(), *closed.values()) for n in names}
    for name in colours:
        if name not in known:
            raise no_block(name, known)

    def own(mark: Mark) -> Mark:
        if not isinstance(mark, Path) or mark.role not in TONED:
            return mark
        names = opened.get(mark.ids.block or "", ()) if mark.ids.op is None else closed.get(mark.ids.op, ())
        return replace(mark, tone=next((colours[n] for n in names if n in colours), mark.tone))

    return replace(scene, marks=tuple(map(own, scene.marks))) if colours else scene


def wrapped(text: str, role: str, room: float) -> list[str]:
    """Text in lines no wider than ``room``, cut at spaces; a word that is wider has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, role) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def rectangle(box: Box, by: float) -> tuple[Segment, ...]:
    x0, y0, x1, y1 = box[0] - by, box[1] - by, box[2] + by, box[3] + by
    return (("M", (x0, y0)), ("L", (x1, y0)), ("L", (x1, y1)), ("L", (x0, y1)), ("Z", ()))
