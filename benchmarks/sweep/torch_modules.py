"""Every module class of ``torch.nn``, most in several settings.

A case is called after its class and what is special about it: ``Conv2d groups``.  A class that is
neither a case nor ``ABSTRACT`` or ``ELSEWHERE`` is new to us; a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.sweep.case import Case, Subject, Suite

ABSTRACT = {
    "Module": "the base of all modules",
    "Container": "an old name of Module, without a forward of its own",
    "RNNBase": "the base of RNN, LSTM and GRU; without a mode of its own it has no forward",
    "RNNCellBase": "the base of the cells, without a forward",
    "ModuleDict": "a container without a forward; a case of Sequential's holds one",
    "ModuleList": "a container without a forward; a case of Sequential's holds one",
    "ParameterDict": "a container without a forward; a case of Sequential's holds one",
    "ParameterList": "a container without a forward; a case of Sequential's holds one",
}
"""Classes that compute nothing by themselves, and why."""

KNOWN = {"CrossMapLRN2d": "an old autograd function, which gives empty tensors another shape in place"}
"""Cases with calls that are opaque, and why."""

Make = Callable[[], Any]


def x(*shape: int) -> Tensor:
    return torch.randn(shape)


def unit(*shape: int) -> Tensor:
    """Numbers inside (0, 1)."""
    return torch.rand(shape) * 0.8 + 0.1


def signs(*shape: int) -> Tensor:
    return torch.randint(0, 2, shape) * 2.0 - 1


def tokens(high: int, *shape: int) -> Tensor:
    return torch.randint(0, high, shape)


def causal(n: int) -> Tensor:
    return nn.Transformer.generate_square_subsequent_mask(n)


def padding(b: int, n: int) -> Tensor:
    """True where a sequence is over: the last one is whole, the others end earlier."""
    return torch.arange(n)[None] > torch.arange(n - b, n)[:, None]


# ---------------------------------------------------------------------------- one number at a time


def activations() -> Iterator[tuple[str, Make]]:
    plain = """CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish RReLU ReLU
    ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink"""
    for name in plain.split():
        yield name, partial(lambda c: (c(), x(3, 4, 5)), getattr(nn, name))
    for name in "Dropout AlphaDropout FeatureAlphaDropout Dropout1d Dropout2d Dropout3d RReLU".split():
        shape = {"Dropout1d": (3, 4, 5), "Dropout3d": (3, 4, 5, 6, 7)}.get(name, (3, 4, 5, 6))
        if name != "RReLU":
            yield name, partial(lambda c, s: (c(), x(*s)), getattr(nn, name), shape)
        yield f"{name} train", partial(lambda c, s: (c(), x(*s)), getattr(nn, name), shape)
    for name in "ELU ReLU Hardtanh SiLU LeakyReLU Threshold".split():
        args = (0.1, 20.0) if name == "Threshold" else ()
        yield f"{name} inplace", partial(lambda c, a: (c(*a, inplace=True), x(3, 4, 5)), getattr(nn, name), args)
    yield "GELU tanh", lambda: (nn.GELU("tanh"), x(3, 4, 5))
    yield "Threshold", lambda: (nn.Threshold(0.1, 20.0), x(3, 4, 5))
    yield "PReLU", lambda: (nn.PReLU(), x(3, 4, 5))
    yield "PReLU channels", lambda: (nn.PReLU(4), x(3, 4, 5))
    yield "GLU", lambda: (nn.GLU(), x(3, 4, 8))
    yield "GLU first", lambda: (nn.GLU(1), x(3, 8, 5))
    for name in "Softmax Softmin LogSoftmax".split():
        for d in (1, -1):
            yield f"{name} {d}", partial(lambda c, d: (c(d), x(3, 4, 5)), getattr(nn, name), d)
    yield "Softmax2d", lambda: (nn.Softmax2d(), x(3, 4, 5, 6))


def padders() -> Iterator[tuple[str, Make]]:
    for n in (1, 2, 3):
        shape, amount = (3, 4, 6, 7, 8)[: n + 2], (2, 1, 0, 3, 1, 2)[: 2 * n]
        for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero"):
            args = (amount, 1.5) if kind == "Constant" else (amount,)
            yield f"{kind}Pad{n}d", partial(lambda c, a, s: (c(*a), x(*s)), getattr(nn, f"{kind}Pad{n}d"), args, shape)
    yield "ZeroPad2d crop", lambda: (nn.ZeroPad2d((-1, -2, 1, 0)), x(3, 4, 6, 7))
    yield "ZeroPad2d unbatched", lambda: (nn.ZeroPad2d(2), x(4, 6, 7))


# ---------------------------------------------------------------------------- windows


def convolutions() -> Iterator[tuple[str, Make]]:
    settings: dict[str, dict[str, Any]] = {
        "": {},
        "strided": {"stride": 2, "padding": 1},
        "dilated": {"dilation": 2},
        "groups": {"groups": 2},
        "depthwise": {"groups": 4, "out_channels": 4},
        "no bias": {"bias": False},
    }
    only: dict[str, dict[str, dict[str, Any]]] = {
        "Conv": {
            "same": {"padding": "same"},
            "circular": {"padding": 1, "padding_mode": "circular"},
            "reflect": {"padding": 1, "padding_mode": "reflect"},
            "pointwise": {"kernel_size": 1},
            "patches": {"kernel_size": 3, "stride": 3},
        },
        "ConvTranspose": {"output padding": {"stride": 3, "output_padding": 1}},
    }
    for kind, more in only.items():
        for n in (1, 2, 3):
            shape = (3, 4, 9, 10, 11)[: n + 2]
            for words, options in (settings | more).items():
                how = {"in_channels": 4, "out_channels": 6, "kernel_size": 3} | options
                c = getattr(nn, f"{kind}{n}d")
                yield f"{kind}{n}d {words}".strip(), partial(lambda c, how, s: (c(**how), x(*s)), c, how, shape)
            yield f"{kind}{n}d unbatched", partial(lambda c, s: (c(4, 6, 3), x(*s)), c, shape[1:])
            lazy = getattr(nn, f"Lazy{kind}{n}d")
            yield f"Lazy{kind}{n}d", partial(lambda c, s: (c(6, 3), x(*s)), lazy, shape)
    yield "Unfold", lambda: (nn.Unfold(3, stride=2, padding=1), x(3, 4, 9, 11))
    yield "Unfold patches", lambda: (nn.Unfold(3, stride=3), x(3, 4, 9, 12))
    yield "Fold", lambda: (nn.Fold((9, 11), 3, stride=2, padding=1), x(3, 36, 30))
    yield "Fold patches", lambda: (nn.Fold((9, 12), 3, stride=3), x(3, 36, 12))


def pools() -> Iterator[tuple[str, Make]]:
    for n in (1, 2, 3):
        shape = (3, 4, 9, 10, 11)[: n + 2]
        for name, options in {
            "AvgPool": {"": {}, "strided": {"stride": 2, "padding": 1}, "ceil": {"stride": 2, "ceil_mode": True}},
            "MaxPool": {
                "": {},
                "strided": {"stride": 2, "padding": 1},
                "dilated": {"dilation": 2, "stride": 1},
                "indices": {"return_indices": True},
                "ceil": {"stride": 2, "ceil_mode": True},
            },
        }.items():
            for words, how in options.items():
                c = getattr(nn, f"{name}{n}d")
                yield f"{name}{n}d {words}".strip(), partial(lambda c, how, s: (c(3, **how), x(*s)), c, how, shape)
        yield f"LPPool{n}d", partial(lambda c, s: (c(2, 3), x(*s)), getattr(nn, f"LPPool{n}d"), shape)
        for kind in ("Avg", "Max"):
            c = getattr(nn, f"Adaptive{kind}Pool{n}d")
            yield f"Adaptive{kind}Pool{n}d", partial(lambda c, s: (c(4), x(*s)), c, shape)
            yield f"Adaptive{kind}Pool{n}d 1", partial(lambda c, s: (c(1), x(*s)), c, shape)
        yield f"MaxUnpool{n}d", partial(lambda n, s: (Unpooled(n), x(*s)), n, shape)
    yield "AvgPool2d divisor", lambda: (nn.AvgPool2d(3, divisor_override=2), x(3, 4, 9, 10))
    yield "AvgPool2d uncounted", lambda: (nn.AvgPool2d(3, 2, 1, count_include_pad=False), x(3, 4, 9, 10))
    yield "AdaptiveAvgPool2d one way", lambda: (nn.AdaptiveAvgPool2d((None, 3)), x(3, 4, 9, 10))
    yield "AdaptiveMaxPool2d indices", lambda: (nn.AdaptiveMaxPool2d(4, return_indices=True), x(3, 4, 9, 10))
    yield "FractionalMaxPool2d", lambda: (nn.FractionalMaxPool2d(3, (4, 5)), x(3, 4, 9, 10))
    yield (
        "FractionalMaxPool2d samples",
        lambda: (
            nn.FractionalMaxPool2d(2, output_ratio=0.6, _random_samples=torch.rand(3, 4, 2)),
            x(3, 4, 9, 10),
        ),
    )
    yield "FractionalMaxPool3d", lambda: (nn.FractionalMaxPool3d(2, (4, 5, 6)), x(3, 4, 9, 10, 11))


class Unpooled(nn.Module):
    """Pooled, and put back where the maxima were."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.pool = getattr(nn, f"MaxPool{n}d")(3, return_indices=True)
        self.unpool = getattr(nn, f"MaxUnpool{n}d")(3)

    def forward(self, x: Tensor) -> Tensor:
        y, where = self.pool(x)
        return self.unpool(y, where, output_size=x.shape)


