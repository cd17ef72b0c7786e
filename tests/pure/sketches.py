"""Diagrams by hand for tests of the layout, from specs such as ``x [m] -> x [h k]``: brackets mark targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.circuit.weave import Weave, plain

KINDS = {
    "einsum": "contraction", "add": "map", "map": "map", "scale": "map", "mask": "map", "softmax": "along",
    "norm": "along", "linear": "contraction", "embed": "gather", "source": "source", "conv": "window",
    "upconv": "window", "pool": "window", "reduce": "reduce", "view": "rearrange", "concat": "join",
    "split": "rearrange", "gather": "gather", "block": "call",
}  # fmt: skip


class Sketch:
    """Collects ops; axes of one name are one axis."""

    def __init__(self, title: str, bundles: str = "") -> None:
        self.title, self.ops, self.blocks, self.path = title, [], [], [""]
        self.ids: dict[str, Axis] = {}
        self.inputs: list[Array] = []
        self.outputs: list[Array] = []
        self.count = 0
        self.double = set(bundles.split())

    def axes(self, names: list[str]) -> tuple[Axis, ...]:
        out: list[Axis] = []
        for name in names:
            for n in (name, name + "~") if name in self.double else (name,):
                like = self.ids.get(n.rstrip("'~"))  # a second index on an axis has its size
                size = like.size if like else 2 + len(self.ids)
                out.append(self.ids.setdefault(n, Axis(len(self.ids), n, size)))
        return tuple(out)

    def array(self, names: list[str], kind: str = "value", name: str = "") -> Array:
        self.count += 1
        return Array(self.count, self.axes(names), kind=kind, name=name)

    def input(self, names: str, name: str = "") -> Array:
        self.inputs.append(self.array(names.split(), "input", name))
        return self.inputs[-1]

    def op(self, symbol: str, label: str, spec: str, *ins: Array, cls: str = "", repeat: int = 1) -> list[Array]:
        sides = [[_tokens(a) for a in side.split(",")] for side in spec.split("->")]
        if not ins:
            sides[0] = []
        targets = {n for side in sides for a in side for n, t in a if t}

        def forms(tokens: list[tuple[str, bool]]) -> tuple:
            found = []
            for n, _ in tokens:
                found += [plain(n), plain(n + "~")] if n in self.double else [plain(n)]
            return tuple(found)

        ins_forms = tuple(forms(a) for a in sides[0])
        for a, f in zip(ins, ins_forms, strict=True):
            assert len(a.axes) == len(f), (spec, str(a))
        outs = [self.array([n for n, _ in a]) for a in sides[1]]
        weave = Weave(
            ins_forms,
            tuple(forms(a) for a in sides[1]),
            {
                n: ax.size
                for arrays, rows in ((ins, ins_forms), (outs, [forms(a) for a in sides[1]]))
                for array, row in zip(arrays, rows, strict=True)
                for f, ax in zip(row, array.axes, strict=True)
                for n in f.variables
            },
            frozenset(targets | {n + "~" for n in targets if n in self.double}),
        )
        name = cls or label or symbol
        self.ops.append(
            Op(KINDS.get(symbol, "opaque"), name, ins, tuple(outs), weave, self.path[-1], symbol=symbol, label=label)
        )
        return outs

    def __call__(self, symbol: str, label: str, spec: str, *ins: Array, cls: str = "") -> Array:
        return self.op(symbol, label, spec, *ins, cls=cls)[0]

    @contextmanager
    def block(self, cls: str, repeat: int = 1) -> Iterator[None]:
        parent = self.path[-1]
        path = f"{parent}.{len(self.blocks)}".strip(".")
        self.blocks.append(Block(path, cls, parent or None, repeat))
        self.path.append(path)
        yield
        self.path.pop()

    def diagram(self, *outputs: Array) -> Diagram:
        pairs = tuple((self.ids[n].id, self.ids[n + "~"].id) for n in sorted(self.double) if n in self.ids)
        return Diagram(self.title, tuple(self.ops), tuple(self.inputs), outputs, tuple(self.blocks), bundles=pairs)


def _tokens(text: str) -> list[tuple[str, bool]]:
    out, touched = [], False
    for word in re.findall(r"\[|\]|[^\s\[\]]+", text):
        if word in "[]":
            touched = word == "["
        else:
            out.append((word, touched))
    return out


# -- the diagrams ------------------------------------------------------------------------------


def _core(
    g: Sketch, q: Array, k: Array, v: Array, h: str = "", mask: bool = False, y: str = "y", x: str = "x"
) -> Array:
    s = g("einsum", "", f"{y} {h} k, {x} {h} k -> {h} {y} {x}", q, k)
    s = g("scale", "×k^{-½}", f"{h} {y} {x} -> {h} {y} {x}", s)
    if mask:
        s = g("mask", "causal", f"{h} [{y} {x}] -> {h} [{y} {x}]", s)
    p = g("softmax", "", f"{h} {y} [{x}] -> {h} {y} [{x}]", s)
    return g("einsum", "", f"{h} {y} {x}, {x} {h} k -> {y} {h} k", p, v)


def sdpa() -> Diagram:
    g = Sketch("Scaled Dot-Product Attention")
    q, k, v = g.input("y k", "Q"), g.input("x k", "K"), g.input("x k", "V")
    return g.diagram(_core(g, q, k, v))


def _mha(
    g: Sketch,
    a: Array,
    b: Array,
    y: str = "y",
    x: str = "x",
    mask: bool = True,
    view: bool = False,
    cls: str = "MultiHeadAttention",
) -> Array:
    with g.block(cls):
        wide = "c" if view else "h k"
        q = g("linear", "L^Q", f"{y} [m] -> {y} [{wide}]", a)
        k = g("linear", "L^K", f"{x} [m] -> {x} [{wide}]", b)
        v = g("linear", "L^V", f"{x} [m] -> {x} [{wide}]", b)
        if view:
            q = g("view", "", f"{y} [c] -> {y} [h k]", q)
            k = g("view", "", f"{x} [c] -> {x} [h k]", k)
            v = g("view", "", f"{x} [c] -> {x} [h k]", v)
        with g.block("ScaledDotProductAttention"):
            o = _core(g, q, k, v, "h", mask, y, x)
        if view:
            o = g("view", "", f"{y} [h k] -> {y} [c]", o)
        return g("linear", "L^O", f"{y} [{wide}] -> {y} [m]", o)


def mha(mask: bool = True, view: bool = False) -> Diagram:
    g = Sketch("Multi-Head Attention")
    y, x = g.input("y m", "Y"), g.input("x m", "X")
    return g.diagram(_mha(g, y, x, mask=mask, view=view))


def _norm(g: Sketch, x: Array, a: str = "x") -> Array:
    return g("norm", "LN", f"{a} [m] -> {a} [m]", x)


def _add(g: Sketch, a: Array, b: Array, axes: str = "x m") -> Array:
    return g("add", "+", f"{axes}, {axes} -> {axes}", a, b)


def _ffn(g: Sketch, x: Array, a: str = "x") -> Array:
    with g.block("FeedForward"):
        h = g("linear", "L_+^1", f"{a} [m] -> {a} [f]", x)
        h = g("map", "GELU", f"{a} f -> {a} f", h)
        return g("linear", "L_+^2", f"{a} [f] -> {a} [m]", h)


def _layer(g: Sketch, x: Array, repeat: int = 1) -> Array:
    with g.block("TransformerLayer", repeat):
        n = _norm(g, x)
        x = _add(g, x, _mha(g, n, n, "x", "x'", cls="SelfAttention"))
        return _add(g, x, _ffn(g, _norm(g, x)))


def transformer() -> Diagram:
    g = Sketch("Pre-norm Transformer")
    x = g("embed", "E", "x -> x [m]", g.input("x", "tokens"))
    x = _norm(g, _layer(g, x, 12))
    return g.diagram(g("softmax", "", "x [v] -> x [v]", g("linear", "L", "x [m] -> x [v]", x)))


def gpt(layers: int = 12) -> Diagram:
    g = Sketch("GPT, layer by layer")
    x = g("embed", "E", "x -> x [m]", g.input("x", "tokens"))
    for _ in range(layers):
        x = _layer(g, x)
    return g.diagram(g("linear", "L", "x [m] -> x [v]", _norm(g, x)))


def encoder_decoder() -> Diagram:
    g = Sketch("Encoder-Decoder Transformer")
    s, t = g.input("x", "source"), g.input("y", "target")
    x, y = g("embed", "E", "x -> x [m]", s), g("embed", "E", "y -> y [m]", t)
    with g.block("EncoderLayer", 6):
        x = _norm(g, _add(g, x, _mha(g, x, x, "x", "x'", False, cls="SelfAttention")))
        x = _norm(g, _add(g, x, _ffn(g, x)))
    with g.block("DecoderLayer", 6):
        y = _norm(g, _add(g, y, _mha(g, y, y, "y", "y'", True, cls="SelfAttention"), "y m"), "y")
        y = _norm(g, _add(g, y, _mha(g, y, x, "y", "x", False, cls="CrossAttention"), "y m"), "y")
        y = _norm(g, _add(g, y, _ffn(g, y, "y"), "y m"), "y")
    return g.diagram(g("softmax", "", "y [v] -> y [v]", g("linear", "L", "y [m] -> y [v]", y)))


def towers() -> Diagram:
    """Two encoders that know nothing of each other, how like two texts are, and what class the first is of."""
    g = Sketch("Two Towers")
    made = []
    for a in "xy":
        tokens = g.input(a, a)
        with g.block("Tower"):
            h = g("embed", "E", f"{a} -> {a} [m]", tokens)
            with g.block("EncoderLayer", 6):
                h = _norm(g, _add(g, h, _mha(g, h, h, a, a + "'", False), f"{a} m"), a)
                h = _norm(g, _add(g, h, _ffn(g, h, a), f"{a} m"), a)
        made.append(h)
    classes = g("linear", "L^C", "x [m] -> x [c]", made[0])
    return g.diagram(g("softmax", "", "x [y] -> x [y]", g("einsum", "", "x m, y m -> x y", *made)), classes)


def residual() -> Diagram:
    g = Sketch("Residual Block", bundles="x")
    x = g.input("b c x", "X")
    with g.block("ResidualBlock"):
        h = x
        with g.block("Component"):
            for _ in range(2):
                with g.block("NormActivate"):
                    h = g("norm", "", "[b] c [x] -> [b] c [x]", h)
                    h = g("map", "R", "b c x -> b c x", h)
                h = g("conv", "3", "b [c x] -> b [c x]", h)
        y = g("add", "+", "b c x, b c x -> b c x", h, x)
    return g.diagram(y)


def unet(depth: int = 3, closed: bool = False) -> Diagram:
    g = Sketch("U-Net", bundles=" ".join(f"x_{i}" for i in range(1, depth + 2)))
    x = g.input("c_0 x_1", "image")
    skips: list[Array] = []

    def double(x: Array, a: str, b: str, i: int) -> Array:
        if closed:
            return g("block", "Double Convolution", f"[{a} x_{i}] -> [{b} x_{i}]", x, cls="DoubleConv")
        with g.block("DoubleConv"):
            for n in (a, b):
                x = g("conv", "3", f"[{n} x_{i}] -> [{b} x_{i}]", x)
                x = g("map", "R", f"{b} x_{i} -> {b} x_{i}", x)
        return x

    for i in range(1, depth + 1):
        with g.block("DownScale"):
            x = double(x, f"c_{i - 1}", f"c_{i}", i)
            skips.append(x)
            x = g("pool", "max", f"c_{i} [x_{i}] -> c_{i} [x_{i + 1}]", x)
    x = double(x, f"c_{depth}", f"c_{depth + 1}", depth + 1)
    for i in range(depth, 0, -1):
        with g.block("UpScale"):
            x = g("upconv", "2", f"[c_{i + 1} x_{i + 1}] -> [c_{i} x_{i}]", x)
            x = g("concat", "", f"[c_{i}] x_{i}, [c_{i}] x_{i} -> [d_{i}] x_{i}", x, skips[i - 1])
            x = double(x, f"d_{i}", f"c_{i}", i)
    return g.diagram(g("conv", "1", "[c_1] x_1 -> [y] x_1", x))


def pointer() -> Diagram:
    g = Sketch("Pointer Network: decoder step")
    e, x, h, c = g.input("j d", "e"), g.input("d", "x"), g.input("d", "h"), g.input("d", "c")
    with g.block("LSTMCell"):
        z = _add(g, g("linear", "L^x", "[d] -> [g]", x), g("linear", "L^h", "[d] -> [g]", h), "g")
        i, f, n, o = g.op("split", "", "[g] -> [d], [d], [d], [d]", z)
        i, f, o = (g("map", "σ", "d -> d", t) for t in (i, f, o))
        n = g("map", "tanh", "d -> d", n)
        c = _add(g, g("einsum", "", "d, d -> d", f, c), g("einsum", "", "d, d -> d", i, n), "d")
        h = g("einsum", "", "d, d -> d", o, g("map", "tanh", "d -> d", c))
    with g.block("AdditiveAttention"):
        a, b = g("linear", "W^1", "j [d] -> j [a]", e), g("linear", "W^2", "[d] -> [a]", h)
        u = g("map", "tanh", "j a -> j a", g("add", "+", "j a, a -> j a", a, b))
        p = g("softmax", "", "[j] -> [j]", g("linear", "v", "j [a] -> j", u))
    return g.diagram(p, h, c)


def experts() -> Diagram:
    g = Sketch("Mixture of Experts")
    x = g.input("x m", "X")
    with g.block("Router"):
        gates = g("linear", "L^g", "x [m] -> x [e]", x)
        top, which = g.op("box", "top-k", "x [e] -> x [k], x [k]", gates)
        w = g("softmax", "", "x [k] -> x [k]", top)
    with g.block("Experts"):
        xs = g("gather", "dispatch", "x m, x [k] -> x [k] m", x, which)
        h = g("map", "SiLU", "x k f -> x k f", g("linear", "L^1", "x k [m] -> x k [f]", xs))
        h = g("linear", "L^2", "x k [f] -> x k [m]", h)
    return g.diagram(_add(g, x, g("einsum", "", "x k, x k m -> x m", w, h)))


def zoo() -> Diagram:
    """What is awkward to draw."""
    g = Sketch("Zoo")
    a, b, s = g.input("i j", "A"), g.input("j k", "B"), g.input("", "s")
    square = g("einsum", "", "i j, i j -> i j", a, a)
    product = g("einsum", "", "i j, j k -> i k", square, b)
    summed = g("einsum", "", "i k -> i", product)
    outer = g("einsum", "", "i, j k -> i j k", summed, b)
    three = g("einsum", "", "i j k, j k, i k -> k", outer, b, product)
    scaled = g("add", "×", "k,  -> k", three, s)
    most = g("reduce", "max", "i [j k] -> i", outer)
    normed = g("norm", "", "[i] j [k] -> [i] j [k]", outer)
    one, two = g.op("split", "", "[i] j k -> [i_1] j k, [i_2] j k", normed)
    joined = g("concat", "", "[i_2] j k, [i_1] j k -> j [n] k", two, one)
    loss = g("einsum", "", "k, k -> ", scaled, g("einsum", "", "i, i k -> k", most, product))
    twice = g("einsum", "", "i j k, i j k -> k", outer, outer)
    mixed = g("einsum", "", "i j, k i -> ", a, g("einsum", "", "k, i -> k i", twice, most))
    return g.diagram(loss, joined, mixed)


def oddities() -> Diagram:
    """Results nobody reads, an array that is only passed on, one output twice, arrays from nowhere, diagonals."""
    g = Sketch("Oddities")
    a, b = g.input("i i'", "A"), g.input("j", "b")
    diagonal = g("einsum", "", "i i -> i", a)
    values, _places = g.op("box", "sort", "[i] -> [i], [i]", diagonal)
    p = g("source", "P", " -> [i] [m]")
    spread = g("view", "", "i -> i m", values)
    total = g("add", "+", "i m, i m -> i m", spread, p)
    trace = g("reduce", "mean", "[i m] -> ", total)
    unread = g.input("q", "unread")
    assert unread
    return g.diagram(total, b, total, trace)


ALL: dict[str, Callable[[], Diagram]] = {
    "sdpa": sdpa,
    "mha": mha,
    "mha_nomask": lambda: mha(mask=False),
    "mha_view": lambda: mha(view=True),
    "transformer": transformer,
    "encoder_decoder": encoder_decoder,
    "residual": residual,
    "unet": unet,
    "unet_closed": lambda: unet(4, True),
    "pointer": pointer,
    "experts": experts,
    "zoo": zoo,
    "oddities": oddities,
}
