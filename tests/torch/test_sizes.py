"""Sizes as formulas of the input axes, and the literals that depend on them."""

from __future__ import annotations

import math
from typing import Any

import einops
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import ncd
from ncd.analysis.formula import at, symbol, text
from ncd.errors import AxisError, NCDError


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 32, 16, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.q = nn.Linear(32, 32)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        b, n, d = x.shape
        q = self.q(x).view(b, n, 4, d // 4).transpose(1, 2)
        return q @ q.transpose(-1, -2)


def test_patches_and_the_class_token() -> None:
    d = ncd.trace(Patches(), torch.randn(2, 3, 224, 160), axes="b c h w")
    assert {name: text(e) for name, e in d.axes.formulas.items() if e.free_symbols} == {
        "b": "b",
        "h": "h",
        "w": "w",
        "h1": "h//16",
        "w1": "w//16",
        "p_plus_1": "(h//16)·(w//16) + 1",
    }
    assert d.axes.at(h=250)["p_plus_1"] == 151
    assert "p_plus_1 = (h//16)·(w//16) + 1 = 141" in repr(d.axes)
    s = d.sizes()
    assert dict(s.variables) == {"b": 2, "h": 224, "w": 160}
    assert s.fixed == {"c": "it is an axis of the parameter patch.weight"}
    at = next(i for i, op in enumerate(d.ops) if op.name == "view")
    assert s.literals[at, ("args", 1)] == symbol("b")
    assert text(s.literals[at, ("args", 2)], python=True) == "(h//16)*(w//16) + 1"
    assert [s.literals[at, ("args", k)] for k in (3, 4)] == [4, 8]
    assert s.of(d.ops[at].body[0])["args", 1] == symbol("b")


def formulas(target: Any, *args: Any, axes: Any = None, **kwargs: Any) -> dict[str, str]:
    d = ncd.trace(target, *args, axes=axes, **kwargs)
    return {name: text(e) for name, e in d.axes.formulas.items() if e.free_symbols}


def out(target: Any, *args: Any, axes: Any = None) -> list[str]:
    """The sizes of the output's dimensions."""
    d = ncd.trace(target, *args, axes=axes)
    return ["?" if e is None else text(e) for e in d.sizes().shape(d.outputs[0])]


IMAGE = torch.randn(2, 3, 37, 29)


@pytest.mark.parametrize(
    ("layer", "height"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), "h"),
        (nn.Conv2d(3, 8, 3), "h - 2"),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), "(h + 1)//2"),
        (nn.Conv2d(3, 8, 3, dilation=4), "h - 8"),
        (nn.Conv2d(3, 8, 7, stride=3, padding=2, dilation=2), "h//3 - 2"),
        (nn.MaxPool2d(2), "h//2"),
        (nn.MaxPool2d(3, 2, ceil_mode=True), "h//2"),
        (nn.AvgPool2d(5, 4, 1, ceil_mode=True), "h//4 + 1"),
        (nn.ConvTranspose2d(3, 8, 4, 2, 1), "2·h"),
        (nn.ConvTranspose2d(3, 8, 3, 3, output_padding=1), "3·h + 1"),
        (nn.AdaptiveAvgPool2d(5), "5"),
        (nn.Upsample(scale_factor=2), "2·h"),
        (nn.Upsample(scale_factor=1.5), "(3·h)//2"),
        (nn.ZeroPad2d(3), "h + 6"),
        (nn.Unfold(3), "(h - 2)·(w - 2)"),
        (nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2), nn.MaxPool2d(2)), "(h - 3)//8"),
    ],
)
def test_windows(layer: nn.Module, height: str) -> None:
    assert out(layer, IMAGE, axes="b c h w")[2] == height


