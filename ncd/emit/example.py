"""Inputs to run a diagram on where none are given: those that it was traced with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ncd.circuit.diagram import Diagram
from ncd.emit.binding import is_part
from ncd.errors import CheckError
from ncd.tracing.containers import map_leaves
from ncd.tracing.inputs import vocabulary
from ncd.tracing.placeholders import Placeholder


def example(diagram: Diagram) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments a diagram was traced with, random values where there were none."""
    if is_part(diagram):
        raise CheckError(
            f"{diagram.title!r} is a part: its inputs are made by the rest of the model",
            fix=f"take the whole diagram, or give the part's inputs: {', '.join(map(str, diagram.inputs))}",
        )
    if diagram.source.example is None:
        return tuple(_random(a.shape, getattr(torch, a.dtype)) for a in diagram.inputs), {}
    args, kwargs = diagram.source.example
    made: dict[int, Tensor] = {}

    def real(_: str, x: Any) -> Any:
        if isinstance(x, Placeholder):
            high = (x.high or vocabulary(diagram.source.module)) if x.values == "tokens" else 2
            return made.setdefault(id(x), _random(x.sizes, x.dtype, high))
        if isinstance(x, Tensor) and x.is_meta:
            return made.setdefault(id(x), _random(x.shape, x.dtype))
        return x

    args, kwargs = map_leaves((tuple(args), dict(kwargs)), real)
    return args, kwargs


def random_inputs(diagram: Diagram) -> list[Tensor]:
    """Other random values for every input, integers below what was asked for when it was traced."""
    args, kwargs = diagram.source.example or ((), {})
    highs = {(x.sizes, x.high) for x in (*args, *kwargs.values()) if isinstance(x, Placeholder) and x.high}
    high = min((h for _, h in highs), default=vocabulary(diagram.source.module))
    return [_random(a.shape, getattr(torch, a.dtype), high if a.dtype.startswith("int") else 2) for a in diagram.inputs]


def _random(shape: Sequence[int], dtype: torch.dtype, high: int = 2) -> Tensor:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(tuple(shape), dtype=dtype)
    return torch.randint(0, high, tuple(shape)).to(dtype)
