"""Tracing: what is recorded, where it says it happened, and what is left as it was found."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ncd
from ncd import AxisError, TraceError


class Program(nn.Module):
    """A module whose forward is the given function."""

    def __init__(self, fn, **modules):
        super().__init__()
        self.fn = fn
        for name, m in modules.items():
            setattr(self, name, m)

    def forward(self, *args, **kwargs):
        return self.fn(self, *args, **kwargs)


def same(d, model, *args, **kwargs):
    """Whether the diagram's module computes what the model does."""
    with torch.no_grad():
        got, want = d.to_module()(*args, **kwargs), model(*args, **kwargs)
    got = got if isinstance(got, tuple) else (got,)
    want = want if isinstance(want, tuple) else (want,)
    return all(torch.allclose(g, w, atol=1e-6) for g, w in zip(got, want, strict=True))


# ------------------------------------------------------------------ relations
def weaves(d):
    return [str(op.weave) for op in d.ops]


def test_attention_by_hand():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.h, self.q, self.k, self.v = 4, nn.Linear(12, 20), nn.Linear(12, 20), nn.Linear(12, 28)

        def forward(self, y, x):
            b, t, s = *y.shape[:2], x.shape[1]
            q, k = self.q(y).view(b, t, 4, 5).transpose(1, 2), self.k(x).view(b, s, 4, 5).transpose(1, 2)
            a = torch.softmax(q @ k.transpose(-1, -2), -1)
            return a @ self.v(x).view(b, s, 4, 7).transpose(1, 2)

    d = ncd.trace(Attention(), torch.randn(2, 3, 12), torch.randn(2, 6, 12), axes=["b y m", "b x m"])
    d = d.rename({d.outputs[0].axes[-1].name: "v"})
    k = next(op for op in d.ops if op.name == "matmul").inputs[0].axes[-1].name
    d = d.rename({k: "k"} if k != "k" else {})
    mine = [w for w, op in zip(weaves(d), d.ops, strict=True) if op.name in ("matmul", "softmax")]
    assert mine == ["b h y [k], b h [k] x -> b h y x", "b h y [x] -> b h y [x]", "b h y [x], b h [x] v -> b h y v"]
    assert not d.opaque


def test_programs_that_differ_only_in_the_contracted_axis():
    def one(q, k, v):
        return torch.einsum("bhqk,bhkd->bhqd", torch.softmax(q @ k.transpose(-2, -1), -1), v)

    def other(q, k, v):
        return torch.einsum("bhqk,bhqd->bhkd", torch.softmax(q @ k.transpose(-2, -1), -2), v)

    axes = ["b h q d", "b h k d", "b h k v"], ["b h q d", "b h k d", "b h q v"]
    x = [torch.randn(2, 16, 16, 16) for _ in range(3)]
    a, b = (ncd.trace(f, *x, axes=n) for f, n in zip((one, other), axes, strict=True))
    assert weaves(a)[-2:] == ["b h q [k] -> b h q [k]", "b h q [k], b h [k] v -> b h q v"]
    assert weaves(b)[-2:] == ["b h [q] k -> b h [q] k", "b h [q] k, b h [q] v -> b h k v"]
    assert a.to_svg() != b.to_svg()
    unnamed = [ncd.trace(f, *x).view() for f in (one, other)]
    assert unnamed[0].to_svg() != unnamed[1].to_svg()
    assert weaves(unnamed[0])[-1] != weaves(unnamed[1])[-1]


def test_equal_sizes_are_no_evidence():
    d = ncd.trace(lambda x, y: torch.outer(x, y), torch.randn(5), torch.randn(5), axes=["i", "j"])
    assert weaves(d) == ["i, j -> i j"]


def test_a_named_batch_of_one_is_an_axis():
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU())
    d = ncd.trace(model, torch.randn(1, 8), axes="b d")
    assert d.inputs[0].axes[0].name == "b" and d.inputs[0].shape == (1, 8)
    assert weaves(d)[0].startswith("b [d]")
    x = torch.randn(1, 8)
    assert same(d, model, x)


def test_an_unnamed_size_of_one_has_no_wire():
    d = ncd.trace(nn.Linear(8, 6), torch.randn(1, 8))
    assert len(d.inputs[0].wires) == 1


