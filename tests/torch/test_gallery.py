"""The figures of the paper: true, without fault, and with their code beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from metrics import FAULTS, Measured

from ncd import show
from ncd.gallery.__main__ import main
from ncd.gallery.figures import figures
from ncd.gallery.page import KINDS, NIGHT, code

FIGURES = figures()
CEILINGS = {
    "attention": (0, 1), "multihead": (1, 6), "transformer": (12, 28), "transformer_pre": (12, 28),
    "transformer_layer": (11, 31), "recogniser": (0, 0), "convolution": (0, 0), "resnet_block": (4, 8),
    "resnet": (0, 0), "unet": (6, 15), "unet_rows": (6, 13),
    "unet_stages": (4, 8), "vision_transformer": (5, 12), "visual_attention": (1, 3),
}  # fmt: skip
"""Pairs of wires that cross and S-curves, at most.  By hand, attention has 1 crossing and multihead 5."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_true_and_without_fault(name: str) -> None:
    diagram = FIGURES[name].trace()
    assert not diagram.opaque
    if len(diagram) < 60:
        assert diagram.check(trials=1).ok
    shown = show.draw(diagram)
    width = FIGURES[name].options.get("width", 1000)
    assert (width is None or shown.scene.width <= width) and shown.scene.height <= 900
    measured = Measured(shown.scene)
    assert measured.faults() == dict.fromkeys(FAULTS, 0)
    crossings, bends = CEILINGS[name]
    assert measured.crossing_pairs() <= crossings and measured.bends() <= bends


def test_skips_that_pass_rows_go_through_memory_unless_lanes_are_asked_for() -> None:
    diagram = FIGURES["unet_rows"].trace()
    shown = show.draw(diagram, skips="memory", stages=False)
    assert {op.symbol for op in shown.drawn.ops} >= {"save", "load"}
    lanes = show.draw(diagram, skips="lanes", stages=False)
    assert not {op.symbol for op in lanes.drawn.ops} & {"save", "load"}
    assert shown.scene.height < lanes.scene.height


def test_windows_say_how_they_slide() -> None:
    drawn = show.draw(FIGURES["convolution"].trace()).drawn
    said = [op.label for op in drawn.ops if op.symbol in ("conv", "upconv")]
    assert said == ["★3", "★4/2_{p=1}", "★3_{d=2}", "★3_{g=4}", "★5_{depthwise}", "★4/4^T"]


def test_the_page_shows_every_figure_and_its_code(tmp_path: Path) -> None:
    assert main([str(tmp_path), "attention", "recogniser"]) == 0
    page = (tmp_path / "index.html").read_text()
    for name in ("attention", "recogniser"):
        assert f'src="{name}.svg"' in page and f'srcset="{name}{NIGHT}.svg"' in page
        assert all((tmp_path / f"{name}.{kind}").stat().st_size > 1000 for kind in KINDS)
    assert "ScaledDotProductAttention" in page and "-&gt; (y, v)" in page
    assert all("class " in code(f) for f in FIGURES.values() if f.code)
