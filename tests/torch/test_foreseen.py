"""A call on fakes like an earlier one is not run again; what it gives is what running it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

import ncd
from ncd.tracing import foreseen
from ncd.tracing.foreseen import Foreseen
from ncd.tracing.writes import state


def look(t: Tensor) -> tuple[Any, ...]:
    return type(t), t.shape, t.stride(), t.storage_offset(), t.dtype, t.device, t.requires_grad, t.layout


def run(known: Foreseen, fn: Any, *args: Any) -> Any:
    """What a call gives: foreseen, or where nothing is, when made."""
    found = known.run(fn, args, {}, [x for x in args if isinstance(x, Tensor)])
    return fn(*args) if found is None else found[0]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Holds every result that is made to what the call gives when run; counts what was made, by name."""
    made: Counter[str] = Counter()
    begin = foreseen._plan

    def plan(call: Callable[[], Any], tensors: list[Tensor], *rest: Any) -> Any:
        inner = begin(call, tensors, *rest)
        if inner is foreseen._run:
            return inner

        def held(call: Callable[[], Any], tensors: list[Tensor]) -> Any:
            got, run = inner(call, tensors), call()
            many = isinstance(run, (tuple, list))
            assert type(got) is type(run)
            for a, b in zip(got if many else [got], run if many else [run], strict=True):
                assert look(a) == look(b)
                assert [a is t for t in tensors] == [b is t for t in tensors]
                assert [_shared(a, t) for t in tensors] == [_shared(b, t) for t in tensors]
                assert torch._C._dispatch_keys(a) == torch._C._dispatch_keys(b)
            made[inner.__qualname__.split(".")[0]] += 1
            return got

        return held

    monkeypatch.setattr(foreseen, "_plan", plan)
    return made


def _shared(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage()._cdata == b.untyped_storage()._cdata


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.heads = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.scale = nn.Buffer(torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.up(self.norm(x)).split(8, dim=-1)
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(-2, -3) for t in (q, k, v))
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(-2, -3).contiguous().flatten(-2)
        return x + nn.functional.dropout(self.heads(y) * self.scale, training=False)


def test_repeated_layers_give_what_running_them_gives(checked: Counter[str]) -> None:
    model = nn.Sequential(*[Layer() for _ in range(3)]).eval()
    ncd.trace(model, ncd.array("b=3 s=5 d=8"))
    assert set(checked) == {"_arrays", "_views", "_handed_back"}
    assert checked["_views"] > 10


def test_convolutions_and_norms_with_real_buffers(checked: Counter[str]) -> None:
    model = nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)) for _ in range(3)]).eval()
    ncd.trace(model, ncd.array("b=3 c=4 y=7 x=9"))
    assert checked["_arrays"] == 4


def calls_of(fn: Any, *shape: int) -> tuple[Any, ...]:
    x = torch.empty(shape)
    if fn is not F.batch_norm:
        return (x,)
    return (x, *(torch.empty(shape[1]) for _ in range(4)), False, 0.1, 1e-5)


def called(fn: Any) -> str:
    return f"{fn.__name__} {type(fn).__name__}"


@pytest.mark.parametrize("fn", sorted(foreseen._KEEPING, key=called), ids=called)
def test_functions_that_keep_shapes_do_so_whatever_the_sizes(fn: Any) -> None:
    mode = torch._subclasses.FakeTensorMode()
    known = Foreseen()
    shapes = [(2, 3), (3, 4, 5), (4, 5, 6), (6, 7, 8, 9), (8, 6, 9, 7), (4, 5, 4), (9, 8, 7, 6, 5), (3, 4, 5, 6, 7)]
    with torch.no_grad():
        for shape in shapes:
            with mode:
                args = calls_of(fn, *shape)
            got = run(known, fn, *args)
            assert look(got) == look(fn(*args))
    assert len(known.plans) == len(shapes) and len(known.kept) == 5  # one for each rank, one for two equal sizes


def test_arrays_that_do_not_fit_are_not_foreseen() -> None:
    mode = torch._subclasses.FakeTensorMode()
    known = Foreseen()
    with mode, torch.no_grad():
        x, *rest = calls_of(F.batch_norm, 2, 3, 5)
        run(known, F.batch_norm, x, *rest)
        with pytest.raises(RuntimeError):
            run(known, F.batch_norm, torch.empty(2, 4, 5), *rest)


def test_a_view_made_at_once_shares_its_writes() -> None:
    def rows(w: Tensor, x: Tensor) -> Tensor:
        for _ in range(3):
            w = w + 0
            w.view(6, 4)[1:3].mul_(2)
        return w @ x

    d = ncd.trace(rows, ncd.array("a=2 b=12"), ncd.array("b=12"))
    assert [op.name for op in d.ops].count("mul") == 3


def test_writes_to_a_view_are_counted_with_what_it_views() -> None:
    mode = torch._subclasses.FakeTensorMode()
    with mode:
        x = torch.empty(4, 6)
    known = Foreseen()
    with torch.no_grad():
        first, second = (run(known, Tensor.view, x, 2, 12) for _ in range(2))
        before = state(x)
        second.add_(1)
    assert type(second) is FakeTensor and _shared(first, second)
    assert state(x) != before and state(first) == state(second) and first._version == x._version


def test_a_view_of_what_was_made_and_given_other_memory_is_in_that_memory() -> None:
    mode = torch._subclasses.FakeTensorMode()
    with mode:
        w, other = torch.empty(4, 6), torch.empty(4, 6)
    known = Foreseen()
    with torch.no_grad():
        run(known, torch.neg, w), run(known, Tensor.t, w)
        x = run(known, torch.neg, w)
        views = [run(known, Tensor.t, x)]
        assert id(x) in known.bodies and _shared(views[0], x)
        x.data = other
        views.append(run(known, Tensor.t, x))
    assert _shared(views[1], other) and not _shared(*views)


def test_a_change_of_shape_in_place_is_not_foreseen() -> None:
    mode = torch._subclasses.FakeTensorMode()
    known = Foreseen()
    with torch.no_grad():
        for _ in range(3):
            with mode:
                x = torch.empty(4, 4)
            run(known, Tensor.t_, x)
            assert x.stride() == (1, 4)


@pytest.mark.parametrize("number", [torch.tensor(1), torch.tensor(True), torch.tensor([2, 4])])
def test_numbers_that_may_be_read_are_not_foreseen(number: Tensor) -> None:
    mode = torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        x = torch.empty(6, 4)
    known = Foreseen()
    with torch.no_grad():
        fn = Tensor.tensor_split if number.ndim else Tensor.__getitem__
        run(known, fn, x, number)
    assert not known.plans


def test_literals_of_other_types_are_other_calls() -> None:
    mode = torch._subclasses.FakeTensorMode()
    with mode:
        x = torch.ones(3, dtype=torch.int64)
    known = Foreseen()
    with torch.no_grad():
        dtypes = [run(known, Tensor.mul, x, n).dtype for n in (2, 2.0, 2, 2.0)]
    assert dtypes == [torch.int64, torch.float32] * 2


def test_gradients_are_left_to_torch() -> None:
    known = Foreseen()
    mode = torch._subclasses.FakeTensorMode()
    with mode, torch.enable_grad():
        x = torch.ones(3, requires_grad=True)
        ys = [run(known, Tensor.mul, x, 2) for _ in range(2)]
    assert all(y.requires_grad for y in ys) and not known.plans
