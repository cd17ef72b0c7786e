"""A diagram runs: as values, as a module, as code, always equal to the model it was traced from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ncd
from ncd.circuit.diagram import Array, Call, Diagram, Name, Op, Origin, Ref
from ncd.circuit.weave import Weave
from ncd.emit.binding import arguments
from ncd.emit.calls import constant, deaths, resolve
from ncd.emit.code import compile_code
from ncd.errors import CheckError
from ncd.tracing.containers import shown

torch.set_num_threads(1)


class Attention(nn.Module):
    def __init__(self, d: int = 12, h: int = 4) -> None:
        super().__init__()
        self.h = h
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x: Tensor, causal: bool = True) -> Tensor:
        b, s, d = x.shape
        q, k, v = (f(x).view(b, s, self.h, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        score = q @ k.transpose(-1, -2) / (d // self.h) ** 0.5
        if causal:
            score = score.masked_fill(torch.ones(s, s, dtype=torch.bool).triu(1), float("-inf"))
        return self.o_proj((score.softmax(-1) @ v).transpose(1, 2).reshape(b, s, d))


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((-1, -2)))


class InPlace(nn.Module):
    """Writes through views, into its input, and into a table."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.arange(6.0))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.view(-1)
        y = x * 2
        row = y[0]
        y[:, 1] = 0
        row += 10
        rows[0] = 5
        self.table.add_(1)
        return y + x + row.sum() + self.table[:3]


class Many(nn.Module):
    """Several outputs, in a dict; two inputs, one nested; tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6, bias=False)
        self.b = nn.Linear(6, 6, bias=False)
        self.b.weight = self.a.weight
        self.each = nn.ModuleDict({"odd name": nn.Linear(2, 3)})

    def forward(self, x: Tensor, batch: dict[str, Tensor], scale: float = 2.0) -> dict[str, Tensor]:
        one, two, three = self.b(self.a(x)).chunk(3, -1)
        return {"sum": self.each["odd name"](one) * scale, "rest": two - three + batch["bias"]}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 7, batch_first=True, bidirectional=True)
        self.cell = nn.LSTMCell(14, 6)

    def forward(self, x: Tensor) -> Tensor:
        y, (h, _) = self.lstm(x)
        c = h[0, :, :6] * 1.0
        s, outs = c, []
        for t in range(y.shape[1]):
            s, c = self.cell(y[:, t], (s, c))
            outs.append(s)
        return torch.stack(outs, 1)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2Model

    return GPT2Model(GPT2Config(n_layer=2, n_embd=24, n_head=3, vocab_size=50, n_positions=16))


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaModel

    return LlamaModel(
        LlamaConfig(
            num_hidden_layers=2,
            hidden_size=24,
            intermediate_size=40,
            num_attention_heads=6,
            num_key_value_heads=2,
            vocab_size=50,
            max_position_embeddings=32,
        )
    )


def words() -> Tensor:
    return torch.randint(0, 50, (2, 7))


CASES: dict[str, tuple[Any, Any]] = {
    "attention": (Attention, lambda: (torch.randn(2, 5, 12),)),
    "layer": (Layer, lambda: (torch.randn(2, 5, 12),)),
    "conv": (Conv, lambda: (torch.randn(2, 3, 8, 10),)),
    "in place": (InPlace, lambda: (torch.randn(4, 3),)),
    "many": (Many, lambda: (torch.randn(2, 6), {"bias": torch.randn(2, 2)})),
    "recurrent": (Recurrent, lambda: (torch.randn(3, 4, 5),)),
    "gpt2": (gpt2, lambda: (words(),)),
    "llama": (llama, lambda: (words(),)),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Diagram, Any]:
    make, inputs = CASES[request.param]
    torch.manual_seed(0)
    module = make().eval()
    return module, ncd.trace(module, *inputs()), inputs


def outputs(result: Any) -> list[Tensor]:
    return [x for _, x in shown(result)]


def called(module: nn.Module, *args: Any) -> list[Tensor]:
    """The model's outputs, its buffers left as they were."""
    with torch.no_grad():
        return outputs(copy.deepcopy(module)(*copy.deepcopy(args)))


