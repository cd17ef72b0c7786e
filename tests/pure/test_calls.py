"""What calls are named: by their row, unless the weave says that it is another operation."""

from __future__ import annotations

import pytest

from ncd.circuit.diagram import KINDS
from ncd.circuit.weave import Weave
from ncd.ops.calls import ROWS, Row, default_kind, describe, is_window, row


def test_every_row_has_a_kind_of_the_list() -> None:
    assert {r.kind for r in ROWS.values()} <= set(KINDS)


@pytest.mark.parametrize(
    ("weave", "kind"),
    [
        ("a b -> a b", "map"),
        ("a [b] -> a", "reduce"),
        ("a [b] -> a [b]", "along"),
        ("a [k], [k] b -> a b", "contraction"),
        ("a b -> b a", "map"),
        (" -> a", "source"),
    ],
)
def test_a_kind_follows_from_a_weave(weave: str, kind: str) -> None:
    assert default_kind(Weave.parse(weave)) == kind


def test_a_name_is_no_proof() -> None:
    assert describe("max", Weave.parse("a [b] -> a")).kind == "reduce"
    assert describe("max", Weave.parse("a b, a b -> a b")).kind == "map"
    assert describe("where", Weave.parse("a, a, a -> a")).kind == "map"
    assert describe("where", Weave.parse("[a] -> [n]")).symbol == "box"
    assert describe("somebody_elses_op", Weave.parse("a [b] -> a [b]")) == Row("along", "box", "somebody elses op")


def test_in_place_and_plain_are_one() -> None:
    assert row("add_") is row("add")
    assert is_window("conv2d") and is_window("max_pool2d") and not is_window("linear")
