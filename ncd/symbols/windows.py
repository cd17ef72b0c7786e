"""What slides along an axis: convolutions and pooling."""

from __future__ import annotations

import math

from ncd import text
from ncd.symbols.pen import Pen

STAR = 12.0
"""Room for the star before a label."""


def conv(pen: Pen) -> None:
    """A window slides along: a box with a star, then the size of the window and the stride."""
    pen.rect("window", 1)
    _starred(pen)


def conv_width(label: str) -> float:
    rest = _after_star(label)
    whole = text.width(label, "function") if rest is None else STAR + text.width(rest, "function")
    return max(34.0, whole + 14)


def upconv(pen: Pen) -> None:
    z = (pen.y1 - pen.y0) * 0.2
    _trapezoid(pen, z, 0)
    _starred(pen)


def pool(pen: Pen) -> None:
    z = (pen.y1 - pen.y0) * 0.2
    _trapezoid(pen, 0, z)
    pen.say("word", pen.label, pen.cx - 1)


def pool_width(label: str) -> float:
    return max(30.0, text.width(label, "word") + 14)


def _trapezoid(pen: Pen, left: float, right: float) -> None:
    """A window box that is lower by ``left`` at its left side or by ``right`` at its right side, at both ends."""
    x0, y0, x1, y1 = pen.x0, pen.y0 + 1, pen.x1, pen.y1 - 1

    def reach(y: float, low: float) -> float:
        """How much of the width is missing at a height, on the side that is ``low`` px lower."""
        miss = max(y0 + low - y, y - (y1 - low), 0.0)
        return miss / low * (x1 - x0) if low else 0.0

    pen.stubs(lambda y: x0 + reach(y, left), lambda y: x1 - reach(y, right))
    pen.shape("window", (x0, y0 + left), (x1, y0 + right), (x1, y1 - right), (x0, y1 - left))


def _starred(pen: Pen) -> None:
    """A star and what follows it; a label with a sign of its own has no star."""
    label = _after_star(pen.label)
    if label is None:
        return pen.say("function", pen.label)
    left = pen.cx - (STAR + text.width(label, "function")) / 2
    points = []
    for i in range(10):
        r, angle = (2.2 if i % 2 else 5.4), math.pi * (i / 5 - 0.5)
        points.append((left + 5 + r * math.cos(angle), pen.cy + 0.4 + r * math.sin(angle)))
    pen.shape("bar", *points)
    if label:
        pen.say("function", label, left + STAR, anchor="start")


def _after_star(label: str) -> str | None:
    """The label without its star, which is drawn since few fonts have one; None if it is no window's size."""
    rest = label.lstrip("★⋆ ")
    return rest if rest != label or not label or label[0].isdigit() else None
