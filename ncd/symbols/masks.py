"""Masks."""

from __future__ import annotations

from ncd.symbols.pen import Pen, corners


def mask(pen: Pen) -> None:
    """Pink where values stay, grey where they are taken out: above the diagonal, at the end, or anywhere."""
    x0, y0, x1, y1 = pen.x0 + 0.6, pen.y0 + 3, pen.x1 - 0.6, pen.y1 - 3
    pen.shape("mask", *corners(x0, y0, x1, y1))
    if pen.label == "causal":
        pen.shape("shade", (x0, y0), (x1, y0), (x1, y1))
    elif pen.label == "padding":
        pen.shape("shade", *corners((x0 + x1) / 2, y0, x1, y1))
    else:
        lean, step = x1 - x0, 7.0
        start = x0 - (y1 - y0) + step
        while start < x1 - 1:  # lines at 45 degrees, clipped to the box
            a = max(start, x0)
            b = min(start + (y1 - y0), x1, a + lean)
            pen.line("hatch", (a, y1 - (a - start)), (b, y1 - (b - start)))
            start += step
    pen.shape("frame", *corners(x0, y0, x1, y1))
