"""Reading patterns: ``"q h k, x h k -> h q x"``, with sizes (``m=512``) and composed axes (``(h k)``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ncd.errors import DSLError

Axes = tuple[str, ...]
_TOKEN = re.compile(r"\(([^()]*)\)|([^\W\d]\w*)(?:=(\d+))?")


@dataclass(frozen=True)
class Pattern:
    """The axes of every array before and after the arrow, the sizes said, and what composed axes are made of."""

    ins: tuple[Axes, ...]
    outs: tuple[Axes, ...]
    sizes: Mapping[str, int]
    parts: Mapping[str, Axes]

    def __str__(self) -> str:
        return written(self.ins, self.outs)


def written(ins: tuple[Axes, ...], outs: tuple[Axes, ...]) -> str:
    """A pattern as it is read, without sizes."""
    left, right = (", ".join(" ".join(axes) for axes in side) for side in (ins, outs))
    return f"{left} -> {right}".strip()


def read(pattern: str, what: str) -> Pattern:
    """A pattern with an arrow.  Raises DSLError on what cannot be read."""
    if not isinstance(pattern, str) or pattern.count("->") != 1:
        raise DSLError(f"{pattern!r} has no arrow", doing=f"reading {what}", fix="write it as 'm -> h k'")
    sizes: dict[str, int] = {}
    parts: dict[str, Axes] = {}
    left, right = pattern.split("->")
    ins = tuple(axes(array, what, sizes, parts) for array in left.split(","))
    outs = tuple(axes(array, what, sizes, parts) for array in right.split(","))
    return Pattern(ins, outs, sizes, parts)


def names(text: str, what: str, sizes: dict[str, int] | None = None) -> Axes:
    """A list of axes, at least one.  Raises DSLError."""
    found = axes(text, what, {} if sizes is None else sizes, {})
    if not found:
        raise DSLError("no axis is named", doing=f"reading {what}", fix="name the axes it acts on, as in 'x'")
    return found


def axes(text: str, what: str, sizes: dict[str, int], parts: dict[str, Axes]) -> Axes:
    """The axes of one array.  Sizes and composed axes found on the way are noted."""
    found: list[str] = []
    at, text = 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or (match[1] is None and match[2] is None):
            raise DSLError(f"cannot read {text[at:]!r}", doing=f"reading {what}", fix="names such as m, m=512 or (h k)")
        if match[1] is not None:
            inner = axes(match[1], what, sizes, parts)
            name = "(" + " ".join(inner) + ")"
            parts[name] = inner
        else:
            name = match[2]
            if match[3] and sizes.setdefault(name, int(match[3])) != int(match[3]):
                raise DSLError(f"the axis {name!r} has the sizes {sizes[name]} and {match[3]}", doing=f"reading {what}")
        if name in found:
            raise DSLError(
                f"one array has the axis {name!r} twice",
                doing=f"reading {what}",
                fix="give its axes different names; n.rename('x -> y') makes one axis another",
            )
        found.append(name)
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return tuple(found)
