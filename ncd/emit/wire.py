"""Which arrays of a diagram a key speaks of."""

from __future__ import annotations

from typing import TypeAlias

from ncd.circuit.diagram import Array, Diagram, Op
from ncd.errors import CheckError

Key: TypeAlias = Op | Array | int | str
"""An op, an array or its id; an input's or parameter's name, ``"%12"``, a block's path (what the last
op of that block made), ``"path:op"`` (``"h.0.attn:softmax"``), or an op's name alone.  Of several
ops of one name, ``"h.0.attn:matmul#2"`` is the second."""


def located(diagram: Diagram, key: Key) -> tuple[int, ...]:
    """The ids of the arrays a key speaks of.  Raises CheckError when there are none, or it is not said which."""
    if isinstance(key, Op):
        return tuple(a.id for a in key.outputs)
    if isinstance(key, Array):
        return (key.id,)
    if isinstance(key, int):
        if any(a.id == key for a in diagram.arrays):
            return (key,)
        raise CheckError(f"there is no array %{key} in {diagram.title!r}", fix="use op.outputs[0] or diagram.inputs[0]")
    named = [a.id for a in diagram.arrays if a.name == key or f"%{a.id}" == key]
    if named:
        return tuple(named[:1])
    if any(b.path == key or key in b.also for b in diagram.blocks):
        paths = diagram.inside(key)
    else:
        paths = frozenset({key})
    inner = [op for op in diagram.ops if op.path in paths and op.outputs] or _called(diagram, key)
    if not inner:
        known = [a.name for a in diagram.inputs if a.name] + [b.path for b in diagram.blocks if b.path]
        raise CheckError(
            f"{diagram.title!r} has no array, parameter, block or operation {key!r}",
            doing="looking up a value",
            fix="one of " + ", ".join(known[:8]) if known else "use an op or an array of the diagram",
        )
    return tuple(a.id for a in inner[-1].outputs)


def _called(diagram: Diagram, key: str) -> list[Op]:
    """The one op of this name (and path).  Raises CheckError if there are several."""
    path, colon, name = key.rpartition(":")
    name, _, count = name.partition("#")
    found = [
        op
        for op in diagram.ops
        if name in (op.name, op.label, op.symbol)
        and name
        and op.outputs
        and (not colon or op.path == path or op.path.startswith(path + "."))
    ]
    if count.isdigit():
        return found[int(count) - 1 : int(count)] if int(count) else []
    if len(found) > 1:
        where = list(dict.fromkeys(op.path for op in found))
        raise CheckError(
            f"{len(found)} operations are called {key!r}",
            doing="looking up a value",
            fix=f"{key}#1 to {key}#{len(found)}, the first or last"
            if len(where) == 1
            else "say in which block: " + ", ".join(f"{p}:{name}" for p in where[:4]),
        )
    return found


def array(diagram: Diagram, i: int) -> Array | None:
    """The array of this id."""
    return next((a for a in diagram.arrays if a.id == i), None)
