"""What softmax in tiles remembers from tile to tile, and how one more tile changes it; each one call in a diagram."""

from __future__ import annotations

import torch
from torch import Tensor

from ncd.analysis.derivatives.whole import whole


@whole
def running_maximum(most: Tensor, scores: Tensor, dim: int) -> Tensor:
    """The largest score so far.  (y, 1), (y, s_x) -> (y, 1)"""
    return torch.maximum(most, scores.amax(dim, keepdim=True))


@whole
def fading(most: Tensor, larger: Tensor) -> Tensor:
    """By how much what was summed under the old maximum is too large under the new one."""
    return torch.exp(most - larger)


@whole
def weights(scores: Tensor, larger: Tensor) -> Tensor:
    """e to the scores, below the maximum so far, so that nothing overflows."""
    return torch.exp(scores - larger)


@whole
def running_sum(total: Tensor, fade: Tensor, weights: Tensor, dim: int) -> Tensor:
    """The sum of all weights so far.  (y, 1), (y, 1), (y, s_x) -> (y, 1)"""
    return fade * total + weights.sum(dim, keepdim=True)


@whole
def running_mixture(mixed: Tensor, fade: Tensor, part: Tensor) -> Tensor:
    """The weighted sum of all values so far."""
    return fade * mixed + part
