"""The table of aten rules: well formed, torch-free, and exact about windows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from ncd.circuit.weave import Weave
from ncd.naturality import OnTensors, reaches, reindexes, verdicts
from ncd.ops.aten import AtenCall, Operand, declared, is_declared, lookup, opaque, table, weave
from ncd.ops.aten.spec import read
from ncd.tracing.derive import derive, derive_real
from ncd.tracing.plain import facts
from tests.torch.opdb import WHOLE

torch.set_num_threads(1)


def aten_names() -> set[str]:
    return {s.name.split("::")[1] for s in torch._C._jit_get_all_schemas() if s.name.startswith("aten::")}


def rank(pattern: str) -> int:
    return sum(2 if t in ("*", "[*]") else 1 for t in pattern.split())


@pytest.mark.parametrize("name", [n for n, r in table().items() if isinstance(r, str)])
def test_every_row_can_be_read(name: str) -> None:
    row = table()[name]
    assert isinstance(row, str)
    left, right = row.split("->")
    ins = [Operand((3,) * rank(p)) for p in left.split(",")]
    outs = [Operand((3,) * rank(p)) for p in right.split(",")]
    found = read(row, ins, outs)
    assert (len(found.ins), len(found.outs)) == (len(ins), len(outs))
    assert set(found.variables) == set(found.sizes)


def test_names_in_the_table_are_names_of_torch() -> None:
    known = aten_names() | {n.rstrip("_") for n in aten_names()}
    exact = {n.split(".")[0] for n in table() if "*" not in n}
    # These two are registered by a Python module of torch, under a namespace of its own.
    known |= {"_linear_cross_entropy_batch_chunked", "_linear_cross_entropy_batch_chunked_no_reduction"}
    assert sorted(exact - known) == []


def test_rules_need_no_torch() -> None:
    code = "import sys, ncd.ops.aten as a; a.table(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_rows_that_make_everything_a_target_say_why() -> None:
    assert sorted(n for n, r in table().items() if isinstance(r, str) and declared(r)) == sorted(WHOLE)


def test_an_unknown_op_has_no_rule_and_a_declared_one_does() -> None:
    call = AtenCall("no_such_op", "default", {}, (Operand((2, 3)),), (Operand((2, 3)),))
    assert weave(call) is None
    assert opaque(call).tiled == ()
    assert is_declared("nonzero") and not is_declared("mm") and declared("?, ? -> ?")
    assert lookup("addmm_") == lookup("addmm")


def test_a_row_that_does_not_fit_is_no_rule() -> None:
    wrong = AtenCall("mm", "default", {}, (Operand((2, 3)), Operand((4, 5))), (Operand((2, 5)),))
    assert weave(wrong) is None
    assert str(weave(AtenCall("mm", "default", {}, (Operand((2, 3)), Operand((3, 5))), (Operand((2, 5)),)))) == (
        "m [k], [k] n -> m n"
    )


def test_facts_of_a_schema() -> None:
    assert "pointwise" in facts(torch.ops.aten.add.Tensor).tags
    assert "view" in facts(torch.ops.aten.transpose.int).tags
    assert "view" not in facts(torch.ops.aten.add.Tensor).tags
    assert facts(torch.ops.aten.t_.default).reshapes


def R(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


WINDOWS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (F.conv1d, (R(2, 3, 9), R(4, 3, 3)), {}),
    (F.conv1d, (R(2, 3, 9), R(4, 3, 3), R(4)), {"stride": 2, "padding": 1}),
    (F.conv1d, (R(2, 4, 9), R(6, 2, 2)), {"dilation": 3, "groups": 2}),
    (F.conv1d, (R(2, 3, 9), R(4, 3, 3)), {"padding": "same"}),
    (F.conv1d, (R(2, 3, 9), R(4, 3, 4)), {"padding": "same", "dilation": 1}),
    (F.conv1d, (R(2, 3, 9), R(4, 3, 4)), {"padding": "valid"}),
    (F.conv1d, (R(3, 9), R(4, 3, 3)), {"stride": 2}),
    (F.conv2d, (R(2, 3, 6, 7), R(4, 3, 3, 2)), {"stride": (2, 1), "padding": (0, 1)}),
    (F.conv2d, (R(2, 4, 6, 6), R(4, 1, 3, 3)), {"groups": 4, "padding": 1}),
    (F.conv2d, (R(2, 3, 8, 8), R(5, 3, 4, 4)), {"stride": 4}),
    (F.conv3d, (R(1, 2, 4, 4, 5), R(2, 2, 2, 2, 3)), {"stride": (1, 2, 1), "padding": 1}),
    (F.conv_transpose1d, (R(2, 3, 5), R(3, 4, 3)), {"stride": 2}),
    (F.conv_transpose1d, (R(2, 4, 5), R(4, 3, 3)), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    (F.conv_transpose2d, (R(1, 2, 3, 4), R(2, 2, 3, 2)), {"stride": (2, 1), "dilation": (1, 2)}),
    (F.avg_pool1d, (R(2, 3, 9), 3), {"stride": 2}),
    (F.avg_pool2d, (R(2, 3, 6, 7), 2), {}),
    (F.avg_pool2d, (R(2, 3, 6, 7), (3, 2)), {"stride": (1, 2), "padding": (1, 0), "ceil_mode": True}),
    (F.avg_pool3d, (R(1, 2, 4, 4, 4), 2), {}),
    (F.max_pool1d, (R(2, 3, 9), 3), {"stride": 2, "padding": 1}),
    (F.max_pool2d, (R(2, 3, 7, 8), 3), {"stride": 2, "padding": 1, "dilation": 1}),
    (F.max_pool3d, (R(1, 2, 4, 4, 4), 2), {"stride": 1}),
    (F.pad, (R(2, 3, 5), (1, 2)), {}),
    (F.pad, (R(2, 3, 5), (1, -1, 0, 2)), {}),
    (F.unfold, (R(2, 3, 5, 6), 3), {"stride": 2, "padding": 1}),
    (torch.Tensor.unfold, (R(2, 7), 1, 3, 2), {}),
    (torch.flip, (R(2, 3, 5), (0, 2)), {}),
    (torch.cat, ([R(2, 3), R(2, 4), R(2, 1)], 1), {}),
    (torch.narrow, (R(2, 7), 1, 2, 3), {}),
    (torch.diagonal, (R(3, 5), 1), {}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("fn", "args", "kwargs"), WINDOWS, ids=lambda x: getattr(x, "__name__", ""))
def test_windows_reach_exactly_where_the_forms_say(fn: Any, args: Any, kwargs: Any) -> None:
    call = OnTensors(fn, args, kwargs)
    base = call(call.xs)
    found = derive(fn, args, kwargs)
    assert not found.missing
    operands = range(len(call.xs)) if fn is torch.cat else [0]
    for operand in operands:
        for dim in range(call.xs[operand].ndim):
            verdict = reaches(call, call.xs, base, found.weave, operand, dim, mixing=False)
            # A maximum hides most changes; a batch axis beside it hides none.
            assert verdict == "equal" or ("max" in fn.__name__ and verdict == "less")
    assert all(v is not False for v in verdicts(call, call.xs, base, found.weave).values())
    if fn in (torch.Tensor.unfold, F.unfold, torch.narrow, torch.diagonal, torch.flip, F.pad):
        assert reindexes(call.xs, base, found.weave)


@pytest.mark.parametrize("wrong", ["b [i] 2y+[k], o [i] [k] -> b o y", "b [i] 3y+[k]-1, o [i] [k] -> b o y"])
def test_a_wrong_window_is_noticed(wrong: str) -> None:
    call = OnTensors(F.conv1d, (R(2, 3, 9), R(4, 3, 3)), {"stride": 2, "padding": 1})
    false = Weave.parse(wrong, b=2, i=3, o=4, k=3, y=5)
    assert reaches(call, call.xs, call(call.xs), false, 0, 2) == "more"


def test_a_wrong_loop_is_noticed() -> None:
    call = OnTensors(torch.softmax, (R(3, 4), -1))
    base = call(call.xs)
    assert verdicts(call, call.xs, base, Weave.parse("a b -> a b", a=3, b=4)) == {(0, "a"): True, (0, "b"): False}
    ordered = OnTensors(torch.cumsum, (R(3, 4), 0))
    assert verdicts(ordered, ordered.xs, ordered(ordered.xs), derive(torch.cumsum, (R(3, 4), 0)).weave) == {
        (0, "b"): True
    }


def test_what_is_read_behind_torchs_back_is_a_target() -> None:
    found = derive_real(torch.tensor_split, (R(6, 3), torch.tensor([2, 4])))
    assert str(found.weave).startswith("[a] b, [c] ->")
    renormed = derive(F.embedding, (torch.tensor([[0, 1], [2, 0]]), R(5, 4)), {"max_norm": 1.0}).weave
    assert set(renormed.tiled) == set()
