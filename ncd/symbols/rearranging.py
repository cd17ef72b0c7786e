"""Regrouping axes, and taking parts of them."""

from __future__ import annotations

from ncd import text
from ncd.symbols.pen import Pen, corners
from ncd.symbols.words import label_width, role_of


def bar(pen: Pen) -> None:
    """Axes are regrouped without moving an element: they all meet in a bar."""
    pen.stubs(lambda y: pen.cx - 1.5, lambda y: pen.cx + 1.5)
    pen.shape("bar", *corners(pen.cx - 2, pen.y0 + 5, pen.cx + 2, pen.y1 - 5))


def index(pen: Pen) -> None:
    """One value of an axis is taken: the wire ends in a pentagon that says which."""
    _pentagon(pen, "index", "index")


def stack(pen: Pen) -> None:
    """One value of a new axis is written, the mirror image of an index."""
    tip = min(9.0, (pen.y1 - pen.y0) / 2)
    x0, y0, x1, y1 = pen.x0 + 0.5, pen.y0 + 3, pen.x1, pen.y1 - 3
    half = (y1 - y0) / 2
    pen.stubs(lambda y: x0 + tip * min(1.0, abs(y - pen.cy) / half), None)
    pen.shape("index", (x1, y0), (x0 + tip, y0), (x0, pen.cy), (x0 + tip, y1), (x1, y1))
    pen.say("index", pen.label, pen.cx + tip / 2 - 0.5)


def gather(pen: Pen) -> None:
    """Values are taken where an array of indices says."""
    _pentagon(pen, "box", role_of(pen.label))


def _pentagon(pen: Pen, role: str, words: str) -> None:
    tip = min(9.0, (pen.y1 - pen.y0) / 2)
    x0, y0, x1, y1 = pen.x0, pen.y0 + 3, pen.x1 - 0.5, pen.y1 - 3
    half = (y1 - y0) / 2
    pen.stubs(None, lambda y: x1 - tip * min(1.0, abs(y - pen.cy) / half))
    pen.shape(role, (x0, y0), (x1 - tip, y0), (x1, pen.cy), (x1 - tip, y1), (x0, y1))
    pen.say(words, pen.label, pen.cx - tip / 2 + 0.5)


def index_width(label: str) -> float:
    return max(28.0, text.width(label, "index") + 20)


def gather_width(label: str) -> float:
    return max(28.0, label_width(label) + 20)
