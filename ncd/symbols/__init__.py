"""The symbols: how wide each is, and the marks that draw it.

The layout gives every symbol a box whose left and right edges the wires reach, and the heights at
which they do.  A symbol of one wire is 28 px high (14 above and below it).  Whatever lies between
an edge of the box and the outline is bridged here by short stubs, so that no wire ever ends in air.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ncd.layout.scene import NOTHING, Ids, Mark
from ncd.symbols import blocks, learned, masks, memory, norms, rearranging, windows, words
from ncd.symbols.pen import CHIP, DEPTH, HALF, HEAD, At, Pen, arrow, carried, decision, disc, ring

__all__ = [
    "CHIP",
    "DEPTH",
    "HALF",
    "HEAD",
    "NAMES",
    "At",
    "arrow",
    "carried",
    "decision",
    "disc",
    "marks",
    "ring",
    "width",
]


_SYMBOLS: dict[str, tuple[Callable[[str], float], Callable[[Pen], None]]] = {
    "linear": (learned.learned_width, learned.learned),
    "embed": (learned.embed_width, learned.embed),
    "parameter": (learned.learned_width, learned.learned),
    "source": (learned.source_width, learned.source),
    "softmax": (norms.softmax_width, norms.softmax),
    "norm": (lambda label: 2 * HALF, norms.norm),
    "channelnorm": (norms.channelnorm_width, norms.channelnorm),
    "conv": (windows.conv_width, windows.conv),
    "upconv": (windows.upconv_width, windows.upconv),
    "pool": (windows.pool_width, windows.pool),
    "mask": (lambda label: 30.0, masks.mask),
    "view": (lambda label: 10.0, rearranging.bar),
    "concat": (lambda label: 10.0, rearranging.bar),
    "split": (lambda label: 10.0, rearranging.bar),
    "index": (rearranging.index_width, rearranging.index),
    "stack": (rearranging.index_width, rearranging.stack),
    "gather": (rearranging.gather_width, rearranging.gather),
    "reduce": (words.reduce_width, words.reduce),
    "map": (words.function_width, words.function),
    "scale": (words.function_width, words.function),
    "add": (words.join_width, words.join),
    "plus": (words.join_width, words.join),
    "save": (memory.width, memory.save),
    "load": (memory.width, memory.load),
    "scan": (words.scan_width, words.scan),
    "block": (blocks.block_width, blocks.block),
    "box": (words.box_width, words.box),
}
NAMES = tuple(_SYMBOLS)


def _symbol(name: str) -> tuple[Callable[[str], float], Callable[[Pen], None]]:
    """An operation may carry a symbol this version does not know; it is then a plain box."""
    return _SYMBOLS.get(name, _SYMBOLS["box"])


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
    ins: Sequence[At],
    outs: Sequence[At],
    ids: Ids = NOTHING,
    tone: str = "",
) -> list[Mark]:
    """The marks of a symbol in the box from (x0, y0) to (x1, y1); ``ins``, ``outs``: its wires."""
    pen = Pen(label, x0, y0, x1, y1, ins, outs, ids, tone, [])
    _symbol(symbol)[1](pen)
    return pen.marks
