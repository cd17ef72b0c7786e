"""Placeholders: inputs given by their axes instead of their values.

``ncd.array("b=2 s=16 d=512")`` stands for any array of that shape and is never computed on;
``ncd.tokens("b=2 s=16")`` stands for random integers that an embedding can look up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import torch

from ncd.errors import AxisError

_DIMENSION = re.compile(r"(?:(?P<name>[^\W\d]\w*)=)?(?P<size>\d+)")
_SHORT = {"float": torch.float32, "int": torch.int64, "bool": torch.bool, "complex": torch.complex64}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An input before tracing.  A dimension without a name has the name ``""``.

    ``values`` says what the tracer puts in its place: a fake array of this dtype, or real random
    integers below ``high`` (None: below the smallest embedding they meet).
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    dtype: torch.dtype
    values: Literal["fake", "tokens"] = "fake"
    high: int | None = None

    def __str__(self) -> str:
        return " ".join(f"{n}={s}" if n else str(s) for n, s in zip(self.names, self.sizes, strict=True))


def array(axes: str, dtype: torch.dtype | str | None = None) -> Placeholder:
    """A placeholder array: one ``name=size`` (or a bare size) per dimension, ``""`` for a scalar.

    ``dtype`` is torch's, or its name (``int``, ``bool``, ``bfloat16``...); torch's default if left
    out.  Raises AxisError on anything else in ``axes``, and on one name with two sizes.
    """
    names, sizes = _parse(axes)
    return Placeholder(names, sizes, _dtype(dtype))


def tokens(axes: str, high: int | None = None) -> Placeholder:
    """Random integers from 0 to below ``high``, which is found while tracing if left out."""
    names, sizes = _parse(axes)
    if high is not None and (type(high) is not int or high < 1):
        raise AxisError(
            f"there are no integers from 0 to below {high!r}", doing=f"reading the axes {axes!r}", fix="high=1000"
        )
    return Placeholder(names, sizes, torch.int64, "tokens", high)


def _parse(axes: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    doing, example = f"reading the axes {axes!r}", 'one name=size per dimension, as in "b=2 s=16 d=512"'
    if not isinstance(axes, str):
        raise AxisError("the axes are not a string", doing=doing, fix=example)
    names: list[str] = []
    sizes: list[int] = []
    known: dict[str, int] = {}
    for word in axes.split():
        match = _DIMENSION.fullmatch(word)
        if match is None:
            cause = f"{word!r} has no size" if word.isidentifier() else f"cannot read {word!r}"
            raise AxisError(cause, doing=doing, sizes=known, fix=f"{word}=16" if word.isidentifier() else example)
        name, size = match["name"] or "", int(match["size"])
        if size == 0:
            raise AxisError(f"{word!r} has size 0: there would be nothing to trace", doing=doing, sizes=known)
        if name and known.setdefault(name, size) != size:
            raise AxisError(
                f"the axis {name!r} has the sizes {known[name]} and {size}",
                doing=doing,
                sizes=known,
                fix="give different axes different names",
            )
        names.append(name)
        sizes.append(size)
    return tuple(names), tuple(sizes)


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype:
    if dtype is None:
        return torch.get_default_dtype()
    if isinstance(dtype, torch.dtype):
        return dtype
    found = _SHORT.get(dtype) or getattr(torch, dtype.removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise AxisError(
            f"there is no dtype {dtype!r}",
            doing="making a placeholder",
            fix="a torch dtype such as torch.int64, or its name: float32, bfloat16, int, bool",
        )
    return found