def test_a_split_shows_in_the_weight_it_came_from():
    d = ncd.trace(Program(lambda s, x: s.l(x).view(2, 3, 4), l=nn.Linear(5, 12)), torch.randn(2, 5))
    weight = d.ops[0].inputs[1]
    assert [f.size for f in weight.axes[0].factors] == [3, 4]


# ------------------------------------------------------------------ programs
@dataclasses.dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


def in_place(s, x):
    x = x.clone()
    x[:, 0] = 1.0
    y = x[:, 1]
    y.add_(3)
    return x * 2


def stale_alias(s, x):
    x = x * 1
    first = x[0]
    x.mul_(2)
    return first + 1


def out_argument(s, x):
    y = torch.empty_like(x)
    torch.add(x, 1, out=y)
    return y * 2


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.sin(x) * 2

    @staticmethod
    def backward(ctx, g):
        return g


PROGRAMS = {
    "in-place writes and views": in_place,
    "stale alias": stale_alias,
    "out=": out_argument,
    "unsqueeze_": lambda s, x: (x * 1).unsqueeze_(0) + 1,
    "autograd function": lambda s, x: Twice.apply(x) + 1,
    "vmap": lambda s, x: torch.vmap(lambda v: (v * v).sum())(x) + 1,
    "checkpoint": lambda s, x: torch.utils.checkpoint.checkpoint(lambda v: v.relu() + 1, x, use_reentrant=False),
    "chunk and unbind": lambda s, x: torch.stack([c.sum(-1) for c in x.chunk(3, -1)]) + x.unbind(0)[1].sum(),
    "composite": lambda s, x: F.hardtanh(x),
    "constant": lambda s, x: x + torch.arange(x.shape[-1]),
    "comparison": lambda s, x: torch.where(x > 0, x, -x),
    "boolean index": lambda s, x: x[x > 0].sum() + x.sum(),
    "sort": lambda s, x: x.sort(-1)[0] + x.topk(2).values.sum(),
    "einsum": lambda s, x: torch.einsum("ij,kj->ik", x, x),
    "normalize": lambda s, x: F.normalize(x, dim=-1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_replay(name):
    model = Program(PROGRAMS[name])
    d = ncd.trace(model, torch.randn(4, 6))
    assert not d.opaque
    assert same(d, model, torch.randn(4, 6))


def test_containers_in_and_out():
    def forward(s, pair, extra, *, scale=1.0):
        return {"sum": pair.left + pair.right, "list": [extra["a"] * scale, extra["b"][0]]}

    d = ncd.trace(
        Program(forward),
        Pair(torch.randn(3), torch.randn(3)),
        {"a": torch.randn(2), "b": (torch.randn(4) * 1,)},
        scale=2.0,
        axes={"args0.left": "i", "args1.a": "j"},
    )
    assert [a.name for a in d.inputs] == ["args0.left", "args0.right", "args1.a", "args1.b.0"]
    assert len(d.outputs) == 3
    assert d.inputs[1].axes[0].name == "i"


def test_dead_branches_are_pruned():
    def forward(s, x):
        unused = s.a(x)
        del unused
        return s.b(x)

    d = ncd.trace(Program(forward, a=nn.Linear(3, 4), b=nn.Linear(3, 5)), torch.randn(2, 3))
    assert [op.path for op in d.ops] == ["b"]


def test_tied_weights_are_one_array():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.o = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
            self.o.weight = self.e.weight

        def forward(self, x):
            return self.o(self.e(x))

    model = Tied()
    d = ncd.trace(model, torch.randint(0, 11, (2, 5)))
    assert len({a.id for op in d.ops for a in op.params}) == 1
    assert same(d, model, torch.randint(0, 11, (2, 5)))


def test_a_module_used_twice_is_two_blocks():
    d = ncd.trace(Program(lambda s, x: s.l(s.l(x)), l=nn.Linear(6, 6)), torch.randn(2, 6))
    assert [op.path for op in d.ops] == ["l", "l#2"]
    assert len(d["l#2"]) == 1
    assert len({a.id for op in d.ops for a in op.params}) == 2


def test_methods_other_than_forward_have_their_place():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.l = nn.Linear(6, 6)

        def step(self, x):
            return self.l(x).tanh()

    model = Program(lambda s, x: s.d.step(s.d.step(x)), d=Decoder())
    d = ncd.trace(model, torch.randn(2, 6))
    assert [op.path for op in d.ops] == ["d.l", "d", "d.l#2", "d#2"]
    assert d.block("d.l#2").parent == "d#2"


def test_a_bound_method_and_a_function():
    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.e = nn.Linear(4, 3)

        def encode(self, x):
            return self.e(x)

    coder = Coder()
    d = ncd.trace(coder.encode, torch.randn(2, 4))
    assert [a.name for a in d.ops[0].params] == ["e.weight", "e.bias"]
    f = ncd.trace(lambda x: coder.e(x) * 2, torch.randn(2, 4))
    assert [(a.kind, a.name) for a in f.ops[0].params] == [("parameter", "linear.weight"), ("parameter", "linear.bias")]
    x = torch.randn(2, 4)
    assert torch.equal(f.to_module()(x), coder.e(x) * 2)


def test_an_exported_program():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    program = torch.export.export(model, (torch.randn(2, 4),))
    d = ncd.trace(program, torch.randn(2, 4))
    assert not d.opaque and len(d.ops) == 2


def test_composites_stay_whole_and_open():
    model = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    x = torch.randn(2, 5, 12)
    d = ncd.trace(model, x, x, x, need_weights=False)
    assert [op.name for op in d.ops if op.kind != "rearrange"] == ["multi_head_attention_forward"]
    assert "softmax" in {op.symbol for op in d.simplify().ops}


def test_placeholders_are_never_computed_on():
    d = ncd.trace(nn.Linear(8, 6), ncd.array("b=2 s=5 d=8"))
    assert weaves(d) == ["b s [d], d_out [d], d_out -> b s d_out"]
    d = ncd.trace(nn.Embedding(30, 4), ncd.tokens("b=2 s=5"))
    assert weaves(d) == ["b s, [v] d_e -> b s d_e"]


# ------------------------------------------------------------------ values that decide
def test_values_that_decide_are_named():
    def forward(s, x):
        y = s.l(x)
        if y.sum() > 1e9:
            return y
        return y + 1

    d = ncd.trace(Program(forward, l=nn.Linear(3, 3)), torch.randn(2, 3))
    assert len(d.reads) == 1
    assert d.reads[0].source.line == forward.__code__.co_firstlineno + 2


def test_a_value_that_fakes_do_not_have_is_named():
    def forward(s, x):
        return s.l(x)[s.l(x).sum(-1).nonzero()[:, 0]]

    model = Program(forward, l=nn.Linear(3, 3))
    d = ncd.trace(model, torch.randn(4, 3))
    assert [(r.source.line, r.source.function.split(".")[-1]) for r in d.reads] == [
        (forward.__code__.co_firstlineno + 1, "forward")
    ]
    assert not d.opaque


def test_no_values_to_decide_by():
    with torch.device("meta"):
        model = Program(lambda s, x: x if s.l(x).sum() > 0 else -x, l=nn.Linear(3, 3))
    with pytest.raises(TraceError, match="meta device") as caught:
        ncd.trace(model, torch.randn(2, 3))
    assert caught.value.source.line == test_no_values_to_decide_by.__code__.co_firstlineno + 2


# ------------------------------------------------------------------ places
def test_lines_and_columns():
    def forward(s, x):
        return s.l(x) + torch.tanh(x)

    d = ncd.trace(Program(forward, l=nn.Linear(3, 3)), torch.randn(2, 3))
    tanh = next(op for op in d.ops if op.name == "tanh").source
    line = Path(__file__).read_text().splitlines()[tanh.line - 1]
    assert line[tanh.column : tanh.end_column] == "torch.tanh(x)"
    add = next(op for op in d.ops if op.name == "add").source
    assert line[add.column : add.end_column] == "s.l(x) + torch.tanh(x)"


# ------------------------------------------------------------------ left as found
class Stateful(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn, self.drop, self.l = nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 4)
        self.seen, self.recent, self.count = [], deque(maxlen=2), 0
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x, fail=False):
        self.count += 1
        self.seen.append(x)
        self.recent.append(x)
        self.total += x.sum(0)
        self.extra = self.drop(self.bn(x))
        torch.rand(3), random.random()
        self.l.register_forward_hook(lambda *a: None)
        if fail:
            raise KeyError("mine")
        return self.l(self.extra)


@pytest.mark.parametrize("fail", [False, True])
def test_the_model_is_left_as_found(fail):
    model = Stateful().train()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    parameters = {n: id(p) for n, p in model.named_parameters()}
    hooks = len(model.l._forward_hooks)
    states = torch.get_rng_state(), random.getstate()
    with torch.enable_grad():
        if fail:
            with pytest.raises(KeyError, match="mine"):
                ncd.trace(model, torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), fail=True)
        else:
            ncd.trace(model, torch.randn(3, 4, generator=torch.Generator().manual_seed(0)))
        assert torch.is_grad_enabled()
    assert model.training and model.count == 0 and model.seen == [] and not hasattr(model, "extra")
    assert not model.recent and model.recent.maxlen == 2
    assert len(model.l._forward_hooks) == hooks
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert {n: id(p) for n, p in model.named_parameters()} == parameters
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())


