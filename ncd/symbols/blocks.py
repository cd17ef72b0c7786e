"""A closed block, and how its name is set on it."""

from __future__ import annotations

from ncd import text
from ncd.symbols.pen import DEPTH, Pen, corners

_ONE_LINE = 150.0


def block(pen: Pen) -> None:
    """A part of the model, closed: a solid box with its name on the front."""
    x0, y0, x1, y1, d = pen.x0, pen.y0, pen.x1, pen.y1, DEPTH
    pen.shape("side", (x0, y0 + d), (x0 + d, y0), (x1, y0), (x1 - d, y0 + d), tone=pen.tone)
    pen.shape("side", (x1 - d, y0 + d), (x1, y0), (x1, y1 - d), (x1 - d, y1), tone=pen.tone)
    pen.shape("front", *corners(x0, y0 + d, x1 - d, y1), tone=pen.tone)
    role, lines = _face(pen.label, x1 - x0 - d - 6, y1 - y0 - d - 2)
    pitch = text.FONTS[role].size * 1.2
    top = (y0 + d + y1) / 2 - pitch * (len(lines) - 1) / 2
    for i, line in enumerate(lines):
        pen.say(role, line, (x0 + x1 - d) / 2, top + i * pitch)


def block_width(label: str) -> float:
    lines = label.split("\n")
    whole = max(text.width(line, "heading") for line in lines)
    if whole > _ONE_LINE:
        whole = max(text.width(line, "heading") for part in lines for line in _halves(part))
    return max(60.0, whole + DEPTH + 18)


def _face(label: str, room: float, height: float) -> tuple[str, list[str]]:
    """The largest setting of a name that fits a face of this size; cut short if none does."""
    wanted = label.split("\n")
    for role in ("heading", "small"):
        most = max(1, int(height / (text.FONTS[role].size * 1.2)))
        for lines in (wanted, [half for line in wanted for half in _halves(line)]):
            if len(lines) <= most and all(text.width(line, role) <= room for line in lines):
                return role, lines
    lines = [half for line in wanted for half in _halves(line)]
    lines = lines if len(lines) <= most else [label.replace("\n", " ")]
    return "small", [text.fit(line, "small", room) for line in lines]


def _halves(line: str) -> list[str]:
    """A name in two lines of nearly equal length, broken at a space, a dot or a capital."""
    breaks = [
        i
        for i in range(1, len(line))
        if line[i - 1] in " ._-" or (line[i].isupper() and (line[i - 1].islower() or line[i + 1 : i + 2].islower()))
    ]
    if not breaks:
        return [line]
    at = min(breaks, key=lambda i: abs(text.width(line[:i], "heading") - text.width(line[i:], "heading")))
    return [line[:at].strip(), line[at:].strip()]
