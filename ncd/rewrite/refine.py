"""Axes of a finished diagram cut into factors, or found to be one: everywhere at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ncd.circuit.axis import Axis, composite
from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.circuit.weave import Form, Side, Weave, mixed

Finer = Mapping[int, tuple[Axis, ...]]
"""What an atomic axis, by its id, consists of by now."""


def refined(diagram: Diagram, finer: Finer) -> Diagram:
    """The same diagram over finer axes; weaves are over their indices."""
    if not finer:
        return diagram

    def op(o: Op) -> Op:
        return refined_op(o, finer)

    def array(a: Array) -> Array:
        return refined_array(a, finer)

    def block(b: Block) -> Block:
        return b if b.op is None else replace(b, op=op(b.op))

    return replace(
        diagram,
        ops=tuple(map(op, diagram.ops)),
        inputs=tuple(map(array, diagram.inputs)),
        outputs=tuple(map(array, diagram.outputs)),
        blocks=tuple(map(block, diagram.blocks)),
    )


def refined_op(o: Op, finer: Finer) -> Op:
    if not o.inside and not any(w.id in finer for a in (*o.inputs, *o.outputs) for w in a.wires):
        return o
    ins, outs = ((refined_array(a, finer) for a in side) for side in (o.inputs, o.outputs))
    inside = tuple(refined_op(inner, finer) for inner in o.inside)
    return replace(o, inputs=tuple(ins), outputs=tuple(outs), weave=_weave(o, finer), inside=inside)


def refined_array(a: Array, finer: Finer) -> Array:
    if not any(leaf.id in finer for leaf in a.wires):
        return a
    return replace(a, axes=tuple(_axis(x, finer) for x in a.axes))


def _axis(axis: Axis, finer: Finer) -> Axis:
    if not any(leaf.id in finer for leaf in axis.leaves):
        return axis
    return composite([part for leaf in axis.leaves for part in finer.get(leaf.id, (leaf,))])


def _weave(op: Op, finer: Finer) -> Weave:
    """The weave over the finer axes: an index of a cut axis becomes one index for each factor."""
    count = 1 if op.weave.rest else len(op.outputs)
    groups = [op.outputs[k : k + count] for k in range(0, len(op.outputs), count)] or [()]
    weaves = (op.weave, *op.weave.rest)
    sizes: dict[str, int] = {v: n for w in weaves for v, n in w.sizes.items()}
    parts: dict[str, Form] = {}
    for w, outs in zip(weaves, groups, strict=True):
        for arrays, forms in ((op.inputs, w.ins), (outs, w.outs)):
            for a, dims in zip(arrays, forms, strict=True):
                for axis, form in zip(a.axes, dims, strict=True):
                    _cut(axis, form, finer, sizes, parts)
    if not parts:
        return op.weave

    def side(s: Side) -> Side:
        return tuple(tuple(_replaced(f, parts) for f in dims) for dims in s)

    def whole(w: Weave, rest: Sequence[Weave] = ()) -> Weave:
        targets = frozenset(n for v in w.targets for n in (parts[v].variables if v in parts else (v,)))
        ins, outs = side(w.ins), side(w.outs)
        used = {v: sizes[v] for s in (ins, outs) for dims in s for f in dims for v in f.variables}
        return Weave(ins, outs, used, targets, tuple(rest))

    return whole(op.weave, [whole(w) for w in op.weave.rest])


def _cut(axis: Axis, form: Form, finer: Finer, sizes: dict[str, int], parts: dict[str, Form]) -> None:
    named = form.radix(axis.size, sizes) if form.terms else None
    if named is None or len(named) != len(axis.leaves):
        return
    for var, leaf in zip(named, axis.leaves, strict=True):
        new = finer.get(leaf.id, ())
        if len(new) > 1 and var not in parts:
            names = []
            for part in new:
                name = part.name
                while name in sizes:
                    name += "'"
                sizes[name] = part.size
                names.append(name)
            parts[var] = mixed(names, sizes)


def _replaced(form: Form, parts: Mapping[str, Form]) -> Form:
    terms = []
    for c, v in form.terms:
        terms += [(c * k, n) for k, n in parts[v].terms] if v in parts else [(c, v)]
    return Form(tuple(terms), form.const)