def test_an_interrupted_trace():
    def forward(s, x):
        s.mark = 1
        raise KeyboardInterrupt

    model = Program(forward, l=nn.Linear(2, 2))
    before = id(model.l.weight)
    with pytest.raises(KeyboardInterrupt):
        ncd.trace(model, torch.randn(2))
    assert not hasattr(model, "mark") and id(model.l.weight) == before
    assert not torch.overrides._get_current_function_mode_stack()


def test_inputs_are_left_as_found():
    x = torch.zeros(3)
    ncd.trace(lambda t: t.add_(1) * 2, x)
    assert x.sum() == 0


def test_the_same_diagram_in_every_process():
    code = (
        "import ncd, hashlib; from ncd.models.zoo import get; e = get('transformer')\n"
        "d = ncd.trace(e.module, *e.args, axes=e.axes)\n"
        "print([hashlib.sha256(x.encode()).hexdigest() for x in (d.to_json(), d.simplify().to_json(), d.to_svg())])"
    )
    found = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        found.add(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout)
    assert len(found) == 1


# ------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("b s", "has 3"),
        ("b s (h d)", "cannot read"),
        ({"y": "b s d"}, "no input is called 'y'"),
        (["b s d", "b"], "2 patterns for 1 inputs"),
    ],
)
def test_patterns_that_do_not_fit(axes, message):
    with pytest.raises(AxisError) as caught:
        ncd.trace(nn.Linear(4, 3), torch.randn(2, 5, 4), axes=axes)
    assert message.split("has")[0].strip() in str(caught.value)


