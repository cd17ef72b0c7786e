"""What each symbol computes, on tensors whose dimensions have names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ncd.dsl import run_along, run_parts, run_windows
from ncd.dsl.named import Named, Sizes, Weights, product, spread
from ncd.dsl.nodes import Atom
from ncd.dsl.patterns import Axes, read
from ncd.dsl.types import outcome
from ncd.errors import DSLError


def run(atom: Atom, weights: Weights, xs: list[Named], sizes: Sizes) -> list[Named]:
    """The outputs of a symbol on these inputs."""
    outs = outcome(atom, [x.axes for x in xs])
    made = RUNS.get(atom.name, _function)(atom, weights, xs, outs, sizes)
    return [Named(y, axes) for y, axes in zip(made if isinstance(made, list) else [made], outs, strict=True)]


def _function(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    fn: Any = getattr(F, atom.name) if atom.name in ("relu", "gelu", "silu") else getattr(torch, atom.name)
    return fn(xs[0].data)


def _einsum(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return product(xs, outs[0])


def _linear(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    axes = dict(atom.weights)["weight"]
    after = axes[len(atom.ins[0]) :]
    over = [a for a in xs[0].axes if a not in atom.ins[0]]
    y = product([xs[0], Named(weights["weight"], axes)], (*over, *after))
    return y + weights["bias"] if "bias" in weights else y


def _embedding(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    table = weights["weight"]
    y = F.embedding(xs[0].data, table.reshape(table.shape[0], -1) if table.ndim > 2 else table)
    return y.unflatten(-1, table.shape[1:]) if table.ndim > 2 else y


def _along(fn: Callable[[Tensor, tuple[int, ...], Weights], Tensor], last: bool) -> Callable[..., Tensor]:
    """A function along some dimensions, which leaves the others; ``last``: they have to be the last."""

    def along(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
        (x,) = xs
        axes = atom.ins[0]
        if not last and len(axes) == 1:
            return fn(x.data, (x.axes.index(axes[0]),), weights)
        order = (*(a for a in x.axes if a not in axes), *axes)
        return Named(fn(x.put(order), tuple(range(-len(axes), 0)), weights), order).put(x.axes)

    return along


def _softmax(x: Tensor, dims: tuple[int, ...], weights: Weights) -> Tensor:
    if len(dims) == 1:
        return x.softmax(dims[0])
    return x.flatten(dims[0]).softmax(-1).reshape(x.shape)


def _layer_norm(x: Tensor, dims: tuple[int, ...], weights: Weights) -> Tensor:
    return F.layer_norm(x, x.shape[dims[0] :], weights["weight"], weights["bias"])


def _rms_norm(x: Tensor, dims: tuple[int, ...], weights: Weights) -> Tensor:
    return F.rms_norm(x, x.shape[dims[0] :], weights["weight"])


def _causal(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    axes = atom.ins[0]
    order = (*(a for a in x.axes if a not in axes), *axes)
    scores = x.put(order)
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return Named(scores.masked_fill(later, -torch.inf), order).put(x.axes)


def _mask(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    scores, kept = (spread(x, outs[0]) for x in xs)
    return scores.masked_fill(kept == 0, -torch.inf)


def _reduced(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    fn: Any = {"max": torch.amax, "min": torch.amin}.get(atom.name) or getattr(torch, atom.name)
    if atom.name == "var":
        return torch.var(x.data, dim=[x.axes.index(a) for a in atom.ins[0]], correction=0)
    if atom.name == "argmax":
        return x.data.argmax(x.axes.index(atom.ins[0][0]))
    return fn(x.data, dim=[x.axes.index(a) for a in atom.ins[0]])


def _scale(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    by = atom.args[0]
    if isinstance(by, str):
        if missing := [a for a in atom.uses if a not in sizes]:
            raise DSLError(f"no axis {missing[0]!r} has come in for n.scale({by!r})", doing="running a diagram")
        # Nothing but numbers, axes and + - * / **: see ``make._sizes_in``.
        by = eval(by, {"__builtins__": {}}, dict(sizes))
    return xs[0].data * by


def _rearrange(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    pattern = read(atom.args[0], atom.name)
    parts = {**pattern.parts, **{r.whole: r.parts for r in atom.relations if r.kind == "product"}}
    (before,), (after,) = atom.ins, atom.outs
    over = [a for a in x.axes if a not in before]
    apart = [b for a in before for b in parts.get(a, (a,))]
    extent = dict(sizes)
    for a in before:
        _divide(a, parts.get(a, ()), x.data.shape[x.axes.index(a)], extent, atom)
    y = x.put((*over, *before))
    head = y.shape[: len(over)]
    if len(apart) > len(before):
        y = y.reshape(*head, *(extent[a] for a in apart))
    to = [b for a in after for b in parts.get(a, (a,))]
    y = Named(y, (*over, *apart)).put((*over, *to))
    if len(to) == len(after):
        return y
    return y.reshape(*head, *(math.prod(extent[b] for b in parts.get(a, (a,))) for a in after))


def _divide(whole: str, parts: Axes, n: int, sizes: dict[str, int], atom: Atom) -> None:
    """Note the sizes of the parts of an axis, one of which may follow."""
    sizes[whole] = n
    unknown = [p for p in parts if p not in sizes]
    have = math.prod(sizes[p] for p in parts if p in sizes)
    if len(unknown) > 1 or (parts and n % have) or (parts and not unknown and have != n):
        raise DSLError(
            f"the axis {whole!r} of size {n} cannot be cut into {' · '.join(parts)}",
            doing=f"running n.{atom.name}({atom.args[0]!r})",
            sizes={p: sizes[p] for p in parts if p in sizes},
            fix="say the sizes of all parts but one, as in .at(h=8)",
        )
    if unknown:
        sizes[unknown[0]] = n // have


def _same(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return xs[0].data


def _expand(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    (x,) = xs
    if missing := [a for a in atom.outs[0] if a not in sizes]:
        raise DSLError(
            f"the size of {missing[0]!r} is not known", doing="running n.expand", fix=f".at({missing[0]}=...)"
        )
    return spread(x, outs[0]).expand([sizes[a] if a in atom.outs[0] else -1 for a in outs[0]])


def _pointwise(fn: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def joined(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
        return fn(*(_aligned(x, outs[0]) for x in xs))

    return joined


def _aligned(x: Named, out: Axes) -> Tensor:
    """Dimensions in this order; leading ones that it does not have are left out."""
    missing = 0
    while missing < len(out) and out[missing] not in x.axes:
        missing += 1
    return spread(x, out[missing:])


def _concat(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    whole = [tuple(a for a in outs[0] if a != atom.outs[0][0])] * len(xs)
    full = []
    for x, over, (own,) in zip(xs, whole, atom.ins, strict=True):
        data = spread(x, (*over, own))
        full.append(data.expand([*(sizes[a] for a in over), -1]) if set(x.axes) < {*over, own} else data)
    return torch.cat(full, dim=-1)


def _chunk(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> list[Tensor]:
    (x,) = xs
    own = atom.ins[0][0]
    order = (*(a for a in x.axes if a != own), own)
    n = x.data.shape[x.axes.index(own)]
    names = [axes[0] for axes in atom.outs]
    found = {a: sizes[a] for a in names if a in sizes}
    rest = [a for a in names if a not in found]
    if rest and not found and n % len(rest) == 0:
        found = dict.fromkeys(rest, n // len(rest))
    elif len(rest) == 1:
        found[rest[0]] = n - sum(found[a] for a in names if a in found)
    if len(found) < len(set(names)) or sum(found[a] for a in names) != n:
        raise DSLError(
            f"the axis {own!r} of size {n} cannot be cut into {', '.join(names)}",
            doing=f"running n.chunk({atom.args[0]!r})",
            sizes=found,
            fix="say the sizes of all pieces but one",
        )
    return list(x.put(order).split([found[a] for a in names], dim=-1))


def _gather(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    table, at = xs
    own = atom.ins[0][0]
    if shared := [a for a in table.axes if a in at.axes]:
        return _gather_each(table, at, own, shared).put(outs[0])
    rest = tuple(a for a in table.axes if a != own)
    rows = table.put((own, *rest))
    y = rows.index_select(0, at.data.reshape(1)).squeeze(0) if not at.axes else rows[at.data]
    return Named(y, (*at.axes, *rest)).put(outs[0])


def _gather_each(table: Named, at: Named, own: str, shared: list[str]) -> Named:
    """For every index of the axes that both have, its own."""
    rest = [a for a in table.axes if a not in (*shared, own)]
    further = [a for a in at.axes if a not in shared]
    rows, places = table.put((*shared, *rest, own)), at.put((*shared, *further))
    shape = places.shape[len(shared) :]
    places = places.reshape(*places.shape[: len(shared)], *(1 for _ in rest), math.prod(shape))
    y = rows.gather(-1, places.expand(*rows.shape[:-1], -1))
    return Named(y.unflatten(-1, shape) if shape else y.squeeze(-1), (*shared, *rest, *further))


def _index(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    ((axis, k),) = atom.kwargs
    return xs[0].data.select(xs[0].axes.index(axis), k)


def _learned(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    return weights["weight"].clone()


def _unit(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    known = [sizes[a] for a in atom.outs[0] if a in sizes]
    if not known:
        raise DSLError("its size is not known", doing="running n.unit", fix=f".at({atom.outs[0][0]}=4)")
    return torch.eye(known[0])


RUNS: Mapping[str, Callable[..., Tensor | list[Tensor]]] = {
    "array": _same, "einsum": _einsum, "linear": _linear, "embedding": _embedding,
    "softmax": _along(_softmax, False),
    "layer_norm": _along(_layer_norm, True), "rms_norm": _along(_rms_norm, True), "causal": _causal, "mask": _mask,
    "log_softmax": _along(lambda x, dims, _: x.log_softmax(dims[0]), False), "sum": _reduced,
    "mean": _reduced, "max": _reduced, "min": _reduced, "var": _reduced, "argmax": _reduced,
    "scale": _scale, "split": _rearrange, "merge": _rearrange,
    "rearrange": _rearrange, "rename": _same, "expand": _expand, "concat": _concat, "chunk": _chunk,
    "gather": _gather, "index": _index, "learned": _learned, "unit": _unit, "add": _pointwise(torch.add),
    "multiply": _pointwise(torch.mul), "subtract": _pointwise(torch.sub), "divide": _pointwise(torch.div),
    "maximum": _pointwise(torch.maximum), "minimum": _pointwise(torch.minimum),
    **run_along.RUNS, **run_parts.RUNS, **run_windows.RUNS,
}  # fmt: skip
"""Symbols by name; every other one is a function of one number."""
