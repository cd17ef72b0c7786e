"""A residual network with identity skips (He et al. 2016b): norm and activation come before each convolution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class NormActivate(nn.Module):
    """Batch norm and ReLU over (b, c, y, x)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(x))


class ResidualComponent(nn.Module):
    """(b, c, y, x) -> (b, d, y / stride, x / stride) through a bottleneck a quarter as wide as the output."""

    def __init__(self, c: int, d: int, stride: int = 1) -> None:
        super().__init__()
        narrow = d // 4
        self.narrow = nn.Conv2d(c, narrow, 1, stride=stride)
        self.first = NormActivate(narrow)
        self.middle = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.second = NormActivate(narrow)
        self.widen = nn.Conv2d(narrow, d, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(self.second(self.middle(self.first(self.narrow(x)))))


class ProjectionBlock(nn.Module):
    """(b, c, y, x) -> (b, d, y / stride, x / stride); the skip, too, is a convolution, as shapes change."""

    def __init__(self, c: int, d: int, stride: int) -> None:
        super().__init__()
        self.activate = NormActivate(c)
        self.residual = ResidualComponent(c, d, stride)
        self.skip = nn.Conv2d(c, d, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activate(x)
        return self.residual(x) + self.skip(x)


class IdentityBlock(nn.Module):
    """(b, d, y, x) -> (b, d, y, x); the skip is the identity."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.activate = NormActivate(d)
        self.residual = ResidualComponent(d, d)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual(self.activate(x))


class Stage(nn.Module):
    """(b, c, y, x) -> (b, d, y / stride, x / stride): one block that projects, then ``n - 1`` that do not."""

    def __init__(self, c: int, d: int, stride: int, n: int) -> None:
        super().__init__()
        self.project = ProjectionBlock(c, d, stride)
        self.blocks = nn.ModuleList(IdentityBlock(d) for _ in range(n - 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        for block in self.blocks:
            x = block(x)
        return x


class IdentityResNet(nn.Module):
    """Images (b, colours, y, x) -> probabilities (b, classes)."""

    def __init__(
        self, n: int = 3, widths: Sequence[int] = (16, 64, 128, 256), colours: int = 3, classes: int = 10
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(colours, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            Stage(c, d, stride=1 if k == 0 else 2, n=n) for k, (c, d) in enumerate(pairwise(widths))
        )
        self.activate = NormActivate(widths[-1])
        self.score = nn.Linear(widths[-1], classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        for stage in self.stages:
            x = stage(x)
        return self.score(self.activate(x).mean(dim=(-2, -1))).softmax(dim=-1)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return IdentityResNet(), (torch.randn(2, 3, 32, 32),)
