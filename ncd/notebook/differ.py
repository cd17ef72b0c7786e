"""What is still there and what is new when a model is traced again."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from ncd.circuit.diagram import Call, Diagram, Name, Op, Ref


def matched(before: Diagram, after: Diagram) -> dict[int, int]:
    """Which operation of one drawing is which of another: by position, those of one path and name in one order."""
    return dict(_pairs([_place(op) for op in before.ops], [_place(op) for op in after.ops]))


def changed(before: Diagram, after: Diagram) -> list[int]:
    """Positions of the operations that are new, or do something else: on other axes, sizes or numbers."""
    same = {j for _, j in _pairs([_whole(op) for op in before.ops], [_whole(op) for op in after.ops])}
    return [k for k in range(len(after.ops)) if k not in same]


def _pairs(a: list[Any], b: list[Any]) -> Iterator[tuple[int, int]]:
    for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        yield from zip(range(block.a, block.a + block.size), range(block.b, block.b + block.size), strict=True)


def _place(op: Op) -> tuple[str, str, str]:
    return op.path, op.name, op.block


def _whole(op: Op) -> tuple[Any, ...]:
    """All that a picture shows of an operation, and what its code says beside."""
    shapes = tuple((a.shape, a.dtype, a.name) for a in (*op.inputs, *op.outputs))
    said = tuple(_call(c) for c in op.body)
    return *_place(op), str(op.weave), op.symbol, op.label, shapes, said, tuple(map(_whole, op.inside))


def _call(call: Call) -> tuple[Any, ...]:
    """A call without the ids of its arrays, which an operation put in before would shift."""
    return call.name, _plain(call.args), tuple((k, _plain(v)) for k, v in call.kwargs)


def _plain(x: Any) -> Any:
    if isinstance(x, Ref):
        return "%"
    if isinstance(x, Name):
        return x.text
    if isinstance(x, slice):
        return "slice", _plain(x.start), _plain(x.stop), _plain(x.step)
    if isinstance(x, (tuple, list)):
        return tuple(map(_plain, x))
    if isinstance(x, dict):
        return tuple((k, _plain(v)) for k, v in x.items())
    return x
