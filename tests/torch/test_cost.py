"""What a diagram costs: held to torch's own counter, to closed forms, and to what is known of attention."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import ncd
from benchmarks.sweep.transformers import subject
from ncd.models import zoo

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def whole_attention() -> Iterator[None]:
    """Not the fused encoder layer, of which torch counts nothing."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def counted(target: Any, args: Any, kwargs: Any) -> int:
    """torch's count, with attention written out: of the kernel that a CPU takes it counts nothing."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        target(*args, **kwargs)
    return counter.get_total_flops()


def written_out(module: nn.Module) -> None:
    """Experts one by one: torch counts nothing of their product as one."""
    config = getattr(module, "config", None)
    if hasattr(config, "_experts_implementation"):
        config._experts_implementation = "eager"


ZOO = tuple(name for name in zoo.MODELS if name not in ("lstm", "pointer"))
"""torch counts nothing of the steps inside an LSTM."""
TYPES = (
    "albert", "bart", "bloom", "canine", "clip", "deberta-v2", "fnet", "gpt_neox", "mamba2", "olmoe", "opt", "patchtst",
    "segformer", "wav2vec2",
)  # fmt: skip
assert len(ZOO + TYPES) >= 30


@pytest.mark.parametrize("name", ZOO + TYPES)
def test_a_model_costs_what_torch_counts(name: str, caplog: Any) -> None:
    """To the last digit, as it was recorded, and as it is drawn; also where there are no weights."""
    caplog.set_level(logging.CRITICAL)
    s = zoo.get(name) if name in zoo.MODELS else subject(name)
    module = s.module if isinstance(s, zoo.Example) else s.target
    module.eval()
    written_out(module)
    d = ncd.trace(module, *s.args, **s.kwargs)
    cost, drawn = d.cost(), d.simplify().cost()
    assert int(cost.total.flops) == int(drawn.total.flops) == counted(module, s.args, s.kwargs) > 0
    assert sum(int(op.flops) for op in drawn.ops) == int(drawn.total.flops) == 2 * int(drawn.total.macs)
    assert {op.name for op in cost.unknown} <= ({"fft_fftn"} if name == "fnet" else set())


def test_recurrent_networks() -> None:
    lstm = nn.LSTM(12, 20, num_layers=2, bidirectional=True, batch_first=True)
    d = ncd.trace(lstm, torch.randn(3, 7, 12), axes="b s d")
    gates = 2 * (4 * 20 * (12 + 20) + 4 * 20 * (40 + 20))
    assert int(d.cost().total.flops) == 2 * 3 * 7 * gates
    cell = ncd.trace(nn.GRUCell(12, 20), torch.randn(3, 12), axes="b d")
    assert int(cell.cost().total.flops) == 2 * 3 * 3 * 20 * (12 + 20)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 7, 12), torch.tensor([7, 4, 2]), batch_first=True)
    rows = ncd.trace(lambda data: lstm(nn.utils.rnn.PackedSequence(data, packed.batch_sizes))[0].data, packed.data)
    assert int(rows.cost().total.flops) == 2 * 13 * gates


def test_experts_as_one_product() -> None:
    """Every token meets the weights of its own experts, whether they are one product or many."""
    e = zoo.get("mixtral_tiny")
    together = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    assert "grouped_mm" in str(together)
    written_out(e.module)
    assert int(together.cost().total.flops) == counted(e.module, e.args, e.kwargs)


@pytest.mark.parametrize(
    ("call", "shapes"),
    [
        (lambda a, b: F.conv2d(a, b, stride=2, padding=1, groups=2), [(2, 4, 9, 11), (6, 2, 3, 2)]),
        (lambda a, b: F.conv_transpose2d(a, b, stride=2, groups=2), [(2, 4, 9, 11), (4, 3, 3, 2)]),
        (lambda a, b: F.conv1d(a, b, dilation=3, padding="same"), [(2, 4, 19), (6, 4, 4)]),
        (lambda a, b: F.conv3d(a, b), [(4, 5, 6, 7), (3, 4, 2, 2, 2)]),
        (lambda a, b, c: torch.einsum("bik,bkj,jl->bli", a, b, c), [(2, 3, 4), (2, 4, 5), (5, 6)]),
        (lambda a, b: torch.tensordot(a, b, dims=([1, 2], [2, 0])), [(2, 3, 4), (4, 5, 3)]),
        (lambda a, b, c: torch.baddbmm(a, b, c), [(2, 3, 5), (2, 3, 4), (2, 4, 5)]),
        (lambda a, b: a @ b, [(7, 1, 3, 4), (5, 4, 6)]),
        (lambda a, b, c: F.scaled_dot_product_attention(a, b, c), [(2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 3)]),
        (
            lambda a, b, c: F.scaled_dot_product_attention(a, b, c, enable_gqa=True),
            [(2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8)],
        ),
        (lambda a, b: torch.vmap(torch.mm)(a, b), [(2, 3, 4), (2, 4, 5)]),
        (lambda a, b: torch.linalg.multi_dot([a, b, a]), [(3, 4), (4, 3)]),
    ],
)
def test_calls_cost_what_torch_counts(call: Any, shapes: list[tuple[int, ...]]) -> None:
    args = [torch.randn(s) for s in shapes]
    assert int(ncd.trace(call, *args).cost().total.flops) == counted(call, args, {}) > 0


@pytest.mark.parametrize(
    "call",
    [torch.linalg.svdvals, torch.linalg.inv, lambda a: torch.cdist(a, a), lambda a: torch.fft.fft(a).real],
)
def test_what_is_not_known_is_said(call: Any) -> None:
    c = ncd.trace(lambda a: call(a @ a), torch.randn(4, 4)).cost()
    assert len(c.unknown) == 1
    assert int(c.total.flops) == 2 * 4**3


def test_a_vector_counts() -> None:
    """torch counts nothing of a matrix times a vector."""
    assert int(ncd.trace(torch.mv, torch.randn(5, 7), torch.randn(7)).cost().total.flops) == 2 * 5 * 7
    assert int(ncd.trace(torch.dot, torch.randn(7), torch.randn(7)).cost().total.flops) == 2 * 7


def test_blocks_and_parts() -> None:
    d = ncd.trace(tiny_gpt2(), ncd.tokens("b=2 s=16"), axes="b s")
    c = d.cost()
    block = c["transformer.h.0"]
    assert 2 * int(block.flops) + int(c["lm_head"].flops) == int(c.total.flops)
    assert int(block.params) == 12 * 64**2 + 13 * 64
    assert int(d["transformer.h.0"].cost().total.flops) == int(block.flops)
    assert int(d.simplify()["transformer.h.0"].cost().total.flops) == int(block.flops)
    assert int(c["transformer"].params) == int(c.total.params)
    assert int(c["lm_head"].params) == 211 * 64
    again = ncd.Diagram.from_json(d.to_json()).cost()
    assert int(again.total.flops) == int(c.total.flops)


def tiny_gpt2() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=2, n_embd=64, n_head=4, vocab_size=211, use_cache=False)
    return transformers.GPT2LMHeadModel(config).eval()


class Reads(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v


def test_traffic_and_peak() -> None:
    y, x, k = 5, 7, 3
    d = ncd.trace(Reads(), torch.randn(y, k), torch.randn(x, k), torch.randn(x, k), axes=["y k", "x k", "x k"])
    c = d.cost()
    # Scores: read q and k, write s.  Softmax: read s, write p.  Output: read p and v.  The transpose moves nothing.
    assert int(c.total.traffic) == 4 * ((y * k + x * k + y * x) + 2 * y * x + (y * x + x * k + y * k))
    # While the softmax runs: q and k are not needed any more, v still is.
    assert int(c.total.peak) == 4 * max(y * k + 2 * x * k + y * x, x * k + 2 * y * x)
    assert c.total.intensity == pytest.approx(int(c.total.flops) / int(c.total.traffic))
    rows = ncd.trace(nn.Embedding(1000, 4), torch.zeros(6, dtype=torch.long)).cost().total
    assert int(rows.traffic) == 6 * 8 + 2 * 6 * 4 * 4


def test_formulas_and_other_sizes() -> None:
    b, h, y, x, k, v = 2, 3, 5, 7, 4, 6
    shapes = [(b, h, y, k), (b, h, x, k), (b, h, x, v)]
    names = ["b h y k", "b h x k", "b h x v"]
    total = ncd.trace(Reads(), *map(torch.randn, shapes), axes=names).cost().total
    assert str(total.flops) == "2·b·h·k·x·y + 2·b·h·v·x·y"
    assert total.flops.named == total.flops.expr
    assert str(total.macs.leading("x")) == "b*h*k*x*y + b*h*v*x*y"
    assert total.flops.at(y=10, x=14) == 4 * int(total.flops)
    assert total.flops.at() == int(total.flops) == 2 * b * h * y * x * (k + v)
    with pytest.raises(ncd.AxisError, match="no input axis is called 'z'"):
        total.flops.at(z=3)


def test_costs_at_other_sizes_are_those_of_a_trace_at_these_sizes() -> None:
    """All amounts, of a convolution, a window, a normalisation, attention and a head."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.norm = nn.LayerNorm(8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 5)

        def forward(self, image: Tensor) -> Tensor:
            x = F.max_pool2d(self.patches(image).relu(), 2).flatten(2).transpose(1, 2)
            x = self.norm(x)
            return self.head(x + self.attention(x, x, x, need_weights=False)[0]).mean(1)

    net = Net().eval()
    small = ncd.trace(net, torch.randn(2, 3, 33, 29), axes="b c h w").cost()
    large = ncd.trace(net, torch.randn(3, 3, 71, 50), axes="b c h w").cost()
    there = small.at(b=3, h=71, w=50)
    for name in ("flops", "params", "traffic", "peak", "activation"):
        amount = getattr(small.total, name)
        assert amount.at(b=3, h=71, w=50) == int(getattr(there.total, name)) == int(getattr(large.total, name)), name
    assert [int(op.flops) for op in there.ops] == [int(op.flops) for op in large.ops]
    assert int(there["attention"].flops) == int(large["attention"].flops) > 0
    assert int(there.at(h=33, w=29, b=2).total.flops) == int(small.total.flops)


