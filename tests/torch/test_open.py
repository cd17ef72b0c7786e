"""Composites open into what they are defined by, only if that is what they compute; and close again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from metrics import FAULTS, Measured
from torch import Tensor, nn

import ncd
from ncd import Diagram, NCDError, show
from ncd.rewrite import bodies
from ncd.tracing.containers import shown


def real(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


def whole(*shape: int, high: int = 3) -> Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(1))


class Calls(nn.Module):
    """One function with weights of its own."""

    def __init__(self, fn: Callable, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.fn = fn
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(s)) for s in shapes])

    def forward(self, *xs: Tensor) -> Tensor:
        return self.fn(*xs, *self.weights)


def lower(n: int) -> Tensor:
    return torch.ones(n, n, dtype=torch.bool).tril()


def batch_norm(**how: object) -> nn.Module:
    norm = nn.BatchNorm2d(6, **how)  # type: ignore[arg-type]
    if norm.running_var is not None:
        norm.running_var += torch.rand(6)
    return norm


sdpa = F.scaled_dot_product_attention
plain_mha = nn.MultiheadAttention(12, 4, batch_first=True)
bare_mha = nn.MultiheadAttention(12, 4, batch_first=True, bias=False)
QKV = (real(2, 3, 5, 4), real(2, 3, 7, 4), real(2, 3, 7, 4))
TOKENS = (real(2, 5, 12), real(2, 7, 12), real(2, 7, 12))
PADDED = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])

CASES: dict[str, tuple[Callable, tuple, str]] = {
    "layer_norm": (nn.LayerNorm(8), (real(2, 7, 8),), "layer_norm"),
    "layer_norm plain": (nn.LayerNorm((5, 8), eps=1e-3, elementwise_affine=False), (real(2, 5, 8),), "layer_norm"),
    "layer_norm no bias": (nn.LayerNorm(8, bias=False), (real(2, 7, 8),), "layer_norm"),
    "layer_norm double": (nn.LayerNorm(8).double(), (real(2, 8, dtype=torch.float64),), "layer_norm"),
    "layer_norm half": (nn.LayerNorm(8).half(), (real(2, 8, dtype=torch.float16),), "layer_norm"),
    "rms_norm": (nn.RMSNorm(8), (real(2, 7, 8),), "rms_norm"),
    "group_norm": (nn.GroupNorm(3, 6), (real(2, 6, 5, 4),), "group_norm"),
    "instance_norm": (nn.InstanceNorm2d(6, affine=True), (real(2, 6, 5, 4),), "instance_norm"),
    "batch_norm eval": (batch_norm().eval(), (real(2, 6, 5, 4),), "batch_norm"),
    "batch_norm of the batch": (batch_norm(track_running_stats=False), (real(2, 6, 5, 4),), "batch_norm"),
    "softmax": (nn.Softmax(1), (real(2, 5, 4),), "softmax"),
    "Tensor.softmax": (lambda x: x.softmax(-1, dtype=torch.float64), (real(2, 5),), "softmax"),
    "log_softmax": (nn.LogSoftmax(-1), (real(2, 5),), "log_softmax"),
    "logsumexp": (lambda x: x.logsumexp((0, 2), keepdim=True), (real(2, 5, 4),), "logsumexp"),
    "softmin": (nn.Softmin(-1), (real(2, 5),), "softmin"),
    "gelu": (nn.GELU(), (real(2, 5),), "gelu"),
    "gelu tanh": (nn.GELU("tanh"), (real(2, 5),), "gelu"),
    "silu": (nn.SiLU(), (real(2, 5),), "silu"),
    "mish": (nn.Mish(), (real(2, 5),), "mish"),
    "glu": (nn.GLU(1), (real(2, 6, 5),), "glu"),
    "normalize": (partial(F.normalize, dim=-1), (real(2, 5),), "normalize"),
    "normalize l1": (partial(F.normalize, p=1.0), (real(2, 5, 3),), "normalize"),
    "normalize l3": (partial(F.normalize, p=3.0), (real(2, 5, 3),), "normalize"),
    "cosine_similarity": (partial(F.cosine_similarity, dim=-1), (real(2, 5), real(2, 5)), "cosine_similarity"),
    "cosine_similarity pairs": (
        lambda x, y: F.cosine_similarity(x[:, None], y[None], -1), (real(2, 5), real(3, 5)), "cosine_similarity",
    ),
    "bilinear": (nn.Bilinear(4, 5, 3), (real(2, 4), real(2, 5)), "bilinear"),
    "embedding_bag": (nn.EmbeddingBag(9, 4), (whole(2, 5, high=9),), "embedding_bag"),
    "embedding_bag max": (nn.EmbeddingBag(9, 4, mode="max"), (whole(2, 5, high=9),), "embedding_bag"),
    "embedding_bag sum": (nn.EmbeddingBag(9, 4, mode="sum"), (whole(2, 5, high=9), None, real(2, 5)), "embedding_bag"),
    "linear": (nn.Linear(5, 4), (real(2, 3, 5),), "linear"),
    "var": (lambda x: x.var(-1, unbiased=False), (real(2, 5),), "var"),
    "std": (lambda x: torch.std(x, 0, keepdim=True), (real(2, 5),), "std"),
    "cross_entropy": (F.cross_entropy, (real(4, 5), whole(4)), "cross_entropy"),
    "cross_entropy images": (partial(F.cross_entropy, reduction="sum"), (real(2, 5, 4), whole(2, 4)), "cross_entropy"),
    "cross_entropy soft": (F.cross_entropy, (real(4, 5), real(4, 5)), "cross_entropy"),
    "nll_loss": (partial(F.nll_loss, reduction="none"), (real(4, 5), whole(4)), "nll_loss"),
    "mse_loss": (F.mse_loss, (real(4, 5), real(4, 5)), "mse_loss"),
    "l1_loss": (F.l1_loss, (real(4, 5), real(4, 5)), "l1_loss"),
    "bce": (F.binary_cross_entropy_with_logits, (real(4, 5), real(4, 5)), "binary_cross_entropy_with_logits"),
    "kl_div": (partial(F.kl_div, reduction="batchmean", log_target=True), (real(4, 5), real(4, 5)), "kl_div"),
    "sdpa": (sdpa, QKV, "scaled_dot_product_attention"),
    "sdpa scaled": (partial(sdpa, scale=0.3), QKV, "scaled_dot_product_attention"),
    "sdpa causal": (partial(sdpa, is_causal=True), QKV, "scaled_dot_product_attention"),
    "sdpa bool": (sdpa, (*QKV, real(5, 7) > 0), "scaled_dot_product_attention"),
    "sdpa float": (sdpa, (*QKV, real(2, 1, 5, 7)), "scaled_dot_product_attention"),
    "sdpa constant mask": (
        lambda q, k, v: sdpa(q, k, v, attn_mask=lower(5)), QKV[:1] * 3, "scaled_dot_product_attention",
    ),
    "sdpa groups": (
        partial(sdpa, enable_gqa=True), (real(2, 6, 5, 4), *QKV[1:]), "scaled_dot_product_attention",
    ),
    "sdpa double": (sdpa, tuple(x.double() for x in QKV), "scaled_dot_product_attention"),
    "mha": (nn.MultiheadAttention(12, 4, batch_first=True), TOKENS, "multi_head_attention_forward"),
    "mha of one": (
        lambda x: plain_mha(x, x, x, need_weights=False)[0],
        TOKENS[:1], "multi_head_attention_forward",
    ),
    "mha padded": (
        lambda q, k, v, p: bare_mha(q, k, v, p)[0],
        (*TOKENS, PADDED), "multi_head_attention_forward",
    ),
    "mha unbatched": (
        nn.MultiheadAttention(12, 4, kdim=6, vdim=9, add_zero_attn=True),
        (real(5, 12), real(7, 6), real(7, 9)), "multi_head_attention_forward",
    ),
    "lstm": (nn.LSTM(5, 6), (real(4, 2, 5),), "lstm"),
    "lstm stacked": (
        nn.LSTM(5, 6, num_layers=2, bidirectional=True, batch_first=True, bias=False), (real(2, 2, 5),), "lstm",
    ),
    "lstm projected": (nn.LSTM(5, 6, proj_size=3), (real(3, 2, 5),), "lstm"),
    "lstm unbatched": (nn.LSTM(5, 6), (real(3, 5),), "lstm"),
    "lstm with a state": (nn.LSTM(5, 6), (real(3, 2, 5), (real(1, 2, 6), real(1, 2, 6))), "lstm"),
    "gru": (nn.GRU(5, 6, bidirectional=True), (real(2, 2, 5),), "gru"),
    "rnn": (nn.RNN(5, 6, batch_first=True), (real(2, 3, 5),), "rnn_tanh"),
    "rnn relu": (nn.RNN(5, 6, nonlinearity="relu").double(), (real(3, 2, 5, dtype=torch.float64),), "rnn_relu"),
    "lstm_cell": (nn.LSTMCell(5, 6), (real(2, 5), (real(2, 6), real(2, 6))), "lstm_cell"),
    "gru_cell": (nn.GRUCell(5, 6, bias=False), (real(2, 5), real(2, 6)), "gru_cell"),
    "rnn_cell": (nn.RNNCell(5, 6), (real(2, 5), real(2, 6)), "rnn_tanh_cell"),
    "rnn_cell relu": (nn.RNNCell(5, 6, nonlinearity="relu"), (real(2, 5), real(2, 6)), "rnn_relu_cell"),
}  # fmt: skip


def traced(case: str) -> tuple[Callable, tuple, str, Diagram]:
    model, args, name = CASES[case]
    if isinstance(model, nn.Module) and case != "batch_norm of the batch":
        model.eval()
    return model, args, name, ncd.trace(model, *args)


def agrees(d: Diagram, model: Callable, args: tuple) -> bool:
    with torch.no_grad():
        want = [t for _, t in shown(model(*args))]
        got = [t for _, t in shown(d.to_module()(*args))]
    rough = 2e-3 if any(t.dtype == torch.float16 for t in want) else 1e-5
    return all(torch.allclose(g, w, atol=rough, rtol=rough) for g, w in zip(got, want, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_composite_opens_into_what_it_computes(case: str) -> None:
    model, args, name, d = traced(case)
    opened = d.open(name)
    assert len(opened.ops) > len(d.ops) or name in ("mse_loss", "embedding_bag", "cross_entropy", "bilinear")
    assert name not in {op.name for op in opened.ops} - {"linear", "bilinear"}
    said = {e for op in opened.ops for e in op.evidence}
    assert said and all(e.startswith(f"equals {name} on 3 samples") for e in said)
    report = opened.check(trials=1)
    assert report.ok, report
    assert agrees(opened, model, args)
    assert Diagram.from_json(opened.to_json()) == opened
    again = opened.close(name)
    assert [op.name for op in again.ops] == [op.name for op in d.ops]
    assert Measured(show.draw(opened).scene).faults() == dict.fromkeys(FAULTS, 0)


def test_every_row_has_a_case() -> None:
    assert set(bodies.BODIES) <= {name for _, _, name in CASES.values()}


def test_a_wrong_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    d = traced("layer_norm")[3]

    def layer_norm(input: Tensor, shape: tuple, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        return (input - input.mean(-1, keepdim=True)) / input.std(-1, keepdim=True) * weight + bias

    monkeypatch.setattr(bodies, "BODIES", {**bodies.BODIES, "layer_norm": layer_norm})
    with pytest.raises(NCDError, match=r"layer_norm is not opened: it gives other numbers: .* instead of"):
        d.open("layer_norm")


def test_what_a_sample_of_ordinary_numbers_would_not_show_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A softmax that overflows, attention that is NaN where nothing is allowed, a length without its least."""
    wrong = {
        "softmax": lambda x, dim, **_: x.exp() / x.exp().sum(dim, keepdim=True),
        "scaled_dot_product_attention": lambda q, k, v, m, **_: (
            torch.softmax((q @ k.mT / 2).masked_fill(~m, -torch.inf), -1) @ v
        ),
        "normalize": lambda x, p, dim, eps, **_: x / x.norm(dim=dim, keepdim=True),
        "layer_norm": lambda x, s, weight, bias, eps: F.layer_norm(x, s, weight, None, eps),
    }
    monkeypatch.setattr(bodies, "BODIES", wrong)
    for case, name in (("softmax", "softmax"), ("sdpa bool", "scaled_dot_product_attention"),
                       ("normalize", "normalize"), ("layer_norm", "layer_norm")):  # fmt: skip
        with pytest.raises(NCDError, match="is not opened"):
            traced(case)[3].open(name)