def shapes() -> Iterator[tuple[str, Make]]:
    yield "PixelShuffle", lambda: (nn.PixelShuffle(2), x(3, 12, 5, 7))
    yield "PixelUnshuffle", lambda: (nn.PixelUnshuffle(2), x(3, 4, 6, 10))
    yield "ChannelShuffle", lambda: (nn.ChannelShuffle(2), x(3, 6, 5, 7))
    yield "Flatten", lambda: (nn.Flatten(), x(3, 4, 5, 6))
    yield "Flatten middle", lambda: (nn.Flatten(1, 2), x(3, 4, 5, 6))
    yield "Unflatten", lambda: (nn.Unflatten(1, (3, 4)), x(5, 12, 7))
    yield "Upsample nearest", lambda: (nn.Upsample(scale_factor=2), x(3, 4, 5, 6))
    yield "Upsample size", lambda: (nn.Upsample((8, 9)), x(3, 4, 5, 6))
    yield "Upsample linear", lambda: (nn.Upsample(scale_factor=2, mode="linear"), x(3, 4, 5))
    yield "Upsample bilinear", lambda: (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), x(3, 4, 5, 6))
    yield "Upsample bicubic", lambda: (nn.Upsample(scale_factor=1.5, mode="bicubic"), x(3, 4, 6, 8))
    yield "Upsample trilinear", lambda: (nn.Upsample(scale_factor=2, mode="trilinear"), x(3, 4, 5, 6, 7))
    yield "Upsample exact", lambda: (nn.Upsample(scale_factor=2, mode="nearest-exact"), x(3, 4, 5, 6))
    yield "UpsamplingNearest2d", lambda: (nn.UpsamplingNearest2d(scale_factor=3), x(3, 4, 5, 6))
    yield "UpsamplingBilinear2d", lambda: (nn.UpsamplingBilinear2d(scale_factor=2), x(3, 4, 5, 6))


