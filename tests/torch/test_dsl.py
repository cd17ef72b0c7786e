"""Diagrams written by hand: they fit by the names of axes, run, are drawn as written and trace back to themselves."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import ncd
from ncd import dsl as n
from ncd.errors import DSLError


def multi_head_attention():
    heads = n.linear("m -> h k", "Q") @ (n.copy >> n.linear("m -> h k", "K") @ n.linear("m -> h v", "V"))
    return n.block(
        "Multi-Head Attention",
        heads
        >> n.block(
            "Scaled Dot-Product Attention",
            n.einsum("y h k, x h k -> h y x")
            >> n.scale("k ** -0.5")
            >> n.softmax("x")
            >> n.einsum("h y x, x h v -> y h v"),
        )
        >> n.linear("h v -> m", "O"),
    )


def layer():
    attend = n.copy >> n.rename("x -> y") @ n.identity >> multi_head_attention() >> n.rename("y -> x")
    forward = n.block(
        "Feed Forward", n.linear("m -> f", "1", bias=True) >> n.relu >> n.linear("f -> m", "2", bias=True)
    )
    return (n.identity + attend) >> n.layer_norm("m") >> (n.identity + forward) >> n.layer_norm("m")


def alike(a, b):
    """Whether two diagrams are the same but for titles and names of blocks."""

    def told(d):
        return [(op.kind, op.name, str(op.weave)) for op in d.ops], [str(x) for x in d.outputs]

    return told(a) == told(b)


def traced_back(term, *inputs):
    module = term.to_module(None, *inputs)
    return ncd.trace(module, *inputs)


# ---------------------------------------------------------------- the contract


def test_attention_is_a_diagram_that_runs():
    attention = (
        n.einsum("q h k, x h k -> h q x") >> n.scale("k ** -0.5") >> n.softmax("x") >> n.einsum("h q x, x h v -> q h v")
    )
    assert isinstance(attention, ncd.Diagram)
    assert [[x.name for x in a.axes] for a in attention.inputs] == ["q h k".split(), "x h k".split(), "x h v".split()]
    q, k, v = torch.randn(4, 2, 3), torch.randn(6, 2, 3), torch.randn(6, 2, 5)
    wanted = nn.functional.scaled_dot_product_attention(*(t.transpose(0, 1) for t in (q, k, v))).transpose(0, 1)
    module = attention.to_module()
    torch.testing.assert_close(module(q, k, v), wanted)
    torch.testing.assert_close(module(q[:2], k, v), wanted[:2])  # of any size
    assert attention.check().ok
    assert "softmax" in str(attention)
    assert "<svg" in attention._repr_mimebundle_()["image/svg+xml"]


def test_multi_head_attention_in_ten_lines():
    source = """\
@n.diagram("y m, x m", name="Multi-Head Attention", color="orange")
def mha(E, X):
    q, k, v = n.linear("m -> h k", "Q")(E), n.linear("m -> h k", "K")(X), n.linear("m -> h v", "V")(X)
    scores = n.scale("k ** -0.5")(n.einsum("y h k, x h k -> h y x")(q, k))
    gathered = n.einsum("h y x, x h v -> y h v")(n.softmax("x")(scores), v)
    return n.linear("h v -> m", "O")(gathered)