def test_what_a_body_does_not_cover_stays_closed() -> None:
    with pytest.raises(NCDError, match="dropout"):
        ncd.trace(lambda q: sdpa(q, q, q, dropout_p=0.5), QKV[0]).open("scaled_dot_product_attention")
    with pytest.raises(NCDError, match="running statistics"):
        ncd.trace(nn.BatchNorm1d(5), real(4, 5)).open("batch_norm")


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(12), nn.Sequential(nn.Linear(12, 20), nn.GELU(), nn.Linear(20, 12))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(x))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.h = nn.ModuleList([Block() for _ in range(3)])
        self.last = nn.LayerNorm(12)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.h:
            x = block(x)
        return self.last(x)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model().eval()


@pytest.fixture(scope="module")
def diagram(model: Model) -> Diagram:
    return ncd.trace(model, ncd.array("b=2 s=5 d=12"))


def names(d: Diagram) -> list[str]:
    return [op.name for op in d.ops]


def test_by_name_path_pattern_and_op(diagram: Diagram) -> None:
    closed = names(diagram).count("layer_norm")
    for which, left in (("layer_norm", 0), ("last", 3), ("h.*.norm", 1), ("h.1.norm", 3), (diagram.ops[0], 3)):
        for d in (diagram, diagram.simplify()):
            assert closed == 4
            op = d.ops[0] if not isinstance(which, str) else which
            assert names(d.open(op)).count("layer_norm") == left


