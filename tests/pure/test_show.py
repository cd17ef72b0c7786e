"""What show.py decides by itself: how much is open, and what a file name means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ncd import Diagram, NCDError
from ncd.circuit.diagram import Op, Place
from ncd.circuit.weave import Weave
from ncd.layout.facts import facts
from ncd.show import WRITERS, Svg

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
    op = replace(OP, path="h.0", source=Place("f.py", 1))
    closed = replace(op, name="Attention", symbol="block", block="h.0.attn")
    known = facts(replace(EMPTY, ops=(op, closed)))["op"]
    assert known["0"]["path"] == "h.0" and str(known["0"]["source"]).startswith("f.py:1") and "block" not in known["0"]
    assert {k: known["1"][k] for k in ("path", "source", "block")} == {"path": "", "source": "", "block": "h.0.attn"}
    assert facts(EMPTY)["op"] == {}
