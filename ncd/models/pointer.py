"""A pointer network: its outputs are positions of its input, and it stops when it points at the first."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointerNetwork(nn.Module):
    """Points (b, n, 2) -> probabilities (b, steps, n); how many steps depends on the values."""

    def __init__(self, d: int = 32) -> None:
        super().__init__()
        self.encoder = nn.LSTM(2, d, batch_first=True)
        self.decoder = nn.LSTMCell(2, d)
        self.from_points = nn.Linear(d, d, bias=False)
        self.from_state = nn.Linear(d, d, bias=False)
        self.score = nn.Linear(d, 1, bias=False)

    def forward(self, points: Tensor) -> Tensor:
        b, n, _ = points.shape
        encoded, (h, c) = self.encoder(points)
        h, c = h[0], c[0]
        visited = torch.zeros(b, n, dtype=torch.bool, device=points.device)
        here = torch.zeros(b, 2, device=points.device)
        steps = []
        for _ in range(n):
            h, c = self.decoder(here, (h, c))
            mixed = torch.tanh(self.from_points(encoded) + self.from_state(h).unsqueeze(1))
            scores = self.score(mixed).squeeze(-1).masked_fill(visited, -1e9)
            steps.append(scores.softmax(dim=-1))
            choice = scores.argmax(dim=-1, keepdim=True)
            if bool((choice == 0).all()):
                break
            visited = visited.scatter(1, choice, True)
            here = points.gather(1, choice.unsqueeze(-1).expand(b, 1, 2)).squeeze(1)
        return torch.stack(steps, dim=1)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return PointerNetwork(), (torch.randn(2, 8, 2),)
