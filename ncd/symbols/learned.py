"""Learned maps, and arrays that come from nowhere."""

from __future__ import annotations

from ncd import text
from ncd.symbols.pen import CHIP, Pen, arrow
from ncd.symbols.words import label_width, role_of

ENTRY = 14.0
"""Length of the arrow into a table."""


def learned(pen: Pen) -> None:
    """A plate with a corner cut: bottom left, or top right if the weight is used transposed."""
    x0, y0, x1, y1 = pen.x0, pen.y0, pen.x1, pen.y1
    if "⊤" in pen.label:
        pen.shape("learned", (x0, y0), (x1 - CHIP, y0), (x1, y0 + CHIP), (x1, y1), (x0, y1))
    else:
        pen.shape("learned", (x0, y0), (x1, y0), (x1, y1), (x0 + CHIP, y1), (x0, y1 - CHIP))
    pen.say(_role(pen.label), pen.label)


def learned_width(label: str) -> float:
    return max(32.0, text.width(label, _role(label)) + 13)


def _role(label: str) -> str:
    """A letter is set large, a word smaller."""
    level, first = text.parts(label)[0]
    return "weight" if level == 0 and len(first) > 1 else "learned"


def embed(pen: Pen) -> None:
    """A table: one number enters, by an arrow, and a row of the table leaves; where a whole axis enters, its wire."""
    whole, pen.x0 = pen.x0, pen.x0 + ENTRY
    pen.label = pen.label or "E"
    learned(pen)
    for at in pen.ins:
        pen.wire(at, (whole, at.y), (pen.x0, at.y))
    if not pen.ins:
        pen.line("wire", (whole, pen.cy), (pen.x0 - 6, pen.cy))
        pen.marks.append(arrow(pen.x0, pen.cy, pen.ids))


def embed_width(label: str) -> float:
    return ENTRY + learned_width(label or "E")


def source(pen: Pen) -> None:
    """An array from nowhere that is not learned: it points back to the left."""
    tip = min(9.0, (pen.y1 - pen.y0) / 2)
    x0, y0, x1, y1 = pen.x0, pen.y0 + 3, pen.x1, pen.y1 - 3
    half = (y1 - y0) / 2
    pen.stubs(lambda y: x0 + tip * min(1.0, abs(y - pen.cy) / half))
    pen.shape("box", (x0, pen.cy), (x0 + tip, y0), (x1, y0), (x1, y1), (x0 + tip, y1))
    pen.say(role_of(pen.label), pen.label, pen.cx + tip / 2 - 1)


def source_width(label: str) -> float:
    return max(28.0, label_width(label) + 20)
