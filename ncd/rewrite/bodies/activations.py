"""Activations and gated units, by their definitions."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x) (Hendrycks & Gimpel 2016, eq. 1), or its tanh form (eq. 2)."""
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)
        return 0.5 * input * (1 + torch.tanh(inner))
    return input * (0.5 * (1 + torch.erf(input / math.sqrt(2))))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x) (Elfwing et al. 2017)."""
    return input * torch.sigmoid(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus x) (Misra 2019)."""
    return input * torch.tanh(torch.nn.functional.softplus(input))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half gates the other (Dauphin et al. 2016)."""
    a, b = input.chunk(2, dim)
    return a * torch.sigmoid(b)


ROWS = (gelu, silu, mish, glu)
