"""One thing that can be drawn: a title, the least torch that makes it, its inputs, its symbols, its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ncd.circuit.diagram import Diagram
    from ncd.show import Picture

SIZES = {
    "b": 2, "c": 6, "h": 3, "i": 5, "j": 7, "k": 4, "l": 6, "m": 6, "n": 9, "t": 4, "u": 7, "v": 9, "x": 5, "y": 7,
    "z": 8,
}  # fmt: skip
"""How long an axis is that no size follows."""


@dataclass(frozen=True)
class Entry:
    """``torch``, ``nn``, ``F`` and the modules of ``ncd.models.small`` are at hand in ``code``: a module or a function.

    ``inputs`` are patterns of axes, one an input, apart by ``;``.  A size follows its name (``m=8``), the type of the
    elements its array (``: int``, ``: int8`` for numbers below 8, ``: bool``).  ``symbols`` are those of the picture,
    in the order of the operations.
    """

    title: str
    code: str
    inputs: str
    symbols: str
    meaning: str

    def trace(self) -> Diagram:
        import torch
        import torch.nn.functional as F
        from torch import nn

        import ncd
        from ncd.models import small

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            target = eval(self.code, {**vars(small), "torch": torch, "nn": nn, "F": F})
            given = [_input(spec) for spec in self.inputs.split(";")]
            return ncd.trace(target, *(value for value, _ in given), axes=[axes for _, axes in given])

    def draw(self, **options: Any) -> Picture:
        """The picture, with every axis but ``b`` drawn, also where all is repeated over it."""
        from ncd import show
        from ncd.rewrite.present import prepared

        diagram = self.trace()
        simple = prepared(diagram.simplify())
        every = {w.name for a in simple.arrays for w in a.wires if w.id in simple.outer}
        return show.draw(diagram, **{"show": sorted(every - {"b"}), "titles": {"": self.title}, **options})


def _input(spec: str) -> tuple[Any, str]:
    """An array of a pattern, and its axes by name."""
    import torch

    pattern, _, kind = (part.strip() for part in spec.partition(":"))
    pairs = [word.partition("=") for word in pattern.split()]
    shape = [int(size) if size else SIZES[name] for name, _, size in pairs]
    names = " ".join(name for name, _, _ in pairs)
    if kind.startswith("int"):
        return torch.randint(0, int(kind[3:] or 4), shape), names
    return (torch.rand(shape) > 0.5 if kind == "bool" else torch.randn(shape)), names


@dataclass(frozen=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


def section(title: str, *rows: tuple[str, str, str, str, str]) -> Section:
    return Section(title, tuple(Entry(*row) for row in rows))
