"""A pointer network that walks: its outputs are positions of its input, and it stops when it points at the first.

How often it goes round depends on values, and it never goes back to a point.  The networks of the paper, told what
to write as in training, are in ``pointing.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class Step(nn.Module):
    """One move: from where it stands, score every point not yet visited and go to the best."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(2, d)
        self.from_points = nn.Linear(d, d, bias=False)
        self.from_state = nn.Linear(d, d, bias=False)
        self.score = nn.Linear(d, 1, bias=False)

    def forward(
        self, points: Tensor, encoded: Tensor, here: Tensor, visited: Tensor, state: State
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, State]:
        """points (b, n, 2), encoded (b, n, d), here (b, 2), visited (b, n) -> probabilities (b, n), choice (b, 1)
        and what the next step starts from."""
        state = self.cell(here, state)
        mixed = torch.tanh(self.from_points(encoded) + self.from_state(state[0]).unsqueeze(1))
        scores = self.score(mixed).squeeze(-1).masked_fill(visited, -1e9)
        choice = scores.argmax(dim=-1, keepdim=True)
        visited = visited.scatter(1, choice, True)
        here = points.gather(1, choice.unsqueeze(-1).expand(-1, 1, 2)).squeeze(1)
        return scores.softmax(dim=-1), choice, here, visited, state


class PointerWalk(nn.Module):
    """Points (b, n, 2) -> probabilities (b, steps, n); how many steps depends on the values."""

    def __init__(self, d: int = 32) -> None:
        super().__init__()
        self.encoder = nn.LSTM(2, d, batch_first=True)
        self.step = Step(d)

    def forward(self, points: Tensor) -> Tensor:
        b, n, _ = points.shape
        encoded, (h, c) = self.encoder(points)
        state = (h[0], c[0])
        visited = torch.zeros(b, n, dtype=torch.bool, device=points.device)
        here = torch.zeros(b, 2, device=points.device)
        steps = []
        for _ in range(n):
            probabilities, choice, here, visited, state = self.step(points, encoded, here, visited, state)
            steps.append(probabilities)
            if bool((choice == 0).all()):
                break
        return torch.stack(steps, dim=1)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return PointerWalk(), (torch.randn(2, 8, 2),)
