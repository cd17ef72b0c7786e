"""Simplification: every pass changes what is drawn, never what is computed."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ncd
from ncd.rewrite.present import depths, prepared, present
from ncd.tracing.containers import shown


def agrees(d, model, *args, **kwargs):
    with torch.no_grad():
        want = [t for _, t in shown(model(*args, **kwargs))]
        got = d.run(*args, **kwargs).outputs
    return all(torch.allclose(g, w, atol=1e-5) for g, w in zip(got, want, strict=True))


def drawn(d):
    """What a picture depends on: symbols, labels, indices by first use, and who reads what."""
    names: dict[str, str] = {}
    arrays: dict[int, int] = {}

    def index(t, op):
        return names.setdefault(f"{op}{t}", f"i{len(names)}"), None

    rows = []
    for k, op in enumerate(d.ops):
        ins, outs = op.indices()
        shape = [
            (
                arrays.setdefault(a.id, len(arrays)),
                sorted((index(t, k)[0], op.touches(t), w.size) for t, w in zip(r, a.wires, strict=True)),
            )
            for a, r in [*zip(op.inputs, ins, strict=True), *zip(op.outputs, outs, strict=True)]
            if not a.hidden
        ]
        rows.append((op.symbol, op.label, shape))
    return rows


class Attention(nn.Module):
    def __init__(self, m=24, h=4):
        super().__init__()
        self.h, self.d_k = h, m // h
        self.q, self.k, self.v, self.o = (nn.Linear(m, m) for _ in range(4))


class Views(Attention):
    def forward(self, y, x):
        b, t, m = y.shape
        n = x.shape[1]
        q = self.q(y).view(b, t, self.h, self.d_k).transpose(1, 2)
        k = self.k(x).view(b, n, self.h, self.d_k).transpose(1, 2)
        v = self.v(x).view(b, n, self.h, self.d_k).transpose(1, 2)
        a = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(self.d_k), -1)
        return self.o((a @ v).transpose(1, 2).contiguous().view(b, t, m))


class Einops(Attention):
    def forward(self, y, x):
        from einops import rearrange

        q, k, v = (rearrange(t, "b x (h k) -> b h x k", h=self.h) for t in (self.q(y), self.k(x), self.v(x)))
        a = (torch.einsum("bhyk,bhxk->bhyx", q, k) * self.d_k**-0.5).softmax(-1)
        return self.o(rearrange(torch.einsum("bhyx,bhxv->bhyv", a, v), "b h y v -> b y (h v)"))


class Torch(nn.Module):
    def __init__(self):
        super().__init__()
        self.mha = nn.MultiheadAttention(24, 4, batch_first=True)

    def forward(self, y, x):
        return self.mha(y, x, x, need_weights=False)[0]


class Forgotten(Attention):
    """Views without the transposes: heads are mixed with positions."""

    def forward(self, y, x):
        b, t, m = y.shape
        q, k, v = (f(z).view(b, self.h, -1, self.d_k) for f, z in ((self.q, y), (self.k, x), (self.v, x)))
        a = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(self.d_k), -1)
        return self.o((a @ v).transpose(1, 2).reshape(b, t, m))


SHAPES = torch.Size([3, 5, 24]), torch.Size([3, 7, 24])
AXES = ["b y m", "b x n"]


def traced(cls):
    torch.manual_seed(0)
    model = cls().eval()
    d = ncd.trace(model, *(torch.randn(s) for s in SHAPES), axes=AXES)
    return model, d


def test_every_spelling_of_attention_is_one_picture():
    pictures = []
    for cls in (Views, Einops, Torch):
        model, d = traced(cls)
        s = d.simplify()
        assert agrees(s, model, *(torch.randn(x) for x in SHAPES))
        pictures.append(drawn(s))
        assert [op.label for op in s.ops] == ["L_+^Q", "L_+^K", "L_+^V", "", s.ops[4].label, "", "", "L_+^O"]
    assert pictures[0] == pictures[1]
    symbols = [[row[0] for row in p] for p in pictures]
    assert symbols[0] == symbols[2] == ["linear"] * 3 + ["einsum", "scale", "softmax", "einsum", "linear"]


def test_two_spellings_are_the_same_figure():
    figures = []
    for cls in (Views, Einops):
        svg = replace(traced(cls)[1], title="Attention").to_svg()
        figures.append(re.sub(r' data-\w+="[^"]*"|ncd-[0-9a-f]{4,}', "", svg))
    assert figures[0] == figures[1]


def test_a_forgotten_transpose_is_seen():
    model, d = traced(Forgotten)
    s = d.simplify()
    assert agrees(s, model, *(torch.randn(x) for x in SHAPES))
    assert [op.symbol for op in s.ops].count("view") >= 3
    assert drawn(s) != drawn(traced(Views)[1].simplify())


def test_the_scale_is_written_with_the_axis():
    _, d = traced(Views)
    scale = next(op for op in d.simplify().ops if op.symbol == "scale")
    k = d.simplify().ops[3].inputs[0].wires[-1]
    assert scale.label == f"×{k.label}^{{-½}}"


def lone(fn, *args, module=None, **kwargs):
    class Lone(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = module

        def forward(self, *a, **k):
            return fn(self, *a, **k) if module is not None else fn(*a, **k)

    model = Lone()
    s = ncd.trace(model, *args, **kwargs).simplify()
    assert agrees(s, model, *args, **kwargs)
    return s


GELUS = {
    "erf": lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "tanh": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * torch.sigmoid(x),
    "quick": lambda x: x * torch.sigmoid(1.702 * x),
}


@pytest.mark.parametrize("name", GELUS)
def test_activations_are_known_by_their_numbers(name):
    s = lone(GELUS[name], torch.randn(4, 9))
    assert len(s.ops) == 1 and s.ops[0].symbol == "map" and s.ops[0].evidence
    assert len(s.ops[0].covers) > 1


def test_a_clamp_far_out_is_seen():
    s = lone(lambda x: x.clamp(min=0).clamp(max=6), torch.randn(4, 9))
    assert len(s.ops) == 2


def test_nearly_an_activation_is_none():
    s = lone(lambda x: 0.5 * x * (1 + torch.erf(x / 1.41)), torch.randn(4, 9))
    assert len(s.ops) > 1


def test_a_norm_written_out():
    class RMS(nn.Module):
        def __init__(self):
            super().__init__()
            self.g = nn.Parameter(torch.rand(9))

        def forward(self, x):
            return self.g * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    model = RMS()
    s = ncd.trace(model, torch.randn(4, 9), axes="x m").simplify()
    assert [op.label for op in s.ops] == ["RMS"] and str(s.ops[0].weave) == "x [m], [m] -> x [m]"
    assert agrees(s, model, torch.randn(4, 9))
    s = lone(lambda x: x * torch.rsqrt(x.pow(2).mean(0, keepdim=True) + 1e-6), torch.randn(4, 9))
    assert "norm" not in [op.symbol for op in s.ops]


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def angles(n, d, base=100.0):
    a = torch.outer(torch.arange(n), base ** (-torch.arange(0, d, 2) / d))
    return torch.cat([a, a], -1)


def test_rotary_is_recognised_and_only_rotary():
    a = angles(7, 8)
    s = lone(lambda x: rotate(x, a.cos(), a.sin()), torch.randn(2, 3, 7, 8))
    assert [op.label for op in s.ops] == ["RoPE"]
    wrong = angles(7, 8) ** 2
    s = lone(lambda x: rotate(x, wrong.cos(), wrong.sin()), torch.randn(2, 3, 7, 8))
    assert "RoPE" not in [op.label for op in s.ops]


def turned(x, a):
    """The pairs of the last axis as complex numbers, turned."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(a), a)).flatten(-2)