# ---------------------------------------------------------------------------- norms


def norms() -> Iterator[tuple[str, Make]]:
    for n in (1, 2, 3):
        shape = (3, 4, 5, 6, 7)[: n + 2]
        for kind in ("BatchNorm", "InstanceNorm"):
            for lazy in ("", "Lazy"):
                c = getattr(nn, f"{lazy}{kind}{n}d")
                for words in ("", " train"):
                    args = () if lazy else (4,)
                    yield f"{lazy}{kind}{n}d{words}", partial(lambda c, a, s: (c(*a), x(*s)), c, args, shape)
        yield (
            f"BatchNorm{n}d untracked",
            partial(lambda c, s: (c(4, track_running_stats=False), x(*s)), getattr(nn, f"BatchNorm{n}d"), shape),
        )
        yield (
            f"InstanceNorm{n}d learned",
            partial(
                lambda c, s: (c(4, affine=True, track_running_stats=True), x(*s)),
                getattr(nn, f"InstanceNorm{n}d"),
                shape,
            ),
        )
    yield "BatchNorm1d flat", lambda: (nn.BatchNorm1d(4), x(3, 4))
    yield "BatchNorm1d flat train", lambda: (nn.BatchNorm1d(4), x(3, 4))
    yield "BatchNorm2d cumulative train", lambda: (nn.BatchNorm2d(4, momentum=None), x(3, 4, 5, 6))
    yield "InstanceNorm2d unbatched", lambda: (nn.InstanceNorm2d(4), x(4, 5, 6))
    yield "SyncBatchNorm", lambda: (nn.SyncBatchNorm(4), x(3, 4, 5, 6))
    yield "LayerNorm", lambda: (nn.LayerNorm(5), x(3, 4, 5))
    yield "LayerNorm two axes", lambda: (nn.LayerNorm((4, 5)), x(3, 4, 5))
    yield "LayerNorm plain", lambda: (nn.LayerNorm(5, elementwise_affine=False), x(3, 4, 5))
    yield "RMSNorm", lambda: (nn.RMSNorm(5), x(3, 4, 5))
    yield "GroupNorm", lambda: (nn.GroupNorm(2, 6), x(3, 6, 5, 7))
    yield "GroupNorm one", lambda: (nn.GroupNorm(1, 6), x(3, 6, 5, 7))
    yield "LocalResponseNorm", lambda: (nn.LocalResponseNorm(3), x(3, 6, 5, 7))
    yield "CrossMapLRN2d", lambda: (nn.CrossMapLRN2d(3), x(3, 6, 5, 7))


