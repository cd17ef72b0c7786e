"""Mamba's mixer (Gu and Dao 2023): a linear recurrence over time whose gates depend on the input.

h_t = exp(D_t A) h_{t-1} + D_t B_t x_t and y_t = C_t h_t, for every channel a state of its own; D, B and C are read
off the input at t (selection), so that a state may keep, forget or ignore.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus


class SelectiveScan(nn.Module):
    """(b, t, c) -> (b, t, c), with ``n`` numbers of state a channel; step sizes come through ``rank`` features."""

    def __init__(self, channels: int, n: int, rank: int) -> None:
        super().__init__()
        self.n, self.rank = n, rank
        self.select = nn.Linear(channels, rank + 2 * n, bias=False)
        self.step = nn.Linear(rank, channels)
        self.log_decay = nn.Parameter(torch.arange(1, n + 1).float().log().repeat(channels, 1))
        self.skip = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        size, write, read = self.select(x).split([self.rank, self.n, self.n], dim=-1)
        size = softplus(self.step(size))
        kept = torch.exp(size.unsqueeze(-1) * -self.log_decay.exp())  # (b, t, c, n)
        written = (size * x).unsqueeze(-1) * write.unsqueeze(-2)
        state = torch.zeros(len(x), *self.log_decay.shape, dtype=x.dtype, device=x.device)
        outputs = []
        for keep, new, look in zip(kept.unbind(1), written.unbind(1), read.unbind(1), strict=True):
            state = keep * state + new
            outputs.append((state @ look.unsqueeze(-1)).squeeze(-1))
        return torch.stack(outputs, dim=1) + self.skip * x


class Mamba(nn.Module):
    """(b, t, d) -> (b, t, d): a short causal convolution and a scan, gated by a branch of its own."""

    def __init__(self, d: int = 64, n: int = 16, width: int = 4, expand: int = 2) -> None:
        super().__init__()
        channels = expand * d
        self.inward = nn.Linear(d, 2 * channels, bias=False)
        self.convolution = nn.Conv1d(channels, channels, width, groups=channels, padding=width - 1)
        self.scan = SelectiveScan(channels, n, -(-d // 16))
        self.outward = nn.Linear(channels, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.inward(x).chunk(2, dim=-1)
        near = self.convolution(x.mT)[..., : x.shape[1]].mT
        return self.outward(self.scan(silu(near)) * silu(gate))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Mamba(d=32), (torch.randn(2, 8, 32),)