def test_rotary_is_recognised_in_complex_numbers():
    a = angles(7, 8)[:, :4]
    s = lone(lambda x: turned(x, a), torch.randn(2, 3, 7, 8))
    assert [op.label for op in s.ops] == ["RoPE"]
    s = lone(lambda x: turned(x, a**2), torch.randn(2, 3, 7, 8))
    assert "RoPE" not in [op.label for op in s.ops]


def test_masks_are_named_by_their_values():
    causal = torch.full((6, 6), -torch.inf).triu(1)
    s = lone(lambda x: (x + causal).softmax(-1), torch.randn(2, 6, 6))
    assert [(op.symbol, op.label) for op in s.ops] == [("mask", "causal"), ("softmax", "")]
    other = causal.clone()
    other[0, 0] = -torch.inf
    s = lone(lambda x: (x + other).nan_to_num(neginf=-1e9).softmax(-1), torch.randn(2, 6, 6))
    assert s.ops[0].label == "mask"
    bias = torch.randn(6, 6)
    s = lone(lambda x: (x + bias).softmax(-1), torch.randn(2, 6, 6))
    assert "mask" not in [op.symbol for op in s.ops]
    s = lone(lambda x: x.masked_fill(causal < 0, -1e9).softmax(-1), torch.randn(2, 6, 6))
    assert s.ops[0].label == "causal"
    s = lone(lambda x: torch.where(causal < 0, x, torch.tensor(-1e9)), torch.randn(2, 6, 6))
    assert "causal" not in [op.label for op in s.ops]


