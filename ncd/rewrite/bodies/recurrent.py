"""Recurrent layers: one turn of the loop for every time step, and what a turn does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ncd.rewrite.bodies.turns import part

Turn = Callable[..., Any]


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gates i, f, g, o; c' = f c + i g, h' = o tanh c' (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""
    h, c = hx
    gates = F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh)
    i, f, g, o = gates.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Gates r, z and candidate n; h' = n + z (h - n) (Cho et al. 2014)."""
    r, z, n = F.linear(input, w_ih, b_ih).chunk(3, -1)
    hr, hz, hn = F.linear(hx, w_hh, b_hh).chunk(3, -1)
    n = torch.tanh(n + torch.sigmoid(r + hr) * hn)
    return n + torch.sigmoid(z + hz) * (hx - n)


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """h' = tanh(W x + U h) (Elman 1990)."""
    return torch.tanh(F.linear(input, w_ih, b_ih) + F.linear(hx, w_hh, b_hh))


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """h' = relu(W x + U h)."""
    return torch.relu(F.linear(input, w_ih, b_ih) + F.linear(hx, w_hh, b_hh))


def _lstm_turn(x: Tensor, state: tuple[Tensor, ...], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    h, c = state
    if len(weights) not in (3, 5):
        return lstm_cell(x, (h, c), *weights)
    *weights, projection = weights
    h, c = lstm_cell(x, (h, c), *weights)
    return F.linear(h, projection), c


def _layers(
    turn: Turn,
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Tensor]:
    """Layers of turns, forwards and backwards in time; the outputs and the last states."""
    if dropout and train and num_layers > 1:
        raise NotImplementedError("dropout, which draws its own numbers")
    directions = 2 if bidirectional else 1
    runs = num_layers * directions
    per = len(weights) // runs
    time = 1 if batch_first and x.dim() == 3 else 0
    last: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            mine = weights[k * per : (k + 1) * per]
            state = tuple(s[k] for s in states)
            with part(f"{'Backward' if direction else 'Layer'} {layer + 1}") if runs > 1 else nullcontext():
                made = []
                steps = range(x.shape[time])
                for t in reversed(steps) if direction else steps:
                    with part("Turn"):
                        state = turn(x.select(time, t), state, mine)
                    made.append(state[0])
                outputs.append(torch.stack(made[::-1] if direction else made, time))
            for found, s in zip(last, state, strict=True):
                found.append(s)
        x = torch.cat(outputs, -1) if bidirectional else outputs[0]
    return [x, *(torch.stack(s, 0) for s in last)]


def lstm(input: Tensor, hx: Sequence[Tensor], params: Sequence[Tensor], has_biases: bool, *rest: Any) -> Any:
    """``lstm_cell`` for every time step, layer and direction."""
    if not isinstance(hx, (tuple, list)):
        raise NotImplementedError("packed sequences: how long each is, the data say")
    y, h, c = _layers(_lstm_turn, input, hx, params, *rest)
    return y, h, c


def _simple(cell: Turn) -> Turn:
    def layers(input: Tensor, hx: Tensor, params: Sequence[Tensor], has_biases: bool, *rest: Any) -> Any:
        if not isinstance(params, (tuple, list)):
            raise NotImplementedError("packed sequences: how long each is, the data say")
        y, h = _layers(lambda x, state, weights: (cell(x, state[0], *weights),), input, (hx,), params, *rest)
        return y, h

    layers.__name__ = cell.__name__.removesuffix("_cell")
    layers.__doc__ = f"``{cell.__name__}`` for every time step, layer and direction."
    return layers


ROWS = (
    lstm_cell, gru_cell, rnn_tanh_cell, rnn_relu_cell,
    lstm, _simple(gru_cell), _simple(rnn_tanh_cell), _simple(rnn_relu_cell),
)  # fmt: skip
