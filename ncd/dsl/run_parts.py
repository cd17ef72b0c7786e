"""What takes parts of arrays, or puts them together, computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ncd.dsl.named import Named, Sizes, Weights, spread
from ncd.dsl.nodes import Atom
from ncd.dsl.patterns import Axes
from ncd.errors import DSLError


def _stack(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    over = outs[0][:-1]
    full = torch.broadcast_tensors(*(spread(x, over) for x in xs))
    return torch.stack(full, -1)


def _unbind(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> list[Tensor]:
    (x,) = xs
    found = x.data.unbind(x.axes.index(atom.ins[0][0]))
    if len(found) != len(outs):
        raise DSLError(
            f"the axis {atom.ins[0][0]!r} has the size {len(found)}, not {len(outs)}", doing="running n.unbind"
        )
    return list(found)


def _slice(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    (before,), (after,) = atom.ins[0], atom.outs[0]
    said = dict(atom.kwargs)
    y = x.put((*(a for a in x.axes if a != before), before))[..., said.get("start", 0) : said.get("stop")]
    if sizes.get(after, y.shape[-1]) != y.shape[-1]:
        raise DSLError(
            f"the axis {before!r} of size {sizes[before]} has {y.shape[-1]} of the {sizes[after]} entries",
            doing=f"running n.slice({atom.args[0]!r})",
        )
    return y


def _pad(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    said = dict(atom.kwargs)
    data = x.put((*(a for a in x.axes if a != atom.ins[0][0]), atom.ins[0][0]))
    return F.pad(data, (said.get("before", 0), said.get("after", 0)))


def _flip(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return xs[0].data.flip([xs[0].axes.index(a) for a in atom.ins[0]])


def _roll(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return xs[0].data.roll(dict(atom.kwargs).get("by", 1), xs[0].axes.index(atom.ins[0][0]))


def _scatter(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    at, values = xs
    (own,), (to,) = atom.ins[0], atom.outs[0]
    if to not in sizes:
        raise DSLError(f"the size of {to!r} is not known", doing="running n.scatter", fix=f".at({to}=...)")
    order = (*outs[0][:-1], own)
    if at.axes == (own,):
        data = spread(values, order)
        return data.new_zeros(*data.shape[:-1], sizes[to]).index_add(-1, at.data, data)
    places, data = torch.broadcast_tensors(spread(at, order), spread(values, order))
    return data.new_zeros(*data.shape[:-1], sizes[to]).scatter_add(-1, places, data)


def _one_hot(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (own,) = atom.outs[0]
    if own not in sizes:
        raise DSLError(f"the size of {own!r} is not known", doing="running n.one_hot", fix=f".at({own}=...)")
    return F.one_hot(xs[0].data, sizes[own]).to(torch.get_default_dtype())


RUNS: Mapping[str, Callable[..., Tensor | list[Tensor]]] = {
    "stack": _stack, "unbind": _unbind, "slice": _slice, "pad": _pad, "flip": _flip, "roll": _roll,
    "scatter": _scatter, "one_hot": _one_hot,
}  # fmt: skip
