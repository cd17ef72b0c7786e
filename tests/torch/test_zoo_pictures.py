"""Every model's picture: on one screen by default, with nothing on top of anything, at every width."""

from __future__ import annotations

from functools import cache

import pytest
from consumers import missing
from metrics import FAULTS, Measured

import ncd
from ncd import Diagram, show
from ncd.models import zoo


@cache
def simplified(name: str) -> Diagram:
    e = zoo.get(name)
    return ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs).simplify()


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_default_picture_fits_a_screen_and_is_without_fault(name: str) -> None:
    shown = show.draw(simplified(name))
    assert shown.scene.width <= 1000 and shown.scene.height <= 900
    assert 0 < len(shown.drawn.ops) <= 40
    assert missing(shown.scene, shown.drawn) == []
    assert Measured(shown.scene).faults() == dict.fromkeys(FAULTS, 0)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_a_deeper_picture_in_rows_and_in_one_is_without_fault(name: str) -> None:
    for options in ({"depth": 2, "width": 1000}, {"depth": 3, "width": None}):
        shown = show.draw(simplified(name), **options)
        if len(shown.drawn.ops) <= 60:
            assert Measured(shown.scene).faults() == dict.fromkeys(FAULTS, 0)


@pytest.mark.parametrize("name", ["gpt2", "bert", "vit", "attn"])
def test_who_asks_for_nothing_sees_attention_open(name: str) -> None:
    assert "softmax" in {op.symbol for op in show.draw(simplified(name)).drawn.ops}
