"""Softmax, and the norms."""

from __future__ import annotations

import math

from ncd import text
from ncd.symbols.pen import HALF, Pen, circle

PLAIN, ARCS = "₀", "⌒"
"""Ends of a norm's label: it has no gain of its own; its statistics are over other axes than that of its gain."""


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


REACH = 17.0
"""How far beside its circle a norm's arcs begin."""


def norm(pen: Pen) -> None:
    """A circle, or a capsule over several wires; what is inside tells the kinds of norm apart.

    A thick outline has a learned gain.  The axes it touches are those of its statistics.
    """
    r, cx = min(pen.x1 - pen.x0, pen.y1 - pen.y0) / 2 - 0.75, pen.cx

    def bulge(y: float) -> float:
        off = max(pen.y0 + 0.75 + r - y, y - pen.y1 + 0.75 + r, 0.0)
        return math.sqrt(max(0.0, r * r - off * off))

    pen.stubs(lambda y: cx - bulge(y), lambda y: cx + bulge(y))
    _capsule(pen, pen.x0, pen.x1, pen.y0, pen.y1)


def channelnorm(pen: Pen) -> None:
    """A circle on the axis that has a gain for every channel; the axes of the statistics reach it by arcs.

    Where the statistics are fixed there are no arcs.
    """
    reach = REACH if ARCS in pen.label else 0.0
    wires = (*pen.ins, *pen.outs)
    own = [at.y for at in wires if not at.mixed] or [wires[0].y if wires else pen.cy]
    top, bottom = min(own) - HALF, max(own) + HALF
    radius = _capsule(pen, pen.x0 + reach, pen.x1 - reach, top, bottom)
    for x, toward, side in ((pen.x0, -1, pen.ins), (pen.x1, 1, pen.outs)):
        above = sorted((at for at in side if at.y <= top), key=lambda at: -at.y)
        below = sorted((at for at in side if at.y >= bottom), key=lambda at: at.y)
        for at in side:
            if top < at.y < bottom:
                pen.wire(at, (x, at.y), (pen.cx + toward * radius, at.y))
        for arcs, centre, down in ((above, min(own), -1), (below, max(own), 1)):
            for k, at in enumerate(arcs):
                angle = math.radians(58 if k == 0 else max(12, 34 - 11 * (k - 1)))
                dx, dy = toward * math.sin(angle), down * math.cos(angle)
                end = pen.cx + radius * dx, centre + radius * dy
                far, near = 0.6 * abs(end[0] - x), 7.0 + 0.12 * abs(at.y - centre)
                curve = (x - toward * far, at.y, end[0] + near * dx, end[1] + near * dy, *end)
                pen.path("bundle" if at.double else "wire", ("M", (x, at.y)), ("C", curve))


def channelnorm_width(label: str) -> float:
    return 2 * HALF + (2 * REACH if ARCS in label else 0.0)


def _capsule(pen: Pen, x0: float, x1: float, y0: float, y1: float) -> float:
    """The outline between these edges, and the sign in it; returns the radius of its ends."""
    r, cx = min(x1 - x0, y1 - y0) / 2 - 0.75, (x0 + x1) / 2
    top, bottom = y0 + 0.75 + r, y1 - 0.75 - r

    kind = pen.label.removesuffix(PLAIN).removesuffix(ARCS)
    role = "outline" if pen.label.endswith(PLAIN) else "gained"
    if bottom - top < 0.5:
        pen.path(role, *circle(cx, (y0 + y1) / 2, r))
    else:
        pen.path(
            role, ("M", (cx - r, top)), ("A", (r, 1, cx + r, top)), ("L", (cx + r, bottom)),
            ("A", (r, 1, cx - r, bottom)), ("Z", ()),
        )  # fmt: skip
    if kind == "LN":
        pen.line("stroke", (cx, top - r), (cx, bottom + r))
    elif kind == "RMS":
        x, y = 0.8 * r, top - 0.6 * r  # on the outline
        pen.line("stroke", (cx - x, y), (cx, bottom + r), (cx + x, y))
    elif kind == "I":
        d, cy = r * math.sqrt(0.5), (y0 + y1) / 2
        pen.line("stroke", (cx - d, cy - d), (cx + d, cy + d))
        pen.line("stroke", (cx - d, cy + d), (cx + d, cy - d))
    elif kind:
        pen.say("word", kind, cx, (y0 + y1) / 2)
    return r
