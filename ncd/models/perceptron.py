"""A multi-layer perceptron: the smallest model with something between input and output."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    """(b, d) -> (b, classes), with one hidden layer."""

    def __init__(self, d: int = 16, hidden: int = 32, classes: int = 4) -> None:
        super().__init__()
        self.up = nn.Linear(d, hidden)
        self.down = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(x)))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Perceptron(), (torch.randn(8, 16),)