def test_which_way_round_a_where_masks():
    lower, x, low = torch.ones(6, 6).tril().bool(), torch.randn(2, 6, 6), torch.tensor(-1e9)
    causal = [
        lambda x: torch.where(lower, x, low),
        lambda x: x.where(lower, low),
        lambda x: torch.where(~lower, low, x),
        lambda x: x.masked_fill(~lower, -1e9),
    ]
    others = [
        lambda x: torch.where(lower, low, x),
        lambda x: x.where(~lower, low),
        lambda x: x.masked_fill(lower, -1e9),
    ]
    assert [lone(f, x).ops[-1].label for f in causal] == ["causal"] * 4
    assert [lone(f, x).ops[-1].label for f in others] == ["mask"] * 3


def test_words_and_weights_make_another_function():
    x, y = torch.randn(4, 9), torch.randn(4, 9)
    for f in (lambda x: x.div(1, rounding_mode="floor"), lambda x: x.div(2, rounding_mode="floor")):
        (op,) = lone(f, x).ops
        assert op.symbol == "map" and op.label == "div"
    (op,) = lone(lambda x: 1 / x, x).ops[:1]
    assert op.symbol != "scale"
    assert lone(lambda x, y: torch.add(x, y, alpha=2), x, y).ops[-1].label == "+2·"
    assert lone(lambda x, y: torch.div(x, y, rounding_mode="floor"), x, y).ops[-1].label == "⌊÷⌋"
    assert lone(lambda x, y: x + y, x, y).ops[-1].label == "+"


@pytest.mark.parametrize("kind", ["none", "causal", "bool", "float", "data"])
def test_opened_attention_is_the_call(kind):
    q, k, v = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 6)
    mask = {"bool": torch.rand(5, 7) > 0.3, "float": torch.randn(5, 7)}.get(kind)
    if mask is not None and kind == "bool":
        mask[1] = False
    more = (torch.rand(2, 1, 5, 7) > 0.3,) if kind == "data" else ()

    def fn(q, k, v, *m):
        return F.scaled_dot_product_attention(q, k, v, m[0] if m else mask, is_causal=kind == "causal")

    s = lone(fn, q, k, v, *more)
    symbols = [op.symbol for op in s.ops]
    masked = {"none": [], "causal": ["mask"], "bool": ["mask"], "float": ["add"], "data": ["add"]}[kind]
    source = ["source"] if kind == "float" else []
    assert symbols == [*source, "einsum", "scale", *masked, "softmax", "einsum"]
    if kind == "data":
        assert any(a.name == "args3" or a.kind == "input" for a in s.ops[2].inputs)


def test_bits_read_as_another_dtype_are_an_operation():
    s = lone(lambda x: x.view(torch.int32).view(torch.float32) * 2, torch.randn(3, 4))
    assert sum(op.name == "view" for op in s.ops) == 2
    s = lone(lambda x: x.mH.imag + 1, torch.randn(3, 4, dtype=torch.complex64))
    assert len(s.ops) >= 3


def test_grouped_queries():
    q, k, v = torch.randn(2, 6, 5, 4), torch.randn(2, 2, 7, 4), torch.randn(2, 2, 7, 4)
    s = lone(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), q, k, v)
    assert [op.symbol for op in s.ops] == ["einsum", "scale", "softmax", "einsum"]


