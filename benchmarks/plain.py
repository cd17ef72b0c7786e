"""Modules as people write them for themselves, with no library of models behind them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.sweep.case import Case, Subject


class OneForward(nn.Module):
    """Masked attention with every step in one forward, and no module but its projections."""

    def __init__(self, width: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, padded: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
        scores = scores.masked_fill(padded[:, None, None, :], -1e9)
        mixed = scores.softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(b, n, d))


class Messages(nn.Module):
    """Two rounds of messages along the edges of a graph."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.message = nn.Sequential(nn.Linear(2 * width, 32), nn.SiLU(), nn.Linear(32, width))
        self.update = nn.GRUCell(width, width)

    def forward(self, nodes: Tensor, source: Tensor, target: Tensor) -> Tensor:
        for _ in range(2):
            sent = self.message(torch.cat([nodes[source], nodes[target]], -1))
            nodes = self.update(torch.zeros_like(nodes).index_add(0, target, sent), nodes)
        return nodes


class Autoencoder(nn.Module):
    """A variational autoencoder of small images; its noise is an input."""

    def __init__(self, latent: int = 10) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU())
        self.mean, self.spread = nn.Linear(32 * 49, latent), nn.Linear(32 * 49, latent)
        self.widen = nn.Linear(latent, 32 * 49)
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid()
        )

    def forward(self, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encode(image).flatten(1)
        mean, log_variance = self.mean(h), self.spread(h)
        z = mean + noise * (0.5 * log_variance).exp()
        return self.decode(self.widen(z).view(-1, 32, 7, 7)), mean, log_variance


class Dilated(nn.Module):
    """Gated causal convolutions over time, each twice as far apart as the last, with skips that are summed."""

    def __init__(self, width: int = 20, layers: int = 3) -> None:
        super().__init__()
        self.start = nn.Conv1d(1, width, 1)
        self.layers = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=2**i) for i in range(layers))
        self.skips = nn.ModuleList(nn.Conv1d(width, 32, 1) for _ in range(layers))
        self.residuals = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(layers))
        self.end = nn.Conv1d(32, 50, 1)

    def forward(self, wave: Tensor) -> Tensor:
        x, total = self.start(wave), 0
        for i, (conv, skip, residual) in enumerate(zip(self.layers, self.skips, self.residuals, strict=True)):
            a, b = conv(F.pad(x, (2**i, 0))).chunk(2, 1)
            h = a.tanh() * b.sigmoid()
            total = total + skip(h)
            x = x + residual(h)
        return self.end(F.relu(total))


class Routed(nn.Module):
    """Each token goes to the two experts that it scores highest."""

    def __init__(self, width: int = 24, experts: int = 5) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.up = nn.Parameter(torch.randn(experts, width, 40) / 5)
        self.down = nn.Parameter(torch.randn(experts, 40, width) / 6)

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = self.router(x).topk(2, -1)
        h = torch.einsum("b s d, b s e d f -> b s e f", x, self.up[chosen])
        y = torch.einsum("b s e f, b s e f d -> b s e d", F.gelu(h), self.down[chosen])
        return (weight.softmax(-1)[..., None] * y).sum(2)


class Rotary(nn.Module):
    """Attention whose queries and keys are turned by their positions, two numbers at a time."""

    def __init__(self, width: int = 48, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.to_out = nn.Linear(width, width, bias=False)
        pairs = width // heads // 2
        angles = torch.arange(64)[:, None] * 10000.0 ** (-torch.arange(pairs) / pairs)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles), persistent=False)

    def rotate(self, x: Tensor) -> Tensor:
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * self.turns[: x.shape[2]]).flatten(-2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.to_q, self.to_k, self.to_v))
        mixed = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True)
        return self.to_out(mixed.transpose(1, 2).flatten(-2))


def ends(n: int, *lengths: int) -> Tensor:
    """True where a sequence of ``n`` is over."""
    return torch.arange(n) >= torch.tensor(lengths)[:, None]


CASES = (
    Case("one-forward attention", lambda: Subject(OneForward(), (torch.randn(2, 9, 48), ends(9, 9, 6)))),
    Case(
        "messages on a graph",
        lambda: Subject(Messages(), (torch.randn(7, 24), torch.randint(7, (15,)), torch.randint(7, (15,)))),
    ),
    Case("autoencoder", lambda: Subject(Autoencoder(), (torch.rand(3, 1, 28, 28), torch.randn(3, 10)))),
    Case("dilated convolutions", lambda: Subject(Dilated(), (torch.randn(2, 1, 37),))),
    Case("routed experts", lambda: Subject(Routed(), (torch.randn(2, 9, 24),))),
    Case("rotary attention", lambda: Subject(Rotary(), (torch.randn(2, 9, 48),))),
)
