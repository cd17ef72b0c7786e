"""Multi-head self-attention, written out with views and by PyTorch's own layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """(b, s, d) -> (b, s, d): every position gathers from all, once per head."""

    def __init__(self, d: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(d, d)
        self.key = nn.Linear(d, d)
        self.value = nn.Linear(d, d)
        self.output = nn.Linear(d, d)

    def split(self, x: Tensor) -> Tensor:
        """(b, s, d) -> (b, heads, s, d / heads)"""
        b, s, d = x.shape
        return x.view(b, s, self.heads, d // self.heads).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        gathered = torch.einsum("bhqk,bhkd->bhqd", scores.softmax(dim=-1), v)
        return self.output(gathered.transpose(1, 2).reshape(x.shape))


class LayerAttention(nn.Module):
    """(b, s, d) -> (b, s, d) by ``nn.MultiheadAttention``."""

    def __init__(self, d: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(d, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        gathered, _ = self.attention(x, x, x, need_weights=False)
        return gathered


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Attention(), (torch.randn(2, 10, 64),)
