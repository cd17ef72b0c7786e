"""Where a forward pass stopped: the diagram up to there, and an error that is still the user's own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ncd
from ncd import show

torch.set_num_threads(1)


class Attention(nn.Module):
    def __init__(self, out: int) -> None:
        super().__init__()
        self.project = nn.Linear(12, 36)
        self.out = nn.Linear(out, 12)

    def forward(self, x: Tensor) -> Tensor:
        b, s, d = x.shape
        q, k, v = (t.view(b, s, 3, -1).transpose(1, 2) for t in self.project(x).split(d, -1))
        y = (q @ k.transpose(-1, -2)).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, s, d))


class Block(nn.Module):
    def __init__(self, out: int = 13) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(12), Attention(out)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.norm(x))


class Own(ValueError):
    """An error that takes more than a message."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(code, what)


class Raises(Block):
    def forward(self, x: Tensor) -> Tensor:
        self.norm(x)
        raise Own(7, "<b>no</b> way\nfrom here")


def stopped(kind: type[Exception], module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    with pytest.raises(kind) as caught:
        ncd.trace(module, *args, **kwargs)
    return caught.value, ncd.stopped(caught.value)


@pytest.mark.parametrize("given", [torch.zeros(2, 5, 12), ncd.array("b=1 s=5 d=12")], ids=["values", "a placeholder"])
def test_a_call_that_raised_is_where_the_diagram_ends(given: Any) -> None:
    module = Block().eval()
    kind = RuntimeError if isinstance(given, Tensor) else ncd.TraceError
    _, d = stopped(kind, module, given)
    whole = ncd.trace(Block(12).eval(), given)
    assert [op.name for op in d.ops[:-1]] == [op.name for op in whole.ops[: len(d.ops) - 1]]
    for mine, same in zip(d.ops[:-1], whole.ops, strict=False):  # axes may be called otherwise
        assert [a.shape for a in mine.outputs] == [a.shape for a in same.outputs]
        assert len(mine.weave.tiled) == len(same.weave.tiled)
    end = d.ops[-1]
    assert (end.name, end.path, end.kind) == ("RuntimeError", "attention", "opaque")
    assert end.source.function == "Attention.forward" and end.source.line == whole.ops[-2].source.line
    assert end.inputs[0].id == d.ops[-2].outputs[0].id
    assert end.inputs[0].shape == whole.ops[-2].inputs[0].shape, "at the sizes given"
    assert {a.name for a in end.inputs if a.kind == "parameter"} == {"attention.out.weight", "attention.out.bias"}
    shown = show.draw(d)
    assert shown.drawn.ops[-1].name == "RuntimeError" and "softmax" in [op.symbol for op in shown.drawn.ops]
    assert "RuntimeError:" in shown.svg and "test_stopped.py:" in shown.svg


def test_an_error_between_calls_stands_after_the_last_of_them() -> None:
    x = torch.zeros(2, 5, 12)
    error, d = stopped(Own, Raises(), x)
    assert type(error) is Own and error.args == (7, "<b>no</b> way\nfrom here")
    assert error.__notes__ == ["ncd.stopped() is the diagram up to here: 1 operations"]
    assert [op.name for op in d.ops] == ["layer_norm", "Own"]
    assert d.ops[-1].inputs == d.ops[0].outputs
    svg = d.to_svg()
    assert "<b>" not in svg and "&lt;b&gt;no&lt;/b&gt; way" in svg


def test_the_first_call_may_be_the_last() -> None:
    _, d = stopped(RuntimeError, nn.Linear(3, 4), torch.zeros(2, 5))
    assert [op.name for op in d.ops] == ["RuntimeError"] and d.ops[0].inputs[0] == d.inputs[0]
    assert "RuntimeError" in d.to_svg()
    _error, d = stopped(ZeroDivisionError, lambda x: 1 / 0, torch.zeros(2))
    assert [op.name for op in d.ops] == ["ZeroDivisionError"] and d.to_svg()


def test_an_error_of_its_own_has_nothing_to_tell() -> None:
    assert ncd.stopped(ValueError("another")) is None
    with pytest.raises(ncd.AxisError) as caught:
        ncd.trace(nn.Linear(3, 4), torch.zeros(2, 3), axes="a b c")
    assert ncd.stopped(caught.value) is None


def test_the_module_and_what_it_made_are_left_alone() -> None:
    module = Block().eval()
    before = {k: id(v) for k, v in module.named_parameters()}
    made: list[weakref.ref[Tensor]] = []
    module.norm.register_forward_hook(lambda m, a, y: made.append(weakref.ref(y)))
    error, d = stopped(RuntimeError, module, torch.zeros(2, 5, 12))
    assert {k: id(v) for k, v in module.named_parameters()} == before
    error.__traceback__ = error.__context__ = None
    del error
    gc.collect()
    assert made and all(ref() is None for ref in made), "the diagram holds no values"
    assert d is not None


class Sum(nn.Module):
    """It stops at a sum, or after a constant that nothing has read."""

    def __init__(self, at_sum: bool) -> None:
        super().__init__()
        self.one, self.two, self.at_sum = nn.Linear(4, 8), nn.Linear(4, 9), at_sum

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.one(x), self.two(x)
        if self.at_sum:
            return y @ z
        torch.zeros(3)
        raise ValueError("here")


@pytest.mark.parametrize("at_sum", [True, False])
def test_wherever_it_stopped_it_can_be_drawn(at_sum: bool) -> None:
    kind = RuntimeError if at_sum else ValueError
    _, d = stopped(kind, Sum(at_sum), torch.zeros(2, 3, 4))
    assert f"{kind.__name__}:" in d.to_svg()
