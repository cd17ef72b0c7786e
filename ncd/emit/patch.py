"""Interventions: what is done to a range of a wire before anything reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ncd.circuit.diagram import Array
from ncd.errors import CheckError

Range: TypeAlias = int | range | slice | Sequence[int]
Replacement: TypeAlias = Any
"""An ``Intervention`` or a list of them; a tensor, a number, a function of the old tensor, or {index: value}."""


@dataclass(frozen=True)
class Intervention:
    """What becomes of the part of an array where ``where`` holds: a range for each axis named, all of the others.

    ``change`` is given that part, its dimensions the array's wires, and gives what is put there.
    Made by ``ncd.zero``, ``ncd.scale`` and ``ncd.put``.
    """

    change: Callable[[Tensor], Any]
    where: Mapping[str, Range] = field(default_factory=dict)
    whole: Tensor | None = None
    """A tensor of the array's shape, of which the same part is put there."""


def zero(**where: Range) -> Intervention:
    """Nothing there: ``d.run(x, patch={"h.0.attn": ncd.zero(h=3)})`` ablates a head.

    ``where`` gives, by the name of an axis, an index, a ``range``, a ``slice`` or a list of indices;
    the name with a prime is the second axis of that name (``**{"s'": 0}``).
    """
    return Intervention(torch.zeros_like, where)


def scale(by: float, /, **where: Range) -> Intervention:
    """That part times a number.  ``where`` as in ``zero``."""
    return Intervention(lambda part: part * by, where)


def put(value: Any, /, **where: Range) -> Intervention:
    """Something else there: a number, a tensor, or a function of that part, given all its wires as dimensions.

    A tensor of the array's own shape, another run's value perhaps, is put there part for part; any
    other must expand to the part.  ``where`` as in ``zero``.
    """
    if isinstance(value, Tensor):
        return Intervention(lambda _: value, where, value)
    return Intervention(value if callable(value) else lambda _: value, where)


def replaced(title: str, array: Array, old: Tensor, new: Replacement) -> Tensor:
    """A tensor of its own in place of ``old``.  Raises CheckError, naming wire, axis and sizes, if it does not fit."""
    if isinstance(new, Intervention):
        return _intervened(title, array, old, new)
    if isinstance(new, (list, tuple)) and new and all(isinstance(n, Intervention) for n in new):
        for n in new:
            old = _intervened(title, array, old, n)
        return old
    if isinstance(new, Mapping):
        twin = old.clone()
        for index, value in new.items():
            parts = index if isinstance(index, tuple) else (index,)
            at = tuple(slice(p.start, p.stop, p.step) if isinstance(p, range) else p for p in parts)
            twin[at] = value
        return twin
    value = new(old.clone()) if callable(new) and not isinstance(new, Tensor) else new
    return _expanded(title, array, torch.as_tensor(value, dtype=old.dtype, device=old.device), old).clone()


def _intervened(title: str, array: Array, old: Tensor, what: Intervention) -> Tensor:
    sizes = [w.size for w in array.wires]
    twin = old.clone(memory_format=torch.contiguous_format)
    by_wire = twin.view(sizes)
    rows = _rows(title, array, what.where)
    index = torch.meshgrid(*rows, indexing="ij") if rows else ()
    index = tuple(i.to(old.device) for i in index)
    part = by_wire[index] if index else by_wire
    if what.whole is not None and tuple(what.whole.shape) == tuple(old.shape):
        whole = what.whole.reshape(sizes)
        value: Any = whole[tuple(i.to(whole.device) for i in index)] if index else whole
    else:
        value = what.change(part.clone())
    value = _expanded(title, array, torch.as_tensor(value, dtype=old.dtype, device=old.device), part)
    if index:
        by_wire[index] = value
    else:
        by_wire.copy_(value)
    return twin


def axis_names(array: Array) -> list[str]:
    """What the wires of an array are called in a patch: a second one of the same name has a prime."""
    names: list[str] = []
    for w in array.wires:
        name = w.name
        while name in names:
            name += "'"
        names.append(name)
    return names


def _rows(title: str, array: Array, where: Mapping[str, Range]) -> list[Tensor]:
    """The indices chosen along each wire.  Raises CheckError on an unknown axis and an index out of range."""
    names = axis_names(array)
    sizes = dict(zip(names, (w.size for w in array.wires), strict=True))
    for axis in where:
        if axis not in sizes:
            raise CheckError(
                f"the wire {array} has no axis {axis!r}",
                doing=f"changing a value in {title!r}",
                sizes=sizes,
                fix="one of " + ", ".join(names) if names else "it is a single number: name no axis",
            )
    return [_indices(title, array, name, n, where.get(name, slice(None))) for name, n in sizes.items()]


def _indices(title: str, array: Array, name: str, size: int, chosen: Range) -> Tensor:
    if isinstance(chosen, slice):
        return torch.arange(*chosen.indices(size))
    wanted = [chosen] if isinstance(chosen, int) else [int(k) for k in chosen]
    for k in wanted:
        if not -size <= k < size:
            raise CheckError(
                f"{name}={k} is outside of the axis {name!r} of the wire {array}, which has {size}",
                doing=f"changing a value in {title!r}",
                sizes={w.name: w.size for w in array.wires},
                fix=f"an index from 0 to {size - 1}",
            )
    return torch.tensor([k % size for k in wanted], dtype=torch.long)


def _expanded(title: str, array: Array, value: Tensor, like: Tensor) -> Tensor:
    try:
        return value.expand(like.shape)
    except RuntimeError:
        raise CheckError(
            f"the patch of {array} has the shape {tuple(value.shape)}, what it replaces {tuple(like.shape)}",
            doing=f"running {title!r}",
            sizes={w.name: w.size for w in array.wires},
        ) from None