def close(left: list[Tensor], right: list[Tensor]) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_values_on_other_inputs_are_the_models(case: Any) -> None:
    module, diagram, inputs = case
    args = inputs()
    wanted = called(module, *args)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    kept = copy.deepcopy(args)
    values = diagram.run(*args)
    close(list(values.outputs), wanted)
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(shown(args), shown(kept), strict=True))
    assert {a.id for op in diagram.ops for a in op.outputs} <= set(values)


def test_the_module_is_the_model(case: Any) -> None:
    module, diagram, inputs = case
    args = inputs()
    wanted = called(module, *args)
    twin = diagram.to_module()
    assert list(twin.state_dict()) == list(module.state_dict())
    assert [id(p) for p in twin.parameters()] == [id(p) for p in module.parameters()]
    with torch.no_grad():
        close(outputs(copy.deepcopy(twin)(*args)), wanted)


def test_the_code_is_the_model(case: Any) -> None:
    module, diagram, inputs = case
    args = inputs()
    code = diagram.to_code()
    given = arguments(diagram, args, {})
    wanted = called(module, *args)
    with torch.no_grad():
        close(outputs(compile_code(code, diagram, copy.deepcopy(module))(*given)), wanted)


def test_the_module_trains() -> None:
    module = Conv().train()
    x = torch.randn(4, 3, 8, 10)
    twin = ncd.trace(module, x).to_module()
    alone = copy.deepcopy(module)
    loss = F.mse_loss(twin(x), torch.ones(4, 5))
    loss.backward()
    F.mse_loss(alone(x), torch.ones(4, 5)).backward()
    for p, q in zip(module.parameters(), alone.parameters(), strict=True):
        assert p.grad is not None and q.grad is not None
        torch.testing.assert_close(p.grad, q.grad)
    torch.testing.assert_close(module.body[1].running_mean, alone.body[1].running_mean)


def test_dropout_draws_the_same_numbers() -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 6), nn.Dropout(0.5)).train()
    x = torch.randn(8, 6)
    diagram = ncd.trace(module, x)
    torch.manual_seed(3)
    wanted = module(x)
    torch.manual_seed(3)
    assert torch.equal(diagram.to_module()(x), wanted)
    torch.manual_seed(3)
    assert torch.equal(diagram.run(x).outputs[0], wanted.detach())


def test_arguments_by_keyword_and_in_any_order() -> None:
    module = Many().eval()
    x, batch = torch.randn(2, 6), {"bias": torch.randn(2, 2)}
    diagram = ncd.trace(module, x, batch=batch)
    wanted = outputs(module(x, batch))
    close(list(diagram.run(batch=batch, x=x).outputs), wanted)
    close(list(diagram.run(x, batch, scale=2.0).outputs), wanted)
    with pytest.raises(CheckError, match=r"scale=2\.0"):
        diagram.run(x, batch, scale=3.0)


def test_wrong_inputs_are_named_with_axes_and_sizes() -> None:
    diagram = ncd.trace(Attention().eval(), torch.randn(2, 5, 12), axes="b s d")
    with pytest.raises(CheckError, match=r"'x' has the shape \(2, 6, 12\)(.|\n)*b=2, s=5, d=12"):
        diagram.run(torch.randn(2, 6, 12))
    with pytest.raises(CheckError, match=r"give x of \[b=2 s=5 d=12\]"):
        diagram.run(causal=True)
    with pytest.raises(CheckError, match="int64, not float32"):
        diagram.run(torch.zeros(2, 5, 12, dtype=torch.long))