def test_gpt2_is_what_every_course_says() -> None:
    c = ncd.trace(tiny_gpt2(), ncd.tokens("b=2 s=16"), axes="b s").cost()
    n, layers, d, v = 1024, 2, 64, 211
    assert c.total.flops.at(s=n) == 2 * (2 * n * (12 * layers * d**2 + v * d) + 4 * layers * n**2 * d)
    assert str(c.total.flops.leading("s")) == f"{4 * layers * d}*b*s**2"


class Linear(nn.Module):
    """Keys and values first: what attention without a softmax may do."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return q @ (k.transpose(-1, -2) @ v)


class Windowed(nn.Module):
    """Every position looks at so many around it."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        near = F.pad(k, (0, 0, 2, 2)).unfold(0, 5, 1)
        of = F.pad(v, (0, 0, 2, 2)).unfold(0, 5, 1)
        scores = torch.einsum("sk,skw->sw", q, near).softmax(-1)
        return torch.einsum("sw,svw->sv", scores, of)


@pytest.mark.parametrize(
    ("attention", "grows"),
    [(Reads(), "4*d*s**2"), (Linear(), "4*d**2*s"), (Windowed(), "20*d*s")],
)
def test_attention_grows_as_is_known(attention: nn.Module, grows: str) -> None:
    args = [torch.randn(16, 6) for _ in range(3)]
    d = ncd.trace(attention, *args, axes=["s d", "s d", "s d"])
    assert str(d.cost().total.flops.expr) == grows


