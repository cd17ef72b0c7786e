"""Programs as people write them: transforms, casts, generators, writes, scripts; each traced, true and equal."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ncd
from benchmarks.sweep.case import hold
from benchmarks.sweep.programs import CASES

torch.set_num_threads(1)

SOME = """
einops pack and unpack / einops EinMix / einsum bhqd,bhkd,bhke->bhqe / einsum sublist ellipsis / vmap nested
per-sample grad / hessian / vjp / autograd.grad inside / ensemble by stacked state / checkpoint keywords
autograd function under vmap / custom op / script part / parametrize / log_prob
dropout in training / autocast / swap through a view / chunks written / weight normalised in forward
forward hook with kwargs / complex rotary / fft long convolution / sparse adjacency / float8 cast / empty input
"""


@pytest.mark.parametrize("name", [n.strip() for line in SOME.strip().splitlines() for n in line.split(" / ")])
def test_a_program(name):
    found = hold(CASES[name])
    assert found.fine, (found.errors, found.failures, found.differs, found.traces)


def weaves(d):
    return [str(op.weave) for op in d.ops]


# ------------------------------------------------------------------ what is recorded
def test_writes_below_autograd_are_seen():
    """Under vmap no version is counted: the schema says what is written."""
    d = ncd.trace(lambda x: torch.vmap(lambda v: v.clone().mul_(2).add_(v))(x), torch.randn(3, 4))
    x = torch.randn(3, 4)
    assert torch.equal(d.to_module()(x), 3 * x)
    assert d.check().ok


def test_a_gradient_is_made_of_its_own_operations():
    def force(x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad((x**3).sum(), x)[0]

    d = ncd.trace(force, torch.randn(4))
    assert not d.opaque and all(op.inputs for op in d.ops if op.kind != "source")
    x = torch.randn(4)
    assert torch.allclose(d.to_module()(x), 3 * x**2)


def test_what_autograd_saved_is_no_constant():
    d = ncd.trace(torch.func.grad(lambda x: (x.exp() * 2).sum()), torch.randn(4))
    assert not [a for op in d.ops for a in op.inputs if a.kind == "constant"]


def test_an_operand_handed_back_is_no_result():
    def pair(x, y):
        a, b = torch.broadcast_tensors(x.exp(), y)
        return a * b

    d = ncd.trace(pair, torch.randn(3, 4), torch.randn(4))
    broadcast = next(op for op in d.ops if op.name == "broadcast_tensors")
    assert len(broadcast.outputs) == 1 and not {*broadcast.outputs} & {*broadcast.inputs}
    assert d.check().ok


def test_automatic_casts_are_repeated():
    model, x = nn.Linear(4, 3), torch.randn(2, 4)

    def forward(x):
        with torch.autocast("cpu", torch.bfloat16):
            return model(x)

    d = ncd.trace(forward, x)
    assert d.ops[0].body[0].autocast == ("cpu", "bfloat16") and d.outputs[0].dtype == "bfloat16"
    assert ncd.Diagram.from_json(d.to_json()) == d
    assert torch.equal(d.to_module()(x), forward(x))
    assert 'torch.autocast("cpu", dtype=torch.bfloat16)' in d.to_code()


def test_a_generator_is_used_as_it_was_and_left_as_it_was():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    d = ncd.trace(lambda x: x + torch.rand(4, generator=generator) * torch.rand(4, generator=generator), torch.randn(4))
    assert torch.equal(generator.get_state(), before)
    x = torch.randn(4)
    want = x + torch.rand(4, generator=generator) * torch.rand(4, generator=generator)
    module = d.to_module()
    assert torch.equal(module(x), want) and torch.equal(module(x), want)


def test_a_weight_given_other_data():
    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 3))

        def forward(self, x):
            self.w.data = F.normalize(self.w.data, dim=0)
            return x @ self.w

    model, x = Unit(), torch.randn(2, 4)
    was = model.w.clone()
    d = ncd.trace(model, x)
    assert torch.equal(model.w, was)
    assert not d.opaque
    assert torch.allclose(d.to_module()(x), x @ F.normalize(was, dim=0))
    assert d.check().ok


def test_compiled_parts_are_traced_as_written():
    plain = nn.Linear(5, 3)
    d = ncd.trace(nn.Sequential(nn.Linear(4, 5), torch.compile(plain), nn.ReLU()), torch.randn(2, 4))
    assert [op.name for op in d.ops] == ["linear", "linear", "relu"] and d.check().ok


@torch.library.custom_op("ncd_tests::rows", mutates_args=())
def rows(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x * y[:, None]).cumsum(1)


@torch.library.custom_op("ncd_tests::unseen", mutates_args=())
def unseen(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(x.numpy()[::-1].copy())


@torch.library.custom_op("ncd_tests::pointer", mutates_args=())
def pointer(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    y.data_ptr()  # here a kernel of another language would fill it
    y.copy_(x.flip(0))
    return y


def test_a_custom_operator_is_what_its_kernel_does():
    d = ncd.trace(lambda x, y: rows(x, y) + 1, torch.randn(3, 4), torch.randn(3), axes=["b d", "b"])
    assert not d.opaque and str(d.ops[0].weave) == "b [d], b -> b [d]"
    assert d.check().ok


@pytest.mark.parametrize("op", [unseen, pointer])
def test_a_kernel_that_reaches_past_torch_is_opaque_and_named(op):
    d = ncd.trace(lambda x: op(x * 2).relu(), torch.randn(3, 4))
    assert [o.name for o in d.opaque] == [op._name] and d.opaque[0].source.file == __file__
    assert set(d.opaque[0].weave.targets) == set(d.opaque[0].weave.sizes)
    assert f"{op._name}" in str(d) and "its axes are not known" in str(d)
    assert d.check().ok and op._name in d.to_svg()


# ------------------------------------------------------------------ what is drawn
def test_a_copy_stays_where_the_original_is_written():
    def swap(x):
        x = x * 1
        a, b = x[:2], x[2:]
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)
        return x

    d = ncd.trace(swap, torch.randn(4, 3))
    assert d.check().ok
    x = torch.randn(4, 3)
    assert torch.equal(d.simplify().to_module()(x), x[[2, 3, 0, 1]])


def test_an_output_that_depends_on_nothing_is_drawn():
    d = ncd.trace(lambda x: (x + 1, torch.arange(5.0) * 2), torch.randn(3))
    assert d.check().ok
    made = [op for op in d.simplify().ops if not any(a in d.inputs for a in op.inputs)]
    assert len(made) == 1 and made[0].outputs == d.simplify().outputs[1:]


def test_dropout_at_the_very_end():
    d = ncd.trace(nn.Sequential(nn.Linear(4, 5), nn.Dropout()).train(), torch.randn(3, 4))
    assert [op.name for op in d.simplify().ops] == ["linear"]
    assert d.check().ok


# ------------------------------------------------------------------ left as found
@pytest.mark.parametrize("fail", [False, True])
def test_a_scripted_module_is_left_as_found(fail):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.norm = nn.Linear(4, 5), nn.BatchNorm1d(5)

        def forward(self, x: torch.Tensor, wrong: bool):
            y = self.norm(self.lin(x))
            if wrong:
                y = y @ y
            return y

    model = torch.jit.script(Net().train())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = torch.randn(3, 4)
    if fail:
        with pytest.raises(RuntimeError):
            ncd.trace(model, x, True)
    else:
        ncd.trace(model, x, False)
    assert all(type(p) is nn.Parameter for p in model.parameters())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