def cat_halves(x: Tensor) -> Tensor:
    return torch.cat([x[:, x.shape[1] // 2 :], x[:, : x.shape[1] // 2]], 1)


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (cat_halves, "s"),
        (lambda x: x[:, 1:], "s - 1"),
        (lambda x: x[:, :-2], "s - 2"),
        (lambda x: x[:, ::2], "(s + 1)//2"),
        (lambda x: x[:, x.shape[1] // 3 :], "(2·s + 2)//3"),
        (lambda x: torch.cat([x, x, x[:, :4]], 1), "2·s + 4"),
        (lambda x: x.chunk(2, 1)[0], "(s + 1)//2"),
        (lambda x: x.split(5, 1)[0], "5"),
        (lambda x: nn.functional.pad(x, (0, 0, 2, 3)), "s + 5"),
        (lambda x: x.repeat(1, 3, 1), "3·s"),
        (lambda x: x.repeat_interleave(2, 1), "2·s"),
        (lambda x: x.unfold(1, 4, 2), "s//2 - 1"),
        (lambda x: x.flatten(1), "d·s"),
        (lambda x: x @ x.mT, "s"),
        (lambda x: x.new_zeros(x.shape[0], x.shape[1] * 2 + 1), "2·s + 1"),
        (lambda x: torch.arange(0, x.shape[1], 3).expand(x.shape[0], -1) + x[:, :1, 0].long(), "(s + 2)//3"),
        (lambda x: x.new_ones(x.shape[0], math.prod(x.shape[1:])), "d·s"),
        (lambda x: x.new_ones(x.shape[0], x[0].numel()), "d·s"),
        (lambda x: x.new_ones(x.shape[0], len(x[0]) + 3), "s + 3"),
        (lambda x: torch.diff(x, dim=1), "s - 1"),
        (lambda x: torch.fft.rfft(x, dim=1), "s//2 + 1"),
        (lambda x: x.new_zeros(len(x), math.ceil(x.shape[1] / 4)), "(s + 3)//4"),
        (lambda x: x.new_zeros(len(x), -(-x.shape[1] // 8) * 8), "8·((s + 7)//8)"),
    ],
)
def test_rearranged(function: Any, size: str) -> None:
    assert out(function, torch.randn(2, 23, 6), axes="b s d")[1] == size


def test_programs_that_ask_about_sizes_say_so_or_have_no_formula() -> None:
    """Whatever is shown is what the program does, at every size at which it is shown."""

    def at_least_ten(x: Tensor) -> Tensor:
        return x.new_zeros(max(x.shape[0], 10))

    def two_regimes(x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0] if x.shape[0] < 50 else 7)

    def hidden_regimes(x: Tensor) -> Tensor:
        return x.new_zeros(len(x) if len(x) < 50 else 7)

    def clipped(x: Tensor) -> Tensor:
        return x[:32] + 1

    def rounded(x: Tensor) -> Tensor:
        return x.new_zeros(round(len(x) / 8) * 8)

    def squared(x: Tensor) -> Tensor:
        return x.new_zeros(int(len(x) ** 2 / 7))

    for function in (at_least_ten, two_regimes, hidden_regimes, clipped, rounded, squared):
        for traced in (5, 16, 40, 100):
            d = ncd.trace(function, torch.randn(traced), axes="n")
            (size,) = d.sizes().shape(d.outputs[0])
            if size is None:
                continue
            s = d.sizes()
            for n in (1, 2, 5, 9, 10, 11, 31, 32, 33, 49, 50, 51, 97, 200, 1000):
                try:
                    s.at(n=n)
                except AxisError:
                    continue
                found = size.xreplace({symbol("n"): n})
                assert found == len(function(torch.empty(n))), (function.__name__, traced, n, size, s.conditions)


def test_an_axis_that_weights_or_the_program_fix_says_why() -> None:
    d = ncd.trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5)), torch.randn(2, 3, 8, 8))
    s = d.sizes()
    assert set(s.variables) == {"b"}
    assert "RuntimeError" in s.fixed["y"] and "RuntimeError" in s.fixed["x"]
    assert s.fixed["c"] == "it is an axis of the parameter 0.weight"
    with pytest.raises(AxisError, match="'y' cannot vary"):
        d.axes.at(y=9)

    def loop(x: Tensor) -> Tensor:
        h = x[:, 0]
        for t in range(1, x.shape[1]):
            h = torch.tanh(h + x[:, t])
        return h

    s = ncd.trace(loop, torch.randn(2, 6, 4), axes="b s d").sizes()
    assert set(s.variables) == {"b", "d"}
    assert "it loops over the axis" in s.fixed["s"]


def test_only_multiples() -> None:
    """A skip over two halvings fits only where the image is a multiple of 4."""

    def skip(x: Tensor) -> Tensor:
        down = nn.functional.max_pool2d(x, 2)
        least = nn.functional.interpolate(nn.functional.max_pool2d(down, 2), scale_factor=2)
        return torch.cat([nn.functional.interpolate(torch.cat([down, least], 1), scale_factor=2), x], 1)

    d = ncd.trace(skip, torch.randn(2, 3, 48, 32), axes="b c y x")
    s = d.sizes()
    assert s.steps == {"y": 4, "x": 4}
    assert [text(e) for e in s.shape(d.outputs[0])] == ["b", "3·c", "y", "x"]
    assert text(s.axes[d.ops[0].outputs[0].axes[2].name]) == "y/2"
    with pytest.raises(AxisError, match="not a multiple of 4"):
        s.at(y=50)


def test_a_batch_of_one_containers_and_masks() -> None:
    def attend(batch: dict[str, Tensor], mask: Tensor) -> Tensor:
        q, k = batch["q"], batch["k"]
        b, s, _ = q.shape
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(~mask.view(b, 1, -1), -1e9)
        causal = torch.ones(s, k.shape[1], dtype=torch.bool).tril()
        return scores.masked_fill(~causal, -1e9).softmax(-1).reshape(b * s, -1)

    batch = {"q": torch.randn(1, 5, 8), "k": torch.randn(1, 7, 8)}
    mask = torch.ones(1, 7, dtype=torch.bool)
    d = ncd.trace(attend, batch, mask, axes={"batch.q": "b s d", "batch.k": "b t d", "mask": "b t"})
    s = d.sizes()
    assert dict(s.variables) == {"b": 1, "s": 5, "t": 7, "d": 8}
    assert [text(e) for e in s.shape(d.outputs[0])] == ["b·s", "t"]
    ones = next(i for i, op in enumerate(d.ops) if op.name == "ones")
    assert [s.literals[ones, ("args", k)] for k in (0, 1)] == [symbol("s"), symbol("t")]
    view = next(i for i, op in enumerate(d.ops) if op.name == "view")
    assert [s.literals[view, ("args", k)] for k in (1, 2, 3)] == [symbol("b"), 1, -1]
    scale = next(i for i, op in enumerate(d.ops) if op.name in ("truediv", "div"))
    assert s.literals[scale, ("args", 1)] is None  # math.sqrt keeps no history, and d varies here


def test_composed_input_axes() -> None:
    """A named axis that the program takes apart is still the variable."""

    def patchify(image: Tensor) -> Tensor:
        return einops.rearrange(image, "b c (y p) (x q) -> b (y x) (p q c)", p=4, q=4)

    d = ncd.trace(patchify, torch.randn(2, 3, 20, 28), axes="b c h w")
    s = d.sizes()
    assert dict(s.variables) == {"b": 2, "c": 3, "h": 20, "w": 28}
    assert s.steps == {"h": 4, "w": 4}
    assert [text(e) for e in s.shape(d.outputs[0])] == ["b", "(h·w)/16", "16·c"]
    assert s.shape(d.outputs[0])[1].xreplace({symbol("h"): 24, symbol("w"): 8}) == 12


def test_parts_and_drawn_diagrams_know_the_same() -> None:
    d = ncd.trace(Patches(), torch.randn(2, 3, 64, 48), axes="b c h w")
    for part in (d["patch"], d.simplify(), d.simplify()["q"], d.rename({"h": "height"})):
        expr = [e for name, e in part.axes.formulas.items() if e.free_symbols and name in ("h1", "p_plus_1")]
        assert expr and all(at(e, {symbol("h"): 64, symbol("height"): 64, symbol("w"): 48}) in (4, 13) for e in expr)


def test_a_diagram_from_a_file_says_that_it_has_none() -> None:
    d = ncd.trace(Patches(), torch.randn(2, 3, 64, 48), axes="b c h w")
    read = ncd.Diagram.from_json(d.to_json())
    assert dict(read.axes) == dict(d.axes)
    assert "h1 = 4" in repr(read.axes) and "no program to run" in repr(read.axes)
    with pytest.raises(NCDError, match="no program to run"):
        read.axes.formulas


def test_nothing_is_left_changed() -> None:
    model = Patches()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    ncd.trace(model, torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))).sizes()
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


