"""Bytes: what every op reads and writes, and what has to be there at the same time.

Every op is taken by itself: it reads each of its operands and writes each of its results once, whole.
A view moves nothing, and a lookup reads as much of its table as it returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ncd.analysis.amount import Product
from ncd.analysis.work import shape
from ncd.circuit.diagram import Array, Diagram, Op

_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "complex128": 16, "complex64": 8, "complex32": 4,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1,
}  # fmt: skip


def width(array: Array) -> int:
    """Bytes an element; the eight-bit floats and the quantised numbers have one."""
    return _BYTES.get(array.dtype, 1)


def place(array: Array, memory: Mapping[int, int]) -> int:
    """What tells the memory that an array lies in."""
    return memory.get(array.id, array.id)


def places(diagram: Diagram) -> Mapping[int, int]:
    """The memory of every array; where it was not recorded, that of what a view re-indexes."""
    known = diagram.source.memory
    if known:
        return known
    found: dict[int, int] = {}
    for op in diagram.ops:
        if op.kind == "rearrange" and op.inputs and not op.weave.targets:
            first = op.inputs[0]
            found.update({a.id: found.get(first.id, first.id) for a in op.outputs})
        for call in op.body:
            found.update({new: found.get(old, old) for old, new in call.writes})
    return found


def is_view(op: Op, memory: Mapping[int, int]) -> bool:
    """Whether all that an op makes lies where its operands do, and it writes nothing there."""
    given = {place(a, memory) for a in op.inputs}
    writes = any(call.writes for call in op.body)
    return not writes and all(place(a, memory) in given for a in op.outputs)


def traffic(op: Op, memory: Mapping[int, int]) -> dict[Product, int]:
    """The bytes that an op reads and writes."""
    if is_view(op, memory):
        return {}
    found: dict[Product, int] = {}

    def move(array: Array, like: Array | None = None) -> None:
        p = shape(like or array)
        found[p] = found.get(p, 0) + width(array)

    looked_up = op.symbol in ("embed", "gather") and op.outputs
    table = next((a for a in op.inputs if looked_up and a.dtype == op.outputs[0].dtype), None)
    for a in {a.id: a for a in op.inputs}.values():
        move(a, op.outputs[0] if a is table else None)
    for a in op.outputs:
        move(a)
    return found


Span = tuple[Product, int, int, int]
"""Axes, bytes an element, and the first and the last op by position at which it is there."""


def spans(diagram: Diagram, ops: Sequence[Op], memory: Mapping[int, int]) -> list[Span]:
    """What lives when, by memory: from the op that makes it to the last that reads it; weights not counted.

    What enters is there from the start, what leaves until the end.
    """
    first: dict[int, tuple[Array, int]] = {}
    last: dict[int, int] = {}
    end = max(len(ops) - 1, 0)

    def see(arrays: Iterable[Array], at: int, made: bool) -> None:
        for a in arrays:
            if a.kind in ("parameter", "buffer"):
                continue
            m = place(a, memory)
            known = first.get(m)
            # A view of a part may be seen before the whole is.
            if known is None or (a.id == m and known[0].id != m):
                first[m] = (a, (at if made else 0) if known is None else known[1])
            last[m] = max(last.get(m, 0), at)

    see(diagram.inputs, 0, False)
    for i, op in enumerate(ops):
        see(op.inputs, i, False)
        see(op.outputs, i, True)
    see(diagram.outputs, end, True)
    return [(shape(a), width(a), start, last[m]) for m, (a, start) in first.items()]