# ---------------------------------------------------------------------------- sequences


def recurrent() -> Iterator[tuple[str, Make]]:
    settings: dict[str, dict[str, Any]] = {
        "": {},
        "batch first": {"batch_first": True},
        "deep": {"num_layers": 2},
        "both ways": {"bidirectional": True},
        "deep both ways": {"num_layers": 2, "bidirectional": True, "batch_first": True},
        "no bias": {"bias": False},
        "train": {"num_layers": 2, "dropout": 0.5},
    }
    for name in ("RNN", "LSTM", "GRU"):
        c = getattr(nn, name)
        for words, how in settings.items():
            yield f"{name} {words}".strip(), partial(lambda c, how: (c(4, 6, **how), x(5, 3, 4)), c, how)
        yield f"{name} unbatched", partial(lambda c: (c(4, 6), x(5, 4)), c)
        state = (lambda: (x(2, 3, 6), x(2, 3, 6))) if name == "LSTM" else (lambda: x(2, 3, 6))
        yield f"{name} state", partial(lambda c, s: (c(4, 6, 2), x(5, 3, 4), s()), c, state)
        yield (
            f"{name} packed",
            partial(lambda c: (c(4, 6), pack_padded_sequence(x(5, 3, 4), torch.tensor([5, 3, 2]))), c),
        )
        cell = getattr(nn, f"{name}Cell")
        yield f"{name}Cell", partial(lambda c: (c(4, 6), x(3, 4)), cell)
        yield f"{name}Cell unbatched", partial(lambda c: (c(4, 6), x(4)), cell)
    yield "LSTMCell state", lambda: (nn.LSTMCell(4, 6), x(3, 4), (x(3, 6), x(3, 6)))
    yield "GRUCell state", lambda: (nn.GRUCell(4, 6), x(3, 4), x(3, 6))
    yield "RNNCell relu", lambda: (nn.RNNCell(4, 6, nonlinearity="relu"), x(3, 4), x(3, 6))
    yield "RNN relu", lambda: (nn.RNN(4, 6, nonlinearity="relu"), x(5, 3, 4))
    yield "LSTM projected", lambda: (nn.LSTM(4, 6, proj_size=3), x(5, 2, 4))
    yield "LSTM projected both ways", lambda: (nn.LSTM(4, 6, 2, proj_size=3, bidirectional=True), x(5, 2, 4))