def test_one_name_two_sizes():
    with pytest.raises(AxisError, match="'b' has size 2 in 'x' and 3 in 'y'"):
        ncd.trace(lambda x, y: x.sum() + y.sum(), torch.randn(2), torch.randn(3), axes=["b", "b"])


def test_nothing_to_trace():
    with pytest.raises(TraceError, match="cannot trace a int"):
        ncd.trace(3)
    with pytest.raises(TraceError, match="returned no tensor"):
        ncd.trace(lambda x: x.shape, torch.randn(2))


def test_the_models_own_error_is_unchanged():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        ncd.trace(nn.Linear(4, 3), torch.randn(2, 5))


def test_an_unsupported_kind_of_tensor_is_opaque_or_exact_never_wrong():
    sparse = torch.eye(3).to_sparse()
    d = ncd.trace(lambda x: torch.sparse.mm(sparse, x), torch.randn(3, 2))
    assert same_function(d, lambda x: torch.sparse.mm(sparse, x), torch.randn(3, 2))


def same_function(d, fn, x):
    return torch.allclose(d.to_module()(x), fn(x), atol=1e-6)


def test_a_pool_that_stops_short_of_the_end():
    d = ncd.trace(lambda x: F.avg_pool2d(x, (3, 2)), torch.randn(2, 5, 4, 16))
    assert [str(op.weave) for op in d.ops] == ["b h [m] (x1 [e]) -> b h 1 x1"]
    assert d.check()


def test_nothing_is_no_factor():
    from ncd.circuit.axis import Atom, unify

    assert not unify((Atom(0),), (Atom(3),))
    assert unify((Atom(0),), (Atom(0),))