def test_values_by_op_array_name_and_path() -> None:
    module = Attention().eval()
    x = torch.randn(2, 5, 12)
    diagram = ncd.trace(module, x)
    values = diagram.run(x)
    first = diagram.ops[0]
    with torch.no_grad():
        q = module.q_proj(x)
    assert torch.equal(values[first], q)
    assert torch.equal(values[first.outputs[0]], q)
    assert torch.equal(values[first.outputs[0].id], q)
    assert torch.equal(values["q_proj"], q)
    assert torch.equal(values["x"], x)
    assert torch.equal(values["q_proj.weight"], module.q_proj.weight)
    with pytest.raises(CheckError, match="no array, parameter, block or operation 'nothing'"):
        values["nothing"]


def test_a_value_is_that_of_its_moment() -> None:
    def f(x: Tensor) -> Tensor:
        y = x * 2
        y += 1
        return y * 1

    x = torch.randn(3, 4)
    diagram = ncd.trace(f, x)
    assert torch.equal(diagram.run(x)[diagram.ops[0]], x * 2)


def test_patches() -> None:
    module = Attention().eval()
    x = torch.randn(2, 5, 12)
    diagram = ncd.trace(module, x, causal=False)
    p = next(op for op in diagram.ops if op.name == "softmax")
    even = diagram.run(x, causal=False, patch={p: 0.2})
    v = even["v_proj"].mean(1)
    with torch.no_grad():
        torch.testing.assert_close(even.outputs[0][:, 0], module.o_proj(v), atol=1e-5, rtol=1e-4)
    doubled = diagram.run(x, causal=False, patch={"x": lambda t: 2 * t})
    close(list(doubled.outputs), [module(2 * x, causal=False).detach()])
    part = diagram.run(x, causal=False, patch={"x": {(0, range(1, 3)): 0.0}})
    assert float(part["x"][0, 1:3].abs().sum()) == 0 and torch.equal(part["x"][1], x[1])
    with pytest.raises(CheckError, match="the patch of"):
        diagram.run(x, causal=False, patch={p: torch.ones(7)})


def test_a_diagram_without_its_module_says_what_it_needs() -> None:
    module = Attention().eval()
    x = torch.randn(2, 5, 12)
    read = Diagram.from_json(ncd.trace(module, x).to_json())
    with pytest.raises(CheckError, match="module="):
        read.to_module()
    with pytest.raises(CheckError, match="module="):
        read.run(x)
    close(list(read.run(x, module=module).outputs), [module(x).detach()])
    close(outputs(read.to_module(module)(x).detach()), [module(x).detach()])


def test_weights_without_values_are_refused() -> None:
    with torch.device("meta"):
        module = Attention()
    diagram = ncd.trace(module, ncd.array("b=2 s=5 d=12"))
    with pytest.raises(CheckError, match="no values"):
        diagram.run(torch.randn(2, 5, 12))


def test_a_part_runs_on_its_own_inputs() -> None:
    module = gpt2().eval()
    tokens = words()
    diagram = ncd.trace(module, tokens)
    whole, part = diagram.run(tokens), diagram["h.1.attn"]
    again = part.run(*(whole[a] for a in part.inputs))
    close(list(again.outputs), [whole[a] for a in part.outputs])


def test_the_simplified_diagram_runs_too(case: Any) -> None:
    module, diagram, inputs = case
    drawn, args = diagram.simplify(), inputs()
    if drawn.ops == diagram.ops:
        pytest.skip("nothing to simplify")
    wanted, given = called(module, *args), arguments(diagram, args, {})
    close(list(drawn.run(*args).outputs), wanted)
    with torch.no_grad():
        close(outputs(copy.deepcopy(drawn.to_module())(*copy.deepcopy(args))), wanted)
        close(outputs(compile_code(drawn.to_code(), drawn, copy.deepcopy(module))(*given)), wanted)


