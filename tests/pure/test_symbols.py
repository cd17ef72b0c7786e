"""Symbols: nothing leaves its box, and every wire reaches its symbol."""

import math

import pytest

from ncd import symbols, text
from ncd.layout.scene import Dot, Ids, Path, Text
from ncd.theme import ROLES

LABELS = {
    "linear": ("L", "L_+", "L_+^Q", "E^⊤", "L_+^{gate}"),
    "embed": ("E", "E^{pos}"),
    "parameter": ("γ", "cls", "A_{log}"),
    "source": ("1", "arange", "∼N", "−∞"),
    "softmax": ("", "log"),
    "norm": ("", "LN", "LN₀", "RMS", "G", "I"),
    "channelnorm": ("⌒", "⌒₀", "I⌒"),
    "conv": ("★3", "★3/2", "★3_{p=1}", "★3_{d=2 g=4}"),
    "upconv": ("★2/2^T", "↑2", "↑2_{bilinear}"),
    "pool": ("max 2/2", "𝔼", "𝔼 3/2_{p=1}"),
    "mask": ("causal", "causal window", "window", "tril", "triu", "mask", "padding"),
    "index": ("i", "−1", "::2"),
    "gather": ("gather", "@"),
    "reduce": ("max", "sum", "mean", "logsumexp"),
    "map": ("GELU", "σ"),
    "scale": ("×k^{-½}",),
    "add": ("+", "mul", "minimum", "where"),
    "scan": ("LSTM",),
    "block": ("Attention", "LlamaForSequenceClassificationHead", "h.0: GPT2Block", "x" * 80, "two\nlines"),
    "box": ("G", "cumsum", "scatter_add", "f_2"),
}
UNTOUCHED = ("map", "scale", "add", "plus")
CASES = [(symbol, label) for symbol in symbols.NAMES for label in LABELS.get(symbol, ("",))]
WIRES = [(1, 1), (2, 2), (1, 2), (2, 1), (3, 3), (4, 0), (0, 2)]


def draw(symbol, label, n_in, n_out, tone=""):
    """The box a layout would give, and what is drawn in it."""
    n = max(n_in, n_out, 1)
    box = (100.0, 50.0, 100 + symbols.width(symbol, label), 50 + 2 * symbols.HALF + 24 * (n - 1))
    ins = [50 + symbols.HALF + 24 * k for k in range(n_in)]
    outs = [50 + symbols.HALF + 24 * k for k in range(n_out)]
    ends = ([symbols.At(y) for y in side] for side in (ins, outs))
    return box, ins, outs, symbols.marks(symbol, label, *box, *ends, Ids(op=7), tone)


def points(path: Path, step: float = 0.5):
    """Points along a path, closely spaced."""
    at = start = (0.0, 0.0)
    for kind, v in path.segments:
        if kind == "M":
            at = start = (v[0], v[1])
            yield at
            continue
        end = start if kind == "Z" else (v[-2], v[-1])
        n = max(1, math.ceil(3 * math.dist(at, end) / step))
        for i in range(1, n + 1):
            t = i / n
            if kind in "LZ":
                yield at[0] + t * (end[0] - at[0]), at[1] + t * (end[1] - at[1])
            elif kind == "C":
                b = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                xs, ys = (at[0], v[0], v[2], v[4]), (at[1], v[1], v[3], v[5])
                yield sum(p * q for p, q in zip(b, xs, strict=True)), sum(p * q for p, q in zip(b, ys, strict=True))
            else:  # every arc here is half a circle, its ends level
                r, middle = v[0], ((at[0] + end[0]) / 2, at[1])
                side = 1 if (end[0] < at[0]) == (v[1] == 1) else -1
                angle = math.pi * t if at[0] > end[0] else math.pi * (1 - t)
                yield middle[0] + r * math.cos(angle), middle[1] + side * r * math.sin(angle)
        at = end


@pytest.mark.parametrize(("symbol", "label"), CASES)
@pytest.mark.parametrize("wires", WIRES)
def test_nothing_leaves_the_box(symbol, label, wires):
    (x0, y0, x1, y1), _, _, drawn = draw(symbol, label, *wires)
    assert drawn
    for mark in drawn:
        if isinstance(mark, Path):
            for x, y in points(mark):
                assert x0 - 0.5 <= x <= x1 + 0.5 and y0 - 0.5 <= y <= y1 + 0.5, mark
        elif isinstance(mark, Text):
            wide = text.width(mark.text, mark.role)
            left = mark.x - wide * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
            assert x0 - 0.5 <= left and left + wide <= x1 + 0.5, mark
            assert y0 < mark.y < y1 or symbol in UNTOUCHED, mark


