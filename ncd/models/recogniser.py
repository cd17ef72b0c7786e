"""A recogniser of digits: three linear layers on a flattened image."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BasicImageRecogniser(nn.Module):
    """Grey images (b, 28, 28) -> probabilities (b, 10) of being each digit."""

    def __init__(self, side: int = 28, hidden: int = 512, digits: int = 10) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.stack = nn.Sequential(
            nn.Linear(side * side, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, digits),
        )
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, image: Tensor) -> Tensor:
        return self.softmax(self.stack(self.flatten(image)))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return BasicImageRecogniser(), (torch.randn(2, 28, 28),)
