"""Models of any length, to see how time grows: layers that are alike, and layers no two of which are."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ncd.models.zoo import Example


def gpt2(layers: int) -> Example:
    """GPT-2 of so many layers, narrow, since widths cost nothing here: about 36 ops a layer."""
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(
        n_layer=layers, n_embd=96, n_head=4, vocab_size=1000, bos_token_id=0, eos_token_id=0, use_cache=False
    )
    return Example(GPT2Model(config).eval(), (), {"input_ids": torch.randint(0, 1000, (2, 16))}, {"input_ids": "b s"})


class Chain(nn.Module):
    """Six ops a layer, every layer of another width: nothing folds, and every axis is an axis of its own."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        widths = [8 + k for k in range(layers + 1)]
        self.skips = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(widths))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.Tanh(), nn.LayerNorm(b)) for a, b in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer, skip in zip(self.layers, self.skips, strict=True):
            y = layer(x)
            x = torch.sigmoid(y) + skip(x)
        return x


def chain(layers: int) -> Example:
    return Example(Chain(layers).eval(), (torch.randn(2, 5, 8),), {}, {"x": "b s d"})