@pytest.mark.parametrize(("symbol", "label"), [c for c in CASES if c[0] not in UNTOUCHED])
@pytest.mark.parametrize("wires", WIRES)
def test_wires_reach_the_symbol(symbol, label, wires):
    (x0, _, x1, _), ins, outs, drawn = draw(symbol, label, *wires)
    paths = [m for m in drawn if isinstance(m, Path)]
    stubs = [tuple(p for _, v in m.segments for p in [(v[-2], v[-1])]) for m in paths if m.role == "wire"]
    outline = [p for m in paths if m.role not in ("wire", "arrow") for p in points(m)]
    outline += [(m.x, m.y) for m in drawn if isinstance(m, Dot)]
    for side, heights in ((x0, ins), (x1, outs)):
        for y in heights:
            ends = [b if a == (side, y) else a for a, b in stubs if (side, y) in (a, b)]
            end = ends[0] if ends else (side, y)
            if symbol == "reduce":  # a lone wire runs into a word
                word = next((m for m in drawn if isinstance(m, Text)), Text("word", (x0 + x1 - 18) / 2, 0, ""))
                half = (x1 - x0 - 26) / 2
                near = min(abs(end[0] - word.x + half), abs(end[0] - word.x - half)) <= 6
                if near:
                    continue
            assert min(math.dist(end, p) for p in outline) <= 1.1, (side, y)


@pytest.mark.parametrize(("symbol", "label"), CASES)
def test_roles_ids_and_determinism(symbol, label):
    *_, drawn = draw(symbol, label, 2, 1, "orange")
    for mark in drawn:
        assert mark.ids == Ids(op=7)
        assert mark.role in (text.FONTS if isinstance(mark, Text) else ROLES)
    assert drawn == draw(symbol, label, 2, 1, "orange")[-1]
    assert {m.tone for m in drawn if isinstance(m, Path)} <= ({"", "orange"} if symbol == "block" else {""})


def test_the_kinds_of_one_symbol_differ():
    for symbol, labels in LABELS.items():
        seen = [repr(draw(symbol, label, 2, 2)[-1]) for label in labels]
        assert len(set(seen)) == len({label or symbol for label in labels}), symbol


def test_an_unknown_symbol_is_a_box_with_its_name():
    assert draw("hyperfold", "hyperfold", 1, 1)[-1] == draw("box", "hyperfold", 1, 1)[-1]


def words(symbol, label):
    return [m.text for m in draw(symbol, label, 1, 1)[-1] if isinstance(m, Text)]


def test_what_has_a_sign_is_written_with_it():
    assert words("add", "") == words("add", "add") == ["+"]
    assert words("add", "mul") == ["×"] and words("add", "where") == ["where"]
    assert words("reduce", "sum") == ["Σ"]


def test_the_star_is_drawn_and_never_set():
    assert words("conv", "★3/2") == ["3/2"] and words("conv", "★3_{p=1}") == ["3", "p=1"]
    assert words("conv", "★") == [] and words("upconv", "↑2") == ["↑2"]
    assert words("reduce", "mean") == [] and words("pool", "𝔼 2/2") == [" 2/2"]


def test_the_chip_tells_a_transposed_weight():
    plain, turned = (draw("linear", label, 1, 1)[-1][0] for label in ("L", "L^⊤"))
    x0, x1 = 100, 100 + symbols.width("linear", "L")
    assert min(v[0] + 100 - v[1] for _, v in plain.segments if v) > x0 + 22  # no corner at the bottom left
    assert (x0, 50 + 28) not in [v for _, v in plain.segments]
    assert (x1, 50) not in [v for _, v in turned.segments]
    assert (x0, 50 + 28) in [v for _, v in turned.segments]


def test_long_block_names_are_wrapped_then_cut():
    *_, drawn = draw("block", "LlamaForSequenceClassificationHead", 2, 2)
    assert [m.text for m in drawn if isinstance(m, Text)] == ["LlamaForSequence", "ClassificationHead"]
    *_, drawn = draw("block", "LlamaForSequenceClassificationHead", 1, 1)
    (line,) = [m.text for m in drawn if isinstance(m, Text)]
    assert line.startswith("LlamaFor") and line.endswith("…")


def test_an_arrow_ends_at_its_tip():
    tip = symbols.arrow(30, 40, Ids(op=1))
    assert max(v for _, v in tip.segments if v) == (30, 40)
    assert tip.ids == Ids(op=1) and tip.role == "arrow"


def test_dots():
    assert symbols.disc(1, 2) == Dot("dot", 1, 2, 3.6) and symbols.ring(1, 2).role == "ring"
