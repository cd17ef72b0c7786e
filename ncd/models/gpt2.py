"""GPT-2 (Radford et al. 2019): norms before each branch, learned positions, a head tied to the embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from ncd.models.attention import Attention


class CausalSelfAttention(Attention):
    """(b, s, d) -> (b, s, d): every position gathers from those up to itself, once per head."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.mT * q.shape[-1] ** -0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
        return self.output((weights @ v).transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """(b, s, d) -> (b, s, d), four times as wide inside; GELU by its tanh approximation."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.up = nn.Linear(d, 4 * d)
        self.down = nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """(b, s, d) -> (b, s, d)"""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(d)
        self.attention = CausalSelfAttention(d, heads)
        self.feed_forward_norm = nn.LayerNorm(d)
        self.feed_forward = FeedForward(d)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class GPT2(nn.Module):
    """Token ids (b, s) -> scores of the next token (b, s, v).  The defaults are GPT-2 small: 124,439,808 parameters."""

    def __init__(self, v: int = 50257, length: int = 1024, d: int = 768, heads: int = 12, layers: int = 12) -> None:
        super().__init__()
        self.embed = nn.Embedding(v, d)
        self.position = nn.Embedding(length, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.position(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return linear(self.norm(x), self.embed.weight)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A small one: four layers of width 64, ids (2, 16)."""
    return GPT2(v=1000, length=64, d=64, heads=4, layers=4), (torch.randint(0, 1000, (2, 16)),)
