"""Softmax and its kin: exponentials over their sum, taken relative to the largest for safety."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def softmax(input: Tensor, dim: int, *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Tensor:
    """exp(x - max) / sum exp(x - max)."""
    x = input if dtype is None else input.to(dtype)
    powers = torch.exp(x - x.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)


def log_softmax(input: Tensor, dim: int, *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Tensor:
    """x - log sum exp x."""
    x = input if dtype is None else input.to(dtype)
    return x - torch.logsumexp(x, dim, keepdim=True)


def softmin(input: Tensor, dim: int, *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Tensor:
    """Softmax of -x."""
    x = input if dtype is None else input.to(dtype)
    return torch.softmax(-x, dim)


def logsumexp(input: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """max + log sum exp(x - max)."""
    largest = input.amax(dim, keepdim=True)
    total = torch.exp(input - largest).sum(dim, keepdim=keepdim)
    return torch.log(total) + (largest if keepdim else input.amax(dim))


ROWS = (softmax, log_softmax, softmin, logsumexp)
