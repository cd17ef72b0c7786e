"""Masks."""

from __future__ import annotations

from ncd.symbols.pen import Pen, corners

TRIANGLES = {
    "causal": (1.0, 0.0), "tril": (1.0, 0.0), "triu": (0.0, 1.0), "window": (0.62, 0.62), "causal window": (1.0, 0.5),
}  # fmt: skip
"""Kind -> how much of the sides the triangles cover that are taken out above and below the diagonal."""


def mask(pen: Pen) -> None:
    """Pink where values stay, grey where they are taken out: above the diagonal, off a band, at the end, or anywhere.

    A 0 says that what is taken out becomes 0, and not minus infinity.
    """
    x0, y0, x1, y1 = pen.x0 + 0.6, pen.y0 + 3, pen.x1 - 0.6, pen.y1 - 3
    w, h = x1 - x0, y1 - y0
    pen.shape("mask", *corners(x0, y0, x1, y1))
    if pen.label in TRIANGLES:
        above, below = TRIANGLES[pen.label]
        if above:
            pen.shape("shade", (x1 - above * w, y0), (x1, y0), (x1, y0 + above * h))
        if below:
            pen.shape("shade", (x0, y1 - below * h), (x0 + below * w, y1), (x0, y1))
    elif pen.label == "padding":
        pen.shape("shade", *corners((x0 + x1) / 2, y0, x1, y1))
    else:
        step = 7.0
        start = x0 - h + step
        while start < x1 - 1:  # lines at 45 degrees, clipped to the box
            a = max(start, x0)
            b = min(start + h, x1)
            pen.line("hatch", (a, y1 - (a - start)), (b, y1 - (b - start)))
            start += step
    pen.shape("frame", *corners(x0, y0, x1, y1))
    if pen.label == "tril":
        pen.say("note", "0", x1 - 6.5, y0 + 8.5)
    elif pen.label == "triu":
        pen.say("note", "0", x0 + 6.5, y1 - 8.5)
