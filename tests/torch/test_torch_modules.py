"""Every module class of torch.nn is a case of the sweep, and every case of it is true."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

import ncd
from benchmarks.sweep.case import hold
from benchmarks.sweep.torch_modules import ABSTRACT, FAMILIES, KNOWN, suite

CASES = {c.name: c for c in suite().cases}


def test_no_class_of_torch_is_forgotten() -> None:
    classes = {
        name for name, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module) and name[0] != "_"
    }
    assert classes == {name.split()[0] for name in CASES} | ABSTRACT.keys()


@pytest.mark.parametrize("family", [f.__name__ for f in FAMILIES])
def test_modules_are_told_truly(family: str) -> None:
    names = [name for f in FAMILIES if f.__name__ == family for name, _ in f()]
    assert names
    wrong = {}
    for name in names:
        x = hold(CASES[name])
        if not x.fine:
            wrong[name] = (x.errors, x.differs, x.failures)
        assert bool(x.opaque) == (name in KNOWN), (name, x.opaque)
    assert wrong == {}


def test_a_mask_added_by_the_product_is_no_factor() -> None:
    """``baddbmm`` is a product and a sum: the scale in front of the product does not scale the mask."""
    q, k, mask = torch.randn(6, 5, 4), torch.randn(6, 4, 7), torch.randn(6, 5, 7)
    d = ncd.trace(lambda q, k, mask: torch.baddbmm(mask, q * 0.5, k), q, k, mask, axes=("h q d", "h d k", "h q k"))
    drawn = d.simplify()
    assert [op.name for op in drawn.ops] == ["bmm", "scale", "add"]
    assert str(drawn.ops[0].weave) == "h q [d], h [d] k -> h q k"
    assert d.check().ok


def test_a_mask_that_attention_is_told_but_does_not_read() -> None:
    m, x = nn.MultiheadAttention(12, 3, batch_first=True).eval(), torch.randn(2, 5, 12)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    d = ncd.trace(m, x, x, x, attn_mask=mask, is_causal=True, need_weights=False)
    assert d.check().ok


def test_lazy_modules_are_called_before_they_are_traced() -> None:
    with pytest.raises(ncd.TraceError, match=r"(?s)'0.weight' has no shape .*call the module once"):
        ncd.trace(nn.Sequential(nn.LazyLinear(6)), torch.randn(3, 5))