def attention() -> Iterator[tuple[str, Make]]:
    mha = partial(nn.MultiheadAttention, 12, 3)
    yield "MultiheadAttention", lambda: (mha(), q := x(5, 2, 12), q, q)
    yield "MultiheadAttention batch first", lambda: (mha(batch_first=True), q := x(2, 5, 12), q, q)
    yield (
        "MultiheadAttention no weights",
        lambda: (mha(batch_first=True), q := x(2, 5, 12), q, q, {"need_weights": False}),
    )
    yield "MultiheadAttention each head", lambda: (mha(), q := x(5, 2, 12), q, q, {"average_attn_weights": False})
    yield "MultiheadAttention cross", lambda: (mha(), x(5, 2, 12), k := x(7, 2, 12), k)
    yield "MultiheadAttention three", lambda: (mha(kdim=8, vdim=10), x(5, 2, 12), x(7, 2, 8), x(7, 2, 10))
    yield "MultiheadAttention bias kv", lambda: (mha(add_bias_kv=True), q := x(5, 2, 12), q, q)
    yield "MultiheadAttention zero", lambda: (mha(add_zero_attn=True), q := x(5, 2, 12), q, q)
    yield "MultiheadAttention no bias", lambda: (mha(bias=False), q := x(5, 2, 12), q, q)
    yield "MultiheadAttention unbatched", lambda: (mha(), q := x(5, 12), q, q)
    yield "MultiheadAttention causal", lambda: (mha(), q := x(5, 2, 12), q, q, {"attn_mask": causal(5)})
    yield "MultiheadAttention is causal", lambda: (
        mha(), q := x(5, 2, 12), q, q, {"attn_mask": causal(5), "is_causal": True, "need_weights": False},
    )  # fmt: skip
    yield "MultiheadAttention masks", lambda: (mha(), q := x(5, 2, 12), q, q, {"attn_mask": x(6, 5, 5)})
    yield "MultiheadAttention padded", lambda: (
        mha(batch_first=True), q := x(2, 5, 12), q, q, {"key_padding_mask": padding(2, 5)},
    )  # fmt: skip
    yield "MultiheadAttention train", lambda: (mha(dropout=0.5), q := x(5, 2, 12), q, q)

    def layer(c: Any = nn.TransformerEncoderLayer, **how: Any) -> nn.Module:
        return c(12, 3, 20, **({"batch_first": True} | how))

    both = {"src_key_padding_mask": padding(2, 5)}
    later = {"tgt_mask": causal(7), "tgt_is_causal": True}
    decoder = nn.TransformerDecoderLayer
    yield "TransformerEncoderLayer", lambda: (layer(), x(2, 5, 12))
    yield "TransformerEncoderLayer train", lambda: (layer(), x(2, 5, 12))
    yield "TransformerEncoderLayer norm first", lambda: (layer(norm_first=True, activation="gelu"), x(2, 5, 12))
    yield "TransformerEncoderLayer sequence first", lambda: (layer(batch_first=False), x(5, 2, 12))
    yield "TransformerEncoderLayer causal", lambda: (layer(), x(2, 5, 12), {"src_mask": causal(5), "is_causal": True})
    yield "TransformerEncoderLayer padded", lambda: (layer(), x(2, 5, 12), both)
    yield "TransformerEncoder", lambda: (nn.TransformerEncoder(layer(), 3), x(2, 5, 12))
    yield "TransformerEncoder padded", lambda: (nn.TransformerEncoder(layer(), 2), x(2, 5, 12), both)
    yield "TransformerEncoder normed", lambda: (nn.TransformerEncoder(layer(), 2, nn.LayerNorm(12)), x(2, 5, 12))
    yield "TransformerDecoderLayer", lambda: (layer(decoder), x(2, 7, 12), x(2, 5, 12))
    yield "TransformerDecoderLayer norm first", lambda: (layer(decoder, norm_first=True), x(2, 7, 12), x(2, 5, 12))
    yield "TransformerDecoder", lambda: (nn.TransformerDecoder(layer(decoder), 2), x(2, 7, 12), x(2, 5, 12), later)
    small = partial(nn.Transformer, 12, 3, 2, 2, 20, batch_first=True)
    yield "Transformer", lambda: (small(), x(2, 5, 12), x(2, 7, 12))
    yield "Transformer causal", lambda: (small(), x(2, 5, 12), x(2, 7, 12), later)
    yield "Transformer padded", lambda: (
        small(), x(2, 5, 12), x(2, 7, 12), both | {"memory_key_padding_mask": padding(2, 5)},
    )  # fmt: skip


