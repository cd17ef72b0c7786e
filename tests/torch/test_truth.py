"""Checking: true diagrams are confirmed, and every way of lying is found."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from test_emit import CASES, Attention, Conv, InPlace
from torch import Tensor, nn

import ncd
from ncd.circuit.diagram import Call, Diagram, Op, Ref
from ncd.circuit.weave import Form, Weave
from ncd.drawn import compare, reachability
from ncd.errors import CheckError
from ncd.report import Report
from ncd.truth import check

torch.set_num_threads(1)


def recorded(diagram: Diagram) -> Diagram:
    """A diagram whose drawn form is itself: only the recorded claims are tested."""
    alone = replace(diagram, source=replace(diagram.source))
    alone.source.exact = alone
    return alone


def exactly(diagram: Diagram, *args: Any, **kwargs: Any) -> Report:
    return check(recorded(diagram), args, kwargs)


@pytest.mark.parametrize("name", list(CASES))
def test_what_was_recorded_is_true(name: str) -> None:
    make, inputs = CASES[name]
    torch.manual_seed(0)
    diagram = ncd.trace(make().eval(), *inputs())
    for report in (exactly(diagram), exactly(diagram, *inputs())):
        assert report and report.ok, report
        assert len(report.claims) > 5
        assert "true as far as tested" in repr(report)


def mutated(diagram: Diagram, name: str, change: Any) -> Diagram:
    """The diagram with the first op of this name changed."""
    k = next(k for k, op in enumerate(diagram.ops) if op.name == name)
    return recorded(replace(diagram, ops=(*diagram.ops[:k], change(diagram.ops[k]), *diagram.ops[k + 1 :])))


def attention() -> Diagram:
    torch.manual_seed(0)
    return ncd.trace(Attention().eval(), torch.randn(2, 5, 12), axes="b s d")


def test_softmax_is_not_tiled() -> None:
    """It commutes with every permutation of the axis it normalises: only other maps tell."""

    def claim(op: Op) -> Op:
        return replace(op, weave=replace(op.weave, targets=frozenset()))

    report = mutated(attention(), "softmax", claim).check()
    assert not report
    (failure,) = report.failures
    assert failure.name == "softmax" and failure.index in failure.weave
    assert "test_emit.py:" in str(failure) and "its weave is b h s s'" in str(failure) and "differ" in str(failure)


def test_exchanged_indices_are_found() -> None:
    def swap(op: Op) -> Op:
        first = tuple(reversed(op.weave.ins[0]))
        return replace(op, weave=replace(op.weave, ins=(first, *op.weave.ins[1:])))

    x = torch.randn(6, 6)
    diagram = ncd.trace(lambda x, y: x * y, x, torch.randn(6, 6))
    report = mutated(diagram, "mul", swap).check()
    assert {f.name for f in report.failures} == {"mul"}


def test_a_wrong_transposition_is_found() -> None:
    def untransposed(op: Op) -> Op:
        forms = op.weave.ins[0]
        return replace(op, weave=replace(op.weave, ins=((forms[1], forms[0]),)))

    diagram = ncd.trace(lambda x: x.transpose(0, 1), torch.randn(4, 4))
    report = mutated(diagram, "transpose", untransposed).check()
    assert not report and "not repeated" in str(report.failures[-1])


def test_a_window_that_reaches_further_is_found() -> None:
    def narrow(op: Op) -> Op:
        sizes = {v: 1 if v in op.weave.targets and n == 3 else n for v, n in op.weave.sizes.items()}
        return replace(op, weave=replace(op.weave, sizes=sizes))

    diagram = ncd.trace(nn.Conv1d(2, 4, 3, padding=1).eval(), torch.randn(2, 2, 9))
    true = exactly(diagram)
    assert true and any("window" in c.what for c in true.claims)
    report = mutated(diagram, "conv1d", narrow).check()
    assert not report and any("reaches" in f.what for f in report.failures)


def test_calls_that_do_something_else_are_found() -> None:
    def cooler(op: Op) -> Op:
        (call,) = op.body
        return replace(op, body=(replace(call, args=(call.args[0], 2.0)),))

    report = mutated(attention(), "div", cooler).check()
    assert not report and "do not give the model's output" in str(report.failures[0])


def test_a_weave_of_another_rank_is_found() -> None:
    def shorter(op: Op) -> Op:
        return replace(op, weave=Weave((op.weave.ins[0][1:],), op.weave.outs, op.weave.sizes, op.weave.targets))

    report = mutated(attention(), "view", shorter).check()
    assert [f.what for f in report.failures] == ["its weave has inputs of other ranks than the op"]


def test_norm_weights_of_ones_hide_nothing() -> None:
    """Exchanging the rows of a weight of ones changes nothing: other weights are used."""

    def untold(op: Op) -> Op:
        x, *rest = op.weave.ins
        return replace(op, weave=replace(op.weave, ins=(x, *((Form(((1, "w"),)),) for _ in rest)),
                                         sizes={**op.weave.sizes, "w": 4}))  # fmt: skip

    module = nn.BatchNorm1d(4).eval()
    diagram = ncd.trace(module, torch.randn(3, 4))
    assert exactly(diagram)
    report = mutated(diagram, "batch_norm", untold).check()
    assert not report


def test_random_ops_are_not_claims() -> None:
    diagram = ncd.trace(nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5)).train(), torch.randn(3, 4))
    report = exactly(diagram)
    assert report
    assert {f.name for f in report.unverified} == {"dropout"}
    assert {f.what for f in report.unverified} == {"it draws random numbers"}
    assert all(c.name != "dropout" for c in report.claims)
    assert "draws random numbers" in repr(report)


def test_claims_that_nothing_can_refute_are_not_counted() -> None:
    report = exactly(ncd.trace(lambda m: m.logical_not(), torch.ones(3, 4, dtype=torch.bool)))
    assert report and all(c.op is None for c in report.claims)
    assert {f.what for f in report.unverified} == {"no operand varies along the index, so that the test says nothing"}


def test_everything_is_left_as_found() -> None:
    torch.manual_seed(5)
    for module, x in ((Conv().train(), torch.randn(2, 3, 8, 8)), (InPlace(), torch.randn(4, 3))):
        before, kept, state = copy.deepcopy(module.state_dict()), x.clone(), torch.get_rng_state()
        buffers = [id(b) for b in module.buffers()]
        assert exactly(ncd.trace(module, x), x)
        assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
        assert torch.equal(x, kept) and torch.equal(torch.get_rng_state(), state)
        assert buffers == [id(b) for b in module.buffers()]
        assert torch.is_grad_enabled() and module.training


def test_an_exception_reaches_the_caller_and_leaves_no_trace() -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))
            self.broken = False

        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            if self.broken:
                raise ZeroDivisionError("mine")
            return x * 2

    module = Fragile()
    diagram = ncd.trace(module, torch.randn(3))
    module.broken = True
    state = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError, match="mine"):
        exactly(diagram)
    assert float(module.count) == 0 and torch.equal(state, torch.get_rng_state()) and torch.is_grad_enabled()


def test_weights_without_values_and_parts_are_refused() -> None:
    with torch.device("meta"):
        module = Attention()
    with pytest.raises(CheckError, match="no values"):
        ncd.trace(module, ncd.array("b=2 s=5 d=12")).check()
    with pytest.raises(CheckError, match="is a part"):
        exactly(attention()["q_proj"])


def test_placeholders_become_random_values() -> None:
    assert exactly(ncd.trace(Attention().eval(), ncd.array("b=2 s=5 d=12")))


# ---------------------------------------------------------------- what is drawn


class Padded(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        score = x @ x.transpose(-1, -2)
        return score.masked_fill(mask[:, None], -1e9).softmax(-1) @ x


def padded() -> tuple[Diagram, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, 3:] = True
    inputs = torch.randn(2, 5, 4), mask
    return ncd.trace(Padded(), *inputs), inputs


def judged(drawn: Diagram, exact: Diagram, inputs: tuple[Tensor, ...]) -> Report:
    report = Report("drawn")
    compare(report, drawn, exact, exact.run(*inputs), {}, 2, 0)
    reachability(report, drawn, exact)
    return report


def test_an_exact_diagram_is_its_own_true_picture() -> None:
    exact, inputs = padded()
    assert judged(exact, exact, inputs)


def without(exact: Diagram, name: str) -> Diagram:
    """The diagram with one op turned into handing on its first input: what a lost operand looks like."""
    ops = []
    for op in exact.ops:
        if op.name == name:
            first = replace(op.weave, ins=op.weave.ins[:1])
            call = Call("torch.Tensor.clone", (Ref(op.inputs[0].id),), (), Ref(op.outputs[0].id))
            op = replace(op, inputs=op.inputs[:1], weave=first, body=(call,), name="clone")
        ops.append(op)
    return replace(exact, ops=tuple(ops))


def test_a_dropped_mask_is_found_twice() -> None:
    exact, inputs = padded()
    report = judged(without(exact, "masked_fill"), exact, inputs)
    told = [str(f) for f in report.failures]
    assert any("is not what the model computes" in t for t in told)
    assert any(t == "the input mask reaches the model's output, but not the drawn one" for t in told)


def test_a_mask_of_nothing_is_missed_by_numbers_and_found_by_reach() -> None:
    exact, (x, mask) = padded()
    report = judged(without(exact, "masked_fill"), exact, (x, torch.zeros_like(mask)))
    assert [f.what for f in report.failures] == ["the input mask reaches the model's output, but not the drawn one"]


def test_a_body_may_read_its_inputs_only() -> None:
    exact, inputs = padded()
    fill = next(k for k, op in enumerate(exact.ops) if op.name == "masked_fill")
    op = exact.ops[fill]
    narrow = replace(op, inputs=op.inputs[:1], weave=replace(op.weave, ins=op.weave.ins[:1]))
    report = judged(replace(exact, ops=(*exact.ops[:fill], narrow, *exact.ops[fill + 1 :])), exact, inputs)
    assert "does not run on its inputs alone" in str(report.failures[0])


def test_shapes_alone_are_no_reach() -> None:
    """``ones_like(x)`` reads no value of x: a picture may leave it out."""

    def f(x: Tensor, y: Tensor) -> Tensor:
        return torch.ones_like(x) + y

    exact = ncd.trace(f, torch.randn(3), torch.randn(3))
    drawn = replace(exact, ops=exact.ops[1:])
    report = Report("")
    reachability(report, drawn, exact)
    assert report


@pytest.mark.parametrize("name", ["attention", "layer", "recurrent", "gpt2", "llama"])
def test_what_is_drawn_is_true(name: str) -> None:
    make, inputs = CASES[name]
    torch.manual_seed(0)
    report = ncd.trace(make().eval(), *inputs()).check()
    assert report, report
    assert any(c.layer == "drawn" for c in report.claims)


def test_memory_that_no_one_has_written_is_compared_with_nothing() -> None:
    def joined(x: Tensor, y: Tensor) -> Tensor:
        out = x.new_empty(2, 5, 7)
        out[..., :3] = x
        out[..., 3:] = y
        return out

    d = ncd.trace(joined, torch.randn(2, 5, 3), torch.randn(2, 5, 4))
    values = d.run(torch.randn(2, 5, 3), torch.randn(2, 5, 4))
    values[d.ops[0].outputs[0].id].fill_(torch.nan)
    values[d.ops[1].outputs[0].id][..., 3:] = torch.nan
    report = Report("")
    compare(report, d.simplify(), d, values, {}, 1, 0)
    assert report, report


def test_a_claim_about_strides_is_tested_on_operands_of_those_strides() -> None:
    def overlapping(x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        return x.as_strided((2, 3, 16, 4), (4, 64, 8, 1)).exp()

    report = ncd.trace(overlapping, torch.randn(32, 2, 4)).check()
    assert report, report


def test_a_window_on_nothing_is_not_moved() -> None:
    report = ncd.trace(lambda x: (x[:, 4:].flatten(1) + 1, x * 2), torch.randn(2, 4, 3)).check()
    assert report, report


def test_a_view_that_asks_for_channels_last_is_tried_on_channels_last() -> None:
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert ncd.trace(lambda x: x.view(2, 3, -1), x, axes="b c h w").check().ok
