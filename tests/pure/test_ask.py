"""What a page may ask of the kernel, and what it is told."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest

from ncd import Diagram, NCDError
from ncd.notebook import ask


@pytest.fixture
def diagram() -> Diagram:
    return Diagram("empty", (), (), ())


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"diagram": "x", "open": []},
        {"diagram": [], "open": []},
        {"diagram": "", "open": [1]},
        {"diagram": "", "open": "h"},
        *({"diagram": "", "open": [], "width": width} for width in ("wide", -1, [])),
    ],
)
def test_nothing_else_is_answered(diagram: Diagram, request_: dict[str, Any]) -> None:
    ask.shown(diagram, "")
    with pytest.raises(NCDError):
        ask.answer(request_)


def test_a_diagram_that_is_gone_is_not_kept_for_the_page() -> None:
    diagram = Diagram("empty", (), (), ())
    ask.shown(diagram, "gone")
    del diagram
    gc.collect()
    with pytest.raises(NCDError, match="gone"):
        ask.answer({"diagram": "gone", "open": []})


def test_an_error_is_told_and_the_comm_closed() -> None:
    told: list[Any] = []
    comm = SimpleNamespace(send=told.append, close=lambda: told.append("closed"))
    ask._asked(comm, {"content": {"data": {"diagram": "unknown", "open": []}}})
    assert "run the cell again" in told[0]["error"] and told[1:] == ["closed"]
