"""A map of values as a PNG of a few hundred bytes: a cell a pixel, 64 colours."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ncd.emit.summary import HIGH, LOW

if TYPE_CHECKING:
    from ncd.emit.summary import Heat

Colour = tuple[int, int, int]
# Blue and red as in ColorBrewer's RdBu, which the colour-blind tell apart.
COLD, WARM, WHITE, GREY = (5, 48, 97), (103, 0, 31), (247, 247, 247), (128, 128, 128)
BLUE, RED = (67, 147, 195), (214, 96, 77)
SIDE = 320
"""An enlarged map is about so wide or high, pixels."""


def _between(stops: list[Colour], at: float) -> Colour:
    place = at * (len(stops) - 1)
    k = min(int(place), len(stops) - 2)
    a, b, part = stops[k], stops[k + 1], place - k
    return tuple(round(p + (q - p) * part) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


def palette(signed: bool) -> bytes:
    """The colours of the codes of ``Heat``."""
    stops = [COLD, BLUE, WHITE, RED, WARM] if signed else [WHITE, BLUE, COLD]
    shades = [_between(stops, k / (HIGH - LOW)) for k in range(HIGH - LOW + 1)]
    return bytes(c for colour in (WHITE, GREY, *shades) for c in colour)


def laid_out(codes: Tensor) -> Tensor:
    """Tiles side by side in about a square, one empty cell between them."""
    n, rows, columns = codes.shape
    across = min(n, max(1, math.ceil(math.sqrt(n * (rows + 1) / (columns + 1)))))
    down = -(-n // across)
    sheet = torch.zeros(down * (rows + 1) - 1, across * (columns + 1) - 1, dtype=torch.uint8)
    for k in range(n):
        y, x = (k // across) * (rows + 1), (k % across) * (columns + 1)
        sheet[y : y + rows, x : x + columns] = codes[k]
    return sheet


def png(heat: Heat, enlarged: bool = False) -> bytes:
    """The image.  ``enlarged`` draws every cell as a square of several pixels."""
    sheet = laid_out(heat.codes)
    if enlarged:
        by = max(1, SIDE // max(sheet.shape))
        sheet = sheet.repeat_interleave(by, 0).repeat_interleave(by, 1)
    height, width = sheet.shape
    lines = b"".join(b"\0" + bytes(row.tolist()) for row in sheet)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette(heat.low < 0))
        + chunk(b"tRNS", b"\0")  # what is between tiles
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )
