"""What a call did to the memory of its tensors, and the modes it ran under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import torch
from torch._C._functorch import is_functorch_wrapped_tensor
from torch._subclasses.fake_tensor import FakeTensor

from ncd.tracing.plain import facts, flat

_IN_PLACE = frozenset(["__setitem__", *(f"__i{op}__" for op in "add sub mul div truediv floordiv pow mod".split())])

_NO_WRAPPERS = frozenset([int, float, bool, str, type(None), FakeTensor])


def state(t: torch.Tensor) -> tuple[object, ...]:
    """What changes when a tensor is written in place: its version, or its shape."""
    return (0 if t.is_inference() else t._version, t.shape)


def changed(tensors: Sequence[torch.Tensor], before: Sequence[tuple[object, ...]]) -> list[torch.Tensor]:
    """Those that were written since their states were ``before``."""
    return [t for t, b in zip(tensors, before, strict=True) if state(t) != b]


def declared_writes(
    fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any], known: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """The operands that an aten op says it writes, without those ``known`` to be written.

    Below autograd no version is counted: there, only the schema tells.
    """
    if not isinstance(fn, torch._ops.OpOverload) or not facts(fn).writes:
        return []
    found = [t for i, name in facts(fn).writes for t in flat([args[i] if i < len(args) else kwargs.get(name)])]
    return [t for t in found if all(t is not k for k in known)]


def apart(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors of one storage surely have no number in common.

    Strides that divide one another are the places of a number system, in which each tensor is within
    a range of digits at every place.
    """
    if a.dtype != b.dtype:
        return False
    steps = [[(n, s) for n, s in zip(t.shape, t.stride(), strict=True) if n > 1 and s] for t in (a, b)]
    places: list[int] = []
    for stride in sorted({s for own in steps for _, s in own}, reverse=True):
        if not places or places[-1] % stride == 0:
            places.append(stride)
    unit = gcd(*(s for own in steps for _, s in own)) or 1
    if unit not in places:
        places.append(unit)
    ranges = []
    for t, own in zip((a, b), steps, strict=True):
        rest, digits = t.storage_offset(), []
        spans = dict.fromkeys(places, 0)
        for n, s in own:
            place = next(p for p in places if s % p == 0)
            spans[place] += (n - 1) * (s // place)
        for k, place in enumerate(places):
            first, rest = divmod(rest, place)
            digits.append((first, first + spans[place]))
            if k and digits[-1][1] >= places[k - 1] // place:
                return False  # a carry: the digits are no range
        ranges.append([*digits, (rest, rest)])
    return any(x[1] < y[0] or y[1] < x[0] for x, y in zip(*ranges, strict=True))


def assigned(x: torch.Tensor, index: Any) -> torch.Tensor:
    """The part of a tensor that ``x[index] = ...`` writes, as a view; the whole where no view says it."""
    items = index if isinstance(index, tuple) else (index,)
    parts = [p for i in items for p in ((i.start, i.stop, i.step) if isinstance(i, slice) else (i,))]
    viewed = all(p is None or p is Ellipsis or (isinstance(p, int) and not isinstance(p, bool)) for p in parts)
    return x[index] if viewed and x.layout is torch.strided else x


def onto_itself(x: torch.Tensor, index: Any, value: Any) -> bool:
    """Whether ``x[index] = value`` writes what is there already, as the last step of ``x[index] += y`` does."""
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or x.layout is not torch.strided:
        return False
    if value.untyped_storage()._cdata != x.untyped_storage()._cdata:
        return False
    return same_memory(assigned(x, index), value)


def first_only(fn: Any) -> bool:
    """Whether a function writes its first operand and no other: a tensor's own methods do, by their name."""
    name = getattr(fn, "__name__", "")
    mine = name in _IN_PLACE or (name.endswith("_") and not name.startswith("_"))
    return mine and getattr(torch.Tensor, name, None) is fn


def wrapped(tree: Any) -> bool:
    """Whether some tensor is one of a transform (vmap, grad) that has ended or is not the innermost."""
    if isinstance(tree, torch.Tensor):
        return is_functorch_wrapped_tensor(tree)
    for x in tree.values() if isinstance(tree, dict) else tree:
        if type(x) in _NO_WRAPPERS:
            continue  # most of them; a wrapper is a plain tensor
        if isinstance(x, (torch.Tensor, tuple, list, dict)) and wrapped(x):
            return True
    return False


def same_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors of one storage are the same numbers in the same places."""
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and a.stride() == b.stride()
        and a.storage_offset() == b.storage_offset()
        and a.is_conj() == b.is_conj()
        and a.is_neg() == b.is_neg()
    )


def autocast() -> tuple[str, ...]:
    """The device and dtype of the automatic casts in force, if any."""
    for device in ("cpu", "cuda") if torch._C._is_any_autocast_enabled() else ():
        if torch.is_autocast_enabled(device):
            return device, str(torch.get_autocast_dtype(device)).removeprefix("torch.")
    return ()
