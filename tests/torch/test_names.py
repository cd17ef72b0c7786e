"""Axis names in well-known models: what a researcher calls the axes of inputs, outputs and the main ones between.

Written by judgement, not by copying output: ``x1`` is written x₁, ``d_ff'`` another axis than ``d_ff``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import ncd
from benchmarks.sweep.transformers import subject
from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Diagram
from ncd.models import attention, perceptron, recurrent, resnet, unet
from ncd.models import pointer as pointer_network
from ncd.rewrite.present import prepared


class Called(NamedTuple):
    """``inputs`` and ``outputs`` array by array, ``inner``: axes that must be drawn by these names."""

    inputs: str
    outputs: str
    inner: str = ""


TEXT = "h d_k d_v d_ff v"
GROUPED = "g r d_k d_v d_ff v"
HF = {
    "gpt2": Called("b s", "b s d_model", TEXT),
    "bert": Called("b s", "b s d_model, b d_model'", TEXT),
    "roberta": Called("b s", "b s d_model, b d_model'", TEXT),
    "distilbert": Called("b s", "b s d_model", TEXT),
    "albert": Called("b s", "b s d_model, b d_model'", TEXT + " d_e"),
    "electra": Called("b s", "b s d_model", TEXT),
    "deberta-v2": Called("b s", "b s d_model", TEXT),
    "t5": Called("b s, b t", "b t d_model, b s d_model", TEXT),
    "bart": Called("b s, b t", "b t d_model, b s d_model", TEXT),
    "pegasus": Called("b s, b t", "b t d_model, b s d_model", TEXT),
    "llama": Called("b s", "b s d_model", TEXT),
    "mistral": Called("b s", "b s d_model", GROUPED),
    "mixtral": Called("b s", "b s d_model", GROUPED + " e k"),
    "qwen2": Called("b s", "b s d_model", TEXT),
    "qwen3": Called("b s", "b s d_model", TEXT),
    "gemma2": Called("b s", "b s d_model", GROUPED),
    "phi": Called("b s", "b s d_model", "d_k d_v d_ff v"),
    "falcon": Called("b s", "b s d_model", "h d_k d_ff v"),
    "bloom": Called("b s", "b s d_model", "h d_k d_ff v"),
    "opt": Called("b s", "b s d_model", TEXT),
    "gpt_neox": Called("b s", "b s d_model", TEXT),
    "gptj": Called("b s", "b s d_model", TEXT),
    "mamba": Called("b s", "b s d_model", "d_inner n r v"),
    "rwkv": Called("b s", "b s d_model", "d_att d_ff v"),
    "vit": Called("b c y x", "b p+1 d_model, b d_model'", "y1 x1 p+1 h d_k d_v d_ff"),
    "deit": Called("b c y x", "b p+2 d_model, b d_model'", "y1 x1 p+2 h d_k d_v d_ff"),
    "dinov2": Called("b c y x", "b p+1 d_model, b d_model", "y1 x1 p+1 h d_k d_v d_ff"),
    "swin": Called("b c y x", "b y4 x4 c4, b c4", "y1 x1 w c1 4c1 c2 h d_k d_v d_ff"),
    "convnext": Called("b c y x", "b c4 y4 x4, b c4", "c1 y1 x1 c2 y2 x2 c3 d_ff"),
    "resnet": Called("b c y x", "b c13 y5 x5, b c13", "c1 y1 x1 c2 c3"),
    "mobilenet_v2": Called("b c y x", "b c13 y14 x14, b c13", "c1 y1 x1 c2"),
    "segformer": Called("b c y x", "b d_model,6 y5 x5", "h d_k d_v d_ff"),
    "detr": Called("b c y x", "b queries d_model', b y5 x5 d_model", "c1 h d_k d_v d_ff"),
    "clip": Called(
        "b s, b1 c y x",
        "b1 b, b b1, b d_proj, b1 d_proj, b s d_model', b d_proj, b1 p+1 d_model, b1 d_proj",
        TEXT,
    ),
    "siglip": Called(
        "b s, b1 c y x",
        "b1 b, b b1, b d_model', b1 d_model', b s d_model'', b d_model', b1 y1 x1 d_model, b1 d_model'",
        TEXT,
    ),
    "whisper": Called("b mel t, b s", "b s d_model', b t1 d_model", TEXT),
    "wav2vec2": Called("b t", "b t7 d_model, b t7 c6", "t1 h d_k d_v d_ff c"),
}


def build(name: str) -> Diagram:
    made = OWN[name][0]() if name in OWN else subject(name)
    torch.manual_seed(0)
    made[0].eval()
    return ncd.trace(made[0], *made[1], **made[2])


def written(a: Axis) -> str:
    return a.shown or a.name


def row(array: Array) -> str:
    return " ".join(map(written, array.wires))


class Mlp(nn.Module):
    def __init__(self, d_in: int = 12, hidden: int = 20, num_classes: int = 5) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d_in, hidden), nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(x)))


class Vae(nn.Module):
    def __init__(self, input_dim: int = 28, hidden_dim: int = 20, latent_dim: int = 5) -> None:
        super().__init__()
        self.encode = nn.Linear(input_dim, hidden_dim)
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.deviation = nn.Linear(hidden_dim, latent_dim)
        self.decode = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.relu(self.encode(x))
        mean, deviation = self.mean(h), self.deviation(h)
        return self.decode(mean + torch.randn_like(mean) * deviation.exp()), mean, deviation


class Graph(nn.Module):
    """Attention over the neighbours of every node."""

    def __init__(self, in_features: int = 12, out_features: int = 7, num_heads: int = 3) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.Linear(in_features, num_heads * out_features, bias=False)
        self.left, self.right = (nn.Parameter(torch.randn(num_heads, out_features)) for _ in range(2))

    def forward(self, nodes: Tensor, adjacent: Tensor) -> Tensor:
        x = self.project(nodes).view(nodes.shape[0], self.num_heads, -1)
        scores = torch.einsum("nhd,hd->nh", x, self.left)[:, None] + torch.einsum("nhd,hd->nh", x, self.right)[None]
        weights = nn.functional.leaky_relu(scores).masked_fill(~adjacent[:, :, None], -1e9).softmax(1)
        return torch.einsum("ijh,jhd->ihd", weights, x)


class Ranking(nn.Module):
    """Categories and numbers, each embedded, and the products of all pairs (DLRM)."""

    def __init__(self, sizes: tuple[int, ...] = (50, 30), embedding_dim: int = 8, num_dense: int = 6) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, embedding_dim) for n in sizes)
        self.dense = nn.Linear(num_dense, embedding_dim)
        self.score = nn.Linear(9, 1)

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        x = torch.stack([self.dense(dense), *(t(sparse[:, i]) for i, t in enumerate(self.tables))], 1)
        return self.score((x @ x.mT).flatten(1)).squeeze(-1).sigmoid()


class Field(nn.Module):
    """Points in space, encoded by frequency, to density and colour (NeRF)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(18, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.density, self.colour = nn.Linear(width, 1), nn.Linear(width, 3)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        turns = points[..., None] * 2.0 ** torch.arange(3.0)
        h = self.body(torch.cat([turns.sin(), turns.cos()], -1).flatten(-2))
        return self.density(h), self.colour(h).sigmoid()


class Translator(nn.Module):
    """An LSTM encoder and an LSTM decoder, batch second as in the tutorials."""

    def __init__(self, vocab: int = 40, emb_dim: int = 12, hid_dim: int = 16) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(vocab, emb_dim), nn.Embedding(vocab, emb_dim)
        self.encoder, self.decoder = nn.LSTM(emb_dim, hid_dim), nn.LSTM(emb_dim, hid_dim)
        self.out = nn.Linear(hid_dim, vocab)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        _, state = self.encoder(self.source(src))
        return self.out(self.decoder(self.target(tgt), state)[0])


class Classifier(nn.Sequential):
    """Two convolutions and a linear layer, with numbers for sizes."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip


def ours(module: nn.Module, *args: Any, **kwargs: Any) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    return module, args, kwargs


def floats(*shape: int) -> Tensor:
    return torch.randn(*shape)


def ids(*shape: int) -> Tensor:
    return torch.randint(0, 30, shape)


OWN: dict[str, tuple[Callable[[], Any], Called]] = {
    "nn.Transformer": (
        lambda: ours(nn.Transformer(32, 4, 2, 2, 48, batch_first=True), floats(2, 9, 32), floats(2, 7, 32)),
        Called("b s d_model, b t d_model", "b t d_model", "h d_k d_ff"),
    ),
    "nn.MultiheadAttention": (  # nothing ties what comes out to what comes in
        lambda: ours(nn.MultiheadAttention(32, 4), floats(9, 2, 32), floats(7, 2, 32), floats(7, 2, 32)),
        Called("s b d_model, s1 b d_model, s1 b d_model", "s b d_model', b s s1", "h d_k d_v"),
    ),
    "mlp": (lambda: ours(Mlp(), floats(4, 12)), Called("b d_in", "b classes", "d_h")),
    "autoencoder": (lambda: ours(Vae(), floats(4, 28)), Called("b d", "b d_out, b z, b z", "d_h d_h'")),
    "convolutions": (lambda: ours(Classifier(), floats(2, 3, 16, 20)), Called("b c y x", "b classes", "c1 y1 x1 c2")),
    "graph attention": (lambda: ours(Graph(), floats(6, 12), torch.ones(6, 6).bool()), Called("n d, n n", "n h d1")),
    "recommender": (lambda: ours(Ranking(), floats(4, 6), ids(4, 2)), Called("b dense, b s", "b", "d_e")),
    "radiance field": (lambda: ours(Field(), floats(5, 3)), Called("b d", "b, b d_out", "d1 d2")),
    "translator": (lambda: ours(Translator(), ids(9, 2), ids(7, 2)), Called("s b, t b", "t b v", "d_e d_h d_e'")),
    "our mlp": (lambda: ours(*_example(perceptron)), Called("b d", "b classes", "d_h")),
    "our attention": (lambda: ours(*_example(attention)), Called("b s d", "b s d_out", "h d_k d_v")),
    "our tagger": (lambda: ours(*_example(recurrent)), Called("b s", "b s tags", "d_e d_h")),
    "our unet": (lambda: ours(*_example(unet)), Called("b colours y x", "b classes y x", "c c1 c2 y1 x1 c8+c5")),
    "our pointer network": (lambda: ours(*_example(pointer_network)), Called("b s d", "b m s", "d_h")),
    "our resnet": (lambda: ours(*_example(resnet)), Called("b colours y x", "b classes", "c c1 c2 y1 x1")),
}


def _example(module: Any) -> tuple[Any, ...]:
    made, args = module.example()
    return made, *args


@pytest.mark.parametrize("name", [*HF, *OWN])
def test_axes_are_called_what_a_researcher_calls_them(name: str) -> None:
    expected = OWN[name][1] if name in OWN else HF[name]
    diagram = build(name)
    assert ", ".join(map(row, diagram.inputs)) == expected.inputs
    assert ", ".join(map(row, diagram.outputs)) == expected.outputs
    drawn = prepared(diagram.simplify())
    called = {written(w) for d in (diagram, drawn) for a in d.arrays for w in a.wires}
    assert set(expected.inner.split()) <= called
    told_apart(drawn)


def told_apart(drawn: Diagram) -> None:
    """Numbers count up in order among what is drawn, and in one operation different axes are written differently."""
    numbers: dict[str, list[int]] = {}
    for w in dict.fromkeys(written(w) for a in drawn.arrays if not a.hidden for w in a.wires):
        stem, digits = re.fullmatch(r"(.*?)(\d*)", w).groups()  # type: ignore[union-attr]
        if "+" not in w and not stem.endswith("_"):  # those of stages are numbered by the turn
            numbers.setdefault(stem, []).append(int(digits or 0))
    for stem, found in numbers.items():
        assert found == list(range(found[0], found[0] + len(found))), (stem, found)
    for op in drawn.ops:
        seen: dict[str, int] = {}
        for w in (w for a in (*op.inputs, *op.outputs) if not a.hidden for w in a.wires):
            assert seen.setdefault(written(w), w.size) == w.size, (str(op), written(w))
