"""Text as it will be set: faces and sizes by role, sub- and superscripts, and widths in px.

A figure is laid out before anything is drawn, so widths come from a table (``text_widths.json``,
written by ``tools/text_widths.py``) of fonts whose metrics every machine has under some name.

Mathematical roles understand ``_x``, ``_{..}``, ``^x``, ``^{..}`` and ``\\`` before a character
that is to be taken as it is; the sans-serif roles show text literally, since module names are
full of underscores.  Every string is legal: a mark with nothing to act on is an ordinary character.
In italic, digits and operators stand upright, as in any formula, and so do words in a script: ``d_{model}``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

UNKNOWN = 0.6
"""Width in em of a character that is not in the table."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """How sub- and superscripts stand: their size relative to the text, and shifts of the baseline in em of it.

    y grows downwards; ``apart`` is how much further both are shifted where they stand above each other.
    """

    size: float = 0.7
    drop: float = 0.22
    rise: float = -0.34
    apart: float = 0.07


BESIDE = Scripts(0.6, 0.16, -0.37, 0.0)
"""Beside a large letter in a small box: within the height of the box."""


@dataclass(frozen=True, slots=True)
class Font:
    """How a role is set.

    ``script`` is the face of its sub- and superscripts; ``marked``: are there any?  ``words``: are letters that
    stand together a word, which is set upright, and not one name in italic?
    """

    face: str
    size: float
    script: str = "serif-italic"
    marked: bool = True
    words: bool = False
    scripts: Scripts = Scripts()


FONTS = {
    "axis": Font("serif-italic", 15),
    "bundle": Font("serif-bold-italic", 15, "serif-bold-italic"),
    "function": Font("serif-italic", 16, words=True),
    "learned": Font("serif-bold", 24, scripts=BESIDE),
    "weight": Font("serif-bold", 16),
    "count": Font("serif-italic", 18),
    "sum": Font("serif-italic", 16),
    "index": Font("serif-italic", 15, words=True),
    "note": Font("serif-italic", 12, words=True),
    "array": Font("serif-italic", 19, words=True),
    "word": Font("sans", 13, "sans", marked=False),
    "title": Font("sans", 17, "sans", marked=False),
    "heading": Font("sans", 13, "sans", marked=False),
    "badge": Font("sans", 11, "sans", marked=False),
    "small": Font("sans", 11, "sans", marked=False),
}  # fmt: skip
"""Role -> font.  ``learned`` is a letter, ``weight`` a word on a learned plate, ``badge`` a number on a dark ground."""


_SIGNS = r"[0-9¼½¾\u0391-\u03a9()\[\]+×÷=<>/|:…\u2190-\u22ff★⋆]+"
_UPRIGHT = re.compile(f"({_SIGNS})")
_WORDY = re.compile(f"({_SIGNS}|[^\\W\\d_]{{2,}}(?: [^\\W\\d_]+)*)")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one face: ``x`` from the start of the whole, ``dy`` below its baseline, in px."""

    text: str
    x: float
    dy: float
    size: float
    face: str
    width: float


def width(text: str, role: str) -> float:
    """How far the text reaches, in px."""
    return _set(text, role)[1]


def runs(text: str, role: str = "axis") -> tuple[Run, ...]:
    """The text cut where face, size or baseline change, in the order in which a pen would write it."""
    return _set(text, role)[0]


def subscript(name: str) -> str:
    """An identifier as a mathematician would write it: ``d_model`` has a subscript, ``my_long_name`` too."""
    base, _, rest = name.partition("_")
    if not base or not rest:
        return escape(name)
    return f"{escape(base)}_{{{escape(rest.replace('_', ' '))}}}"


def escape(text: str) -> str:
    """The same text with nothing in it that would be taken for a mark."""
    return "".join("\\" + c if c in "\\_^{}" else c for c in text)


def fit(text: str, role: str, room: float) -> str:
    """The longest beginning of a literal text that fits, with an ellipsis if anything was cut."""
    if width(text, role) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width(text[:middle].rstrip() + "…", role) <= room else (low, middle - 1)
    return text[:low].rstrip() + "…"


@lru_cache(maxsize=4096)
def _set(text: str, role: str) -> tuple[tuple[Run, ...], float]:
    font = FONTS[role]
    if not font.marked:
        whole = _advance(text, font.face, font.size)
        return (Run(text, 0, 0, font.size, font.face, whole),), whole
    out: list[Run] = []
    pen, pieces = 0.0, parts(text)
    i = 0
    while i < len(pieces):
        level, piece = pieces[i]
        if level == 0:
            pen, i = _write(out, piece, pen, 0, font.size, font.face, font.words), i + 1
            continue
        group = [pieces[i]]
        if i + 1 < len(pieces) and pieces[i + 1][0] == -level:
            group.append(pieces[i + 1])  # a sub- and a superscript of one letter stand above each other
        i += len(group)
        how = font.scripts
        size = font.size * how.size
        sized = sorted((_write([], s, 0, 0, size, font.script, True), n, s) for n, s in group)
        extra = how.apart * (len(group) - 1)
        for _, n, s in sized:  # the narrow one first, so that the pen ends behind the wide one
            shift = how.drop + extra if n < 0 else how.rise - extra
            end = _write(out, s, pen, font.size * shift, size, font.script, True)
        pen = end
    return tuple(out), pen


def _write(out: list[Run], text: str, x: float, dy: float, size: float, face: str, words: bool) -> float:
    """Appends the runs of a text without marks; returns where the pen is then."""
    upright = _WORDY if words else _UPRIGHT
    for piece in upright.split(text) if face.endswith("italic") else (text,):
        if piece:
            own = face.removesuffix("-italic") if upright.fullmatch(piece) else face
            w = _advance(piece, own, size)
            out.append(Run(piece, x, dy, size, own, w))
            x += w
    return x


def parts(text: str) -> list[tuple[int, str]]:
    """(level, text) pairs: level 0 on the baseline, -1 a subscript, 1 a superscript."""
    out: list[tuple[int, str]] = []
    plain, i = "", 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            plain, i = plain + text[i + 1], i + 2
        elif c in "_^" and i + 1 < len(text) and (taken := _argument(text, i + 1)):
            if plain:
                out.append((0, _signs(plain)))
                plain = ""
            inner, i = taken
            out.append((-1 if c == "_" else 1, _signs(inner, script=True)))
        else:
            plain, i = plain + c, i + 1
    if plain or not out:
        out.append((0, _signs(plain)))
    return out


def _argument(text: str, start: int) -> tuple[str, int] | None:
    """What stands in a script beginning at ``start``, and where it ends; None if there is nothing."""
    if text[start] != "{":
        return (text[start], start + 1) if text[start] not in "_^}\\ " else None
    inner, depth, i = "", 0, start
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            inner, i = inner + text[i + 1], i + 2
            continue
        depth += (c == "{") - (c == "}")
        if depth == 0:
            return (inner, i + 1) if inner else None
        inner += "" if c in "{}" else c
        i += 1
    return None


def _signs(text: str, script: bool = False) -> str:
    """Typewriter signs as a printer has them: a prime for an apostrophe, a minus for a leading hyphen."""
    text = text.replace("'", "′")
    return "−" + text[1:] if script and text.startswith("-") else text


def _advance(text: str, face: str, size: float) -> float:
    table = _widths()[face]
    return sum(table.get(c, 1000 * UNKNOWN) for c in text) * size / 1000


@cache
def _widths() -> dict[str, dict[str, float]]:
    loaded: dict[str, dict[str, float]] = json.loads(Path(__file__).with_name("text_widths.json").read_text("utf-8"))
    return loaded