def test_the_table() -> None:
    e = zoo.get("attn")
    c = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs).cost()
    text, page = str(c), c._repr_html_()
    assert "query … output  ×4" in text and "706,560 FLOPs (two for each of 353,280 multiply-adds)" in text
    assert page.count("<tr>") == text.count("\n") and "<script" not in page
    lost = ncd.trace(torch.linalg.svdvals, torch.randn(4, 4)).cost()
    assert "not known, and not in the sums: the FLOPs of svdvals" in str(lost).replace("linalg_", "")
    evil = ncd.trace(e.module, *e.args, axes=e.axes)
    object.__setattr__(evil, "title", "<script>alert(1)</script>")
    assert "<script" not in evil.cost()._repr_html_()


def test_a_picture_in_colours_of_cost() -> None:
    e = zoo.get("attn")
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    plain, hot = d.to_svg(), d.to_svg(heat="flops")
    assert "share of 707 k FLOPs" in hot and "share of" not in plain
    assert "ncd-own" in hot and "ncd-own" not in plain
    assert d.to_tikz(heat="traffic") != d.to_tikz()


def test_what_a_page_says_of_cost() -> None:
    from ncd.show import document, draw

    e = zoo.get("attn")
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    facts = document(d, draw(d))["scenes"][0]["facts"]
    assert sum(op.get("flops", 0) for op in facts["op"].values()) == 706_560
    said = [op["share"].split("%") for op in facts["op"].values() if "share" in op]
    assert sum(float(share) for share, _ in said) == pytest.approx(100, abs=0.1)
    assert {of for _, of in said} == {" of all FLOPs"}


