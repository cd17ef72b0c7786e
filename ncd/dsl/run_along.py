"""What statistics, order and recurrence along an axis compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ncd.dsl.named import Named, Sizes, Weights, batched, unbatched
from ncd.dsl.nodes import Atom
from ncd.dsl.patterns import Axes
from ncd.errors import DSLError


def _cumsum(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return xs[0].data.cumsum(xs[0].axes.index(atom.ins[0][0]))


def _last(x: Named, atom: Atom) -> Tensor:
    """The tensor with the symbol's axes last."""
    return x.put((*(a for a in x.axes if a not in atom.ins[0]), *atom.ins[0]))


def _sort(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> list[Tensor]:
    return list(_last(xs[0], atom).sort(-1))


def _topk(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> list[Tensor]:
    (k,) = atom.outs[0]
    if k not in sizes:
        raise DSLError(f"the size of {k!r} is not known", doing="running n.topk", fix=f".at({k}=...)")
    return list(_last(xs[0], atom).topk(sizes[k], -1))


def _batch_norm(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    *over, own = atom.ins[0]
    order = (over[0], own, *over[1:])
    rest = [a for a in x.axes if a not in order]
    weight, bias = weights["weight"], weights["bias"]
    if not rest:
        return Named(F.batch_norm(x.put(order), None, None, weight, bias, training=True), order).put(x.axes)
    # Statistics of their own for what it is repeated over: more channels with the same gain.
    full = x.put((over[0], *rest, own, *over[1:]))
    many = full.flatten(1, len(rest) + 1)
    times = many.shape[1] // weight.shape[0]
    y = F.batch_norm(many, None, None, weight.repeat(times), bias.repeat(times), training=True)
    return Named(y.reshape(full.shape), (over[0], *rest, own, *over[1:])).put(x.axes)


def _group_norm(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = batched(xs[0], atom.ins[0])
    y = unbatched(F.group_norm(data, atom.args[1], weights["weight"], weights["bias"]), batch)
    order = (*(a for a in xs[0].axes if a not in atom.ins[0]), *atom.ins[0])
    return Named(y, order).put(xs[0].axes)


def _recurrent(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = batched(xs[0], atom.ins[0])
    flat = [weights[name].flatten(0, 1) for name in ("input", "hidden", "input_bias", "hidden_bias")]
    start = torch.zeros(1, data.shape[0], flat[1].shape[1], dtype=data.dtype, device=data.device)
    if atom.name == "lstm":
        y = torch.lstm(data, (start, start), flat, True, 1, 0.0, False, False, True)[0]
    else:
        y = torch.gru(data, start, flat, True, 1, 0.0, False, False, True)[0]
    return unbatched(y, batch)


RUNS: Mapping[str, Callable[..., Tensor | list[Tensor]]] = {
    "cumsum": _cumsum, "sort": _sort, "topk": _topk, "batch_norm": _batch_norm,
    "group_norm": _group_norm, "lstm": _recurrent, "gru": _recurrent,
}  # fmt: skip
