"""A diagram's JSON in a tenth of its length, for documents that carry it along unread.

In a notebook every cell that shows a diagram holds it whole, so that it can be read back.  Its
weaves and calls repeat themselves so much that deflate leaves a tenth of them.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode

MOST = 1 << 28
"""Bytes of JSON that are unpacked at most: a short text can stand for one that fills the memory."""


def packed(text: str) -> str:
    """Text as zlib's deflate in base64.  Unlike the text, the result may differ between versions of zlib."""
    return b64encode(zlib.compress(text.encode(), 7)).decode()


def unpacked(data: str) -> str:
    """The text that ``packed`` packed.  Raises ValueError on anything else."""
    try:
        stream = zlib.decompressobj()
        text = stream.decompress(b64decode(data, validate=True), MOST)
    except (binascii.Error, zlib.error) as e:
        raise ValueError(str(e)) from e
    if not stream.eof:
        raise ValueError("it is cut short" if len(text) < MOST else f"it is longer than {MOST} bytes")
    return text.decode()
