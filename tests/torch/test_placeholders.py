"""Placeholders: what their axes say, and what they refuse."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import ncd
from ncd import AxisError


def test_an_array_has_names_sizes_and_a_dtype() -> None:
    p = ncd.array("b=2 s=16 d=512", dtype=torch.bfloat16)
    assert (p.names, p.sizes, p.dtype) == (("b", "s", "d"), (2, 16, 512), torch.bfloat16)
    assert (p.values, p.high) == ("fake", None)
    assert str(p) == "b=2 s=16 d=512"


def test_the_default_dtype_is_that_of_torch() -> None:
    assert ncd.array("b=2").dtype == torch.get_default_dtype()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("int", torch.int64), ("float", torch.float32), ("bool", torch.bool), ("float16", torch.float16),
     ("torch.int32", torch.int32)],
)  # fmt: skip
def test_a_dtype_may_be_given_by_name(name: str, dtype: torch.dtype) -> None:
    assert ncd.array("b=2", dtype=name).dtype == dtype


@pytest.mark.parametrize("name", ["nn", "flt", "", "torch"])
def test_an_unknown_dtype_is_an_error(name: str) -> None:
    with pytest.raises(AxisError, match="no dtype"):
        ncd.array("b=2", dtype=name)


def test_dimensions_may_be_unnamed_and_a_scalar_has_none() -> None:
    p = ncd.array("b=2 3 1 größe=7")
    assert (p.names, p.sizes) == (("b", "", "", "größe"), (2, 3, 1, 7))
    assert ncd.array("").sizes == ()


def test_one_axis_may_stand_twice() -> None:
    assert ncd.array("s=16 s=16").names == ("s", "s")


def test_tokens_are_integers_below_high() -> None:
    p = ncd.tokens("b=2 s=16", high=100)
    assert (p.sizes, p.dtype, p.values, p.high) == ((2, 16), torch.int64, "tokens", 100)
    assert ncd.tokens("b=2").high is None


@pytest.mark.parametrize("make", [ncd.array, ncd.tokens])
@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ("b", "'b' has no size"),
        ("b=2 s", "'s' has no size"),
        ("b=", "cannot read 'b='"),
        ("b=-1", "cannot read 'b=-1'"),
        ("b=two", "cannot read 'b=two'"),
        ("2=b", "cannot read '2=b'"),
        ("b=2,s=3", "cannot read 'b=2,s=3'"),
        ("(h k)=8", "cannot read"),
        ("b=0", "size 0"),
        ("s=16 s=8", "the sizes 16 and 8"),
        (None, "not a string"),
    ],
)
def test_what_cannot_be_read_is_an_axis_error(make, axes, says: str) -> None:
    with pytest.raises(AxisError, match=says):
        make(axes)


def test_the_error_tells_the_sizes_known_so_far_and_the_way_out() -> None:
    with pytest.raises(AxisError) as e:
        ncd.array("b=2 s=16 d")
    assert e.value.sizes == {"b": 2, "s": 16}
    assert "d=16" in e.value.fix


@pytest.mark.parametrize("high", [0, -1, 2.5, True])
def test_high_must_be_a_positive_integer(high) -> None:
    with pytest.raises(AxisError, match="integers"):
        ncd.tokens("b=2", high=high)


def test_a_placeholder_is_a_value() -> None:
    assert ncd.array("b=2") == ncd.array("b=2") != ncd.array("b=3")
    assert hash(ncd.tokens("b=2")) == hash(ncd.tokens("b=2"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ncd.array("b=2").sizes = (3,)
