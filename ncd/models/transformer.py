"""The transformer (Vaswani et al. 2017): norms after each residual sum as there, or before each branch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ncd.models.scaled import MultiHeadAttention


class FeedForward(nn.Module):
    """(..., m) -> (..., m), position by position."""

    def __init__(self, m: int, wide: int) -> None:
        super().__init__()
        self.up = nn.Linear(m, wide)
        self.down = nn.Linear(wide, m)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(x)))


class Residual(nn.Module):
    """x -> x + branch(x), normalised after the sum, or in front of the branch (``first``)."""

    def __init__(self, m: int, branch: nn.Module, first: bool) -> None:
        super().__init__()
        self.norm, self.branch, self.first = nn.LayerNorm(m), branch, first

    def forward(self, x: Tensor, branch: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        branch = branch or self.branch
        return x + branch(self.norm(x)) if self.first else self.norm(x + branch(x))


class EncoderLayer(nn.Module):
    """(b, x, m) -> (b, x, m)"""

    def __init__(self, m: int, heads: int, k: int, wide: int, first: bool) -> None:
        super().__init__()
        self.attention = Residual(m, MultiHeadAttention(m, heads, k), first)
        self.feed_forward = Residual(m, FeedForward(m, wide), first)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x, lambda s: self.attention.branch(s, s))
        return self.feed_forward(x)


class DecoderLayer(nn.Module):
    """y (b, y, m) that attends to itself, masked, and to the encoded x (b, x, m) -> (b, y, m)"""

    def __init__(self, m: int, heads: int, k: int, wide: int, first: bool) -> None:
        super().__init__()
        self.attention = Residual(m, MultiHeadAttention(m, heads, k, mask=True), first)
        self.cross_attention = Residual(m, MultiHeadAttention(m, heads, k), first)
        self.feed_forward = Residual(m, FeedForward(m, wide), first)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        y = self.attention(y, lambda s: self.attention.branch(s, s))
        y = self.cross_attention(y, lambda s: self.cross_attention.branch(s, x))
        return self.feed_forward(y)


class Transformer(nn.Module):
    """Source ids (b, x) and target ids (b, y) -> scores of the next target (b, y, v).

    One table embeds both and scores (section 3.4).  Norms in front of branches leave the streams as they are, and are
    followed by one more at the end of each stack.
    """

    def __init__(
        self, v: int = 1000, m: int = 64, heads: int = 4, k: int = 12, wide: int = 256, layers: int = 6,
        first: bool = False, length: int = 128,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embed = nn.Embedding(v, m)
        self.register_buffer("waves", waves(length, m), persistent=False)
        self.encoder = nn.ModuleList(EncoderLayer(m, heads, k, wide, first) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(m, heads, k, wide, first) for _ in range(layers))
        self.encoded = nn.LayerNorm(m) if first else nn.Identity()
        self.decoded = nn.LayerNorm(m) if first else nn.Identity()

    def placed(self, ids: Tensor) -> Tensor:
        """Ids (b, s) -> their embeddings and where they stand (b, s, m)."""
        return self.embed(ids) * self.embed.embedding_dim**0.5 + self.waves[: ids.shape[1]]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        x, y = self.placed(source), self.placed(target)
        for layer in self.encoder:
            x = layer(x)
        x = self.encoded(x)
        for layer in self.decoder:
            y = layer(y, x)
        return linear(self.decoded(y), self.embed.weight)


def waves(length: int, m: int) -> Tensor:
    """Positions as sines and cosines (length, m), of wave lengths from 2 pi to 10000 times that (section 3.5)."""
    angle = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, m, 2) / m)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


def example(first: bool = False) -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Transformer(first=first), (torch.randint(0, 1000, (2, 10)), torch.randint(0, 1000, (2, 7)))