def test_a_fused_projection_is_split():
    def fn(s, x):
        q, k, v = s.m(x).chunk(3, -1)
        return (q @ k.transpose(-1, -2)).softmax(-1) @ v

    s = lone(fn, torch.randn(2, 5, 8), module=nn.Linear(8, 24))
    assert [op.label for op in s.ops if op.symbol == "linear"] == ["L_+^Q", "L_+^K", "L_+^V"]


def test_a_product_that_is_an_output_keeps_its_bias_apart():
    def fn(s, x):
        y = F.linear(x, s.m.weight)
        return y, y + s.m.bias

    s = lone(fn, torch.randn(2, 8), module=nn.Linear(8, 24))
    assert [op.symbol for op in s.ops] == ["linear", "parameter", "add"]


def test_drawing_leaves_the_random_state_as_it_was():
    q, mask = torch.randn(2, 3, 5, 4), torch.rand(2, 1, 5, 5) > 0.3
    d = ncd.trace(lambda q, m: F.scaled_dot_product_attention(q, q, q, m), q, mask)
    before = torch.get_rng_state()
    d.to_svg()
    assert torch.equal(before, torch.get_rng_state())


def test_a_projection_read_whole_is_not_split():
    def fn(s, x):
        y = s.m(x)
        a, b = y.chunk(2, -1)
        return a * b, y

    s = lone(fn, torch.randn(2, 8), module=nn.Linear(8, 24))
    assert sum(op.symbol == "linear" for op in s.ops) == 1


def test_inputs_and_weights_keep_their_way_to_the_output():
    _, d = traced(Views)
    s = d.simplify()
    used = {a.name for op in s.ops for a in op.inputs if a.name}
    assert used == {"y", "x", *(f"{n}.{w}" for n in "qkvo" for w in ("weight", "bias"))}


