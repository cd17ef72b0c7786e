"""What slides along an axis: convolutions, pooling, and what changes the number of places.

A label is what is said first, ``★3/2`` (kernel and stride), and in ``_{...}`` what is said below it, or behind it
where there is no star.  A box keeps the number of places, one that narrows has fewer behind it, one that widens more.
"""

from __future__ import annotations

from ncd import text
from ncd.symbols import phrase
from ncd.symbols.pen import Pen

SLOPE, STEEPEST = 0.2, 8.5
"""The share of its height that a side loses at each end, and at most so many px."""
LEADING, SPACE = 15.0, 7.0
"""Between the baselines of two lines, and between what is said first and what is said behind it."""


def conv(pen: Pen) -> None:
    """A learned window: thick outline, a star, then the size of the window and the stride."""
    narrow = _narrow(pen.label)
    _trapezoid(pen, "kernel", 0, _slope(pen) if narrow else 0)
    _lines(pen, "function", -1.5 if narrow else 0)


def _narrow(label: str) -> bool:
    main, notes = lines(label)
    return "/" in main or any(note.startswith("p=") for note in notes.split())


def conv_width(label: str) -> float:
    return max(34.0, _width(label, "function") + (14 if _narrow(label) else 13))


def upconv(pen: Pen) -> None:
    """Scattered by a learned window, or resampled: more places than before."""
    starred = pen.label.startswith(phrase.STAR)
    _trapezoid(pen, "kernel" if starred else "window", _slope(pen), 0)
    _lines(pen, "function" if starred else "word", 1.5)


def upconv_width(label: str) -> float:
    starred = label.startswith(phrase.STAR)
    return max(34.0, _width(label, "function" if starred else "word") + 14)


def pool(pen: Pen) -> None:
    _trapezoid(pen, "window", 0, _slope(pen))
    _lines(pen, "word", -1.5)


def pool_width(label: str) -> float:
    return max(30.0, _width(label, "word") + 14)


def lines(label: str) -> tuple[str, str]:
    """What is said first, and what below it."""
    main, _, notes = label.partition("_{")
    return main, notes.removesuffix("}")


def _width(label: str, role: str) -> float:
    main, notes = lines(label)
    first, second = phrase.width(main, role), text.width(notes, "note")
    if role == "function" or not notes:
        return max(first, second)
    return first + SPACE + second


def _lines(pen: Pen, role: str, shift: float) -> None:
    """A star is large and has boxes of two wires: below it there is room for a line."""
    main, notes = lines(pen.label)
    if role == "function" or not notes:
        phrase.say(pen, role, main, pen.cx + shift, pen.cy - (LEADING / 2 - 1 if notes else 0))
        if notes:
            pen.say("note", notes, pen.cx + shift, pen.cy + LEADING / 2 - 0.5)
    else:
        whole, first = _width(pen.label, role), phrase.width(main, role)
        phrase.say(pen, role, main, pen.cx + shift - (whole - first) / 2)
        pen.say("note", notes, pen.cx + shift + whole / 2, anchor="end")


def _slope(pen: Pen) -> float:
    return min((pen.y1 - pen.y0) * SLOPE, STEEPEST)


def _trapezoid(pen: Pen, role: str, left: float, right: float) -> None:
    """A window box that is lower by ``left`` at its left side or by ``right`` at its right side, at both ends."""
    x0, y0, x1, y1 = pen.x0, pen.y0 + 1, pen.x1, pen.y1 - 1

    def reach(y: float, low: float) -> float:
        """How much of the width is missing at a height, on the side that is ``low`` px lower."""
        miss = max(y0 + low - y, y - (y1 - low), 0.0)
        return miss / low * (x1 - x0) if low else 0.0

    pen.stubs(lambda y: x0 + reach(y, left), lambda y: x1 - reach(y, right))
    pen.shape(role, (x0, y0 + left), (x1, y0 + right), (x1, y1 - right), (x0, y1 - left))
