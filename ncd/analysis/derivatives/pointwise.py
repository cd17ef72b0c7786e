"""Derivatives of functions of single numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from ncd.analysis.derivatives import whole as w
from ncd.analysis.derivatives.rows import Thunks, row


@row()
def add(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: g, lambda: g if alpha == 1 else g * alpha


@row()
def sub(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: g, lambda: -g if alpha == 1 else g * -alpha


@row()
def rsub(g, y, input, other, *, alpha=1) -> Thunks:
    return lambda: -g if alpha == 1 else g * -alpha, lambda: g


@row("mul", "multiply")
def mul(g, y, input, other) -> Thunks:
    return lambda: g * other, lambda: g * input


@row("div", "truediv", "divide")
def div(g, y, input, other) -> Thunks:
    return lambda: g / other, lambda: -(g * y) / other


@row("rdiv", "rtruediv")
def rdiv(g, y, input, other) -> Thunks:
    return lambda: -(g * y) / input, lambda: g / input


@row()
def neg(g, y, input) -> Thunks:
    return (lambda: -g,)


@row()
def exp(g, y, input) -> Thunks:
    return (lambda: g * y,)


@row()
def log(g, y, input) -> Thunks:
    return (lambda: g / input,)


@row()
def sqrt(g, y, input) -> Thunks:
    return (lambda: g / (2 * y),)


@row()
def rsqrt(g, y, input) -> Thunks:
    return (lambda: g * (-0.5 * y**3),)


@row()
def square(g, y, input) -> Thunks:
    return (lambda: g * (2 * input),)


@row()
def sin(g, y, input) -> Thunks:
    return (lambda: g * torch.cos(input),)


@row()
def cos(g, y, input) -> Thunks:
    return (lambda: -(g * torch.sin(input)),)


@row()
def abs(g, y, input) -> Thunks:
    return (lambda: g * torch.sign(input),)


@row()
def tanh(g, y, input) -> Thunks:
    return (lambda: g * w.d_tanh(y),)


@row()
def sigmoid(g, y, input) -> Thunks:
    return (lambda: g * w.d_sigmoid(y),)


@row()
def relu(g, y, input, inplace=False) -> Thunks:
    return (lambda: g * w.d_relu(y),)


@row()
def silu(g, y, input, inplace=False) -> Thunks:
    return (lambda: g * w.d_silu(input),)


@row()
def gelu(g, y, input, approximate="none") -> Thunks:
    return (lambda: g * w.d_gelu(input, approximate),)


@row()
def softplus(g, y, input, beta=1.0, threshold=20.0) -> Thunks:
    return (lambda: g * w.d_softplus(input, beta, threshold),)


@row()
def where(g, y, condition, input, other) -> Thunks:
    zero = g.new_zeros(())
    return None, lambda: torch.where(condition, g, zero), lambda: torch.where(condition, zero, g)


@row()
def masked_fill(g, y, input, mask, value) -> Thunks:
    return lambda: g.masked_fill(mask, 0.0), None, lambda: torch.where(mask, g, g.new_zeros(()))


@row()
def pow(g, y, input, exponent) -> Thunks:
    if isinstance(input, Tensor) and isinstance(exponent, (int, float)):
        return (lambda: g * (exponent * input ** (exponent - 1) if exponent != 2 else 2 * input),)
    raise NotImplementedError("an exponent that is an array")


@row()
def tril(g, y, input, diagonal=0) -> Thunks:
    return (lambda: g.tril(diagonal),)


@row()
def triu(g, y, input, diagonal=0) -> Thunks:
    return (lambda: g.triu(diagonal),)