# ------------------------------------------------------------------ what is presented
class Layer(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.n, self.a, self.b = nn.LayerNorm(m), nn.Linear(m, 2 * m), nn.Linear(2 * m, m)

    def forward(self, x):
        return x + self.b(F.relu(self.a(self.n(x))))


class Stack(nn.Module):
    def __init__(self, n=5, m=6):
        super().__init__()
        self.layers = nn.ModuleList(Layer(m) for _ in range(n))

    def forward(self, x):
        for f in self.layers:
            x = f(x)
        return x


def test_titles_leave_out_the_models_name_whatever_the_figure_is_called():
    class StackLayer(Layer):
        pass

    model = Stack(0)
    model.layers = nn.ModuleList([StackLayer(6), StackLayer(6)])
    d = replace(ncd.trace(model, torch.randn(2, 3, 6)), title="St-5")
    assert [b.title for b in prepared(d.simplify()).blocks] == ["Layer"]


def test_equal_layers_fold():
    p = prepared(ncd.trace(Stack(), torch.randn(2, 3, 6), axes="b x m").simplify())
    assert [(b.cls, b.repeat) for b in p.blocks] == [("Layer", 5)]
    assert len(p.ops) == 5
    assert [a.name for i in p.outer for a in p.inputs[0].axes if a.id == i] == ["b", "x"]


def test_alternating_layers_fold_with_their_period():
    class Other(Layer):
        def forward(self, x):
            return x + self.b(torch.tanh(self.a(self.n(x))))

    model = Stack(0)
    model.layers = nn.ModuleList([(Layer, Other)[i % 2](6) for i in range(6)])
    p = prepared(ncd.trace(model, torch.randn(2, 3, 6)).simplify())
    assert [b.repeat for b in p.blocks if b.parent is None] == [3]
    assert len(p.ops) == 10


def test_layers_that_differ_do_not_fold():
    model = Stack(3)
    model.layers[1] = Layer(6)
    model.layers[1].a, model.layers[1].b = nn.Linear(6, 7), nn.Linear(7, 6)
    p = prepared(ncd.trace(model, torch.randn(2, 3, 6)).simplify())
    assert all(b.repeat == 1 for b in p.blocks)


def test_layers_that_differ_in_a_constant_or_a_literal_do_not_fold():
    class Masked(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.k, self.n, self.l = k, nn.LayerNorm(6), nn.Linear(6, 6)

        def forward(self, x):
            window = torch.ones(3, 3).tril().triu(-self.k) == 0
            h = self.l(self.n(x))
            return x + (h @ h.transpose(-1, -2)).masked_fill(window, -1e9).softmax(-1) @ h

    class Dilated(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.a = nn.Conv1d(6, 6, 3, padding=d, dilation=d)

        def forward(self, x):
            return x + self.a(x.relu().tanh())

    for cls, x in ((Masked, torch.randn(2, 3, 6)), (Dilated, torch.randn(2, 6, 9))):
        for settings, repeats in (((1, 2, 1), 1), ((1, 1, 1), 3)):
            model = nn.Sequential(*map(cls, settings))
            p = prepared(ncd.trace(model, x).simplify())
            assert max(b.repeat for b in p.blocks) == repeats


def test_a_layer_read_from_outside_does_not_fold():
    class Taps(Stack):
        def forward(self, x):
            seen = []
            for f in self.layers:
                x = f(x)
                seen.append(x)
            return x + seen[1]

    p = prepared(ncd.trace(Taps(4), torch.randn(2, 3, 6)).simplify())
    assert max(b.repeat for b in p.blocks) == 2


def test_a_closed_block_touches_what_is_touched_inside():
    p = prepared(ncd.trace(Stack(), torch.randn(2, 3, 6), axes="b x m").simplify())
    assert depths(p) == 1
    closed = present(p, depth=0)
    (op,) = closed.ops
    assert op.kind == "call" and op.symbol == "block"
    ins, outs = op.indices()
    assert [op.touches(t) for t in ins[0]] == [False, False, True]
    assert ins[0][:2] == outs[0][:2]


def test_an_axis_some_op_mixes_is_drawn():
    p = prepared(ncd.trace(lambda x: (x - x.mean(0)).relu(), torch.randn(4, 6), axes="b m").simplify())
    names = {a.id: a.name for a in p.inputs[0].wires}
    assert [names[i] for i in p.outer] == ["m"]


def test_unknown_blocks_are_named():
    p = prepared(ncd.trace(Stack(), torch.randn(2, 3, 6)).simplify())
    with pytest.raises(ncd.NCDError, match="no block is called 'Attention'"):
        present(p, collapse=["Attention"])


@pytest.mark.parametrize(("name", "most"), [("gpt2", 22), ("llama_tiny", 24), ("vit", 22)])
def test_big_models_are_small_pictures(name, most):
    from tests.torch.zoo import get

    e = get(name)
    s = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs).simplify()
    p = prepared(s)
    # The scale is drawn on the cup of its contraction; ViT's pooler (index, L, tanh) is an output of its own.
    ops = [op for op in present(p, depth=depths(p)).ops if op.symbol != "scale" and "pooler" not in op.path]
    assert len(ops) <= most
    assert not s.opaque


def test_random_numbers_are_no_constant():
    class Shuffled(nn.Module):
        def forward(self, x):
            order = torch.rand(x.shape[:2]).argsort(1)
            return x.gather(1, order[..., None].expand_as(x)), order

    d = ncd.trace(Shuffled(), torch.randn(2, 5, 7))
    assert d.simplify().ops[0].name == "rand"
    assert d.check().ok


def test_a_scale_behind_a_view_moves_behind_the_product():
    class Scores(nn.Module):
        def forward(self, q, k):
            def heads(x):
                return x.view(2, 5, 3, 4).permute(0, 2, 1, 3).contiguous().view(6, 5, 4)

            return torch.bmm(heads(q), heads(k).transpose(1, 2) / torch.tensor(8.0))

    model, args = Scores(), (torch.randn(2, 5, 12), torch.randn(2, 5, 12))
    d = ncd.trace(model, *args)
    assert d.simplify().ops[-1].symbol == "scale"
    assert d.check().ok
    assert agrees(d.simplify(), model, *args)


def test_joining_nothing_leaves_nothing_to_read():
    class Rotated(nn.Module):
        def forward(self, x):
            y = x.relu()
            return torch.cat([y[..., :4].tanh(), y[..., 4:]], -1).exp()

    d = ncd.trace(Rotated(), torch.randn(3, 4))
    assert [op.name for op in d.simplify().ops] == ["relu", "tanh", "exp"]
    assert d.check().ok


def test_a_view_behind_attention_does_not_depend_on_strides():
    class Gated(Attention):
        def forward(self, x):
            q, k, v = (f(x).view(2, 5, self.h, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
            assert y.is_contiguous()  # as its kernel leaves it
            return y.view(2, 5, -1) * x.sigmoid()

    model, x = Gated(), torch.randn(2, 5, 24)
    d = ncd.trace(model, x)
    assert d.check().ok
    assert agrees(d.simplify(), model, x)


@pytest.mark.parametrize(
    "program",
    [
        lambda x, y: x.flatten(1).softmax(-1).view_as(y) + y,
        lambda x, y: x.flatten(1).softmax(-1).reshape_as(y) * 2,
        lambda x, y: x[0, 0].expand_as(y) * y,
    ],
)
def test_what_is_read_for_its_shape_alone_is_no_operand(program) -> None:
    x, y = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    d = ncd.trace(program, x, y, axes={"x": "a b c", "y": "a b c"})
    drawn = d.simplify()
    assert not [op for op in drawn.ops if op.name.endswith("_as")]
    assert d.check(trials=1).ok
    assert torch.equal(drawn.to_module()(-x, -y), program(-x, -y))


def test_both_operands_scaled():
    def scores(q, k):
        return (q / 2) @ (k / 3).transpose(-1, -2)

    d = ncd.trace(scores, torch.randn(2, 5, 7), torch.randn(2, 4, 7))
    assert [op.name for op in d.simplify().ops] == ["matmul", "scale", "scale"]
    assert d.check().ok


def test_an_output_that_nothing_made_keeps_its_number():
    table = torch.randn(4, 6)

    def attend(q):
        return F.scaled_dot_product_attention(q, q, q), table

    d = ncd.trace(attend, torch.randn(2, 5, 6))
    assert d.check().ok
    assert not {a.id for op in d.simplify().ops for a in op.outputs} & {d.outputs[1].id}


@pytest.mark.parametrize(
    "program",
    [
        lambda m, q, k: torch.baddbmm(m, q, k, alpha=0.5).softmax(-1),
        lambda m, q, k: m.baddbmm(batch1=q, batch2=k, beta=1.0, alpha=0.5).softmax(-1),
    ],
)
def test_a_product_scaled_and_added_to_in_one_call_is_three_operations(program) -> None:
    m, q, k = torch.randn(2, 3, 5), torch.randn(2, 3, 4), torch.randn(2, 4, 5)
    d = ncd.trace(program, m, q, k, axes=("h q x", "h q d", "h d x"))
    drawn = d.simplify()
    assert [op.name for op in drawn.ops] == ["bmm", "scale", "add", "softmax"]
    assert str(drawn.ops[0].weave) == "h q [d], h [d] x -> h q x"
    assert d.check(trials=1).ok
    assert torch.allclose(drawn.to_module()(-m, q, k), program(-m, q, k), atol=1e-6)


def test_a_constant_shaped_like_an_input_does_not_need_it() -> None:
    table = nn.Embedding(9, 4)

    def program(ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1])[None].expand_as(ids)
        return table(ids) + table(places)

    ids = torch.randint(9, (2, 5))
    d = ncd.trace(program, ids, axes="b s")
    assert d.check(trials=1).ok
    assert torch.equal(d.simplify().to_module()(ids.flip(1)), program(ids.flip(1)))


def test_a_part_opens_its_own_attention_wherever_in_the_model_it_stands() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(x)
            return x + self.attention(y, y, y, need_weights=False)[0]

    d = ncd.trace(nn.Sequential(nn.Embedding(11, 8), nn.ReLU(), Layer(), Layer()).eval(), ncd.tokens("b=2 s=5"))
    for path in ("2", "3", "3.attention"):
        part = d[path].simplify()
        assert [op.name for op in part.ops] == [op.name for op in d.simplify()[path].ops]
        assert [a.id for a in part.inputs] == [a.id for a in d[path].inputs], "nothing became an input"
