"""Attention on images: the vision transformer (Dosovitskiy et al. 2021), and attention between two feature maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from ncd.models.attention import Attention


class FeedForward(nn.Module):
    """(..., m) -> (..., m), position by position, through a GELU."""

    def __init__(self, m: int, wide: int) -> None:
        super().__init__()
        self.up = nn.Linear(m, wide)
        self.down = nn.Linear(wide, m)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(gelu(self.up(x)))


class Layer(nn.Module):
    """(b, s, m) -> (b, s, m): attention and feed-forward, each behind a norm and added to what was there."""

    def __init__(self, m: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(m, eps=1e-6)
        self.attention = Attention(m, heads)
        self.feed_forward_norm = nn.LayerNorm(m, eps=1e-6)
        self.feed_forward = FeedForward(m, 4 * m)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class VisionTransformer(nn.Module):
    """Images (b, colours, y, x) -> scores (b, classes), read off a token in front of the patches."""

    def __init__(
        self, side: int = 32, patch: int = 4, colours: int = 3, m: int = 64, heads: int = 4, layers: int = 6,
        classes: int = 10,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patches = nn.Conv2d(colours, m, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, m))
        self.position = nn.Parameter(torch.randn(1, 1 + (side // patch) ** 2, m) * 0.02)
        self.layers = nn.ModuleList(Layer(m, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(m, eps=1e-6)
        self.score = nn.Linear(m, classes)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(image), -1, -1), patches], dim=1) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.score(self.norm(x[:, 0]))


class VisualAttention(nn.Module):
    """Queries from one feature map (b, c, y), keys and values from another (b, c, x) -> (b, c, y).

    Both y and x are two axes; all maps are 1 by 1 convolutions.
    """

    def __init__(self, c: int = 16, k: int = 12) -> None:
        super().__init__()
        self.query = nn.Conv2d(c, k, 1)
        self.key = nn.Conv2d(c, k, 1)
        self.value = nn.Conv2d(c, k, 1)
        self.output = nn.Conv2d(k, c, 1)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        q, k, v = self.query(target), self.key(source), self.value(source)
        scores = torch.einsum("bkij,bkmn->bijmn", q, k) * q.shape[1] ** -0.5
        weights = scores.flatten(-2).softmax(dim=-1).view_as(scores)
        return self.output(torch.einsum("bijmn,bkmn->bkij", weights, v))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return VisionTransformer(), (torch.randn(2, 3, 32, 32),)