def saved(target: Any, args: Any, kwargs: Any = None) -> int:
    """Bytes of what autograd saves, without what was there before."""
    weights = [*target.parameters(), *target.buffers()] if isinstance(target, nn.Module) else []
    before = {t.untyped_storage()._cdata for t in weights}
    seen: dict[int, Tensor] = {}

    def note(x: Tensor) -> Tensor:
        seen.setdefault(x.untyped_storage()._cdata, x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        out = target(*args, **(kwargs or {}))
    assert out is not None
    return sum(x.untyped_storage().nbytes() for i, x in seen.items() if i not in before)


@pytest.mark.parametrize("name", ["mlp", "attn", "mha", "unet", "transformer", "mamba_tiny", "llama_tiny"])
def test_what_is_kept_for_the_backward_pass_is_what_autograd_saves(name: str) -> None:
    e = zoo.get(name)
    c = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs).cost()
    assert c.total.unkept == ()
    assert int(c.total.activation) == saved(e.module, e.args, e.kwargs) > 0


def test_it_is_kept_in_training_too_and_lstms_are_not_known() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    x = torch.randn(2, 5, 16)
    assert int(ncd.trace(layer, x).cost().total.activation) == saved(layer, (x,))
    lstm = ncd.trace(nn.LSTM(4, 5), torch.randn(3, 2, 4)).cost()
    assert [op.name for op in lstm.total.unkept] == ["lstm"]


def test_multi_head_attention_keeps_what_its_wires_say() -> None:
    """As many elements as its arrays have: q, k, v, the scores after the softmax; fused, their sums instead."""

    def heads(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v

    axes = ["b h y k", "b h x k", "b h x k"]
    args = [torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)]
    plain = ncd.trace(heads, *args, axes=axes).cost().total
    assert str(plain.activation) == "8·b·h·k·x + 4·b·h·k·y + 4·b·h·x·y"
    assert str(plain.flops) == "4·b·h·k·x·y"
    fused = ncd.trace(F.scaled_dot_product_attention, *args, axes=axes).cost().total
    assert str(fused.activation) == "8·b·h·k·x + 8·b·h·k·y + 4·b·h·y"
    assert str(fused.flops) == "4·b·h·k·x·y"


def test_heads_last_the_weights_are_kept_twice() -> None:
    """einsum lays them out anew before it contracts: y x h twice, where heads first once is enough."""

    def heads(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.einsum("bqxh,bxkh->bqkh", torch.einsum("bqkh,bxkh->bqxh", q, k).softmax(2), v)

    args = [torch.randn(2, n, 4, 3, requires_grad=True) for n in (5, 7, 7)]
    total = ncd.trace(heads, *args, axes=["b y k h", "b x k h", "b x k h"]).cost().total
    assert str(total.activation) == "8·b·h·k·x + 4·b·h·k·y + 8·b·h·x·y"
    assert int(total.activation) == saved(heads, args)


def test_linear_attention_keeps_a_state_for_all_pairs() -> None:
    args = [torch.randn(64, 6, requires_grad=True) for _ in range(3)]
    total = ncd.trace(Linear(), *args, axes=["s d", "s d", "s d"]).cost().total
    assert str(total.activation) == "4·d² + 12·d·s"
    assert int(total.activation) == saved(Linear(), args)


def test_a_plot() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    c = ncd.trace(Reads(), *(torch.randn(16, 6) for _ in range(3)), axes=["s d", "s d", "s d"]).cost()
    axes = c.plot("s", [8, 16, 32], what="traffic")
    (total, *powers) = axes.get_lines()
    assert list(total.get_ydata()) == [c.total.traffic.at(s=n) for n in (8, 16, 32)]
    assert sum(p.get_ydata()[-1] for p in powers) == pytest.approx(c.total.traffic.at(s=32))
    with pytest.raises(ncd.NCDError, match="no amount 'time'"):
        c.plot("s", what="time")


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_one_more_token_costs_what_it_does_with_a_cache(kind: str) -> None:
    """Held to the model itself, given one token and the cache of those before it."""
    transformers = pytest.importorskip("transformers")
    if kind == "gpt2":
        model = tiny_gpt2()
    else:
        tiny = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 50, "intermediate_size": 48}
        config = transformers.LlamaConfig(**tiny, num_attention_heads=4, num_key_value_heads=2, use_cache=False)
        model = transformers.LlamaForCausalLM(config).eval()
    step = ncd.trace(model, ncd.tokens("b=2 s=16", high=50), axes="b s").cost().decode("s")
    n = 23
    ids = torch.randint(0, 50, (2, n))
    with torch.no_grad():
        past = model(ids[:, :-1], use_cache=True).past_key_values
    taken = counted(model, (ids[:, -1:],), {"past_key_values": past, "use_cache": True})
    assert step.flops.at(s=n) == taken
    held = sum(t.numel() * t.element_size() for layer in past.layers for t in (layer.keys, layer.values))
    assert step.cache.at(s=n) == held  # as long as the context by now
    assert step.intensity < 2


