"""A sheet of every symbol, to look at: python tools/symbol_sheet.py FOLDER writes one SVG per theme.

Each cell draws wires up to a symbol's box exactly as the layout does.
"""

from __future__ import annotations

import sys
from pathlib import Path as File

from ncd import symbols
from ncd.layout.scene import Ids, Mark, Path, Scene, Text
from ncd.render import svg
from ncd.theme import THEMES, TONES, tone

PITCH = 24
CELL = (190, 132)
COLUMNS = 6
CELLS: list[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]] = [
    ("learned linear map", "linear", "L_+^Q", ("m",), ("h", "k")),
    ("with bias", "linear", "L_+", ("m",), ("f",)),
    ("transposed weight", "linear", "L^⊤", ("f",), ("m",)),
    ("named weight", "linear", "L_+^{gate}", ("m",), ("f",)),
    ("embedding", "embed", "E", ("v",), ("m",)),
    ("parameter", "source", "P", (), ("x", "m")),
    ("constant", "source", "1", (), ("x",)),
    ("constant array", "source", "arange", (), ("x", "y")),
    ("softmax", "softmax", "", ("x",), ("x",)),
    ("log-softmax", "softmax", "log", ("x",), ("x",)),
    ("softmax over two axes", "softmax", "", ("x", "y"), ("x", "y")),
    ("batch norm", "norm", "", ("c",), ("c",)),
    ("layer norm", "norm", "LN", ("m",), ("m",)),
    ("RMS norm", "norm", "RMS", ("m",), ("m",)),
    ("group norm", "norm", "G", ("c",), ("c",)),
    ("instance norm", "norm", "I", ("x",), ("x",)),
    ("layer norm, two axes", "norm", "LN", ("c", "x"), ("c", "x")),
    ("RMS norm, two axes", "norm", "RMS", ("c", "x"), ("c", "x")),
    ("convolution", "conv", "★3", ("**x", "c"), ("**x", "c'")),
    ("strided", "conv", "★3/2", ("**x", "c"), ("**x'", "c'")),
    ("transposed convolution", "upconv", "★2/2", ("**x", "c"), ("**x'", "c'")),
    ("pooling", "pool", "max 2", ("**x",), ("**x'",)),
    ("average", "pool", "avg", ("x", "y"), ("x", "y")),
    ("causal mask", "mask", "causal", ("y", "x"), ("y", "x")),
    ("mask", "mask", "mask", ("y", "x"), ("y", "x")),
    ("padding mask", "mask", "padding", ("x",), ("x",)),
    ("split an axis", "view", "", ("m",), ("h", "d")),
    ("concatenate", "concat", "", ("c_1", "c_2"), ("c",)),
    ("index", "index", "i", ("x",), ()),
    ("slice", "index", "−1", ("x",), ()),
    ("gather", "gather", "gather", ("x", "i"), ("i",)),
    ("maximum", "reduce", "max", ("x",), ()),
    ("mean over two axes", "reduce", "mean", ("x", "y"), ()),
    ("elementwise", "map", "GELU", (), ()),
    ("scaling", "scale", "×d_k^{-½}", (), ()),
    ("addition", "add", "+", (), ()),
    ("product", "add", "×", (), ()),
    ("minimum", "add", "min", (), ()),
    ("recurrence", "scan", "LSTM", ("t", "m"), ("t", "n")),
    ("closed block", "block", "Attention", ("x", "m"), ("x", "m")),
    ("closed block, long name", "block", "LlamaForSequenceClassificationHead", ("x", "m"), ("x", "m")),
    ("closed block, one wire", "block", "MLP", ("m",), ("m",)),
    ("any function", "box", "G", ("b", "c"), ("e",)),
    ("named box", "box", "cumsum", ("x",), ("x",)),
]


def wire(label: str, x0: float, x1: float, y: float, at_end: bool) -> list[Mark]:
    double = label.startswith("**")
    label = label.removeprefix("**")
    role = "bundle" if double else "axis"
    ids = Ids(axis=0, array=0)
    lift = 5.5 if double else 4.0
    x, anchor = (x1 - 2, "end") if at_end else (x0 + 2, "start")
    return [
        Path("bundle" if double else "wire", (("M", (x0, y)), ("L", (x1, y))), ids),
        Text(role, x, y - lift, label, anchor, ids),
    ]


def sheet() -> Scene:
    marks: list[Mark] = []
    w, h = CELL
    for i, (caption, symbol, label, ins, outs) in enumerate(CELLS):
        left, top = i % COLUMNS * w, i // COLUMNS * h
        n = max(len(ins), len(outs), 1)
        first = top + 50 - (n - 1) * PITCH / 2
        wide = symbols.width(symbol, label)
        x0 = left + w / 2 - wide / 2
        y0, y1 = first - symbols.HALF, first + (n - 1) * PITCH + symbols.HALF
        rows = [[first + (n - len(side)) * PITCH / 2 + PITCH * k for k in range(len(side))] for side in (ins, outs)]
        for y, name in zip(rows[0], ins, strict=True):
            marks += wire(name, left + 16, x0, y, False)
        for y, name in zip(rows[1], outs, strict=True):
            marks += wire(name, x0 + wide, left + w - 16, y, True)
        marks += symbols.marks(
            symbol,
            label,
            x0,
            y0,
            x0 + wide,
            y1,
            *([symbols.At(y) for y in side] for side in rows),
            Ids(op=i),
            tone(label),
        )
        marks.append(Text("small", left + 8, top + h - 10, caption))
    rows_ = -(-len(CELLS) // COLUMNS)
    top = rows_ * h
    for i, colour in enumerate(TONES):
        x0, x1, y0, y1 = 8 + i * 160, 158 + i * 160, top + 4, top + 64
        outline = (("M", (x0, y0)), ("L", (x1, y0)), ("L", (x1, y1)), ("L", (x0, y1)), ("Z", ()))
        marks.append(Path("block", outline, Ids(block=colour), colour))
        marks.append(Text("heading", (x0 + x1) / 2, y0 + 15, colour, "middle", Ids(block=colour)))
        marks += wire("d_{model}", x0, x1, y0 + 42, False)
        marks.append(symbols.disc(x1 - 30, y0 + 42))
        if i == 3:
            bend = ("C", (x0 - 10, y0 + 20, x0 - 10, y1 - 20, x0 - 3, y1))
            marks.append(Path("bracket", (("M", (x0 - 3, y0)), bend)))
            marks.append(symbols.ring(x1, y0 + 42))
            marks.append(Path("separator", (("M", (x0, y0 + 51)), ("L", (x1, y0 + 51)))))
    return Scene(w * COLUMNS, top + 72, "Symbols", "Every symbol with a label.", tuple(marks))


if __name__ == "__main__":
    folder = File(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name in (*THEMES, "auto"):
        (folder / f"symbols-{name}.svg").write_text(svg.render(sheet(), name), encoding="utf-8")
