"""The least modules that show one thing each: a learned shift, a tied table, a loop over time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ALIBI = (
    -torch.tensor([2.0**-k for k in (1, 2, 3, 4)])[:, None, None] * (torch.arange(6)[:, None] - torch.arange(6)).abs()
)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.rand(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pos_embed


class Token(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.rand(1, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)


class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.offset


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.table(x), self.table.weight)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(self.map(x).relu())


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(8, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.query(x).view(-1, 3, 4).transpose(0, 1)


class Causal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (2, 0)))


class Relative(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.rand(11, 4))

    def forward(self, s: Tensor) -> Tensor:
        i = torch.arange(6)
        return (s + self.bias[i[:, None] - i + 5].permute(2, 0, 1)).softmax(-1)


class Assign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, :3] = 0
        return y


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.RNNCell(6, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], 8)
        out = []
        for t in x:
            h = self.cell(t, h)
            out.append(h)
        return torch.stack(out)


class Self(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(8, 5, bias=False)
        self.experts = nn.Parameter(torch.rand(5, 8, 8))

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.router(x).softmax(-1).topk(2, -1)
        return torch.einsum("xe,xm,xemn->xn", weights, x, self.experts[chosen])


class Rotary(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        angle = torch.arange(6)[:, None] * 10000.0 ** (-torch.arange(4) / 4)
        cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin
