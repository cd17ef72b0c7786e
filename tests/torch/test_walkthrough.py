"""Going through a picture step by step: what is lit and said, with a player and without one."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor, nn

import ncd
from ncd.notebook.markdown import to_html, to_text

torch.set_num_threads(1)
SVG = "{http://www.w3.org/2000/svg}"


class Attention(nn.Module):
    """Self-attention whose weights are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(-1, -2)
        return scores.softmax(-1) @ self.v(x)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm, self.up, self.down = Attention(), nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.down(self.up(self.norm(x)).relu())


@pytest.fixture(scope="module")
def d() -> Any:
    torch.manual_seed(0)
    blocks = nn.Sequential(Block(), nn.Linear(8, 8), Block(), nn.Linear(8, 3)).eval()
    return ncd.trace(blocks, torch.randn(2, 5, 8), axes="b s d")


def test_steps_light_what_they_name_and_say_what_was_written(d: Any) -> None:
    w = ncd.walkthrough(
        d,
        [
            ("0.attention:softmax", "The **weights** over keys."),
            {"at": ["s"], "title": "Positions", "text": "every one"},
            ncd.Step(("0.attention", "0.norm:layer_norm"), "both"),
            "0.norm:layer_norm",
        ],
        depth=2,
    )
    op = lambda key: w.picture.drawn.ops[int(key[3:])]  # noqa: E731
    (key,) = w.picture.marked
    assert op(key).name == "softmax"
    assert ">0.attention:softmax</h4>" in w._text.value and "<strong>weights</strong>" in w._text.value
    assert "<mark" in w._text.value and "return scores.softmax(-1) @ self.v(x)\n</mark>" in w._text.value
    w.on.click()
    assert w.step == 1 and w.slider.value == 1 and w.count.value == "2 of 4"
    assert w.picture.marked and all(k.startswith("axis:") for k in w.picture.marked)
    assert ">Positions</h4>" in w._text.value
    w.slider.value = 2
    assert [k for k in w.picture.marked if k.startswith("block:")] == ["block:0.attention"]
    assert [op(k).name for k in w.picture.marked if k.startswith("op:")] == ["layer_norm"]
    w.play.value = 3
    assert w.step == 3 and "layer_norm" in w._text.value, "what is not said is what it does"
    w.on.click()
    assert w.step == 3
    w.picture.selected = key
    assert w.step == 0, "a click on an operation goes to its step"
    w.back.click()
    assert w.step == 0


def test_without_steps_it_goes_from_operation_to_operation(d: Any) -> None:
    w = ncd.walkthrough(d, depth=2)
    assert [s.keys for s in w.stops] == [(f"op:{k}",) for k in range(len(w.picture.drawn.ops))]
    for k, op in enumerate(w.picture.drawn.ops):
        assert str(op.weave) in w.stops[k].text
    assert repr(w).endswith(f"{len(w.stops)} steps>")


def test_a_step_inside_a_closed_block_opens_it(d: Any) -> None:
    w = ncd.walkthrough(d, {"0.attention:softmax": "here", "2.norm:layer_norm": "and there"}, depth=0)
    assert {"0", "0.attention", "2"} <= set(w.picture.opened)
    for stop, name in zip(w.stops, ("softmax", "layer_norm"), strict=True):
        assert [w.picture.drawn.ops[k].name for k in stop.ops] == [name]


def test_what_cannot_be_a_step_is_said(d: Any) -> None:
    with pytest.raises(ncd.NCDError, match=r"nothing is called 'softmux'[\s\S]*softmax"):
        ncd.walkthrough(d, ["softmux"])
    with pytest.raises(ncd.NCDError, match="3 is no step"):
        ncd.walkthrough(d, [3])  # type: ignore[list-item]
    with pytest.raises(ncd.NCDError, match="no steps"):
        ncd.walkthrough(d, [])


def test_values_stand_at_each_step(d: Any) -> None:
    w = ncd.walkthrough(d, ["0.attention:softmax"], values=True, depth=2)
    assert 'src="data:image/png;base64,' in w._text.value and "mean 0.2" in w._text.value
    x = torch.zeros(2, 5, 8)
    other = ncd.walkthrough(d, ["0.attention:softmax"], values=d.run(x), depth=2)
    assert "std 0 " in other._text.value and "<image " in other.to_svg()
    assert "\u00a0" * 8 + "scores\u00a0=\u00a0self.q(x)" in other.to_svg(), "code as it is indented, in any viewer"


HOSTILE = "<script>alert(1)</script>[a](javascript:alert(2)) <img src=x onerror=alert(3)> ![p](http://x/y.png) ]]>"


def test_nothing_that_is_written_becomes_more_than_text(d: Any) -> None:
    w = ncd.walkthrough(d, [{"at": "softmax", "title": HOSTILE, "text": HOSTILE}], depth=2)
    said = w._text.value
    assert "<script" not in said and "<img" not in said and "&lt;script&gt;" in said
    assert 'href="javascript' not in said and said.count("href=") == 1
    root = ElementTree.fromstring(w.to_svg())
    names = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert not names & {"script", "foreignObject", "a", "iframe"}
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert links and all(v.startswith(("#ncd-", "data:image/png;base64,")) for v in links)
    assert not any(k.startswith("on") for e in root.iter() for k in e.attrib)
    assert "alert(1)" in "".join(root.itertext())


def test_markdown_is_set_and_links_go_where_they_may() -> None:
    html = to_html("# A\n\n| a | b |\n|---|---|\n| `x` | [y](https://z) |")
    assert "<h1>A</h1>" in html and "<td><code>x</code></td>" in html and '<a href="https://z">y</a>' in html
    assert to_text("**a** `b<c`\nd\n\n- e\n\n```\nf  g\nh\n```\n\n2. i") == ["a b<c d", "• e", "f  g", "h", "2. i"]


def test_where_nothing_can_be_pressed_all_steps_stand_below_one_another(d: Any) -> None:
    steps = [("softmax", "first of all " * 30), ("s", "second"), ("0.attention", "third")]
    w = ncd.walkthrough(d, steps, depth=2)
    data = w._repr_mimebundle_()
    assert data.keys() >= {"image/svg+xml", "application/vnd.jupyter.widget-view+json"} and "text/html" not in data
    root = ElementTree.fromstring(data["image/svg+xml"])
    uses = list(root.iter(f"{SVG}use"))
    assert len(uses) == 3 and len({e.get("href") for e in uses}) == 1, "one figure, shown three times"
    assert len(data["image/svg+xml"]) < len(w.picture.svg) + 12_000
    texts = [e for e in root.iter(f"{SVG}text") if e.text]
    height, wide = (float(root.get(k) or 0) for k in ("height", "width"))
    assert all(0 < float(e.get("y") or 0) < height for e in texts)
    assert sum("first of all" in (e.text or "") for e in texts) > 1, "lines are broken"
    assert height > 3 * w.picture.scene.height and wide >= w.picture.scene.width
    assert [e.text for e in texts if e.text and e.text[:2] in ("1.", "2.", "3.")] == [
        "1.  softmax",
        "2.  s",
        "3.  0.attention",
    ]
