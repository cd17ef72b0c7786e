"""Symbols that are a word: statistics, functions of a number, sums, and whatever has no symbol of its own."""

from __future__ import annotations

import re

from ncd import text
from ncd.symbols import phrase
from ncd.symbols.pen import HEAD, Pen, arrow, corners, disc

SIGNS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "truediv": "÷", "eq": "=", "ne": "≠", "lt": "<", "gt": ">",
    "le": "≤", "ge": "≥", "and": "∧", "or": "∨", "logical and": "∧", "logical or": "∨", "maximum": "max",
    "minimum": "min", "sum": "Σ", "prod": "Π", "mean": phrase.MEAN, "": "+",
}  # fmt: skip
"""How operations between two arrays, and sums, are written by hand."""


_WORDS = re.compile(r"[^\W\d_][\w .-]*[\w.]")


def role_of(label: str) -> str:
    """Letters and formulas are set as mathematics, words as words."""
    return "word" if _WORDS.fullmatch(label) else "function"


def label_width(label: str) -> float:
    return phrase.width(label, role_of(label))


def reduce(pen: Pen) -> None:
    """A statistic of an axis: the wire runs into a word, and what is left of it goes on behind; a sum ends in a dot."""
    label = SIGNS.get(pen.label, pen.label)
    room, dotted = label_width(label) + 8, label == "Σ"
    level = len(pen.ins) == 1 and all(abs(at.y - pen.cy) < 0.5 for at in (*pen.ins, *pen.outs))
    if not level:
        pen.shape("box", *corners(pen.x0, pen.y0 + 2, pen.x0 + room, pen.y1 - 2))
    elif dotted:
        pen.marks.append(disc(pen.x0 + 1, pen.cy, pen.ids))
    phrase.say(pen, role_of(label), label, pen.x0 + room / 2 + (3 if level and dotted else 0))
    if pen.outs:
        for at in pen.outs:
            pen.wire(at, (pen.x0 + room + (3 if level and dotted else 0), at.y), (pen.x1, at.y))
    else:
        pen.line("wire", (pen.x0 + room, pen.cy), (pen.x1 - HEAD + 2, pen.cy))
        pen.marks.append(arrow(pen.x1, pen.cy, pen.ids))


def reduce_width(label: str) -> float:
    return label_width(SIGNS.get(label, label)) + 8 + 18


def function(pen: Pen) -> None:
    """A function of every single number: it touches no wire, and stands between two arrowheads."""
    word = text.width(pen.label, "function")
    left = pen.cx - (word + 34) / 2
    pen.marks.append(arrow(left + HEAD, pen.cy, pen.ids))
    pen.say("function", pen.label, left + 13, anchor="start")
    pen.line("wire", (left + word + 17, pen.cy), (left + word + 28, pen.cy))
    pen.marks.append(arrow(left + word + 34, pen.cy, pen.ids))


def function_width(label: str) -> float:
    return text.width(label, "function") + 34


def join(pen: Pen) -> None:
    """What two arrays are joined by, number by number, where their wires meet."""
    label = SIGNS.get(pen.label, pen.label)
    pen.say(_join_role(label), label)


def join_width(label: str) -> float:
    label = SIGNS.get(label, label)
    return text.width(label, _join_role(label))


def _join_role(label: str) -> str:
    return "learned" if len(label) == 1 else role_of(label)


def box(pen: Pen) -> None:
    """Anything without a symbol of its own, by name."""
    pen.rect("box", 1)
    role = role_of(pen.label)
    pen.say(role, text.fit(pen.label, role, pen.x1 - pen.x0 - 6) if role == "word" else pen.label)


def box_width(label: str) -> float:
    return max(32.0, label_width(label) + 14)


def scan(pen: Pen) -> None:
    """Repeated along an axis with a carried state: a box between the parentheses of a repetition."""
    pen.rect("box", 1)
    y0, y1 = pen.y0 + 4, pen.y1 - 4
    for x, bend in ((pen.x0 + 7.5, -4.5), (pen.x1 - 7.5, 4.5)):
        pen.path("stroke", ("M", (x, y0)), ("C", (x + bend, y0 + 5, x + bend, y1 - 5, x, y1)))
    pen.say(role_of(pen.label), pen.label)


def scan_width(label: str) -> float:
    return max(44.0, label_width(label) + 30)
