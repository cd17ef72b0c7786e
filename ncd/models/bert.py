"""BERT's encoder (Devlin et al. 2019): norms after each residual sum, embeddings of tokens, positions and segments."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from ncd.models.attention import Attention


class SelfAttention(Attention):
    """(b, s, d) -> (b, s, d): every position gathers from all that ``real`` (b, s) does not rule out."""

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.mT * q.shape[-1] ** -0.5
        if real is not None:
            scores = scores.masked_fill(~real[:, None, None, :], -torch.inf)
        return self.output((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(-2))


class Layer(nn.Module):
    """(b, s, d) -> (b, s, d)"""

    def __init__(self, d: int, heads: int, wide: int) -> None:
        super().__init__()
        self.attention = SelfAttention(d, heads)
        self.attention_norm = nn.LayerNorm(d, eps=1e-12)
        self.up = nn.Linear(d, wide)
        self.down = nn.Linear(wide, d)
        self.norm = nn.LayerNorm(d, eps=1e-12)

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        x = self.attention_norm(x + self.attention(x, real))
        return self.norm(x + self.down(gelu(self.up(x))))


class Bert(nn.Module):
    """Token ids (b, s), segments (b, s) and which tokens are real (b, s) -> features (b, s, d).

    The defaults are BERT-base: 108,891,648 parameters, 109,482,240 with the pooler that is left out here.
    """

    def __init__(
        self, v: int = 30522, length: int = 512, d: int = 768, heads: int = 12, wide: int = 3072, layers: int = 12
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(v, d)
        self.position = nn.Embedding(length, d)
        self.segment = nn.Embedding(2, d)
        self.norm = nn.LayerNorm(d, eps=1e-12)
        self.layers = nn.ModuleList(Layer(d, heads, wide) for _ in range(layers))

    def forward(self, ids: Tensor, segments: Tensor, real: Tensor | None = None) -> Tensor:
        place = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.token(ids) + self.segment(segments) + self.position(place))
        for layer in self.layers:
            x = layer(x, real)
        return x


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A small one: three layers of width 64; ids and segments (2, 16)."""
    model = Bert(v=1000, length=64, d=64, heads=4, wide=256, layers=3)
    return model, (torch.randint(0, 1000, (2, 16)), torch.randint(0, 2, (2, 16)))