def test_code_reads_as_written_by_hand() -> None:
    code = ncd.trace(Attention().eval(), torch.randn(2, 5, 12), axes="b s d").to_code()
    assert 'q = rearrange(q, "b s (h d_k) -> b h s d_k", h=4)' in code
    assert "einsum(q, " in code and '"b h s d_k, b h s2 d_k -> b h s s2")' in code
    assert ".masked_fill(" in code and 'float("-inf")' in code and "return F.linear(" in code
    in_place = ncd.trace(InPlace(), torch.randn(4, 3)).to_code()
    assert "[:, 1] = 0" in in_place and ".add_(10)" in in_place and "x = x.clone()" in in_place
    assert "\n    module.table.add_(1)" in in_place and "module.table =" not in in_place


def test_equal_blocks_are_one_function_in_a_loop() -> None:
    code = ncd.trace(gpt2().eval(), words()).to_code()
    assert code.count("def ") == 5 and "    for layer in module.h:\n        x = block(layer, x)\n" in code
    assert "def attention(m, x):" in code and "m.c_attn.weight" in code and "module.h[" not in code


# ---------------------------------------------------------------- by hand


def array(i: int, *shape: int, kind: str = "value", name: str = "", dtype: str = "float32") -> Array:
    from ncd.circuit.axis import ONE, Axis

    return Array(
        i, tuple(Axis(10 * i + k, f"a{i}{k}", n) if n > 1 else ONE for k, n in enumerate(shape)), dtype, kind, name
    )


def test_calls_by_hand() -> None:
    """An attribute, a named constant, a kept function, a constant that is written into, an alias."""
    x, c = array(0, 2, 3, kind="input", name="x"), array(1, 3, 2, kind="constant")
    t, c2, view, y = array(2, 3, 2), array(3, 3, 2), array(4, 6), array(5, 6)
    weave = Weave((), (), {})
    calls = (
        Call("torch.Tensor.T.__get__", (Ref(0),), (), Ref(2)),
        Call("torch.Tensor.view", (Ref(1), 6), (), Ref(4)),
        Call("torch.Tensor.add_", (Ref(1), Ref(2)), (), Ref(3), ((1, 3), (4, 6))),
        Call("#0", (Ref(6),), (("dtype", Name("torch.float64")),), Ref(5)),
    )
    ops = tuple(Op("map", c.name, (), (a,), weave, body=(c,)) for c, a in zip(calls, (t, view, c2, y), strict=True))
    ops = (*ops[:2], Op("map", "add_", (x, c, view, t), (c2, array(6, 6)), weave, body=(calls[2],)), ops[3])
    kept = torch.ones(3, 2)
    origin = Origin(None, [lambda v, dtype: v.to(dtype) * 3], {1: kept})
    diagram = Diagram("by hand", ops, (x,), (y,), source=origin)
    given = torch.randn(2, 3)
    wanted = (given.T + 1).reshape(6).double() * 3
    for _ in range(2):
        assert torch.equal(diagram.run(given).outputs[0], wanted)
        assert torch.equal(diagram.to_module()(given), wanted)
        assert torch.equal(compile_code(diagram.to_code(), diagram)(given), wanted)
    assert torch.equal(kept, torch.ones(3, 2))


def test_names_resolve() -> None:
    assert resolve("torch._C._nn.gelu") is F.gelu
    assert resolve("torch.ops.aten.index.Tensor") is torch.ops.aten.index.Tensor
    assert constant(Name("torch.float16")) is torch.float16
    assert constant(Name('torch.device("cpu")')) == torch.device("cpu")
    with pytest.raises(CheckError, match="no function"):
        resolve("torch.nn.functional.nothing")
    with pytest.raises(CheckError, match="trace the model again"):
        resolve("#0")
    with pytest.raises(CheckError, match="cannot read"):
        constant(Name("torch.ones(2) + 1"))


def test_nothing_is_kept_longer_than_needed() -> None:
    calls = [
        Call("f", (Ref(0),), (), Ref(1)),
        Call("f", (Ref(1),), (), (Ref(2), Ref(3))),
        Call("g", (Ref(2),), (), None, ((2, 4),)),
        Call("f", (Ref(4),), (), Ref(5)),
    ]
    assert deaths(calls, [5]) == [(0,), (1, 3), (2,), (4,)]
