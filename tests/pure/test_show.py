"""What show.py decides by itself: how much is open, and what a file name means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ncd import Diagram, NCDError
from ncd.circuit.diagram import Op
from ncd.circuit.weave import Weave
from ncd.layout.scene import Scene
from ncd.show import WRITERS, Svg, naming_blocks

EMPTY = Diagram("empty", (), (), ())
OP = Op("map", "relu", (), (), Weave((), (), {}))


@pytest.mark.parametrize("name", ["fig", "fig.docx", "svg", "fig.svg.gz"])
def test_an_unknown_format_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(NCDError) as e:
        EMPTY.save(tmp_path / name)
    assert all(ending in str(e.value) for ending in WRITERS)
    assert not list(tmp_path.iterdir())


def test_json_is_the_diagram_with_its_options(tmp_path: Path) -> None:
    path = EMPTY.save(tmp_path / "Empty.JSON", depth=1)
    assert Diagram.from_json(path.read_text()) == EMPTY.view(depth=1)


def test_svg_shows_itself_and_is_a_string() -> None:
    svg = Svg("<svg/>")
    assert svg == "<svg/>" and isinstance(svg, str)
    assert svg._repr_svg_() == "<svg/>"
    said: list[str] = []
    svg._repr_pretty_(SimpleNamespace(text=said.append), False)
    assert said == ["<SVG, 6 characters>"]


def test_a_closed_block_says_which_it_is() -> None:
    closed = replace(OP, name="Attention", symbol="block", block="h.0.attn")
    drawn = replace(EMPTY, ops=(OP, closed))
    facts = {"op": {"0": {"name": "relu"}, "1": {"name": "Attention", "path": "h.0", "source": "f.py:1"}}, "axis": {}}
    named = naming_blocks(Scene(1, 1, "", "", (), facts), drawn).facts
    assert named["op"]["0"] == {"name": "relu"}
    told = {"name": "Attention", "path": "", "source": "", "block": "h.0.attn"}
    assert named["op"]["1"] == told
    assert naming_blocks(Scene(1, 1, "", "", ()), EMPTY).facts == {}
