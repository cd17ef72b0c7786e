"""Sizes as formulas of the input axes, and the literals that depend on them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ncd
from ncd.analysis.formula import symbol, text
from ncd.errors import AxisError


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 32, 16, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.q = nn.Linear(32, 32)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        b, n, d = x.shape
        q = self.q(x).view(b, n, 4, d // 4).transpose(1, 2)
        return q @ q.transpose(-1, -2)


def test_patches_and_the_class_token() -> None:
    d = ncd.trace(Patches(), torch.randn(2, 3, 224, 160), axes="b c h w")
    assert {name: text(e) for name, e in d.axes.formulas.items() if e.free_symbols} == {
        "b": "b",
        "h": "h",
        "w": "w",
        "y": "h//16",
        "x": "w//16",
        "n": "(h//16)·(w//16) + 1",
    }
    assert d.axes.at(h=250)["n"] == 151
    assert "n = (h//16)·(w//16) + 1 = 141" in repr(d.axes)
    s = d.sizes()
    assert dict(s.variables) == {"b": 2, "h": 224, "w": 160}
    assert s.fixed == {"c": "it is an axis of the parameter patch.weight"}
    at = next(i for i, op in enumerate(d.ops) if op.name == "view")
    assert s.literals[at, ("args", 1)] == symbol("b")
    assert text(s.literals[at, ("args", 2)], python=True) == "(h//16)*(w//16) + 1"
    assert [s.literals[at, ("args", k)] for k in (3, 4)] == [4, 8]
    assert s.of(d.ops[at].body[0])["args", 1] == symbol("b")


def formulas(target: Any, *args: Any, axes: Any = None, **kwargs: Any) -> dict[str, str]:
    d = ncd.trace(target, *args, axes=axes, **kwargs)
    return {name: text(e) for name, e in d.axes.formulas.items() if e.free_symbols}


def out(target: Any, *args: Any, axes: Any = None) -> list[str]:
    """The sizes of the output's dimensions."""
    d = ncd.trace(target, *args, axes=axes)
    return ["?" if e is None else text(e) for e in d.sizes().shape(d.outputs[0])]


IMAGE = torch.randn(2, 3, 37, 29)


@pytest.mark.parametrize(
    ("layer", "height"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), "h"),
        (nn.Conv2d(3, 8, 3), "h - 2"),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), "(h + 1)//2"),
        (nn.Conv2d(3, 8, 3, dilation=4), "h - 8"),
        (nn.Conv2d(3, 8, 7, stride=3, padding=2, dilation=2), "h//3 - 2"),
        (nn.MaxPool2d(2), "h//2"),
        (nn.MaxPool2d(3, 2, ceil_mode=True), "h//2"),
        (nn.AvgPool2d(5, 4, 1, ceil_mode=True), "h//4 + 1"),
        (nn.ConvTranspose2d(3, 8, 4, 2, 1), "2·h"),
        (nn.ConvTranspose2d(3, 8, 3, 3, output_padding=1), "3·h + 1"),
        (nn.AdaptiveAvgPool2d(5), "5"),
        (nn.Upsample(scale_factor=2), "2·h"),
        (nn.Upsample(scale_factor=1.5), "(3·h)//2"),
        (nn.ZeroPad2d(3), "h + 6"),
        (nn.Unfold(3), "(h - 2)·(w - 2)"),
        (nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2), nn.MaxPool2d(2)), "(h - 3)//8"),
    ],
)
def test_windows(layer: nn.Module, height: str) -> None:
    assert out(layer, IMAGE, axes="b c h w")[2] == height


def cat_halves(x: Tensor) -> Tensor:
    return torch.cat([x[:, x.shape[1] // 2 :], x[:, : x.shape[1] // 2]], 1)


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (cat_halves, "s"),
        (lambda x: x[:, 1:], "s - 1"),
        (lambda x: x[:, :-2], "s - 2"),
        (lambda x: x[:, ::2], "(s + 1)//2"),
        (lambda x: x[:, x.shape[1] // 3 :], "(2·s + 2)//3"),
        (lambda x: torch.cat([x, x, x[:, :4]], 1), "2·s + 4"),
        (lambda x: x.chunk(2, 1)[0], "(s + 1)//2"),
        (lambda x: x.split(5, 1)[0], "5"),
        (lambda x: nn.functional.pad(x, (0, 0, 2, 3)), "s + 5"),
        (lambda x: x.repeat(1, 3, 1), "3·s"),
        (lambda x: x.repeat_interleave(2, 1), "2·s"),
        (lambda x: x.unfold(1, 4, 2), "s//2 - 1"),
        (lambda x: x.flatten(1), "d·s"),
        (lambda x: x @ x.mT, "s"),
        (lambda x: x.new_zeros(x.shape[0], x.shape[1] * 2 + 1), "2·s + 1"),
        (lambda x: torch.arange(0, x.shape[1], 3).expand(x.shape[0], -1) + x[:, :1, 0].long(), "(s + 2)//3"),
        (lambda x: x.new_ones(x.shape[0], math.prod(x.shape[1:])), "d·s"),
        (lambda x: x.new_ones(x.shape[0], x[0].numel()), "d·s"),
        (lambda x: x.new_ones(x.shape[0], len(x[0]) + 3), "s + 3"),
        (lambda x: torch.diff(x, dim=1), "s - 1"),
        (lambda x: torch.fft.rfft(x, dim=1), "s//2 + 1"),
        (lambda x: x.new_zeros(len(x), math.ceil(x.shape[1] / 4)), "(s + 3)//4"),
        (lambda x: x.new_zeros(len(x), -(-x.shape[1] // 8) * 8), "8·((s + 7)//8)"),
    ],
)
def test_rearranged(function: Any, size: str) -> None:
    assert out(function, torch.randn(2, 23, 6), axes="b s d")[1] == size


def test_programs_that_ask_about_sizes_say_so_or_have_no_formula() -> None:
    """Whatever is shown is what the program does, at every size at which it is shown."""

    def at_least_ten(x: Tensor) -> Tensor:
        return x.new_zeros(max(x.shape[0], 10))

    def two_regimes(x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0] if x.shape[0] < 50 else 7)

    def hidden_regimes(x: Tensor) -> Tensor:
        return x.new_zeros(len(x) if len(x) < 50 else 7)

    def clipped(x: Tensor) -> Tensor:
        return x[:32] + 1

    def rounded(x: Tensor) -> Tensor:
        return x.new_zeros(int(round(len(x) / 8)) * 8)

    def squared(x: Tensor) -> Tensor:
        return x.new_zeros(int(len(x) ** 2 / 7))

    def looked_up(x: Tensor) -> Tensor:
        return x.new_zeros({40: 5, 44: 6}.get(x.shape[0], 3))

    for function in (at_least_ten, two_regimes, hidden_regimes, clipped, rounded, squared, looked_up):
        for traced in (5, 16, 40, 100):
            d = ncd.trace(function, torch.randn(traced), axes="n")
            (size,) = d.sizes().shape(d.outputs[0])
            if size is None:
                continue
            s = d.sizes()
            for n in (1, 2, 5, 9, 10, 11, 31, 32, 33, 49, 50, 51, 97, 200, 1000):
                try:
                    s.at(n=n)
                except AxisError:
                    continue
                found = size.xreplace({symbol("n"): n})
                assert found == len(function(torch.empty(n))), (function.__name__, traced, n, size, s.conditions)
