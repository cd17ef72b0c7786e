"""Errors carry what is known, and say it in one form."""

from __future__ import annotations

import pytest

import ncd
from ncd import AxisError, CheckError, DSLError, NCDError, TraceError
from ncd.circuit.diagram import Place
from ncd.errors import missing_extra


def test_the_message_has_a_line_for_each_thing_known() -> None:
    e = NCDError(
        "sizes 3 and 4 differ",
        doing="adding",
        path="h.0.attn",
        source=Place("model.py", 7, function="forward"),
        sizes={"b": 2, "s": 16},
        fix="name them apart",
    )
    assert str(e).splitlines() == [
        "while adding: sizes 3 and 4 differ",
        "  module: h.0.attn",
        "  source: model.py:7 in forward",
        "  sizes so far: b=2, s=16",
        "  try: name them apart",
    ]


def test_what_is_not_known_is_not_said() -> None:
    assert str(NCDError("no such thing")) == "while working on a diagram: no such thing"


@pytest.mark.parametrize(
    ("kind", "doing"),
    [
        (TraceError, "tracing"),
        (AxisError, "matching axes"),
        (DSLError, "composing a diagram"),
        (CheckError, "checking a diagram"),
    ],
)
def test_every_kind_says_what_it_was_doing(kind: type[NCDError], doing: str) -> None:
    assert str(kind("cause")).startswith(f"while {doing}: cause")
    assert issubclass(kind, NCDError)


def test_the_data_of_an_error_can_be_used() -> None:
    sizes = {"b": 2}
    e = AxisError("cause", path="h.0", sizes=sizes, fix="way out")
    sizes["b"] = 3
    assert (e.cause, e.path, e.sizes, e.fix) == ("cause", "h.0", {"b": 2}, "way out")


def test_a_missing_extra_says_what_to_install() -> None:
    assert 'pip install "ncd[png]"' in str(missing_extra("resvg", "png", "writing PNG"))


def test_looking_up_an_unknown_block_names_the_near_ones() -> None:
    from ncd.circuit.diagram import Block

    d = ncd.Diagram("m", (), (), (), (Block("h.0.attn", "Attention"),))
    with pytest.raises(NCDError, match=r"did you mean h\.0\.attn"):
        d["h.1.attn"]