"""
    assert len(source.splitlines()) <= 10
    scope = {"n": n}
    exec(source, scope)
    mha = scope["mha"]
    assert alike(mha, multi_head_attention())
    assert [a.name for a in mha.inputs] == ["E", "X"]
    module = mha.to_module(m=8, h=2, k=3, v=4)
    e, x = torch.randn(5, 8), torch.randn(7, 8)
    w = {name.split(".")[-2]: p for name, p in module.named_parameters()}
    q, k, v = (torch.einsum("xm,mhk->hxk", t, w[s]) for t, s in ((e, "Q"), (x, "K"), (x, "V")))
    wanted = torch.einsum("hxv,hvm->xm", nn.functional.scaled_dot_product_attention(q, k, v), w["O"])
    torch.testing.assert_close(module(e, x), wanted)


def test_multi_head_attention_is_drawn_as_in_the_paper():
    d = multi_head_attention()
    drawn = d.simplify()
    assert [op.label for op in drawn.ops if op.symbol == "linear"] == ["L^{Q}", "L^{K}", "L^{V}", "L^{O}"]
    assert {"y", "x", "m", "h", "k", "v"} <= set(d.axes)
    svg = d.to_svg()
    assert "Scaled Dot-Product Attention" in svg and "Multi-Head Attention" in svg
    assert d.check().ok


def test_a_layer_traces_back_to_itself():
    for term in (layer(), layer().over("b"), multi_head_attention()):
        arrays = [ncd.array(" ".join(f"{x.name}={x.size}" for x in a.axes)) for a in term.inputs]
        sizes = {a: x.size for a, x in term.axes.items() if a in term.axis_names}
        assert alike(ncd.trace(term.to_module(None, *arrays, **sizes), *arrays), term)
        assert term.check().ok


def test_a_repeated_block_is_folded_and_a_shared_one_has_one_set_of_weights():
    block = n.block("Layer", layer())
    d = block.repeat(3)
    assert "×3" in d.to_svg(depth=1)
    sizes = {"m": 8, "h": 2, "k": 3, "v": 4, "f": 6}
    own, shared = d.to_module(**sizes), block.repeat(3, shared=True).to_module(**sizes)
    assert len(list(own.parameters())) == 3 * len(list(shared.parameters()))
    x = torch.randn(5, 8)
    once = block.to_module(**sizes)
    once.load_state_dict(dict(zip(once.state_dict(), shared.state_dict().values(), strict=True)))
    torch.testing.assert_close(shared(x), once(once(once(x))))


def test_a_traced_diagram_is_a_part():
    mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    d = ncd.trace(mlp, ncd.array("b=3 c=8"))
    out = d.outputs[0].axes[1].name
    whole = n.linear("m -> c") >> d >> n.softmax(out)
    module = whole.to_module(m=5)
    x = torch.randn(3, 5)
    torch.testing.assert_close(module(x), mlp(x @ module.linear.weight).softmax(-1))
    assert whole.check().ok
    assert (d >> n.relu).signature == n.Term((d >> n.relu).node).signature
    with pytest.raises(DSLError, match="traced from code"):
        repr(whole)
    with pytest.raises(DSLError, match="cannot be repeated over 'z'"):
        whole.over("z")


def test_what_is_made_of_one_is_a_plain_diagram():
    d = layer()
    renamed = d.rename({"m": "d_model"})
    assert type(renamed) is ncd.Diagram and "d_model" in renamed.axes
    assert type(replace(d, title="t")) is ncd.Diagram
    assert d == eval(repr(d)) and hash(d) == hash(eval(repr(d)))
    assert d == d.traced and d.traced == d
    assert d.view(theme="dark") != n.relu
    assert int(d.cost().total.flops.at(x=10)) > 0
    assert ncd.Diagram.from_json(d.to_json()).to_svg() == d.to_svg()


def test_two_traced_diagrams_are_composed():
    first, second = nn.Linear(8, 16), nn.Linear(16, 4)
    d, e = ncd.trace(first, ncd.array("b=3 c=8")), ncd.trace(second, ncd.array("b=3 d=16"))
    d = d.rename({d.outputs[0].axes[1].name: "d"})
    x = torch.randn(3, 8)
    torch.testing.assert_close((d >> e).to_module()(x), second(first(x)))
    torch.testing.assert_close((d + d).to_module()(x), 2 * first(x))
    assert len((d @ e).outputs) == 2
    assert (d >> e).check().ok
    with pytest.raises(DSLError, match=r"'Linear' makes fits no input of the diagram 'Linear', which reads \[b c\]"):
        d >> d


def test_copies_of_a_diagram():
    import copy
    import pickle

    d = multi_head_attention()
    assert copy.copy(d) == d and copy.deepcopy(d) == d and pickle.loads(pickle.dumps(d)) == d


def test_what_makes_no_array_is_not_drawn():
    with pytest.raises(DSLError, match=r"n.discard makes no array"):
        n.discard.to_svg()


def test_axes_that_are_called_alike():
    d = n.linear("m -> f") >> n.relu >> n.linear("f -> m") >> n.relu >> n.linear("m -> f")
    assert len(d.axes) == 4
    assert {x.shown or x.name for x in (d.axes[name] for name in d.axes)} == {"f", "m"}


# ---------------------------------------------------------------- every symbol

SYMBOLS = {
    "n.identity": lambda x: x,
    "n.relu": torch.relu,
    "n.elementwise('tanh')": torch.tanh,
    "n.scale(0.5)": lambda x: x * 0.5,
    "n.scale('a ** 2 / b')": lambda x: x * (4**2 / 6),
    "n.softmax('a')": lambda x: x.softmax(0),
    "n.softmax('a b')": lambda x: x.flatten().softmax(0).reshape(x.shape),
    "n.sum('a')": lambda x: x.sum(0),
    "n.mean('a b')": lambda x: x.mean(),
    "n.max('b')": lambda x: x.amax(1),
    "n.log_softmax('b')": lambda x: x.log_softmax(1),
    "n.causal('a b')": lambda x: x.masked_fill(torch.ones(4, 6).triu(1) > 0, -torch.inf),
    "n.split('b -> p q').at(q=3)": lambda x: x.reshape(4, 2, 3),
    "n.merge('b a -> c')": lambda x: x.T.reshape(-1),
    "n.rearrange('a b -> (b a)')": lambda x: x.T.reshape(-1),
    "n.rename('a -> c')": lambda x: x,
    "n.expand('r').at(r=3)": lambda x: x[..., None].expand(4, 6, 3),
    "n.chunk('b -> p, q').at(p=2)": lambda x: (x[:, :2], x[:, 2:]),
    "n.index(a=2)": lambda x: x[2],
    "n.copy": lambda x: (x, x),
    "n.discard @ n.identity >> n.wire('a ->')": lambda x: (),
    "n.min('a')": lambda x: x.amin(0),
    "n.var('a b')": lambda x: x.var(correction=0),
    "n.argmax('b')": lambda x: x.argmax(1),
    "n.cumsum('a')": lambda x: x.cumsum(0),
    "n.sort('b')": lambda x: tuple(x.sort(1)),
    "n.topk('b -> k=3')": lambda x: tuple(x.topk(3, 1)),
    "n.slice('b -> c', start=1, stop=-2)": lambda x: x[:, 1:-2],
    "n.slice('b -> c', start=-3)": lambda x: x[:, -3:],
    "n.slice('b -> c', stop=2)": lambda x: x[:, :2],
    "n.pad('b -> c', before=2, after=1)": lambda x: nn.functional.pad(x, (2, 1)),
    "n.flip('a b')": lambda x: x.flip(0, 1),
    "n.roll('a', by=2)": lambda x: x.roll(2, 0),
    "n.unbind('a', count=4)": lambda x: tuple(x),
    "n.copy >> n.identity @ n.relu >> n.stack('c')": lambda x: torch.stack([x, x.relu()], -1),
    "n.max_pool('b -> c')": lambda x: nn.functional.max_pool1d(x, 2),
    "n.max_pool('b -> c', size=4)": lambda x: nn.functional.max_pool1d(x, 4, ceil_mode=True),
    "n.max_pool('a b -> c d', size=3, stride=2)": lambda x: nn.functional.max_pool2d(x[None], 3, 2, 1)[0],
    "n.avg_pool('a b -> a b', size=3, stride=1)": lambda x: nn.functional.avg_pool2d(
        x[None], 3, 1, 1, count_include_pad=False
    )[0],
    "n.upsample('b -> c', by=3)": lambda x: x.repeat_interleave(3, 1),
    "n.copy >> n.relu @ n.sigmoid >> n.divide": lambda x: x.relu() / x.sigmoid(),
    "n.copy >> n.relu @ n.sigmoid >> n.maximum": lambda x: torch.maximum(x.relu(), x.sigmoid()),
    "n.copy >> n.relu @ n.sigmoid >> n.minimum": lambda x: torch.minimum(x.relu(), x.sigmoid()),
    "n.identity + n.relu": lambda x: x + x.relu(),
    "n.identity - n.sum('a')": lambda x: x - x.sum(0),
    "n.softmax('a') * n.relu": lambda x: x.softmax(0) * x.relu(),
    "n.einsum('a b -> b')": lambda x: x.sum(0),
    "n.copy >> n.einsum('a, a -> a')": lambda x: x * x,
    "(n.identity @ n.unit('b c')) >> n.einsum('a b, b c -> a c')": lambda x: x,
}


@pytest.mark.parametrize("text", SYMBOLS)
def test_symbol(text):
    if "discard" in text:
        d = n.copy >> n.discard @ n.identity
        wanted = lambda x: x  # noqa: E731
    else:
        d, wanted = eval(text), SYMBOLS[text]
    d = d.over("a b") if {"a", "b"} - {x for axes in d.signature.ins for x in axes} and "over" not in text else d
    x = torch.randn(4, 6)
    axes = d.signature.ins[0]
    got = d.to_module()(x if axes == ("a", "b") else x.T)
    order = [d.signature.outs[k] for k in range(len(d.signature.outs))]
    for y, w, names in zip(*(t if isinstance(t, tuple) else (t,) for t in (got, wanted(x))), order, strict=True):
        if y.ndim == w.ndim == 2 and names == ("b", "a"):
            y = y.T
        torch.testing.assert_close(y, w)
    assert d.check().ok
    assert not d.opaque
    assert eval(d.to_dsl()) == d


@pytest.mark.parametrize("text", [t for t in SYMBOLS if "discard" not in t and "unit" not in t])
def test_a_symbol_lifted_is_the_symbol_for_every_index(text):
    d = n.array("a b") >> eval(text)
    module = d.to_module()
    for lift, lead in (("r1", (2,)), ("r1 r2", (2, 3)), ("r1 r2 r3", (2, 3, 2))):
        many = d.over(lift)
        x = torch.randn(*lead, 4, 6)
        put = [(*lift.split(), "a", "b").index(a) for a in many.signature.ins[0]]
        got = many.to_module()(x.permute(put))
        rows = [module(row) for row in x.flatten(0, len(lead) - 1)]
        for k, y in enumerate(got if isinstance(got, tuple) else (got,)):
            wanted = torch.stack([row[k] if isinstance(row, tuple) else row for row in rows]).unflatten(0, lead)
            order = [many.signature.outs[k].index(a) for a in (*lift.split(), *d.signature.outs[k])]
            torch.testing.assert_close(y.permute(order), wanted)


def test_learned_symbols_lifted():
    x = torch.randn(2, 3, 2, 4, 5)
    for d in (
        n.conv("c x -> d x", bias=True),
        n.upconv("c x -> d y"),
        n.lstm("c x -> c h"),
        n.gru("c x -> c h"),
        n.linear("c x -> k", bias=True),
        n.layer_norm("c x"),
        n.batch_norm("x", "c"),
    ):
        d = n.array("c x") >> d
        sizes = {"c": 4, "x": 5, **{a: 3 for a in ("d", "h", "k") if a in d.axis_names}}
        one, many = d.to_module(**sizes), d.over("p q r").to_module(**sizes)
        many.load_state_dict(one.state_dict())
        wanted = torch.stack([one(row) for row in x.flatten(0, 2)]).unflatten(0, (2, 3, 2))
        torch.testing.assert_close(many(x), wanted)


def test_learned_symbols():
    x = torch.randn(3, 4, 8)
    turned = n.array("m b") >> n.linear("m -> m", bias=True)
    assert str(turned.signature) == "m b -> b m" and turned.check().ok
    assert str((n.array("c b a") >> n.rearrange("a b c -> b a c") >> n.tanh).signature) == "c b a -> b a c"
    dense = n.linear("m -> h k", bias=True).over("b s").to_module(m=8, h=2, k=5)
    torch.testing.assert_close(dense(x), torch.einsum("bsm,mhk->bshk", x, dense.linear.weight) + dense.linear.bias)
    norm = n.layer_norm("m").over("b s").to_module(m=8)
    torch.testing.assert_close(norm(x), nn.functional.layer_norm(x, (8,)))
    rms = n.rms_norm("m").over("b s").to_module(m=8)
    torch.testing.assert_close(rms(x), nn.functional.rms_norm(x, (8,)))
    table = n.embedding("v=11 -> m=4").over("s").to_module()
    torch.testing.assert_close(table(torch.tensor([3, 5])), table.embedding.weight[[3, 5]])
    positions = (n.array("s m") + n.learned("s m", "pos")).to_module(s=4, m=8)
    torch.testing.assert_close(positions(x[0]), x[0] + positions.pos.weight)
    image = n.conv("c y x -> d y x", bias=True).over("b").to_module(c=3, d=5)
    u = torch.randn(2, 3, 6, 7)
    wanted = nn.functional.conv2d(u, image.conv.weight, image.conv.bias, padding=1)
    torch.testing.assert_close(image(u), wanted)
    strided = n.conv("c t -> d t2", kernel=5, stride=2).to_module(c=3, d=5)
    assert strided(torch.randn(3, 9)).shape == (5, 5)
    rows = n.gather("x")
    a, at = torch.randn(6, 2), torch.tensor([0, 5, 5])
    torch.testing.assert_close(rows.over("m", 0).over("j", 1).to_module()(a.T, at), a[at].T)
    joined = n.concat("a, b -> c").over("x").to_module()
    torch.testing.assert_close(joined(torch.ones(2, 3), torch.zeros(2, 4)), torch.tensor([[1.0] * 3 + [0.0] * 4] * 2))
    for d in (rows, n.concat("a, b -> c"), n.embedding("v -> m"), n.conv("c y x -> d y x"), n.linear("a ->", "v")):
        assert d.check().ok and eval(d.to_dsl()) == d
        assert "<svg" in d.to_svg()


@pytest.mark.parametrize("kind, cell", [(n.lstm, nn.LSTM), (n.gru, nn.GRU)])
def test_recurrence(kind, cell):
    d = kind("t m -> t h", "cell").over("b")
    module, wanted = d.to_module(m=5, h=3), cell(5, 3, batch_first=True)
    own = ["input", "hidden", "input_bias", "hidden_bias"]
    for name, p in zip(own, wanted.parameters(), strict=True):
        with torch.no_grad():
            p.copy_(getattr(module.cell, name).flatten(0, 1))
            p.add_(0.1) if name.endswith("bias") else None
            getattr(module.cell, name).copy_(p.view(getattr(module.cell, name).shape))
    x = torch.randn(2, 7, 5)
    torch.testing.assert_close(module(x), wanted(x)[0])
    assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    assert [op.symbol for op in d.simplify().ops if op.params] == ["scan"]


def test_windows_that_widen_and_norms_over_a_batch():
    x = torch.randn(2, 3, 4, 5)
    wide = n.upconv("c y x -> d y2 x2", stride=3, bias=True).over("b")
    module = wide.to_module(c=3, d=7)
    w = module.upconv
    torch.testing.assert_close(module(x), nn.functional.conv_transpose2d(x, w.weight, w.bias, stride=3))
    norm = n.batch_norm("b y x", "c")
    wanted = nn.BatchNorm2d(3)(x)
    assert str(norm.signature) == "b y x c -> b y x c"
    torch.testing.assert_close(norm.to_module(c=3)(x.movedim(1, -1)), wanted.movedim(1, -1))
    several = torch.stack([x, 2 * x + 1]).movedim(2, -1)
    got = norm.over("g").to_module(c=3)(several)
    torch.testing.assert_close(got[1], norm.to_module(c=3)(several[1]))
    for d in (wide, norm, norm.over("g")):
        assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    with pytest.raises(DSLError, match=r"would have to be y · 3"):
        wide.to_module(c=1, d=1, y=4, y2=11)


def test_integers_say_where():
    at, x = torch.tensor([0, 5, 5]), torch.randn(3)
    wanted = torch.zeros(6).index_add(0, at, x)
    torch.testing.assert_close(n.scatter("j -> x").to_module(x=6)(at, x), wanted)
    both = n.scatter("j -> x").over("b").to_module(x=6)
    torch.testing.assert_close(both(torch.stack([at, at.flip(0)]), torch.stack([x, x.flip(0)])), wanted.expand(2, 6))
    table, places = torch.randn(2, 4, 6), torch.randint(0, 6, (2, 3, 5))
    each = n.gather("x").over("b").over("m", 0).over("i j", 1)
    own = each.to_module()(table, places)
    assert str(each.signature) == "b m x, b i j -> b m i j"
    torch.testing.assert_close(own[1, :, 2, 3], table[1, :, places[1, 2, 3]])
    assert n.gather("x").over("b").check().ok and each.check().ok and not each.opaque
    one = n.one_hot("v").over("s")
    torch.testing.assert_close(one.to_module(v=6)(at), nn.functional.one_hot(at, 6).float())
    for d in (n.scatter("j -> x"), one):
        assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    with pytest.raises(DSLError, match="4 of the 5 entries"):
        n.slice("x -> y", start=-5).to_module()(torch.randn(4))


def test_groups_of_channels():
    x = torch.randn(2, 6, 5, 7)
    wide = n.conv("c y x -> d y x", bias=True, groups=3).over("b")
    module = wide.to_module(c=6, d=9)
    w = module.conv
    assert w.weight.shape == (9, 2, 3, 3)
    wanted = nn.functional.conv2d(x, w.weight, w.bias, padding=1, groups=3)
    torch.testing.assert_close(module(x), wanted)
    alone = n.conv("c x -> c x", groups=6, kernel=5)
    assert alone.to_module(c=6).conv.weight.shape == (6, 1, 5)
    norm = n.group_norm("c y x", 3)
    torch.testing.assert_close(norm.over("b").to_module(c=6)(x), nn.functional.group_norm(x, 3))
    for d in (wide, alone, norm, norm.over("b")):
        assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    with pytest.raises(DSLError, match=r"would have to be d_g · 3"):
        wide.to_module(c=6, d=8)
    with pytest.raises(DSLError, match="groups"):
        n.group_norm("c=6 x", 4)


@pytest.mark.parametrize("places", ["x", "y x", "z y x"])
def test_windows_slide_over_as_many_axes_as_torch_knows(places: str):
    count = len(places.split())
    x = torch.randn(2, 4, *[9, 6, 7][:count])
    moved = places.replace("x", "x2").replace("y", "y2").replace("z", "z2")
    wide = n.conv(f"c {places} -> d {places}", dilation=2).over("b")
    module = wide.to_module(c=4, d=3)
    fn = (nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d)[count - 1]
    torch.testing.assert_close(module(x), fn(x, module.conv.weight, padding=2, dilation=2))
    pool = n.max_pool(f"{places} -> {moved}").over("b c")
    fn = (nn.functional.max_pool1d, nn.functional.max_pool2d, nn.functional.max_pool3d)[count - 1]
    torch.testing.assert_close(pool.to_module()(x), fn(x, 2, ceil_mode=True))
    up = n.upconv(f"c {places} -> d {moved}").over("b").to_module(c=4, d=3)
    assert up(x).shape == (2, 3, *(2 * k for k in x.shape[2:]))
    for d in (wide, pool):
        assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    with pytest.raises(DSLError, match="a dilation of 0"):
        n.conv("c x -> d x", dilation=0)


def test_scores_are_taken_out_by_an_array():
    scores, kept = torch.randn(3, 4, 6), torch.ones(4, 6).triu()
    d = n.mask("q x").over("h", 0) >> n.softmax("x")
    wanted = scores.masked_fill(kept == 0, -torch.inf).softmax(-1)
    torch.testing.assert_close(d.to_module()(scores, kept), wanted)
    assert d.check().ok and not d.opaque and eval(d.to_dsl()) == d
    assert "mask" in d.to_svg()


MADE_OF = {
    "linear": n.linear("m -> k"), "embed": n.embedding("v -> m"), "parameter": n.identity + n.learned("x"),
    "source": n.unit("a b"),
    "softmax": n.softmax("x"), "norm": n.layer_norm("m"), "channelnorm": n.batch_norm("b x", "c"),
    "conv": n.conv("c x -> d x"), "upconv": n.upconv("c x -> d x2"), "pool": n.max_pool("x -> x2"),
    "mask": n.causal("y x"), "view": n.expand("x"), "concat": n.concat("a, b -> c"), "index": n.index(x=1),
    "gather": n.gather("x"), "reduce": n.sum("x"), "map": n.relu, "scale": n.scale(2), "add": n.add,
    "einsum": n.einsum("a k, k b -> a b"), "scan": n.lstm("t m -> t h"), "box": n.cumsum("x"),
}  # fmt: skip
NOT_MADE = {
    "split": "torch's split is a copy and a part of each: n.chunk and n.slice make `index`",
    "stack": "what a turn of a loop writes; .repeat has what a turn makes go on to the next",
    "plus": "a bias that is drawn as a symbol of its own where a map is taken apart: n.linear(bias=True)",
    "save": "what is moved between memories, put there by d.stream",
    "load": "as save",
    "block": "a block that is closed: n.block, d.close",
}


def test_every_symbol_that_can_be_drawn_has_a_constructor():
    from ncd.notation.catalogue import SECTIONS
    from ncd.rewrite.present import prepared
    from ncd.symbols import NAMES

    for symbol, d in MADE_OF.items():
        assert symbol in {op.symbol for op in prepared(d.simplify()).ops}, symbol
    assert {*MADE_OF, *NOT_MADE} == {*NAMES, "einsum"}
    page = {symbol for section in SECTIONS for e in section.entries for symbol in e.symbols.split()}
    assert page - set(MADE_OF) == {"stack"}


# ---------------------------------------------------------------- axes and sizes


def test_what_an_array_has_besides_passes_over():
    assert str(n.softmax("x").over("b h").signature) == "b h x -> b h x"
    assert str((n.linear("m -> h k") >> n.einsum("q h k, x h k -> h q x")).signature) == "q m, x h k -> h q x"
    assert str((n.relu >> n.linear("m -> f")).signature) == "m -> f"
    assert str((n.linear("m -> c") @ n.relu).over("b").signature) == "b m, b -> b c, b"
    assert (
        str((n.einsum("a k, k ->") if False else n.einsum("a k, k -> a")).over("b", 0).signature) == "b a k, k -> b a"
    )


def test_names_in_patterns_are_drawn_and_what_is_lifted_is_said_once():
    d = layer().over("b")
    assert "for every b" in d.to_svg()
    assert dict(d.options)["show"] == ("m", "x")
    assert {op.source for op in d.ops} == {None}


def test_sizes_follow_from_others():
    d = n.split("m -> h k") >> n.linear("k -> c")
    assert d.to_module(m=12, h=3, c=2).linear.weight.shape[0] == 4
    assert d.to_module(None, ncd.array("m=12"), h=3, c=2).linear.weight.shape == (4, 2)
    assert n.linear("m=6 -> c=2").to_module().linear.weight.shape == (6, 2)
    with pytest.raises(DSLError, match=r"'m' would have to be h · k"):
        d.to_module(m=12, h=5, c=1)


def test_errors_name_axes_sizes_and_both_ends():
    def said(make):
        with pytest.raises(DSLError) as found:
            make()
        return str(found.value)

    text = said(lambda: n.linear("m -> h k") >> n.softmax("x"))
    assert "[h k]" in text and "n.linear('m -> h k')" in text and "n.softmax('x')" in text and "[x]" in text
    text = said(lambda: n.linear("m=4 -> h") >> n.linear("h -> m=5"))
    assert "'m'" in text and "4" in text and "5" in text and "n.linear('h -> m')" in text
    text = said(lambda: n.linear("q m -> k q") >> n.einsum("q j, j -> q"))
    assert "n.rename('k -> j')" in text
    text = said(lambda: n.sum("x") >> n.relu.over("x"))
    assert "'x'" in text and "n.sum('x')" in text
    text = said(lambda: n.einsum("a k, k -> a") >> n.softmax("a b"))
    assert "which of its 2 inputs" in text and ".over('b', 0)" in text
    text = said(lambda: n.linear("m -> k").to_module(m=3))
    assert "'k'" in text and "to_module(k=...)" in text
    text = said(lambda: n.linear("m -> k").to_module(m=3, k=2)(torch.randn(5)))
    assert "'m'" in text and "size 5" in text and "elsewhere 3" in text
    text = said(lambda: n.relu.over("b")(torch.randn(5)))
    assert "to_module" in text
    text = said(lambda: n.linear("m -> f").repeat(2))
    assert "'m'" in text and "'f'" in text
    assert "no axis is called 'z'" in said(lambda: n.relu.over("b").at(z=2))
    assert "twice" in said(lambda: n.linear("m m -> k"))
    assert "also one that it has by itself" in said(lambda: n.relu.over("k") >> n.linear("m -> k").over("k"))


# ---------------------------------------------------------------- functions


def test_a_function_of_arrays():
    @n.diagram
    def gated(x):
        up, gate = n.linear("m -> f", "u")(x), n.silu(n.linear("m -> f", "g")(x))
        return x + n.linear("f -> m", "d")(up * gate)

    assert str(gated.signature) == "m -> m"
    assert eval(repr(gated)) == gated
    module = gated.over("s").to_module(m=4, f=6)
    x = torch.randn(3, 4)
    u, g, d = module.u.weight, module.g.weight, module.d.weight
    torch.testing.assert_close(module(x), x + (x @ u * nn.functional.silu(x @ g)) @ d)

    @n.diagram("x m, y m", name="Unused")
    def first(a, b):
        return a

    assert str(first.signature) == "x m, y m -> x m"
    assert first.to_module()(torch.ones(2, 3), torch.zeros(4, 3)).sum() == 6


def test_errors_in_functions():
    with pytest.raises(DSLError, match="has no axis 'k'"):

        @n.diagram("x m")
        def wrong(x):
            return n.linear("k -> c")(x)

    with pytest.raises(DSLError, match="2 parameters"):

        @n.diagram("x m")
        def more(x, y):
            return x

    with pytest.raises(DSLError, match="neither true nor false"):

        @n.diagram
        def asks(x):
            return x or x
