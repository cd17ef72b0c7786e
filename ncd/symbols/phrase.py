"""Words and sizes in a symbol, with the two signs that few fonts have: a star and the E of an expectation."""

from __future__ import annotations

import math

from ncd import text
from ncd.symbols.pen import Pen

STAR, MEAN = "★", "𝔼"
DRAWN = {STAR: 12.0, MEAN: 11.0}
"""The room that each of them takes."""


def width(label: str, role: str) -> float:
    sign = label[:1] if label[:1] in DRAWN else ""
    return DRAWN.get(sign, 0.0) + (text.width(label[len(sign) :], role) if label != sign else 0.0)


def say(pen: Pen, role: str, label: str, x: float | None = None, y: float | None = None) -> None:
    """A label centred on a point, by default that of the pen's box."""
    x, y = pen.cx if x is None else x, pen.cy if y is None else y
    sign = label[:1] if label[:1] in DRAWN else ""
    if not sign:
        if label:
            pen.say(role, label, x, y)
        return
    left = x - width(label, role) / 2
    (_star if sign == STAR else _mean)(pen, left, y)
    if label != sign:
        pen.say(role, label[len(sign) :], left + DRAWN[sign], y, "start")


def _star(pen: Pen, left: float, y: float) -> None:
    points = []
    for i in range(10):
        r, angle = (2.2 if i % 2 else 5.4), math.pi * (i / 5 - 0.5)
        points.append((left + 5 + r * math.cos(angle), y + 0.4 + r * math.sin(angle)))
    pen.shape("bar", *points)


def _mean(pen: Pen, left: float, y: float) -> None:
    """E with a double stem."""
    x0, x1, top, bottom = left + 0.8, left + 8.2, y - 5.2, y + 5.2
    pen.line("thin", (x1, top), (x0, top), (x0, bottom), (x1, bottom))
    pen.line("thin", (x0 + 2.6, top), (x0 + 2.6, bottom))
    pen.line("thin", (x0 + 2.6, y), (x1 - 1.4, y))