class Attends(nn.Module):
    """Causal attention of ``heads`` queries; ``keys`` of them share a key and a value each (Ainslie et al. 2023)."""

    def __init__(self, keys: int, heads: int = 4, k: int = 6, m: int = 10) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Parameter(torch.randn(m, n, k)) for n in (heads, keys, keys))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (torch.einsum("bsm,mhk->bhsk", x, w) for w in (self.q, self.k, self.v))
        q = q.unflatten(1, (k.shape[1], -1))
        scores = torch.einsum("bnqsk,bntk->bnqst", q, k)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return torch.einsum("bnqst,bntk->bnqsk", scores.masked_fill(later, -torch.inf).softmax(-1), v)


class Latent(nn.Module):
    """Keys and values are read off few numbers a token; what reads them is absorbed (DeepSeek-AI 2024, "V2", 2.1.2)."""

    def __init__(self, rank: int = 5, heads: int = 4, k: int = 6, m: int = 10) -> None:
        super().__init__()
        self.q, self.down = nn.Parameter(torch.randn(m, heads, k)), nn.Parameter(torch.randn(m, rank))
        self.k, self.v = (nn.Parameter(torch.randn(rank, heads, k)) for _ in "kv")

    def forward(self, x: Tensor) -> Tensor:
        c = torch.einsum("bsm,mr->bsr", x, self.down)
        q = torch.einsum("bhsk,rhk->bhsr", torch.einsum("bsm,mhk->bhsk", x, self.q), self.k)
        scores = torch.einsum("bhsr,btr->bhst", q, c)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        mixed = torch.einsum("bhst,btr->bhsr", scores.masked_fill(later, -torch.inf).softmax(-1), c)
        return torch.einsum("bhsr,rhk->bhsk", mixed, self.v)


@pytest.mark.parametrize(
    ("attention", "kept", "work"),
    [
        (Attends(4), 2 * 4 * 6, 4 * 4 * 6),
        (Attends(2), 2 * 2 * 6, 4 * 4 * 6),
        (Attends(1), 2 * 6, 4 * 4 * 6),
        (Latent(), 5, 4 * 4 * 5),
    ],
    ids=["every head its own", "grouped", "one key for all", "latent"],
)
def test_what_a_cache_keeps_of_each_token(attention: nn.Module, kept: int, work: int) -> None:
    """``kept`` numbers a token; ``work`` FLOPs for each pair of tokens, whoever shares the keys."""
    c = ncd.trace(attention, torch.randn(3, 8, 10), axes="b s m").cost()
    assert c.decode("s").cache.at(s=1000) == 4 * 3 * 1000 * kept
    assert str(c.total.flops.leading("s")) == f"{work}*b*s**2"


def test_one_more_token_of_what_is_not_causal_is_refused() -> None:
    e = zoo.get("attn")
    c = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs).cost()
    with pytest.raises(ncd.NCDError, match="has no causal mask"):
        c.decode("s")
    with pytest.raises(ncd.NCDError, match="no attention runs along 'd'"):
        c.decode("d")
