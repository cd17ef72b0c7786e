"""A diagram as a graph for networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ncd.circuit.diagram import Diagram

if TYPE_CHECKING:
    from networkx import MultiDiGraph


def network(diagram: Diagram) -> MultiDiGraph:
    """One node an op (its position, with ``op`` and ``path``), one an input (``("input", array id)``).

    An edge is an array on its way from what makes it to one that reads it, with ``array``, ``shape``
    and ``axes`` (names).  Parameters and constants belong to the op that uses them.
    """
    from networkx import MultiDiGraph

    graph = MultiDiGraph(title=diagram.title)
    made: dict[int, object] = {}
    for a in diagram.inputs:
        made[a.id] = ("input", a.id)
        graph.add_node(made[a.id], name=a.name, array=a)
    for i, op in enumerate(diagram.ops):
        graph.add_node(i, op=op, name=op.name, kind=op.kind, path=op.path)
        for a in op.outputs:
            made[a.id] = i
    for i, op in enumerate(diagram.ops):
        for a in op.inputs:
            if a.id in made:
                graph.add_edge(made[a.id], i, array=a, shape=a.shape, axes=tuple(w.name for w in a.wires))
    for k, a in enumerate(diagram.outputs):
        graph.add_node(("output", k), name=a.name, array=a)
        if a.id in made:
            graph.add_edge(made[a.id], ("output", k), array=a, shape=a.shape, axes=tuple(w.name for w in a.wires))
    return graph
