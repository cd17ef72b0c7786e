"""What a page asks of the kernel: a picture with other blocks open, and the line that draws what has a name."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import ncd
from ncd.notebook import ask
from ncd.notebook.suggest import suggest
from ncd.show import MIME


class Layer(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.out = nn.Linear(d, d)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.out(x) * mask


class Plain(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 8, 3), nn.ReLU())


def product(a: torch.Tensor, b: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    return a @ b * scale


THINGS = {
    "layer": Layer(8),
    "Layer": Layer,
    "Plain": Plain,
    "product": product,
    "table": nn.Embedding(10, 4),
    "three": 3,
    "d": ncd.trace(nn.Linear(4, 3), ncd.array("b=2 d=4")),
}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("layer", 'ncd.trace(layer, ncd.array("b=2 s=16 d=8"), ncd.array("b=2 s=16 d=64"))'),
        ("layer.out", 'ncd.trace(layer.out, ncd.array("b=2 s=16 d=8"))'),
        ("Layer", 'ncd.trace(Layer(d=...), ncd.array("b=2 s=16 d=64"), ncd.array("b=2 s=16 d=64"))'),
        ("Plain", 'ncd.trace(Plain(), ncd.array("b=2 c=3 y=32 x=32"))'),
        ("product", 'ncd.trace(product, ncd.array("b=2 s=16 d=64"), ncd.array("b=2 s=16 d=64"))'),
        ("table", 'ncd.trace(table, ncd.tokens("b=2 s=16"))'),
        ("d", "d"),
    ],
)
def test_the_line_that_draws_it(name: str, code: str) -> None:
    said = suggest(name, THINGS)
    assert said == {"code": code, "sure": name == "d"} == json.loads(json.dumps(said._repr_json_()))


NO_NAMES = ("", "nothing", "layer.nothing", "three", "layer()", "__import__('os')", "d; d", "class")


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_cannot_be_drawn_is_an_error(name: str) -> None:
    with pytest.raises(ncd.NCDError, match="drawing what is selected"):
        suggest(name, THINGS)


def test_what_needs_no_correction_runs() -> None:
    code = suggest("Plain", THINGS)["code"]
    assert isinstance(eval(code, {"ncd": ncd, **THINGS}), ncd.Diagram)


@pytest.fixture(scope="module")
def diagram() -> ncd.Diagram:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    return ncd.trace(model.eval(), ncd.array("b=2 s=5 d=16"))


def test_a_page_is_told_the_picture_with_these_blocks_open(diagram: ncd.Diagram) -> None:
    document = diagram._repr_mimebundle_()[MIME]
    first = set(document["scenes"][0]["facts"]["block"])

    def opened(*paths: str) -> set[str]:
        request = {"diagram": document["diagram"], "open": list(paths)}
        return set(ask.answer(request)["document"]["scenes"][0]["facts"]["block"])

    assert opened() == set()
    assert opened(*first) == first != set()
    inner = max(first, key=len)
    assert opened(*first - {inner}) == first - {inner}


def test_a_width_is_that_of_the_rows(diagram: ncd.Diagram) -> None:
    name = diagram._repr_mimebundle_()[MIME]["diagram"]
    request = {"diagram": name, "open": ["layers.0"]}
    wide, narrow = (ask.answer({**request, "width": w})["document"]["scenes"][0]["width"] for w in (None, 320))
    assert narrow < wide


def test_a_page_is_told_tikz(diagram: ncd.Diagram) -> None:
    name = diagram._repr_mimebundle_()[MIME]["diagram"]
    said = ask.answer({"diagram": name, "open": ["layers.0"], "tikz": True})
    assert said["tikz"] == diagram.to_tikz(depth=0, expand=["layers.0"])


def test_what_a_notebook_saves_of_gpt2_is_small() -> None:
    from transformers import GPT2Config, GPT2Model

    with torch.device("meta"):
        model = GPT2Model(GPT2Config()).eval()
    bundle = ncd.trace(model, ncd.tokens("b=2 s=16", high=50257))._repr_mimebundle_()
    assert len(json.dumps(bundle)) <= 300_000
