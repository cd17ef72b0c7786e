"""Axes the whole diagram is repeated over: said once in the title, not drawn."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Diagram
from ncd.rewrite.tree import drawn_operands, drawn_targets, hidden_arrays


def outer(diagram: Diagram) -> Diagram:
    """Mark the axes that every op is tiled over and that every input and output has, once.

    Exact because naturality composes: if every op is natural in an axis, so is the whole.
    """
    hidden = hidden_arrays(list(diagram.ops))
    read = {a.id for op in diagram.ops for a in op.inputs}
    ports = [a for a in diagram.inputs if a.id in read] + list(diagram.outputs)
    if not ports or not diagram.ops:
        return diagram
    chosen = {w.id for w in ports[0].wires}
    for a in ports:
        ids = [w.id for w in a.wires]
        chosen &= {i for i in ids if ids.count(i) == 1}
    for op in diagram.ops:
        if not chosen:
            break
        touched = drawn_targets(op, hidden)
        index_of: dict[int, str] = {}
        ins: set[int] = set()
        outs: set[int] = set()
        for a, row, made in drawn_operands(op, hidden):
            ids = [w.id for w in a.wires]
            for i in [i for i in chosen if i in ids]:
                (outs if made else ins).add(i)
                index = row[ids.index(i)]
                if index in touched or index_of.setdefault(i, index) != index or ids.count(i) > 1:
                    chosen.discard(i)
        chosen -= ins - outs
    order = [w.id for w in ports[0].wires if w.id in chosen]
    return replace(diagram, outer=tuple(order))