# ---------------------------------------------------------------------------- products, tables, distances


def linear() -> Iterator[tuple[str, Make]]:
    yield "Linear", lambda: (nn.Linear(5, 6), x(3, 4, 5))
    yield "Linear no bias", lambda: (nn.Linear(5, 6, bias=False), x(3, 5))
    yield "Linear one vector", lambda: (nn.Linear(5, 6), x(5))
    yield "LazyLinear", lambda: (nn.LazyLinear(6), x(3, 4, 5))
    yield "Bilinear", lambda: (nn.Bilinear(5, 6, 7), x(3, 4, 5), x(3, 4, 6))
    yield "Bilinear no bias", lambda: (nn.Bilinear(5, 6, 7, bias=False), x(3, 5), x(3, 6))
    yield "Embedding", lambda: (nn.Embedding(10, 6), tokens(10, 3, 5))
    yield "Embedding padded", lambda: (nn.Embedding(10, 6, padding_idx=0), tokens(10, 3, 5))
    yield "Embedding max norm", lambda: (nn.Embedding(10, 6, max_norm=1.0), tokens(10, 3, 5))
    for mode in ("sum", "mean", "max"):
        yield f"EmbeddingBag {mode}", partial(lambda m: (nn.EmbeddingBag(10, 6, mode=m), tokens(10, 3, 5)), mode)
    yield "EmbeddingBag offsets", lambda: (nn.EmbeddingBag(10, 6), tokens(10, 12), torch.tensor([0, 5, 8]))
    yield "EmbeddingBag weighted", lambda: (
        nn.EmbeddingBag(10, 6, mode="sum"), tokens(10, 3, 5), {"per_sample_weights": x(3, 5)},
    )  # fmt: skip
    yield "CosineSimilarity", lambda: (nn.CosineSimilarity(), x(3, 4, 5), x(3, 4, 5))
    yield "CosineSimilarity broadcast", lambda: (nn.CosineSimilarity(-1), x(3, 4, 5), x(4, 5))
    yield "PairwiseDistance", lambda: (nn.PairwiseDistance(), x(3, 4), x(3, 4))
    yield "PairwiseDistance keepdim", lambda: (nn.PairwiseDistance(1.0, keepdim=True), x(3, 4), x(3, 4))


# ---------------------------------------------------------------------------- losses


