"""Twenty models, none written for ncd: traced without an opaque op, checked, and turned back into modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

import ncd
from ncd.models import zoo
from ncd.tracing.containers import shown

NO_WEIGHTS = ("llama_7b",)


def other(x: Any) -> Any:
    """Another input of the same kind: tokens stay in the vocabulary."""
    if not isinstance(x, Tensor):
        return x
    return torch.randn_like(x) if x.is_floating_point() else x.flip(-1).roll(1, 0)


def outputs(module: Any, args: Any, kwargs: Mapping[str, Any]) -> list[Tensor]:
    with torch.no_grad():
        return [t for _, t in shown(module(*args, **kwargs))]


def new_inputs(name: str, e: zoo.Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs the model was not traced on; the pointer network's must let it take as many steps."""
    steps = outputs(e.module, e.args, e.kwargs)[0].shape
    for _ in range(200):
        args, kwargs = tuple(map(other, e.args)), {k: other(v) for k, v in e.kwargs.items()}
        if name != "pointer" or outputs(e.module, args, kwargs)[0].shape == steps:
            return args, kwargs
    raise AssertionError("no such input found")


@pytest.mark.parametrize("name", [n for n in zoo.MODELS if n not in NO_WEIGHTS])
def test_a_model_is_told_truly(name: str) -> None:
    torch.set_num_threads(1)
    e = zoo.get(name)
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    assert d.opaque == ()
    assert [a for a in d.inputs[0].axes if a.name == "b"] or not any("b" in p.split() for p in e.axes.values())

    report = d.check(trials=1)
    assert report.ok, report
    assert len(report.claims) > len({str(op.weave) for op in d.ops}) / 2

    torch.manual_seed(0)
    args, kwargs = new_inputs(name, e)
    got, want = d.to_module()(*args, **kwargs), outputs(e.module, args, kwargs)
    for g, w in zip(got if isinstance(got, tuple) else (got,), want, strict=True):
        assert torch.allclose(g, w, atol=1e-5)

    c = d.cost()
    assert c.unknown == ()
    assert int(c.total.params) == sum(p.numel() for p in e.module.parameters())


def test_seven_billion_weights_that_are_not_there() -> None:
    e = zoo.get("llama_7b")
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    assert d.opaque == ()
    assert "×32" in d.to_svg()
    total = d.cost().total
    assert int(total.params) == 6_738_415_616
    assert (
        int(total.flops)
        == 2 * 2 * 32 * (32 * (4 * 4096**2 + 3 * 4096 * 11008) + 32000 * 4096) + 2 * 32 * 4 * 4096 * 32**2
    )
    with pytest.raises(ncd.CheckError, match=r"no values|weights"):
        d.check()
