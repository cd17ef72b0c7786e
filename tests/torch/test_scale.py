"""Large pictures: how many bytes they take, that nothing in them is at fault, and that work grows as they do."""

from __future__ import annotations

import pytest
import torch
from metrics import FAULTS, Measured
from work import counted

import ncd
from ncd import show
from ncd.circuit.diagram import Diagram
from ncd.layout.figure import layout
from ncd.models import zoo
from ncd.render.svg import render
from ncd.rewrite.present import prepared
from ncd.rewrite.titles import attribute


def gpt2(layers: int) -> Diagram:
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(
        n_layer=layers, n_embd=24, n_head=4, vocab_size=30, bos_token_id=0, eos_token_id=0, use_cache=False
    )
    return ncd.trace(GPT2Model(config).eval(), torch.randint(0, 30, (2, 7)), axes="b s").simplify()


@pytest.fixture
def unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer is drawn."""
    monkeypatch.setattr("ncd.rewrite.present.fold", lambda diagram: diagram)


def test_folded_and_wholly_open_it_takes_24_kilobytes() -> None:
    e = zoo.get("gpt2")
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    assert len(d.to_svg(depth=9).encode()) <= 24_000
    assert len(d.to_svg().encode()) <= 24_000
    assert len(d.to_svg(depth=1).encode()) <= 16_000


@pytest.mark.usefixtures("unfolded")
def test_all_twelve_layers_take_300_kilobytes_and_are_without_fault() -> None:
    drawn = prepared(gpt2(12))
    assert len(drawn.ops) > 190
    scene = layout(drawn, width=1000)
    assert len(render(scene).encode()) <= 300_000
    assert Measured(scene).faults() == dict.fromkeys(FAULTS, 0)
    assert scene.width <= 1000
    written = {w.label for a in drawn.arrays if not a.hidden for w in a.wires}
    assert written == {"b", "s", "h", "d_{model}", "d_{k}", "d_{v}", "d_{ff}"}  # in the last layer as in the first


def test_swin_wholly_open_is_without_fault() -> None:
    from transformers import SwinConfig, SwinModel

    model = SwinModel(SwinConfig(image_size=32, embed_dim=24, depths=[2, 2], num_heads=[3, 6], window_size=4))
    shown = show.draw(ncd.trace(model.eval(), torch.randn(2, 3, 32, 32), axes="b c y x"), depth=9)
    assert len(shown.drawn.ops) > 50
    assert Measured(shown.scene).faults() == dict.fromkeys(FAULTS, 0)


@pytest.mark.usefixtures("unfolded")
def test_twice_the_layers_are_twice_the_work() -> None:
    def work(d: Diagram) -> int:
        drawn = prepared(d)
        return counted(lambda: render(layout(drawn, width=1000)))[1]

    small, large = gpt2(4), gpt2(16)
    assert work(large) / work(small) < 4 * 1.15


@pytest.mark.parametrize(
    ("path", "title"),
    [("layer1", "Layer 1"), ("stages.0", "Stage 1"), ("encoder.stages.2.layers", "Layers"), ("net", "Net")],
)
def test_a_container_without_a_class_of_its_own_is_called_as_its_attribute(path: str, title: str) -> None:
    assert attribute(path) == title