def test_opening_composes_and_closing_undoes_it(diagram: Diagram) -> None:
    for d in (diagram, diagram.simplify()):
        assert d.open("layer_norm").open("gelu").close("gelu").close("layer_norm") == d
        assert d.open("h.1.norm").close("h.1.norm").ops == d.ops
        assert d.open("layer_norm").check(real(2, 5, 12)).ok


def test_opened_parts_are_seen_and_repeats_still_fold(diagram: Diagram) -> None:
    shown_ = show.draw(diagram.open("h.*.norm"))
    assert names(shown_.drawn).count("mean") == 2
    assert any(b.repeat == 3 for b in shown_.drawn.blocks)
    assert "mean" in names(show.draw(diagram, expand=["layer_norm"]).drawn)
    assert "mean" not in names(show.draw(diagram.open("layer_norm"), collapse=["layer_norm"]).drawn)
    assert Measured(shown_.scene).faults() == dict.fromkeys(FAULTS, 0)


@pytest.mark.parametrize(("cls", "name"), [(nn.RNN, "rnn_tanh"), (nn.LSTM, "lstm"), (nn.GRU, "gru")])
def test_a_recurrent_layer_is_one_turn_with_its_state_handed_on(cls: type[nn.Module], name: str) -> None:
    drawn = show.draw(ncd.trace(cls(5, 6), ncd.array("t=4 b=2 m=5")).open(name)).drawn
    (turn,) = [b for b in drawn.blocks if b.repeat > 1]
    states = 2 if cls is nn.LSTM else 1
    assert (turn.cls, turn.repeat, len(turn.carried)) == ("Turn", 4, states)
    assert [op.label for op in drawn.ops if op.symbol == "source"][:states] == ["0"] * states


