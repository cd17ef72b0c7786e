"""Scaled dot-product attention (Vaswani et al. 2017, equation 1), and many heads of it side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScaledDotProductAttention(nn.Module):
    """q (y, k), k (x, k), v (x, v) -> (y, v): each query's average of the values, by how well keys fit."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = torch.einsum("yk,xk->yx", query, key) * key.shape[-1] ** -0.5
        return scores.softmax(dim=-1) @ value


class MultiHeadAttention(nn.Module):
    """Queries from one array (y, m), keys and values from another (x, m) -> (y, m).

    With ``mask`` position y sees no x that comes later.
    """

    def __init__(self, m: int = 64, heads: int = 4, k: int = 12, mask: bool = False) -> None:
        super().__init__()
        self.heads, self.mask = heads, mask
        self.query = nn.Linear(m, heads * k, bias=False)
        self.key = nn.Linear(m, heads * k, bias=False)
        self.value = nn.Linear(m, heads * k, bias=False)
        self.output = nn.Linear(heads * k, m, bias=False)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        q = self.query(target).unflatten(-1, (self.heads, -1))
        k = self.key(source).unflatten(-1, (self.heads, -1))
        v = self.value(source).unflatten(-1, (self.heads, -1))
        scores = torch.einsum("...yhk,...xhk->...hyx", q, k) * q.shape[-1] ** -0.5
        if self.mask:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        gathered = torch.einsum("...hyx,...xhv->...yhv", scores.softmax(dim=-1), v)
        return self.output(gathered.flatten(-2))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return MultiHeadAttention(), (torch.randn(7, 64), torch.randn(10, 64))
