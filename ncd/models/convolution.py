"""Convolutions: plain, with a stride, dilated, in groups, transposed; and pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Convolutions(nn.Module):
    """Images (b, colours, y, x) -> (b, 8, y, x), each layer another kind of window."""

    def __init__(self, colours: int = 3) -> None:
        super().__init__()
        self.plain = nn.Conv2d(colours, 8, 3, padding=1)
        self.strided = nn.Conv2d(8, 16, 4, stride=2, padding=1)
        self.dilated = nn.Conv2d(16, 16, 3, padding=2, dilation=2)
        self.grouped = nn.Conv2d(16, 32, 3, padding=1, groups=4)
        self.depthwise = nn.Conv2d(32, 32, 5, padding=2, groups=32)
        self.pool = nn.MaxPool2d(2)
        self.transposed = nn.ConvTranspose2d(32, 8, 4, stride=4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.strided(torch.relu(self.plain(image)))
        x = self.grouped(torch.relu(self.dilated(x)))
        return self.transposed(self.pool(self.depthwise(x)))


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Convolutions(), (torch.randn(2, 3, 32, 32),)
