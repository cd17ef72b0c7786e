"""Sizes as formulas of the input axes, and the literals that depend on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import ncd
from ncd.analysis.formula import symbol, text


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