def test_an_unknown_name_lists_what_can_be_opened(diagram: Diagram) -> None:
    with pytest.raises(NCDError, match=r"no.*'lstm'[\s\S]*gelu, layer_norm, linear can be opened[\s\S]*h\.0"):
        diagram.open("lstm")
    with pytest.raises(NCDError, match="layer_norms"):
        diagram.close("layer_norms")
    with pytest.raises(NCDError, match="layer_norms"):
        diagram.to_svg(expand=["layer_norms"])


def test_what_was_recognised_opens_into_what_was_written() -> None:
    def rms(x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    d = ncd.trace(rms, real(3, 8))
    assert names(d.simplify()) == ["rms_norm"]
    for before in (d, d.simplify()):
        opened = before.open("rms_norm")
        assert names(opened.simplify()) == ["pow", "mean", "add", "rsqrt", "mul"]
        assert opened.check().ok
        assert names(opened.close("rms_norm").simplify()) == ["rms_norm"]


@pytest.mark.parametrize("simple", [False, True])
def test_a_block_is_one_op_that_runs(diagram: Diagram, model: Model, simple: bool) -> None:
    d = diagram.simplify() if simple else diagram
    closed = d.close("h.1")
    (op,) = [op for op in closed.ops if op.block]
    assert op.block == "h.1" and op.inside and len(op.body) >= len(op.inside)
    assert op.tiled[:2] == ("b", "s") and not {"b", "s"} & set(op.target)
    assert len(closed.ops) == len(d.ops) - len(op.inside) + 1
    report = closed.check(real(2, 5, 12))
    assert report.ok, report
    assert agrees(closed, model, (real(2, 5, 12),))
    assert Diagram.from_json(closed.to_json()) == closed
    assert closed.open("h.1").ops == d.ops
    assert "h.1" in {op.block for op in closed.open("layer_norm").ops}
    assert Measured(show.draw(closed).scene).faults() == dict.fromkeys(FAULTS, 0)


def test_a_closed_block_acts_on_what_any_op_in_it_acts_on(diagram: Diagram) -> None:
    class Mixing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.softmax(1) + 1).exp()

    d = ncd.trace(nn.Sequential(Mixing(), nn.ReLU()), ncd.array("b=2 s=5 d=12"))
    (op,) = [op for op in d.close("Mixing").ops if op.block]
    assert str(op.weave) == "b [s] d -> b [s'] d"