LAYERS = st.one_of(
    st.builds(
        lambda k, s, p, d: nn.Conv2d(2, 2, k, s, p, d),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(1, 2),
    ),
    st.builds(lambda k, s, c: nn.MaxPool2d(k, s, ceil_mode=c), st.integers(1, 3), st.integers(1, 3), st.booleans()),
    st.builds(lambda k, s: nn.ConvTranspose2d(2, 2, k, s), st.integers(1, 4), st.integers(1, 3)),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=4), st.integers(30, 90), st.integers(30, 90), st.integers(1, 4))
def test_chains_of_windows(layers: list[nn.Module], h: int, w: int, b: int) -> None:
    model = nn.Sequential(*layers).eval()
    try:
        d = ncd.trace(model, torch.randn(2, 2, 41, 53), axes="b c h w")
    except RuntimeError:
        assume(False)  # too small for the windows
    assume(1 not in d.outputs[0].shape[2:])  # such a dimension is no axis, and has no formula
    s = d.sizes()
    assume("h" in s.variables and "w" in s.variables)
    said = [at(e, {symbol("b"): b, symbol("c"): 2, symbol("h"): h, symbol("w"): w}) for e in s.shape(d.outputs[0])]
    try:
        with torch.no_grad():
            made = model(torch.randn(b, 2, h, w))
    except RuntimeError:
        assume(False)  # too small for the windows
    assert said == list(made.shape)


