"""What a picture says of the values at its wires, and the controls beside it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
import torch

import ncd
from ncd import show
from ncd.analysis.table import scaled
from ncd.notebook.payload import payload

torch.set_num_threads(1)
LAYERS = 3


@pytest.fixture(scope="module")
def gpt2() -> tuple[Any, Any, Any, torch.Tensor]:
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=LAYERS, n_embd=24, n_head=4, vocab_size=50, n_positions=16, use_cache=False, attn_implementation="eager"
    )
    model = GPT2Model(config).eval()
    ids = torch.randint(0, 50, (2, 7))
    d = ncd.trace(model, ids, axes="b s")
    return model, d, show.draw(d, depth=3).drawn, ids


def of(drawn: Any, name: str) -> Any:
    return next(op for op in drawn.ops if op.name == name or op.symbol == name)


@pytest.mark.parametrize("keep", [None, ()], ids=["kept", "summed up"])
def test_every_wire_says_what_was_in_it(gpt2: Any, keep: Any) -> None:
    _, d, drawn, ids = gpt2
    said = payload(d.run(ids, keep=keep), drawn)
    assert said.keys() == {str(a.id) for a in drawn.arrays if not a.hidden}
    assert len(json.dumps(said)) < 60_000
    weights = said[str(of(drawn, "softmax").outputs[0].id)]
    assert weights["heat"]["caption"] == "b = 0; tiles: h (4); down: s (7); across: s' (7)"
    kind, _, data = weights["heat"]["image"].partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(data)[1:4] == b"PNG"
    assert (weights["heat"]["width"], weights["heat"]["height"]) == (15, 15)


def test_a_layer_drawn_for_all_shows_the_one_asked_for(gpt2: Any) -> None:
    model, d, drawn, ids = gpt2
    with torch.no_grad():
        wanted = model(ids, output_attentions=True).attentions
    values, op = d.run(ids), of(drawn, "softmax")
    for k in (0, 1, 2, -1):
        stats = payload(values, drawn, k)[str(op.outputs[0].id)]["stats"]
        assert float(stats["std"]) == pytest.approx(float(wanted[k].std(correction=0)), rel=0.005)
        assert stats["of"] == f"h.{k % LAYERS}.attn, number {k % LAYERS + 1} of {LAYERS}"
    closed = show.draw(d, depth=0).drawn
    block = next(op for op in closed.ops if op.block)
    stats = payload(values, closed)[str(block.outputs[0].id)]["stats"]
    assert stats["of"].endswith("number 3 of 3"), "what leaves a closed block is what the last layer made"


def test_nothing_is_said_of_wires_that_only_look_the_same(gpt2: Any) -> None:
    _, d, _, ids = gpt2
    other = show.draw(d.open("layer_norm"), depth=3).drawn
    values = d.run(ids)
    known = {a.id: values.summary(a.id).axes for a in values.arrays.values()}
    said = payload(values, other)
    assert str(of(other, "softmax").outputs[0].id) in said or len(said) < len(other.arrays)
    for op in other.ops:
        for a in op.outputs:
            if str(a.id) in said:
                assert tuple((w.name, w.size) for w in a.wires) == known[a.id]


def test_the_controls_run_change_and_undo(gpt2: Any) -> None:
    _, d, _, ids = gpt2
    e = d.explore(depth=3)
    assert e._repr_mimebundle_()["image/svg+xml"] == e.picture.svg, "where no widget can be"
    assert e._repr_mimebundle_()["text/plain"] == f"<bench of {e.picture.diagram.title}>"
    assert not e.picture.values and e.wire.value == 0 and e.axis.label == "all of it"
    e.button.click()
    before = e.picture.values
    assert before and e._result.value == ""
    softmax = next(k for k, op in enumerate(e.picture.drawn.ops) if op.symbol == "softmax")
    e.picture.selected = f"op:{softmax}"
    assert "softmax" in e.wire.label and [name for name, _ in e.axis.options] == ["all of it", "b", "h", "s", "s'"]
    e.turn.value, e.axis.label = 3, "h"
    assert e.picture.turn == 2 and e.range.max == 3
    e.range.value = (1, 2)
    e.apply.click()
    said = e._result.value
    assert "h.2.attn, number 3 of 3: h 1…2 × 0" in said and "output[b s d_model]: changed by" in said
    (change,) = e.picture.changes()
    wanted = d.run(ids, patch={"h.2.attn:softmax": ncd.zero(**{heads(d): range(1, 3)})}).change()[0]
    assert change.relative == pytest.approx(wanted.relative, rel=1e-4) and change.relative > 0
    e.clear.click()
    e.turn.value = 1
    assert e._result.value == "" and e.picture.values == before
    flops, params = d.cost().total.flops, d.cost().total.params
    assert e._sized.value == f"FLOPs <b>{scaled(int(flops))}</b> · parameters <b>{scaled(int(params))}</b>"
    e.sizes["s"].value = 12
    now = flops.at(s=12)
    assert f"FLOPs <b>{scaled(now)}</b> ({now / int(flops):.3g} × as traced) · parameters" in e._sized.value
    assert now > 12 / 7 * int(flops)


def test_what_depends_on_a_size_follows_it() -> None:
    half = torch.nn.Conv1d(3, 4, 3, stride=2, padding=1)
    e = ncd.trace(half, ncd.array("b=2 c=3 t=16"), axes="b c t").explore()
    assert e.sizes["t"].max == 8 * 16 and "then" not in e._sized.value
    e.sizes["t"].value = 32
    assert "(2 × as traced)" in e._sized.value and re.search(r"then \S+ = 16$", e._sized.value)


def heads(d: Any) -> str:
    """What the heads of the last layer are called."""
    (op,) = [op for op in d.simplify().ops if op.symbol == "softmax" and op.path == "h.2.attn"]
    return op.outputs[0].axes[1].name


def test_an_error_is_said_beside_the_controls(gpt2: Any) -> None:
    _, d, _, _ = gpt2
    e = ncd.Diagram.from_json(d.to_json()).explore(depth=0)
    e.button.click()
    assert "0 tensors were given for 1 inputs" in e._result.value and "give input_ids of [b=2 s=7]" in e._result.value
