"""Sharding marks, held to the placements and collectives of torch's DTensor, on a mesh that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

import ncd
from ncd.models import attention, gpt2


@pytest.fixture
def mesh() -> Iterator[Any]:
    fake = pytest.importorskip("torch.testing._internal.distributed.fake_pg")
    from torch.distributed.device_mesh import init_device_mesh

    dist.init_process_group("fake", store=fake.FakeStore(), rank=0, world_size=4)
    try:
        yield init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    finally:
        dist.destroy_process_group()


def collectives(d: ncd.Diagram) -> list[str]:
    return [f"{op.name} {op.label.split(maxsplit=1)[1]}" for op in d.ops if op.name.startswith("all-")]


def split(d: ncd.Diagram, k: int = 0) -> dict[int, str]:
    """The mesh axes on the dimensions of an output."""
    return {i: w.shown.split("|")[0] for i, w in enumerate(d.outputs[k].wires) if "|" in w.shown}


CASES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]], list[str], str]] = {
    "columns": (F.linear, [(4, 6), (8, 6)], ["b m", "n m"], "n"),
    "rows": (F.linear, [(4, 6), (8, 6)], ["b m", "n m"], "m"),
    "examples": (F.linear, [(4, 6), (8, 6)], ["b m", "n m"], "b"),
    "heads": (torch.matmul, [(4, 6, 2), (4, 2, 8)], ["h y k", "h k x"], "h"),
    "queries": (torch.matmul, [(4, 6, 2), (4, 2, 8)], ["h y k", "h k x"], "y"),
    "contracted": (torch.matmul, [(4, 6, 2), (4, 2, 8)], ["h y k", "h k x"], "k"),
    "elementwise": (lambda x: torch.tanh(x) * x, [(4, 6)], ["b m"], "m"),
    "softmax along": (lambda x: x.softmax(-1), [(4, 6)], ["b m"], "m"),
    "softmax beside": (lambda x: x.softmax(-1), [(4, 6)], ["b m"], "b"),
    "norm along": (lambda x: F.layer_norm(x, (6,)), [(4, 6)], ["b m"], "m"),
    "norm beside": (lambda x: F.layer_norm(x, (6,)), [(4, 6)], ["b m"], "b"),
    "sum along": (lambda x: x.sum(-1), [(4, 6)], ["b m"], "m"),
    "mean along": (lambda x: x.mean(0), [(4, 6)], ["b m"], "b"),
    "sum beside": (lambda x: x.sum(-1), [(4, 6)], ["b m"], "b"),
    "turned": (lambda x: torch.relu(x.mT), [(4, 6, 2)], ["b m n"], "n"),
    "two layers": (
        lambda x, u, w: F.linear(F.relu(F.linear(x, u)), w),
        [(4, 6), (8, 6), (2, 8)],
        ["b m", "f m", "n f"],
        "f",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_split_axis_does_what_dtensor_does(name: str, mesh: Any) -> None:
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
    from torch.distributed.tensor.debug import CommDebugMode

    call, shapes, axes, name_of = CASES[name]
    args = [torch.randn(s) for s in shapes]
    d = ncd.trace(call, *args, axes=axes).shard({name_of: "tp"})
    placed = []
    for x, words in zip(args, axes, strict=True):
        where = words.split().index(name_of) if name_of in words.split() else None
        placed.append(distribute_tensor(x, mesh, [Replicate(), Replicate() if where is None else Shard(where)]))
    with CommDebugMode() as counted:
        out = call(*placed)
    theirs = ["all-gather tp" for op, n in counted.get_comm_counts().items() for _ in range(n) if "gather" in str(op)]
    theirs += ["all-reduce tp"] * out.placements[1].is_partial()
    assert collectives(d) == theirs
    assert split(d) == ({out.placements[1].dim: "tp"} if out.placements[1].is_shard() else {})
    assert torch.allclose(d.to_module()(*args), call(*args), atol=1e-6)


def test_attention_with_heads_apart_talks_once() -> None:
    """Examples on one axis of the mesh, heads on the other: one all-reduce behind the output."""
    module, x = attention.Attention(16, 4), torch.randn(2, 6, 16)
    d = ncd.trace(module, x, axes="b s d").shard({"b": "dp", "h": "tp"})
    assert collectives(d) == ["all-reduce tp"]
    assert split(d) == {0: "dp"}
    with torch.no_grad():
        assert torch.allclose(d.to_module()(x), module(x))
    assert d.check(x).ok
    picture = d.to_svg(show=["b"])
    assert "reduce tp" in picture


def test_attention_with_positions_apart_gathers_keys_and_values() -> None:
    d = ncd.trace(attention.Attention(16, 4), torch.randn(2, 6, 16), axes="b s d").shard({"s": "cp"})
    assert collectives(d) == ["all-gather cp", "all-gather cp"]
    assert split(d) == {1: "cp"}


def test_what_a_module_says_itself(mesh: Any) -> None:
    """Columns, then rows, of two layers whose parameters are DTensors."""
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    module = nn.Sequential(nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 6, bias=False))
    for layer, dim in ((module[0], 0), (module[2], 1)):
        layer.weight = nn.Parameter(distribute_tensor(layer.weight.data, mesh, [Replicate(), Shard(dim)]))
    d = ncd.trace(module, torch.randn(3, 6), axes="b m").shard()
    assert collectives(d) == ["all-reduce tp"]
    assert [{k for k, w in enumerate(a.wires) if "tp|" in w.shown} for op in d.ops for a in op.params] == [{0}, {1}]


def test_a_block_that_torch_shared_out_says_it_itself(mesh: Any) -> None:
    """Heads and hidden units in columns, then rows: two all-reduces (Shoeybi et al. 2019, "Megatron-LM", figure 3)."""
    from torch.distributed.tensor.debug import CommDebugMode
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    torch.manual_seed(0)
    block, x = gpt2.Block(16, 4).eval(), torch.randn(2, 6, 16)
    said = ncd.trace(block, x, axes="b s d_model").shard({"h": "tp", "d_ff": "tp"})
    columns = ("attention.query", "attention.key", "attention.value", "feed_forward.up")
    plan = {name: ColwiseParallel() for name in columns}
    plan |= {name: RowwiseParallel() for name in ("attention.output", "feed_forward.down")}
    shared_out = parallelize_module(block, mesh["tp"], plan)
    hooks = [(m, list(m._forward_pre_hooks.items()), list(m._forward_hooks.items())) for m in shared_out.modules()]
    d = ncd.trace(shared_out, x, axes="b s d_model").shard()
    assert collectives(d) == collectives(said) == ["all-reduce tp", "all-reduce tp"]
    assert [op.weave for op in d.ops] == [op.weave for op in said.ops] and d.opaque == ()
    for m, before, after in hooks:
        assert (list(m._forward_pre_hooks.items()), list(m._forward_hooks.items())) == (before, after)
    with CommDebugMode() as counted, torch.no_grad():
        shared_out(x)
    assert counted.get_total_counts() == 2


def test_a_model_without_weights_that_is_shared_out(mesh: Any) -> None:
    """Two all-reduces a layer, in a picture of one."""
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=3, vocab_size=50, **sizes)).eval()
    columns = [f"self_attn.{x}_proj" for x in "qkv"] + ["mlp.gate_proj", "mlp.up_proj"]
    layer = dict.fromkeys(columns, ColwiseParallel()) | dict.fromkeys(
        ["self_attn.o_proj", "mlp.down_proj"], RowwiseParallel()
    )
    plan = {f"model.layers.{k}.{name}": how for k in range(3) for name, how in layer.items()}
    d = ncd.trace(parallelize_module(model, mesh["tp"], plan), input_ids=ncd.tokens("b=2 s=8"))
    assert not d.opaque and collectives(d.shard()) == ["all-reduce tp"] * 6
    picture = d.shard().to_svg()
    assert "×3" in picture and "reduce tp" in picture


def test_weights_that_are_gathered_when_they_are_used(mesh: Any) -> None:
    """What FSDP does with them is between its devices: the program is that of the whole weights."""
    from torch.distributed.fsdp import fully_shard

    plain = ncd.trace(gpt2.Block(16, 4).eval(), torch.randn(2, 6, 16), axes="b s d_model")
    d = ncd.trace(fully_shard(gpt2.Block(16, 4).eval(), mesh=mesh["dp"]), torch.randn(2, 6, 16), axes="b s d_model")
    assert [op.weave for op in d.ops] == [op.weave for op in plain.ops]
    with pytest.raises(ncd.AxisError, match="no parameter is a DTensor that is split where it is used"):
        d.shard()
    assert collectives(d.shard({"b": "dp"})) == []


def test_errors() -> None:
    d = ncd.trace(nn.Linear(3, 4), torch.randn(2, 3), axes="b m")
    with pytest.raises(ncd.AxisError, match="no axis is called 'q'"):
        d.shard({"q": "tp"})
    with pytest.raises(ncd.AxisError, match="no parameter is a DTensor that is split"):
        d.shard()