def test_a_closed_block_in_the_way_of_others_is_refused() -> None:
    class Two(nn.Module):
        def a(self, x: Tensor) -> Tensor:
            return x.exp()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = Two()

        def forward(self, x: Tensor) -> Tensor:
            return self.two.a(self.two.a(x).sin())

    d = ncd.trace(Outer(), real(3, 4))
    paths = [op.path for op in d.ops]
    within = replace(d, ops=tuple(replace(op, path=paths[0]) if op.path.startswith("two") else op for op in d.ops))
    with pytest.raises(NCDError, match="not one op"):
        within.close(paths[0])
    assert within.close(paths[0] + "#2") if paths[0] + "#2" in {o.path for o in within.ops} else True


def test_an_axis_of_size_one_stays_an_axis() -> None:
    d = ncd.trace(nn.LayerNorm(8), ncd.array("b=1 s=5 d=8"))
    opened = d.open("layer_norm")
    assert all("b" in str(op.weave) for op in opened.ops)
    assert opened.check().ok


def test_bodies_name_their_axes_once(diagram: Diagram) -> None:
    d = ncd.trace(nn.LSTM(5, 6), ncd.array("t=3 b=2 m=5")).open("lstm")
    axes = {w.id: w.name for a in d.arrays for w in a.wires}
    assert len(set(axes.values())) == len(axes)
