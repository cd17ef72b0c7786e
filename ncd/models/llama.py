"""Llama (Touvron et al. 2023): rotary positions, norms by the root mean square, gated feed-forwards, shared keys.

Several heads of queries share one of keys and values (Ainslie et al. 2023); positions turn pairs of features by
angles that grow with the position (Su et al. 2021), so that scores depend on distances alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


def angles(length: int, k: int, base: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """The cosines and sines (length, k / 2) by which positions turn pairs of features, in float32."""
    speed = base ** (-torch.arange(0, k, 2, dtype=torch.float32, device=device) / k)
    turned = torch.arange(length, dtype=torch.float32, device=device)[:, None] * speed
    return turned.cos(), turned.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(..., s, k) -> (..., s, k): features i and i + k/2 are a pair, turned together."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class GroupedQueryAttention(nn.Module):
    """(b, s, d) -> (b, s, d), causal; ``heads`` of queries over ``shared`` of keys and values."""

    def __init__(self, d: int, heads: int, shared: int) -> None:
        super().__init__()
        k = d // heads
        self.k, self.shared = k, shared
        self.query = nn.Linear(d, heads * k, bias=False)
        self.key = nn.Linear(d, shared * k, bias=False)
        self.value = nn.Linear(d, shared * k, bias=False)
        self.output = nn.Linear(heads * k, d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q = self.query(x).unflatten(-1, (self.shared, -1, self.k)).permute(0, 2, 3, 1, 4)  # (b, shared, group, s, k)
        k = self.key(x).unflatten(-1, (self.shared, self.k)).transpose(1, 2)  # (b, shared, s, k)
        v = self.value(x).unflatten(-1, (self.shared, self.k)).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        scores = torch.einsum("bhgqk,bhxk->bhgqx", q, k) * self.k**-0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
        gathered = torch.einsum("bhgqx,bhxk->bqhgk", weights, v)
        return self.output(gathered.flatten(2))


class GatedFeedForward(nn.Module):
    """SwiGLU (Shazeer 2020): (..., d) -> (..., d)."""

    def __init__(self, d: int, wide: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d, wide, bias=False)
        self.up = nn.Linear(d, wide, bias=False)
        self.down = nn.Linear(wide, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    """(b, s, d) -> (b, s, d)"""

    def __init__(self, d: int, heads: int, shared: int, wide: int, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(d, eps=eps)
        self.attention = GroupedQueryAttention(d, heads, shared)
        self.feed_forward_norm = nn.RMSNorm(d, eps=eps)
        self.feed_forward = GatedFeedForward(d, wide)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nn.Module):
    """Token ids (b, s) -> scores of the next token (b, s, v).  By default Llama-2-7B: 6,738,415,616 parameters."""

    def __init__(
        self, v: int = 32000, d: int = 4096, heads: int = 32, shared: int = 32, wide: int = 11008, layers: int = 32,
        base: float = 10_000.0, eps: float = 1e-6,
    ) -> None:  # fmt: skip
        super().__init__()
        self.k, self.base = d // heads, base
        self.embed = nn.Embedding(v, d)
        self.layers = nn.ModuleList(Layer(d, heads, shared, wide, eps) for _ in range(layers))
        self.norm = nn.RMSNorm(d, eps=eps)
        self.score = nn.Linear(d, v, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        cos, sin = (t.to(x.dtype) for t in angles(ids.shape[1], self.k, self.base, ids.device))
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.score(self.norm(x))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A small one: four layers of width 64, two heads of queries to one of keys; ids (2, 16)."""
    model = Llama(v=1000, d=64, heads=8, shared=4, wide=176, layers=4)
    return model, (torch.randint(0, 1000, (2, 16)),)
