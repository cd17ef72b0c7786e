"""What is derived at one size holds at others: the same as when it is derived anew."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ncd
from ncd.tracing import anysize, infer

SIZES = [dict(zip("bscyx", n, strict=True)) for n in ((2, 5, 12, 9, 11), (3, 7, 20, 8, 13), (4, 6, 28, 10, 15))]
Z = torch.zeros


def norm(*shape: int, training: bool = False) -> Tensor:
    c = shape[1]
    return F.batch_norm(Z(shape), Z(c), Z(c), Z(c), Z(c), training)


CASES: dict[str, Callable[..., Any]] = {
    "pointwise": lambda b, s, c, **_: F.gelu(torch.tanh(Z(b, s, c).relu() + Z(c)) * Z(b, 1, c) - Z(s, 1) / 3).pow(2),
    "unary": lambda b, s, c, **_: Z(b, s).neg().exp().log().sin().cos().sqrt().rsqrt().sigmoid(),
    "silu": lambda b, s, c, **_: F.dropout(F.silu(Z(b, s, c)), 0.1, True),
    "batch norm": lambda b, s, c, y, x: norm(b, c, y, x),
    "batch norm in training": lambda b, s, c, y, x: norm(b, c, y, x, training=True),
    "layer norm": lambda b, s, c, **_: F.layer_norm(Z(b, s, 6), (6,), Z(6), Z(6)),
    "rms norm": lambda b, s, c, **_: F.rms_norm(Z(b, s, 6), (6,), Z(6)),
    "softmax": lambda b, s, c, **_: F.softmax(Z(b, s, c), -2),
    "sums": lambda b, s, c, **_: Z(b, s, c).mean(-1, keepdim=True) + Z(b, s, c).sum((0, 2)).unsqueeze(1),
    "linear": lambda b, s, c, y, x: F.linear(F.linear(Z(b, s, c), Z(y, c), Z(y)), Z(x, y)),
    "square linear": lambda b, s, c, y, x: F.linear(F.linear(Z(b, y, s, c), Z(c, c)), Z(c, c), Z(c)).mT,
    "product": lambda b, s, c, **_: torch.addmm(Z(c), Z(b, s), Z(s, c)),
    "square product": lambda b, s, c, **_: torch.addmm(Z(s), Z(s, s), Z(s, s)),
    "conv1d": lambda b, s, c, y, x: F.conv1d(Z(b, c, y), Z(s, c, 3), Z(s), 2, 1),
    "conv2d": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(s, c, 3, 2), None, 1, (1, 0), 2),
    "as large as before": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(3, c, s, s - 3), padding="same"),
    "as large by a keyword": lambda b, s, c, y, x: F.conv1d(Z(b, c, y), weight=Z(3, c, s), padding="same"),
    "wider than the image": lambda b, s, c, y, x: F.conv2d(Z(b, c, s, s), Z(c, c, y, y), padding=4),
    "one pixel": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(s, c, 1, 1)),
    "the whole image": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(s, c, y, x)),
    "groups": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(c, c // 4, 3, 3), Z(c), groups=4),
    "depthwise": lambda b, s, c, y, x: F.conv2d(Z(b, c, y, x), Z(c, 1, 3, 3), groups=c),
    "two filters a channel": lambda b, s, c, y, x: F.conv2d(Z(b, 4, y, x), Z(4 if s < 6 else 8, 1, 3, 3), groups=4),
    "conv3d": lambda b, s, c, y, x: F.conv3d(Z(b, 2, s, y, x), Z(c, 2, 3, 3, 3), stride=(1, 2, 1)),
    "max pool": lambda b, s, c, y, x: F.max_pool2d(Z(b, c, y, x), 3, 2, 1),
    "last windows that are not full": lambda b, s, c, y, x: F.max_pool2d(Z(b, c, y, x), 3, 2, ceil_mode=True),
    "avg pool": lambda b, s, c, y, x: F.avg_pool2d(Z(b, c, y, x), (2, 1)),
}


def weaves(case: str) -> list[str]:
    """What each size's calls are said to do."""
    return [f"{op} {dict(op.weave.sizes)} {op.work}" for n in SIZES for op in ncd.trace(partial(CASES[case], **n)).ops]


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_at_one_size_is_what_would_be_derived(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    infer.forget()
    with monkeypatch.context() as m:
        m.setattr(infer, "sizes_aside", lambda call, outs: None)
        anew = weaves(case)
    infer.forget()
    assert anew and weaves(case) == anew


def test_a_network_that_widens_is_derived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    infer.forget()
    anew: list[str] = []
    begin = infer._derive
    monkeypatch.setattr(infer, "_derive", lambda call, tensors: anew.append(call.fn.__name__) or begin(call, tensors))
    widths = [5, 8, 16, 32, 64]
    layers = [nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU()) for i, o in pairwise(widths)]
    ncd.trace(nn.Sequential(*layers).eval(), ncd.array("b=2 c=5 y=224 x=160"))
    assert sorted(anew) == ["batch_norm", "conv2d", "relu"]


def test_operators_of_others_are_not_meant() -> None:
    def relu(x: Tensor) -> Tensor:
        return x

    assert anysize._listed(F.relu) and not anysize._listed(relu) and not anysize._listed(torch.ops.aten.relu.default)
