"""What was recorded of a forward pass: its values, its calls, and the modules they were made in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ncd.circuit.diagram import Place


@dataclass(eq=False)
class Value:
    """A tensor at one moment: in-place writes make new values of the same object."""

    id: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    kind: str
    name: str = ""
    data: torch.Tensor | None = None
    dims: Any = None
    memory: int = -1
    """The id of the first value that lies in the same memory."""


@dataclass(eq=False)
class Activation:
    """One call of a module, or of another method of it."""

    module: Any
    path: str
    cls: str
    parent: Activation | None = None


@dataclass(eq=False)
class Recorded:
    """One call; ``args``, ``kwargs`` and ``out`` hold Values where the tensors were."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    ins: list[Value]
    outs: list[Value]
    writes: list[tuple[Value, Value]]
    where: Activation
    place: Place | None
    inside: list[Recorded] = field(default_factory=list)
    autocast: tuple[str, ...] = ()
    kind: int | None = None
    """The same for calls of one recording that differ in nothing but which arrays they take; None if not known."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A value that left torch: the method that asked for it, where, and the answer in words.

    ``at`` is how many calls there had been.
    """

    at: int
    what: str
    place: Place | None
    value: Value
    answer: str


@dataclass
class Recording:
    """What one forward pass did."""

    root: Activation
    activations: list[Activation]
    calls: list[Recorded]
    values: list[Value]
    inputs: list[Value]
    outputs: list[Value]
    reads: list[Asked]
    tensors: dict[Value, torch.Tensor] = field(default_factory=dict)
    alike: list[tuple[Value, Value]] = field(default_factory=list)
    """Values with the same axes, by what the program says they are: an array and its gradient."""
    forced: Place | None = None
    """The line that asked for a value that fakes do not have, so that the target was run on real tensors."""