def losses() -> Iterator[tuple[str, Make]]:
    def pair() -> tuple[Tensor, Tensor]:
        return x(3, 4), x(3, 4)

    def scores() -> tuple[Tensor, Tensor]:
        return x(3, 5), tokens(5, 3)

    operands: dict[str, Callable[[], tuple[Tensor, ...]]] = {
        "L1Loss": pair, "MSELoss": pair, "SmoothL1Loss": pair, "HuberLoss": pair,
        "BCELoss": lambda: (unit(3, 4), unit(3, 4)),
        "BCEWithLogitsLoss": lambda: (x(3, 4), unit(3, 4)),
        "CosineEmbeddingLoss": lambda: (x(3, 4), x(3, 4), signs(3)),
        "CrossEntropyLoss": scores, "NLLLoss": scores, "MultiMarginLoss": scores,
        "NLLLoss2d": lambda: (x(3, 5, 4, 6), tokens(5, 3, 4, 6)),
        "GaussianNLLLoss": lambda: (x(3, 4), x(3, 4), unit(3, 4)),
        "HingeEmbeddingLoss": lambda: (x(3, 4), signs(3, 4)),
        "KLDivLoss": lambda: (x(3, 4).log_softmax(-1), x(3, 4).softmax(-1)),
        "MarginRankingLoss": lambda: (x(4), x(4), signs(4)),
        "MultiLabelMarginLoss": lambda: (x(3, 4), torch.tensor([[2, 0, -1, 1], [1, -1, 0, 0], [3, 1, 2, -1]])),
        "MultiLabelSoftMarginLoss": lambda: (x(3, 4), tokens(2, 3, 4).float()),
        "PoissonNLLLoss": lambda: (x(3, 4), unit(3, 4)),
        "SoftMarginLoss": lambda: (x(3, 4), signs(3, 4)),
        "TripletMarginLoss": lambda: (x(3, 4), x(3, 4), x(3, 4)),
        "TripletMarginWithDistanceLoss": lambda: (x(3, 4), x(3, 4), x(3, 4)),
    }  # fmt: skip
    for name, given in operands.items():
        for reduction in ("mean", "sum", "none"):
            make = partial(lambda c, r, g: (c(reduction=r), *g()), getattr(nn, name), reduction, given)
            yield f"{name} {reduction}", make
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "smooth": ("CrossEntropyLoss", {"label_smoothing": 0.1}),
        "ignoring": ("CrossEntropyLoss", {"ignore_index": 2}),
        "weighted": ("CrossEntropyLoss", {"weight": torch.arange(1.0, 6)}),
        "weighted classes": ("NLLLoss", {"weight": torch.arange(1.0, 6)}),
        "square": ("MultiMarginLoss", {"p": 2}),
        "full": ("PoissonNLLLoss", {"full": True}),
        "log target": ("KLDivLoss", {"log_target": True, "reduction": "batchmean"}),
        "swap": ("TripletMarginLoss", {"swap": True}),
        "positive": ("BCEWithLogitsLoss", {"pos_weight": torch.arange(1.0, 5)}),
    }
    for words, (name, how) in settings.items():
        yield f"{name} {words}", partial(lambda c, how, g: (c(**how), *g()), getattr(nn, name), how, operands[name])
    yield "CrossEntropyLoss image", lambda: (nn.CrossEntropyLoss(), x(3, 5, 4, 6), tokens(5, 3, 4, 6))
    yield "CrossEntropyLoss soft targets", lambda: (nn.CrossEntropyLoss(), x(3, 5), x(3, 5).softmax(-1))
    yield "CrossEntropyLoss one", lambda: (nn.CrossEntropyLoss(), x(5), tokens(5))
    lengths = torch.tensor([6, 7]), torch.tensor([3, 4])
    yield "CTCLoss", lambda: (nn.CTCLoss(), x(7, 2, 5).log_softmax(-1), 1 + tokens(4, 2, 4), *lengths)
    yield (
        "CTCLoss none",
        lambda: (nn.CTCLoss(reduction="none"), x(7, 2, 5).log_softmax(-1), 1 + tokens(4, 2, 4), *lengths),
    )
    for words, bias in {"": False, " bias": True}.items():
        yield (
            f"AdaptiveLogSoftmaxWithLoss{words}",
            partial(
                lambda bias: (
                    nn.AdaptiveLogSoftmaxWithLoss(12, 20, [5, 11], head_bias=bias),
                    x(6, 12),
                    torch.arange(0, 18, 3),
                ),
                bias,
            ),
        )
    yield "LinearCrossEntropyLoss", lambda: (nn.LinearCrossEntropyLoss(6, 5), x(3, 6), tokens(5, 3))


