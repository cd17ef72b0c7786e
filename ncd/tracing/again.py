"""Recording a program once more, at other sizes of its inputs.

The inputs are made from the example by repeating indices, so that tokens stay tokens and masks
masks.  Sizes that the program asks for remember where they come from (see ``counted``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Origin
from ncd.tracing.callables import dotted
from ncd.tracing.containers import map_leaves
from ncd.tracing.counted import LOST, Count, Guards
from ncd.tracing.inputs import parameter_names
from ncd.tracing.placeholders import Placeholder
from ncd.tracing.record import Recorder
from ncd.tracing.recording import Recorded
from ncd.tracing.tracer import resolve, take


class Counting(Recorder):
    """A recorder whose tensors have sizes that remember where they come from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guards = Guards()

    def __torch_function__(self, fn: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_function__(fn, types, args, kwargs)
        asked = isinstance(out, torch.Size) or (type(out) is int and getattr(fn, "__name__", "") in _COUNTS)
        if not asked or not args or not isinstance(args[0], Tensor):
            return out
        value = self.known.get(id(args[0]))
        if value is None:
            return out
        if fn.__name__ == "__len__":
            self.guards.note((LOST, ("dim", value.id, 0), 0, True))
            return out
        sizes = [Count(n, ("dim", value.id, k), self.guards) for k, n in enumerate(value.shape)]
        if isinstance(out, torch.Size):
            return torch.Size(sizes) if len(sizes) == len(out) else out
        if fn.__name__ == "size":
            at = args[1] if len(args) > 1 else (kwargs or {}).get("dim")
            return sizes[at] if isinstance(at, int) else out
        whole: Any = Count(1, 1, self.guards)
        for n in sizes:
            whole = whole * n
        return whole

    def call(self, fn: Any, name: str, args: Any, kwargs: Any) -> Any:
        outer, self.guards.closed = self.guards.closed, True
        try:
            return super().call(fn, name, args, kwargs)
        finally:
            self.guards.closed = outer


_COUNTS = ("size", "numel", "nelement", "__len__")


Made: TypeAlias = tuple[Any, ...]
"""What tells a call from all others: its function and the ids of the values it made."""


@dataclass
class Again:
    """A recording at other sizes, by the ids that the values had in the first."""

    shapes: dict[int, tuple[int, ...]]
    calls: dict[Made, Recorded]
    length: int
    guards: Guards
    constants: dict[int, Tensor]
    """The values of tensors that no call made and no input or weight is."""


def again(origin: Origin, shapes: Mapping[str, Sequence[int]]) -> Again:
    """Record what ``origin`` was traced from with the named inputs in these shapes.

    Raises whatever the program raises at these sizes.
    """
    module, call, _ = resolve(origin.target if origin.target is not None else origin.module)
    args, kwargs = resized(call, origin.example[0], origin.example[1], shapes)
    recorders: list[Counting] = []

    def counting(*given: Any, **options: Any) -> Recorder:
        recorders.append(Counting(*given, **options))
        return recorders[-1]

    recording = take(module, call, args, kwargs, None, enlarge=False, recorder=counting).recording
    calls: dict[Made, Recorded] = {}
    for c in _all(recording.calls):
        calls[made(c)] = c
    return Again(
        {v.id: v.shape for v in recording.values},
        calls,
        len(recording.calls),
        recorders[-1].guards,
        {v.id: v.data for v in recording.values if v.kind == "constant" and v.data is not None},
    )


def _all(calls: list[Recorded]) -> list[Recorded]:
    return [c for outer in calls for c in (outer, *_all(outer.inside))]


def made(call: Recorded) -> Made:
    return dotted(call.fn) or "#", *(v.id for v in call.outs), *(new.id for _, new in call.writes)


def resized(
    call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Mapping[str, Sequence[int]]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The example with its inputs, by dotted name, in other shapes."""
    signature = call.forward if isinstance(call, nn.Module) else call
    named = dict(zip(parameter_names(signature, len(args)), args, strict=True)) | kwargs
    done: dict[int, Any] = {}

    def ready(name: str, x: Any) -> Any:
        if not isinstance(x, (Tensor, Placeholder)):
            return x
        if id(x) not in done:
            done[id(x)] = repeated(x, tuple(shapes[name])) if name in shapes else x
        return done[id(x)]

    ready_named = map_leaves(named, ready)
    keys = list(named)
    return tuple(ready_named[k] for k in keys[: len(args)]), {k: ready_named[k] for k in keys[len(args) :]}


def repeated(x: Tensor | Placeholder, shape: tuple[int, ...]) -> Any:
    """The same input at another size: every index of it is an index of the example."""
    if isinstance(x, Placeholder):
        return replace(x, sizes=shape)
    for k, n in enumerate(shape):
        if x.shape[k] != n:
            x = x.index_select(k, torch.arange(n, device=x.device) % x.shape[k])
    return x