def test_transformers() -> None:
    """Grouped heads are constants, scores are as long as the text, and a window is only where there is room for it."""
    transformers = pytest.importorskip("transformers")
    tiny = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50, "use_cache": False}
    llama = transformers.LlamaModel(
        transformers.LlamaConfig(**tiny, num_key_value_heads=2, intermediate_size=48, head_dim=8)
    ).eval()
    ids = torch.randint(0, 50, (2, 16))
    d = ncd.trace(llama, ids, axes="b s")
    s = d.sizes()
    assert dict(s.variables) == {"b": 2, "s": 16} and not s.fixed
    assert None not in s.literals.values()
    assert {text(e) for e in s.literals.values() if not isinstance(e, (int, float))} == {"b", "s"}
    assert set(d.axes) <= set(s.axes)

    config = transformers.T5Config(
        d_model=32, num_layers=1, num_heads=4, d_kv=8, d_ff=48, vocab_size=50, use_cache=False
    )
    t5 = transformers.T5Model(config).eval()
    d = ncd.trace(
        t5, input_ids=ids, decoder_input_ids=ids[:, :9], axes={"input_ids": "b x", "decoder_input_ids": "b y"}
    )
    s = d.sizes()
    assert dict(s.variables) == {"b": 2, "x": 16, "y": 9}
    assert None not in s.literals.values() and set(d.axes) <= set(s.axes)

    config = transformers.BertConfig(**{**tiny, "use_cache": False}, intermediate_size=48, max_position_embeddings=40)
    s = ncd.trace(transformers.BertModel(config).eval(), ids, axes="b s").sizes()
    assert (symbol("s") <= 40) in s.conditions
    with pytest.raises(AxisError, match="s ≤ 40"):
        s.at(s=41)
