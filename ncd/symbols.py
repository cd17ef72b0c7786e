"""The symbols: how wide each is, and the marks that draw it.

The layout gives every symbol a box whose left and right edges the wires reach, and the heights at
which they do.  A symbol of one wire is 28 px high (14 above and below it).  Whatever lies between
an edge of the box and the outline is bridged here by short stubs, so that no wire ever ends in air.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ncd import text
from ncd.layout.scene import NOTHING, Dot, Ids, Mark, Path, Segment, Text

HALF = 14.0
"""Half the height of a symbol that touches one wire."""
DEPTH = 8.0
"""How far the top and right faces of a closed block recede."""
CHIP = 7.0
"""The corner cut off a learned symbol."""
HEAD = 9.0
"""Length of an arrowhead."""

Point = tuple[float, float]
Edge = Callable[[float], float]


@dataclass
class _Pen:
    """A box to draw in, and the marks drawn so far."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float
    ins: Sequence[float]
    outs: Sequence[float]
    ids: Ids
    tone: str
    marks: list[Mark]

    @property
    def cx(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        return (self.y0 + self.y1) / 2

    def path(self, role: str, *segments: Segment, tone: str = "") -> None:
        self.marks.append(Path(role, segments, self.ids, tone))

    def shape(self, role: str, *points: Point, tone: str = "") -> None:
        self.path(role, *_through(points), ("Z", ()), tone=tone)

    def rect(self, role: str, inset: float = 0, tone: str = "") -> None:
        self.shape(role, *_corners(self.x0, self.y0 + inset, self.x1, self.y1 - inset), tone=tone)

    def line(self, role: str, *points: Point) -> None:
        self.path(role, *_through(points))

    def say(
        self, role: str, label: str, x: float | None = None, y: float | None = None, anchor: str = "middle"
    ) -> None:
        """A word centred on a point (by default that of the box), whatever its role's size."""
        font = text.FONTS[role]
        rise = (0.355 if font.face.startswith("sans") else 0.33) * font.size
        self.marks.append(
            Text(role, self.cx if x is None else x, (self.cy if y is None else y) + rise, label, anchor, self.ids)
        )

    def stubs(self, left: Edge | None = None, right: Edge | None = None) -> None:
        """Wire from the box's edges to the outline, given as the outline's x at a height."""
        if left:
            for y in self.ins:
                if left(y) - self.x0 > 0.4:
                    self.line("wire", (self.x0, y), (left(y), y))
        if right:
            for y in self.outs:
                if self.x1 - right(y) > 0.4:
                    self.line("wire", (right(y), y), (self.x1, y))


def width(symbol: str, label: str) -> float:
    """How wide a symbol is with this label, in px."""
    return _symbol(symbol)[0](label)


def marks(
    symbol: str,
    label: str,
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    ins: Sequence[float],
    outs: Sequence[float],
    ids: Ids = NOTHING,
    tone: str = "",
) -> list[Mark]:
    """The marks of a symbol in the box from (x0, y0) to (x1, y1); ``ins``, ``outs``: heights of the wires."""
    pen = _Pen(label, x0, y0, x1, y1, ins, outs, ids, tone, [])
    _symbol(symbol)[1](pen)
    return pen.marks


def arrow(x: float, y: float, ids: Ids = NOTHING) -> Path:
    """An arrowhead pointing right, its tip at (x, y)."""
    h = HEAD / 2
    points = ((x - HEAD, y - h), (x, y), (x - HEAD, y + h), (x - HEAD * 2 / 3, y))
    return Path("arrow", (*_through(points), ("Z", ())), ids)


def _through(points: Sequence[Point]) -> tuple[Segment, ...]:
    return tuple(("L" if i else "M", p) for i, p in enumerate(points))


def _corners(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def _circle(x: float, y: float, r: float) -> tuple[Segment, ...]:
    return ("M", (x - r, y)), ("A", (r, 1, x + r, y)), ("A", (r, 1, x - r, y)), ("Z", ())


# -- learned -----------------------------------------------------------------------------------


def _learned(pen: _Pen) -> None:
    """A plate with a corner cut: bottom left, or top right if the weight is used transposed."""
    x0, y0, x1, y1 = pen.x0, pen.y0, pen.x1, pen.y1
    if "⊤" in pen.label:
        pen.shape("learned", (x0, y0), (x1 - CHIP, y0), (x1, y0 + CHIP), (x1, y1), (x0, y1))
    else:
        pen.shape("learned", (x0, y0), (x1, y0), (x1, y1), (x0 + CHIP, y1), (x0, y1 - CHIP))
    pen.say("learned", pen.label)


def _learned_width(label: str) -> float:
    return max(32.0, text.width(label, "learned") + 13)


def _embed(pen: _Pen) -> None:
    pen.label = pen.label or "E"
    _learned(pen)


def _source(pen: _Pen) -> None:
    """An array from nowhere: a parameter has the learned plate, anything else points back to the left."""
    if _is_parameter(pen.label):
        return _learned(pen)
    tip = min(9.0, (pen.y1 - pen.y0) / 2)
    x0, y0, x1, y1 = pen.x0, pen.y0 + 3, pen.x1, pen.y1 - 3
    half = (y1 - y0) / 2
    pen.stubs(lambda y: x0 + tip * min(1.0, abs(y - pen.cy) / half))
    pen.shape("box", (x0, pen.cy), (x0 + tip, y0), (x1, y0), (x1, y1), (x0 + tip, y1))
    pen.say(_role(pen.label), pen.label, pen.cx + tip / 2 - 1)


def _source_width(label: str) -> float:
    return _learned_width(label) if _is_parameter(label) else max(28.0, _label_width(label) + 20)


def _is_parameter(label: str) -> bool:
    """Learned arrays bear a bold capital (P, W_q), constants anything else."""
    return label[:1].isalpha() and label[0].isupper() and (len(label) == 1 or label[1] in "_^")


# -- normalisation -----------------------------------------------------------------------------


def _softmax(pen: _Pen) -> None:
    """A triangle whose apex meets the wire; over several wires it is as high as they are."""
    half = max(HALF, (pen.y1 - pen.y0) / 2) - 0.8
    base, cy = pen.x1 - 0.8, pen.cy

    def side(y: float) -> float:
        return pen.x0 + (base - pen.x0) * min(1.0, abs(y - cy) / half)

    pen.stubs(side)
    pen.shape("outline", (pen.x0 + 0.8, cy), (base, cy - half), (base, cy + half))
    if pen.label:
        pen.say("small", pen.label, base - 3, anchor="end")


def _softmax_width(label: str) -> float:
    return 26.0 if not label else max(26.0, text.width(label, "small") * 1.9 + 8)


def _norm(pen: _Pen) -> None:
    """A circle, or a capsule over several wires; what is inside tells the kinds of norm apart."""
    r, cx = min(pen.x1 - pen.x0, pen.y1 - pen.y0) / 2 - 0.75, pen.cx
    top, bottom = pen.y0 + 0.75 + r, pen.y1 - 0.75 - r

    def bulge(y: float) -> float:
        off = max(top - y, y - bottom, 0.0)
        return math.sqrt(max(0.0, r * r - off * off))

    pen.stubs(lambda y: cx - bulge(y), lambda y: cx + bulge(y))
    if bottom - top < 0.5:
        pen.path("outline", *_circle(cx, pen.cy, r))
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


# -- windows -----------------------------------------------------------------------------------


def _conv(pen: _Pen) -> None:
    """A window slides along: a box with a star, then the size of the window and the stride."""
    pen.rect("window", 1)
    _starred(pen)


def _conv_width(label: str) -> float:
    return max(34.0, 12 + text.width(_window(label), "function") + 14)


def _upconv(pen: _Pen) -> None:
    z = (pen.y1 - pen.y0) * 0.2
    _trapezoid(pen, z, 0)
    _starred(pen)


def _pool(pen: _Pen) -> None:
    z = (pen.y1 - pen.y0) * 0.2
    _trapezoid(pen, 0, z)
    pen.say("word", pen.label, pen.cx - 1)


def _pool_width(label: str) -> float:
    return max(30.0, text.width(label, "word") + 14)


def _trapezoid(pen: _Pen, left: float, right: float) -> None:
    """A window box that is lower by ``left`` at its left side or by ``right`` at its right side, at both ends."""
    x0, y0, x1, y1 = pen.x0, pen.y0 + 1, pen.x1, pen.y1 - 1

    def reach(y: float, low: float) -> float:
        """How much of the width is missing at a height, on the side that is ``low`` px lower."""
        miss = max(y0 + low - y, y - (y1 - low), 0.0)
        return miss / low * (x1 - x0) if low else 0.0

    pen.stubs(lambda y: x0 + reach(y, left), lambda y: x1 - reach(y, right))
    pen.shape("window", (x0, y0 + left), (x1, y0 + right), (x1, y1 - right), (x0, y1 - left))


def _starred(pen: _Pen) -> None:
    label = _window(pen.label)
    whole = 12 + text.width(label, "function")
    left = pen.cx - whole / 2
    points = []
    for i in range(10):
        r, angle = (2.2 if i % 2 else 5.4), math.pi * (i / 5 - 0.5)
        points.append((left + 5 + r * math.cos(angle), pen.cy + 0.4 + r * math.sin(angle)))
    pen.shape("bar", *points)
    if label:
        pen.say("function", label, left + 12, anchor="start")


def _window(label: str) -> str:
    """The label without its star, which is drawn: few fonts have one."""
    return label.lstrip("★⋆ ")


# -- masks -------------------------------------------------------------------------------------


def _mask(pen: _Pen) -> None:
    """Pink where values stay, grey where they are taken out: above the diagonal, at the end, or anywhere."""
    x0, y0, x1, y1 = pen.x0 + 0.6, pen.y0 + 3, pen.x1 - 0.6, pen.y1 - 3
    pen.shape("mask", *_corners(x0, y0, x1, y1))
    if pen.label == "causal":
        pen.shape("shade", (x0, y0), (x1, y0), (x1, y1))
    elif pen.label == "padding":
        pen.shape("shade", *_corners((x0 + x1) / 2, y0, x1, y1))
    else:
        lean, step = x1 - x0, 7.0
        start = x0 - (y1 - y0) + step
        while start < x1 - 1:  # lines at 45 degrees, clipped to the box
            a = max(start, x0)
            b = min(start + (y1 - y0), x1, a + lean)
            pen.line("hatch", (a, y1 - (a - start)), (b, y1 - (b - start)))
            start += step
    pen.shape("frame", *_corners(x0, y0, x1, y1))


# -- rearranging -------------------------------------------------------------------------------


def _bar(pen: _Pen) -> None:
    """Axes are regrouped without moving an element: they all meet in a bar."""
    pen.stubs(lambda y: pen.cx - 1.5, lambda y: pen.cx + 1.5)
    pen.shape("bar", *_corners(pen.cx - 2, pen.y0 + 5, pen.cx + 2, pen.y1 - 5))


def _index(pen: _Pen) -> None:
    """One value of an axis is taken: the wire ends in a pentagon that says which."""
    _pentagon(pen, "index", "index")


def _gather(pen: _Pen) -> None:
    """Values are taken where an array of indices says."""
    _pentagon(pen, "box", _role(pen.label))


def _pentagon(pen: _Pen, role: str, words: str) -> None:
    tip = min(9.0, (pen.y1 - pen.y0) / 2)
    x0, y0, x1, y1 = pen.x0, pen.y0 + 3, pen.x1 - 0.5, pen.y1 - 3
    half = (y1 - y0) / 2
    pen.stubs(None, lambda y: x1 - tip * min(1.0, abs(y - pen.cy) / half))
    pen.shape(role, (x0, y0), (x1 - tip, y0), (x1, pen.cy), (x1 - tip, y1), (x0, y1))
    pen.say(words, pen.label, pen.cx - tip / 2 + 0.5)


def _index_width(label: str) -> float:
    return max(28.0, text.width(label, "index") + 20)


def _gather_width(label: str) -> float:
    return max(28.0, _label_width(label) + 20)


# -- words -------------------------------------------------------------------------------------


def _reduce(pen: _Pen) -> None:
    """A statistic of an axis: the wire runs into a word, and an arrow leaves with what is left of it."""
    room = _label_width(pen.label) + 8
    if len(pen.ins) != 1 or abs(pen.ins[0] - pen.cy) > 0.5:
        pen.shape("box", *_corners(pen.x0, pen.y0 + 2, pen.x0 + room, pen.y1 - 2))
    pen.say(_role(pen.label), pen.label, pen.x0 + room / 2)
    if pen.outs:
        for y in pen.outs:
            pen.line("wire", (pen.x0 + room, y), (pen.x1, y))
    else:
        pen.line("wire", (pen.x0 + room, pen.cy), (pen.x1 - HEAD + 2, pen.cy))
        pen.marks.append(arrow(pen.x1, pen.cy, pen.ids))


def _reduce_width(label: str) -> float:
    return _label_width(label) + 8 + 18


def _map(pen: _Pen) -> None:
    """A function of every single number: it touches no wire, and stands between two arrowheads."""
    word = text.width(pen.label, "function")
    left = pen.cx - (word + 34) / 2
    pen.marks.append(arrow(left + HEAD, pen.cy, pen.ids))
    pen.say("function", pen.label, left + 13, anchor="start")
    pen.line("wire", (left + word + 17, pen.cy), (left + word + 28, pen.cy))
    pen.marks.append(arrow(left + word + 34, pen.cy, pen.ids))


def _map_width(label: str) -> float:
    return text.width(label, "function") + 34


def _join(pen: _Pen) -> None:
    """What two arrays are joined by, number by number, where their wires meet."""
    label = pen.label or "+"
    pen.say(_join_role(label), label)


def _join_width(label: str) -> float:
    return text.width(label or "+", _join_role(label or "+"))


def _join_role(label: str) -> str:
    return "learned" if len(label) == 1 else _role(label)


# -- boxes -------------------------------------------------------------------------------------


def _box(pen: _Pen) -> None:
    """Anything without a symbol of its own, by name."""
    pen.rect("box", 1)
    role = _role(pen.label)
    pen.say(role, text.fit(pen.label, role, pen.x1 - pen.x0 - 6) if role == "word" else pen.label)


def _box_width(label: str) -> float:
    return max(32.0, _label_width(label) + 14)


def _scan(pen: _Pen) -> None:
    """Repeated along an axis with a carried state: a box between the parentheses of a repetition."""
    pen.rect("box", 1)
    y0, y1 = pen.y0 + 4, pen.y1 - 4
    for x, bend in ((pen.x0 + 7.5, -4.5), (pen.x1 - 7.5, 4.5)):
        pen.path("stroke", ("M", (x, y0)), ("C", (x + bend, y0 + 5, x + bend, y1 - 5, x, y1)))
    pen.say(_role(pen.label), pen.label)


def _scan_width(label: str) -> float:
    return max(44.0, _label_width(label) + 30)


def _role(label: str) -> str:
    """Letters and formulas are set as mathematics, words as words."""
    return "function" if len(label) <= 1 or not label.replace("_", "").isalnum() or label.isdecimal() else "word"


def _label_width(label: str) -> float:
    return text.width(label, _role(label))


# -- blocks ------------------------------------------------------------------------------------

_ONE_LINE = 150.0


def _block(pen: _Pen) -> None:
    """A part of the model, closed: a solid box with its name on the front."""
    x0, y0, x1, y1, d = pen.x0, pen.y0, pen.x1, pen.y1, DEPTH
    pen.shape("side", (x0, y0 + d), (x0 + d, y0), (x1, y0), (x1 - d, y0 + d), tone=pen.tone)
    pen.shape("side", (x1 - d, y0 + d), (x1, y0), (x1, y1 - d), (x1 - d, y1), tone=pen.tone)
    pen.shape("front", *_corners(x0, y0 + d, x1 - d, y1), tone=pen.tone)
    role, lines = _face(pen.label, x1 - x0 - d - 6, y1 - y0 - d - 2)
    pitch = text.FONTS[role].size * 1.2
    top = (y0 + d + y1) / 2 - pitch * (len(lines) - 1) / 2
    for i, line in enumerate(lines):
        pen.say(role, line, (x0 + x1 - d) / 2, top + i * pitch)


def _block_width(label: str) -> float:
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


_SYMBOLS: dict[str, tuple[Callable[[str], float], Callable[[_Pen], None]]] = {
    "linear": (_learned_width, _learned),
    "embed": (lambda label: _learned_width(label or "E"), _embed),
    "parameter": (_learned_width, _learned),
    "source": (_source_width, _source),
    "softmax": (_softmax_width, _softmax),
    "norm": (lambda label: 2 * HALF, _norm),
    "conv": (_conv_width, _conv),
    "upconv": (_conv_width, _upconv),
    "pool": (_pool_width, _pool),
    "mask": (lambda label: 30.0, _mask),
    "view": (lambda label: 10.0, _bar),
    "concat": (lambda label: 10.0, _bar),
    "split": (lambda label: 10.0, _bar),
    "index": (_index_width, _index),
    "gather": (_gather_width, _gather),
    "reduce": (_reduce_width, _reduce),
    "map": (_map_width, _map),
    "scale": (_map_width, _map),
    "add": (_join_width, _join),
    "plus": (_join_width, _join),
    "scan": (_scan_width, _scan),
    "block": (_block_width, _block),
    "box": (_box_width, _box),
}
NAMES = tuple(_SYMBOLS)


def _symbol(name: str) -> tuple[Callable[[str], float], Callable[[_Pen], None]]:
    """An operation may carry a symbol this version does not know; it is then a plain box."""
    return _SYMBOLS.get(name, _SYMBOLS["box"])


def disc(x: float, y: float, ids: Ids = NOTHING) -> Dot:
    """A copy, a shared index or a sum."""
    return Dot("dot", x, y, 3.6, ids)


def ring(x: float, y: float, ids: Ids = NOTHING) -> Dot:
    """The end of a wire that is not used."""
    return Dot("ring", x, y, 3.4, ids)
