"""What a closed block keeps for the backward pass, and what the backward pass gives for parameters: a tuple each.

Drawn one by one they would be most of the picture.  So where a whole block is one symbol, its tuple of arrays is one
double wire that says how many there are; with either end open, every array is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import BACKWARD, TUPLE, Array, Diagram, Op
from ncd.circuit.weave import Form, Weave, plain

FEW = 3
"""So many gradients of parameters are drawn each."""
OUTSIDE = -1
"""In place of the op that makes a tuple: of the backward pass alone, what the forward pass kept goes in."""


def together(diagram: Diagram) -> Diagram:
    """The diagram with every such tuple as one array.

    A block that reads an array has it in its tuple, too, if the backward pass reads it again: it keeps it.
    """
    ops = diagram.ops
    back = {k for k, op in enumerate(ops) if op.block.split(".")[0] == BACKWARD}
    if not back:
        return diagram
    closed = {k for k, op in enumerate(ops) if op.block and not op.body}
    arrays = {a.id: a for a in diagram.arrays}
    maker = {a.id: k for k, op in enumerate(ops) for a in op.outputs}
    readers: dict[int, list[int]] = {}
    for k, op in enumerate(ops):
        for a in op.inputs:
            readers.setdefault(a.id, []).append(k)
    results = {a.id for a in diagram.outputs}
    asked = {BACKWARD + a.name for a in diagram.inputs}
    gradients = {a.id for a in diagram.outputs if a.name.startswith(BACKWARD) and a.name not in asked}
    tuples: dict[tuple[int, frozenset[int]], list[Array]] = {}
    for i, a in arrays.items():
        made = [maker[i]] if i in maker else []
        there = [k for k in readers.get(i, ()) if k in back]
        here = [k for k in (*made, *readers.get(i, ())) if k in closed and k not in back]
        if there and here and not a.hidden and closed.issuperset(there):
            tuples.setdefault((here[-1], frozenset(there)), []).append(a)
        elif there and not made and a.kind == "value" and back.intersection(closed).issuperset(readers[i]):
            tuples.setdefault((OUTSIDE, frozenset(there)), []).append(a)
        elif back.intersection(made) and i in gradients and not there:
            tuples.setdefault((made[0], frozenset()), []).append(a)
    number = count(1 + max(arrays))
    axis = count(1 + max((w.id for a in arrays.values() for w in a.wires), default=0))
    changes = [_Change() for _ in ops]
    ends: dict[int, Array] = {}
    """The tuples that enter or leave the whole, by the ids of what is in them."""
    for (k, to), found in tuples.items():
        if len(found) > (1 if to else FEW):
            block = ops[k].block if k != OUTSIDE else ", ".join(ops[j].block for j in sorted(to))
            one = _tuple(found, block, bool(to), next(number), next(axis))
            for j in to:
                changes[j].read |= dict.fromkeys((a.id for a in found), one)
            if k == OUTSIDE or not to:
                ends |= dict.fromkeys((a.id for a in found), one)
            if k != OUTSIDE:
                changes[k].made.append(one)
                lost = (a.id for a in found if not to or (a.id not in results and to.issuperset(readers[a.id])))
                changes[k].gone |= set(lost)
    inputs, outputs = (_each_once(ends.get(a.id, a) for a in side) for side in (diagram.inputs, diagram.outputs))
    return replace(diagram, ops=tuple(map(_changed, ops, changes)), inputs=inputs, outputs=outputs)


def _each_once(arrays: Iterable[Array]) -> tuple[Array, ...]:
    return tuple({a.id: a for a in arrays}.values())


@dataclass
class _Change:
    """What an op reads instead, by id, which of its outputs are gone, and what it makes in their place."""

    read: dict[int, Array] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    made: list[Array] = field(default_factory=list)


def _tuple(arrays: list[Array], block: str, kept: bool, number: int, axis: int) -> Array:
    """As an array of one axis, which is as long as all that is in them."""
    what = "kept" if kept else "gradients"
    size = sum(prod(a.shape) for a in arrays)
    leaf = Axis(axis, f"{what} of {block}", size, shown=f"{len(arrays)} {what}")
    return Array(number, (leaf,), arrays[0].dtype, TUPLE)


def _changed(op: Op, change: _Change) -> Op:
    if not (change.read or change.made):
        return op
    ins = {change.read.get(a.id, a): row for a, row in zip(op.inputs, op.weave.ins, strict=True)}
    outs = {a: row for a, row in zip(op.outputs, op.weave.outs, strict=True) if a.id not in change.gone}
    new = dict.fromkeys((*change.read.values(), *change.made))
    ins |= {a: _row(a) for a in new if a in ins}
    outs |= {a: _row(a) for a in change.made}
    met = {v for row in (*ins.values(), *outs.values()) for form in row for v in form.variables}
    own = {w.name: w.size for a in new for w in a.axes}
    sizes = {v: n for v, n in op.weave.sizes.items() if v in met} | own
    weave = Weave(tuple(ins.values()), tuple(outs.values()), sizes, (op.weave.targets & met) | own.keys())
    return replace(op, inputs=tuple(ins), outputs=tuple(outs), weave=weave)


def _row(a: Array) -> tuple[Form, ...]:
    return tuple(plain(w.name) for w in a.axes)
