"""The figures of the paper: true, without fault, and with their code beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from metrics import FAULTS, Measured

from ncd import gallery, show

FIGURES = gallery.figures()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_true_and_without_fault(name: str) -> None:
    diagram = FIGURES[name].trace()
    assert not diagram.opaque
    if len(diagram) < 60:
        assert diagram.check(trials=1).ok
    shown = show.draw(diagram)
    assert shown.scene.width <= 1000 and shown.scene.height <= 900
    assert Measured(shown.scene).faults() == dict.fromkeys(FAULTS, 0)
    assert "class " in gallery.code(FIGURES[name])


def test_skips_that_pass_rows_go_through_memory_unless_lanes_are_asked_for() -> None:
    diagram = FIGURES["unet"].trace()
    shown = show.draw(diagram, skips="memory")
    assert {op.symbol for op in shown.drawn.ops} >= {"save", "load"}
    lanes = show.draw(diagram, skips="lanes")
    assert not {op.symbol for op in lanes.drawn.ops} & {"save", "load"}
    assert shown.scene.height < lanes.scene.height


def test_windows_say_how_they_slide() -> None:
    drawn = show.draw(FIGURES["convolution"].trace()).drawn
    said = [op.label for op in drawn.ops if op.symbol in ("conv", "upconv")]
    assert said == ["★3", "★4/2_{p=1}", "★3_{d=2}", "★3_{g=4}", "★5_{depthwise}", "★4/4^T"]


def test_the_page_shows_every_figure_and_its_code(tmp_path: Path) -> None:
    assert gallery.main([str(tmp_path), "attention", "recogniser"]) == 0
    page = (tmp_path / "index.html").read_text()
    for name in ("attention", "recogniser"):
        assert f'src="{name}.svg"' in page
        assert all((tmp_path / f"{name}.{kind}").stat().st_size > 1000 for kind in gallery.KINDS)
    assert "class ScaledDotProductAttention" in page and "-&gt; (y, v)" in page
