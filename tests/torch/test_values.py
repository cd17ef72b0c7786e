"""What flows through the wires: statistics and maps of it, and what becomes of the outputs when it is changed."""

from __future__ import annotations

import math
import zlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ncd
from ncd.errors import CheckError

torch.set_num_threads(1)
HEAD = 2


class Attention(nn.Module):
    """Attention without a mask; what its weights are shows nowhere but in the picture."""

    def __init__(self, d: int = 12, h: int = 3) -> None:
        super().__init__()
        self.h = h
        self.project = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        b, s, d = x.shape
        q, k, v = (t.view(b, s, self.h, -1).transpose(1, 2) for t in self.project(x).split(d, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, s, d))


@pytest.fixture(scope="module")
def gpt2() -> tuple[Any, Any, Tensor]:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_layer=2, n_embd=24, n_head=4, vocab_size=50, n_positions=16, use_cache=False)
    model = GPT2LMHeadModel(config).eval()
    ids = torch.randint(0, 50, (2, 7))
    return model, ncd.trace(model, ids, axes="b s"), ids


@pytest.fixture(scope="module")
def attention() -> tuple[Any, Any, Tensor]:
    torch.manual_seed(0)
    module, x = Attention().eval(), torch.randn(2, 5, 12)
    return module, ncd.trace(module, x, axes="b s d"), x


