"""From a model to what is shown: every way of showing, on real traces."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ncd
from ncd import Diagram, show
from ncd.models import zoo

SVG = "{http://www.w3.org/2000/svg}"
SMALL = ("mlp", "attn", "mha", "lstm", "pointer", "unet", "transformer")


@cache
def traced(name: str) -> Diagram:
    e = zoo.get(name)
    return ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)


@pytest.mark.parametrize("name", [*SMALL, "gpt2"])
def test_the_default_view_fits_one_screen(name: str) -> None:
    shown = show.draw(traced(name))
    assert 0 < shown.scene.width <= 1000
    assert 0 < shown.scene.height <= 900
    assert 0 < len(shown.drawn.ops) <= 40


@pytest.mark.parametrize("name", ["attn", "unet"])
def test_a_picture_is_the_same_every_time(name: str) -> None:
    e = zoo.get(name)
    again = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    assert again.to_svg() == traced(name).to_svg()


def test_the_svg_is_xml_with_a_title_and_a_view_box() -> None:
    root = ElementTree.fromstring(traced("attn").view().to_svg())
    assert root.tag == f"{SVG}svg" and root.get("viewBox") and root.get("role")
    assert traced("attn").title in root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc") is not None


def test_a_cell_shows_the_diagram_the_picture_and_the_text() -> None:
    d = traced("attn")
    bundle = d._repr_mimebundle_()
    assert set(bundle) == {show.MIME, "image/svg+xml", "text/plain"}
    still = d.to_svg(theme="light")
    same = [re.sub(r"ncd-[0-9a-f]{6}", "id", svg) for svg in (bundle["image/svg+xml"], still)]
    assert same[0] == same[1]
    (scene,) = bundle[show.MIME]["scenes"]
    assert "svg" not in scene and scene["facts"]["op"]  # the picture is there once
    assert "softmax" in bundle["text/plain"]
    assert Diagram.from_json(json.dumps(bundle[show.MIME])) == d


def test_every_fact_and_every_excerpt_belongs_to_something_drawn() -> None:
    d = traced("attn")
    shown = show.draw(d)
    document = json.loads(json.dumps(show.document(d, shown)))
    positions = {str(i) for i in range(len(shown.drawn.ops))}
    (scene,) = document["scenes"]
    assert set(scene["facts"]["op"]) <= positions
    places = [op["at"] for op in scene["facts"]["op"].values() if "at" in op]
    assert places and all(at[0] < len(document["sources"]) for at in places)
    softmax = next(str(i) for i, op in enumerate(shown.drawn.ops) if "softmax" in (op.name, op.symbol))
    source = document["sources"][scene["facts"]["op"][softmax]["at"][0]]
    assert "softmax(dim=-1)" in source["text"] and source["file"].endswith("attention.py")


def test_files(tmp_path: Path) -> None:
    d = traced("mlp")
    assert d.save(tmp_path / "a.svg").read_text() == d.to_svg()
    assert Diagram.from_json(d.save(tmp_path / "a.json").read_text()) == d
    assert Diagram.from_json(d.save(str(tmp_path / "a.ncd.json")).read_text()) == d
    page = d.save(tmp_path / "a.html").read_text()
    assert page == d.to_html()
    assert page.lower().startswith("<!doctype html>")
    assert d.to_svg(theme="auto") in page and d.to_svg(theme="dark") in d.to_html(theme="dark")


def test_options_change_the_picture() -> None:
    d = traced("transformer")
    closed, open_ = show.draw(d, depth=0), show.draw(d, depth=2)
    assert len(closed.drawn.ops) < len(open_.drawn.ops)
    assert d.to_svg(theme="dark") != d.to_svg(theme="light")
    assert d.view(theme="dark").to_svg() == d.to_svg(theme="dark")
    assert d.view(theme="dark").to_svg(theme="light") == d.to_svg()


def test_rows_wrap_at_the_width() -> None:
    d = traced("unet")
    wide, narrow = show.draw(d, depth=1, width=None).scene, show.draw(d, depth=1, width=640).scene
    assert narrow.width <= 640 < wide.width
    assert narrow.height > wide.height


def test_expand_and_collapse_open_and_close_by_path() -> None:
    d = traced("transformer")
    outside = show.draw(d, depth=0)
    opened = show.draw(d, depth=0, expand=["encoder"])
    assert len(opened.drawn.ops) > len(outside.drawn.ops)
    full = show.draw(d, depth=1)
    closed = show.draw(d, depth=1, collapse=["encoder"])
    assert len(closed.drawn.ops) <= len(full.drawn.ops)


def test_a_diagram_that_was_read_draws_the_same() -> None:
    d = traced("attn")
    assert Diagram.from_json(d.simplify().to_json()).to_svg() == d.simplify().to_svg()


def test_a_model_in_training_is_drawn_as_one_that_is_not() -> None:
    """Dropout is not drawn: neither in attention nor between blocks, where it would make two kinds of them."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=3, n_embd=48, n_head=3, vocab_size=100)
    model = transformers.GPT2Model(config)
    training, settled = (ncd.trace(model.train(how), ncd.tokens("b=2 s=16")) for how in (True, False))
    shown = show.draw(training)
    assert [b.repeat for b in shown.drawn.blocks if b.repeat > 1] == [3]
    assert [o.symbol for o in shown.drawn.ops] == [o.symbol for o in show.draw(settled).drawn.ops]
    assert training.check(trials=1).ok