# ---------------------------------------------------------------------------- containers, parametrised weights


class Held(nn.Module):
    """Modules and weights in every kind of container."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.Linear(5, 5) for _ in range(3))
        self.acts = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        self.scales = nn.ParameterList(nn.Parameter(x(5)) for _ in range(3))
        self.ends = nn.ParameterDict({"first": nn.Parameter(x(5)), "last": nn.Parameter(x(5))})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ends["first"]
        for step, scale, act in zip(self.steps, self.scales, ("relu", "tanh", "relu"), strict=True):
            x = self.acts[act](step(x)) * scale
        return x * self.ends["last"]


def containers() -> Iterator[tuple[str, Make]]:
    yield "Sequential", lambda: (nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 7)), x(3, 5))
    yield "Sequential holding all containers", lambda: (Held(), x(3, 5))
    yield "DataParallel", lambda: (nn.DataParallel(nn.Linear(5, 6)), x(3, 5))
    p = parametrizations
    yield "Linear weight norm", lambda: (p.weight_norm(nn.Linear(5, 6)), x(3, 5))
    yield "Conv2d weight norm", lambda: (p.weight_norm(nn.Conv2d(4, 6, 3)), x(3, 4, 9, 10))
    yield "Linear spectral norm", lambda: (p.spectral_norm(nn.Linear(5, 6)), x(3, 5))
    yield "Linear spectral norm train", lambda: (p.spectral_norm(nn.Linear(5, 6)), x(3, 5))
    yield "Conv2d spectral norm", lambda: (p.spectral_norm(nn.Conv2d(4, 6, 3)), x(3, 4, 9, 10))
    for how in ("householder", "cayley", "matrix_exp"):
        yield (
            f"Linear orthogonal {how}",
            partial(lambda how: (p.orthogonal(nn.Linear(5, 6), orthogonal_map=how), x(3, 5)), how),
        )
    yield "Linear pruned", lambda: (prune.l1_unstructured(nn.Linear(5, 6), "weight", 0.4), x(3, 5))
    yield "Linear old weight norm", lambda: (nn.utils.weight_norm(nn.Linear(5, 6)), x(3, 5))
    yield "Linear old spectral norm", lambda: (nn.utils.spectral_norm(nn.Linear(5, 6)), x(3, 5))


FAMILIES = (
    activations, padders, convolutions, pools, shapes, norms, recurrent, attention, linear, losses, containers,
)  # fmt: skip


def subject(make: Make) -> Subject:
    """What ``make`` gives as (module, inputs..., keywords), the keywords where there are any."""
    module, *args = make()
    kwargs = args.pop() if isinstance(args[-1], dict) else {}
    if type(module).__name__.startswith("Lazy"):
        module.eval()(*args)  # the first call makes its weights
    return Subject(module, args, kwargs)


def others(make: Make, _: Subject) -> tuple[Any, Any]:
    """Other inputs: made once more, from another random state."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        again = subject(make)
    return again.args, again.kwargs


def suite() -> Suite:
    found = [(name, make) for family in FAMILIES for name, make in family()]
    cases = [
        Case(name, partial(subject, make), partial(others, make), train=name.endswith(" train")) for name, make in found
    ]
    return Suite("torch.nn", cases, known=KNOWN)