def ablated_by_hook(model: nn.Module, ids: Tensor) -> Tensor:
    """The logits with one head's slice zeroed before the projection of the first block."""

    def before(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        merged = args[0].clone()
        merged.view(*merged.shape[:-1], 4, 6)[..., HEAD, :] = 0
        return (merged,)

    handle = model.transformer.h[0].attn.c_proj.register_forward_pre_hook(before)  # type: ignore[union-attr,index]
    try:
        with torch.no_grad():
            return model(ids).logits
    finally:
        handle.remove()


# Before and after the heads are merged into one axis, by name, by path, in the form traced and in the one drawn.
WIRES = {
    "call": "transformer.h.0.attn:scaled_dot_product_attention",
    "drawn": "transformer.h.0.attn:matmul#2",
    "merged": "transformer.h.0.attn:reshape#2",
}


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_a_head_is_ablated_as_by_a_hook(gpt2: Any, wire: str) -> None:
    model, d, ids = gpt2
    clean = model(ids).logits.detach()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    form = d.simplify() if wire == WIRES["drawn"] else d
    for diagram in (form, d):
        values = diagram.run(ids, patch={wire: ncd.zero(h=HEAD)})
        torch.testing.assert_close(values.outputs[0], ablated_by_hook(model, ids))
        assert not torch.allclose(values.outputs[0], clean, atol=1e-4)
    (change,) = values.change()
    changed = values.outputs[0] - clean
    assert change.relative == pytest.approx(float(changed.norm() / clean.norm()), rel=1e-4)
    assert change.largest == pytest.approx(float(changed.abs().max()), rel=1e-4)
    assert change.flips == pytest.approx(float((values.outputs[0].argmax(-1) != clean.argmax(-1)).float().mean()))
    assert change.over == "v" and "argmax over v" in repr(change)
    torch.testing.assert_close(model(ids).logits, clean)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_the_weights_of_attention_can_be_changed_where_they_are_only_drawn(attention: Any) -> None:
    module, d, x = attention
    values = d.run(x, patch={"softmax": [ncd.put(1 / 5), ncd.zero(h=0), ncd.scale(2, h=[1], **{"s'": range(2)})]})
    with torch.no_grad():
        _, _, v = (t.view(2, 5, 3, 4).transpose(1, 2) for t in module.project(x).split(12, -1))
        weights = torch.full((2, 3, 5, 5), 1 / 5)
        weights[:, 0] = 0
        weights[:, 1, :, :2] *= 2
        wanted = module.out((weights @ v).transpose(1, 2).reshape(2, 5, 12))
    torch.testing.assert_close(values.outputs[0], wanted)
    torch.testing.assert_close(values["softmax"], weights)


def test_values_of_the_drawn_diagram_are_found_from_those_of_the_traced_one(attention: Any) -> None:
    module, d, x = attention
    traced, drawn = d.run(x), d.simplify().run(x)
    ours = {a.id for op in d.simplify().ops for a in op.outputs} - {a.id for a in d.arrays}
    assert len(ours) == 3, "scores, scaled scores and weights"
    for i in ours:
        torch.testing.assert_close(traced[i], drawn[i])
    for op in d.ops:
        torch.testing.assert_close(drawn[op.outputs[0]], traced[op.outputs[0]])
    q, k = (t.view(2, 5, 3, 4).transpose(1, 2) for t in module.project(x).split(12, -1)[:2])
    torch.testing.assert_close(traced["softmax"], (q @ k.transpose(-1, -2) / 2).softmax(-1).detach())


def test_a_value_of_another_run_is_put_part_for_part(attention: Any) -> None:
    _, d, x = attention
    other = torch.randn(2, 5, 12)
    source = d.run(other)
    values = d.run(x, patch={"project": ncd.put(source["project"], s=slice(1, 3))})
    mixed = torch.cat([x[:, :1], other[:, 1:3], x[:, 3:]], 1)
    torch.testing.assert_close(values.outputs[0], d.run(mixed).outputs[0])
    assert values.change(d.run(mixed))[0].relative < 1e-6
    half = d.run(x, patch={"x": ncd.put(lambda part: part * torch.tensor([1.0, 0.0]), d=range(2))})
    assert torch.equal(half["x"][..., 1], torch.zeros(2, 5)) and torch.equal(half["x"][..., 0], x[..., 0])


def test_a_patch_that_does_not_fit_says_what_would(attention: Any) -> None:
    _, d, x = attention
    with pytest.raises(CheckError, match=r"h=3 is outside of the axis 'h' .* which has 3[\s\S]*from 0 to 2"):
        d.run(x, patch={"softmax": ncd.zero(h=3)})
    with pytest.raises(CheckError, match=r"has no axis 'q'[\s\S]*sizes so far: b=2, h=3, s=5, s'=5[\s\S]*b, h, s, s'"):
        d.run(x, patch={"softmax": ncd.zero(q=0)})
    with pytest.raises(CheckError, match=r"has the shape \(7,\), what it replaces \(2, 5, 1\)"):
        d.run(x, patch={"x": ncd.put(torch.ones(7), d=0)})
    with pytest.raises(CheckError, match=r"2 operations are called 'matmul'[\s\S]*matmul#1 to matmul#2"):
        d.run(x, patch={"matmul": ncd.zero()})
    with pytest.raises(CheckError, match="no array, parameter, block or operation 'matmul#3'"):
        d.run(x, patch={"matmul#3": ncd.zero()})
    with pytest.raises(CheckError, match="no one form"):
        d.run(x, patch={"softmax": ncd.zero(), "reshape": ncd.zero()})


def test_with_keep_only_that_is_held_and_all_that_is_drawn_is_summed_up(attention: Any) -> None:
    _, d, x = attention
    whole = d.run(x)
    values = d.run(x, keep=["softmax"])
    torch.testing.assert_close(values["softmax"], whole["softmax"])
    torch.testing.assert_close(values.outputs[0], whole.outputs[0])
    for op in d.simplify().ops:
        for a in op.outputs:
            assert values.summary(a).mean == pytest.approx(whole.summary(a).mean, rel=1e-4, abs=1e-6)
    held = {i for i in values if not values.arrays[i].hidden}
    assert held == {values.ids("softmax")[0], d.outputs[0].id}
    with pytest.raises(CheckError, match=r"was not kept[\s\S]*summary"):
        values["matmul#1"]


def test_statistics_are_those_of_the_finite_values() -> None:
    def f(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, -torch.inf)

    x = torch.tensor([[1.0, 2.0, -1.0], [3.0, -2.0, 0.0]])
    d = ncd.trace(f, x, axes="a b")
    values = d.run(x)
    s = values.summary(d.outputs[0])
    assert (s.min, s.max, s.mean, s.nonfinite) == (1.0, 3.0, 2.0, 3)
    assert s.std == pytest.approx(math.sqrt(2 / 3))
    assert values.summary("x").zeros == pytest.approx(1 / 6)
    assert "3 not finite" in str(s) and "17% zeros" in str(values.summary("x"))
    assert s.axes == (("a", 2), ("b", 3))
    dead = ncd.trace(lambda y: y * torch.nan, x).run(x)
    assert math.isnan(dead.summary(dead.diagram.outputs[0]).mean)
    assert str(dead.summary(dead.diagram.outputs[0])) == "no finite value"


def test_a_map_is_of_means_and_says_where_its_axes_are(attention: Any) -> None:
    _, d, x = attention
    heat = d.run(x).heat("softmax")
    assert heat.codes.shape == (3, 5, 5) and heat.low == 0
    assert (heat.tiles, heat.at) == (("h", 3, 3), (("b", 0),))
    assert heat.caption == "b = 0; tiles: h (3); down: s (5); across: s' (5)"
    weights = d.run(x)["softmax"][0]
    assert heat.high == pytest.approx(float(weights.max()))
    coded = (heat.codes.float() - 2) / 61 * heat.high
    torch.testing.assert_close(coded, weights, atol=heat.high / 122 + 1e-6, rtol=0)
    assert d.run(x).heat("softmax", b=1, h=2).at == (("b", 1), ("h", 2))
    with pytest.raises(CheckError, match="no h=7"):
        d.run(x).heat("softmax", h=7)

    big = torch.zeros(40, 600)
    big[:20], big[20:, 300:] = -1.0, torch.inf
    shown = ncd.trace(lambda y: y + 0, big, axes="r c").run(big)
    small = shown.heat("y", cells=60)
    assert small.codes.shape == (1, 2, 30) and (small.low, small.high) == (-1.0, 1.0)
    assert set(small.codes[0, :1].flatten().tolist()) == {2} and small.codes[0, 1, 0] in (32, 33)
    assert small.codes[0, 1, -1] == 1, "nothing finite in it"
    assert "the mean of" in small.caption


def test_the_map_is_a_png_of_one_pixel_a_cell(attention: Any) -> None:
    from ncd.emit.image import laid_out, png

    _, d, x = attention
    heat = d.run(x).heat("softmax")
    data = png(heat)
    assert data.startswith(b"\x89PNG") and len(data) < 600
    sheet = laid_out(heat.codes)
    at = data.index(b"IDAT") + 4
    rows = zlib.decompress(data[at : at + int.from_bytes(data[at - 8 : at - 4])])
    width = sheet.shape[1] + 1
    assert [list(rows[i + 1 : i + width]) for i in range(0, len(rows), width)] == sheet.tolist()
    enlarged = heat.to_png()
    assert int.from_bytes(enlarged[16:20]) >= 200


def test_without_inputs_it_runs_on_those_it_was_traced_with(attention: Any) -> None:
    module, d, x = attention
    torch.testing.assert_close(d.run().outputs[0], module(x).detach())
    assert ncd.trace(module, ncd.array("b=2 s=5 d=12")).run().outputs[0].shape == (2, 5, 12)
    ablated = ncd.trace(module, ncd.array("b=2 s=5 d=12")).run(patch={"softmax": ncd.scale(1.0)})
    assert ablated.change()[0].relative < 1e-6, "the clean run has the same random inputs"
