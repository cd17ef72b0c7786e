"""Softmax, and the norms."""

from __future__ import annotations

import math

from ncd import text
from ncd.symbols.pen import HALF, Pen, circle


def softmax(pen: Pen) -> None:
    """A triangle whose apex meets the wire; over several wires it is as high as they are."""
    half = max(HALF, (pen.y1 - pen.y0) / 2) - 0.8
    base, cy = pen.x1 - 0.8, pen.cy

    def side(y: float) -> float:
        return pen.x0 + (base - pen.x0) * min(1.0, abs(y - cy) / half)

    pen.stubs(side)
    pen.shape("outline", (pen.x0 + 0.8, cy), (base, cy - half), (base, cy + half))
    if pen.label:
        pen.say("small", pen.label, base - 3, anchor="end")


def softmax_width(label: str) -> float:
    return 26.0 if not label else max(26.0, text.width(label, "small") * 1.9 + 8)


def norm(pen: Pen) -> None:
    """A circle, or a capsule over several wires; what is inside tells the kinds of norm apart."""
    r, cx = min(pen.x1 - pen.x0, pen.y1 - pen.y0) / 2 - 0.75, pen.cx
    top, bottom = pen.y0 + 0.75 + r, pen.y1 - 0.75 - r

    def bulge(y: float) -> float:
        off = max(top - y, y - bottom, 0.0)
        return math.sqrt(max(0.0, r * r - off * off))

    pen.stubs(lambda y: cx - bulge(y), lambda y: cx + bulge(y))
    if bottom - top < 0.5:
        pen.path("outline", *circle(cx, pen.cy, r))
    else:
        pen.path(
            "outline", ("M", (cx - r, top)), ("A", (r, 1, cx + r, top)), ("L", (cx + r, bottom)),
            ("A", (r, 1, cx - r, bottom)), ("Z", ()),
        )  # fmt: skip
    if pen.label == "LN":
        pen.line("stroke", (cx, top - r), (cx, bottom + r))
    elif pen.label == "RMS":
        x, y = 0.8 * r, top - 0.6 * r  # on the outline
        pen.line("stroke", (cx - x, y), (cx, bottom + r), (cx + x, y))
    elif pen.label == "I":
        d = r * math.sqrt(0.5)
        pen.line("stroke", (cx - d, pen.cy - d), (cx + d, pen.cy + d))
        pen.line("stroke", (cx - d, pen.cy + d), (cx + d, pen.cy - d))
    elif pen.label:
        pen.say("word", pen.label)
