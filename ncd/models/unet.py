"""A U-Net: an image goes down through coarser scales and up again, each scale kept for the way back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class DoubleConv(nn.Module):
    """(b, c, y, x) -> (b, d, y, x): two 3 by 3 convolutions, each normalised and rectified.

    ``valid``, as first published: no padding, so that y and x shrink by 4, and biases instead of norms.
    """

    def __init__(self, c: int, d: int, valid: bool = False) -> None:
        super().__init__()
        norm = nn.Identity if valid else nn.BatchNorm2d
        self.layers = nn.Sequential(
            nn.Conv2d(c, d, 3, padding=0 if valid else 1, bias=valid),
            norm(d),
            nn.ReLU(),
            nn.Conv2d(d, d, 3, padding=0 if valid else 1, bias=valid),
            norm(d),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class UNet(nn.Module):
    """(b, colours, y, x) -> (b, classes, y, x); y and x are multiples of 2 to the number of scales less one.

    ``valid``: the network of Ronneberger et al. 2015, which loses a margin, and crops what it kept to what comes up.
    """

    def __init__(
        self, colours: int = 3, channels: Sequence[int] = (16, 32, 64, 128), classes: int = 2, valid: bool = False
    ) -> None:
        super().__init__()
        pairs = list(pairwise(channels))
        self.first = DoubleConv(colours, channels[0], valid)
        self.shrink = nn.MaxPool2d(2)
        self.down = nn.ModuleList(DoubleConv(c, d, valid) for c, d in pairs)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(d, c, 2, stride=2) for c, d in reversed(pairs))
        self.up = nn.ModuleList(DoubleConv(2 * c, c, valid) for c, _ in reversed(pairs))
        self.score = nn.Conv2d(channels[0], classes, 1)
        self.valid = valid

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        kept = []
        for down in self.down:
            kept.append(x)
            x = down(self.shrink(x))
        for grow, up in zip(self.grow, self.up, strict=True):
            x = grow(x)
            skip = middle(kept.pop(), *x.shape[-2:]) if self.valid else kept.pop()
            x = up(torch.cat([x, skip], dim=1))
        return self.score(x)


def middle(image: Tensor, y: int, x: int) -> Tensor:
    """The middle (..., y, x) of an image (..., y', x')."""
    top, left = (image.shape[-2] - y) // 2, (image.shape[-1] - x) // 2
    return image[..., top : top + y, left : left + x]


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return UNet(), (torch.randn(2, 3, 64, 64),)
