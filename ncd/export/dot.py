"""The overview: boxes and arrows by graphviz, one box an operation, a frame around each block.

What an operation acts on is in its words only; the neural circuit diagram shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ncd.circuit.diagram import Array, Block, Diagram, Op

if TYPE_CHECKING:
    from graphviz import Digraph


def digraph(diagram: Diagram) -> Digraph:
    """The diagram as a ``graphviz.Digraph``; its ``.source`` is DOT, and only drawing it needs the program ``dot``."""
    from graphviz import Digraph

    graph = Digraph(
        "ncd",
        graph_attr={"rankdir": "LR", "label": _plain(diagram.title), "labelloc": "t", "fontname": "Helvetica"},
        node_attr={"shape": "box", "style": "rounded", "fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"fontname": "Times-Italic", "fontsize": "11", "arrowsize": "0.6"},
    )
    inside: dict[str | None, list[tuple[int, Op]]] = {}
    for i, op in enumerate(diagram.ops):
        inside.setdefault(op.path, []).append((i, op))
    below: dict[str | None, list[Block]] = {}
    for block in diagram.blocks:
        below.setdefault(block.parent, []).append(block)

    def fill(where: Digraph, path: str | None) -> None:
        for i, op in inside.pop(path, ()):
            where.node(f"op{i}", label=_plain(_called(op)), tooltip=_plain(str(op)))
        for child in below.get(path, ()):
            if child.path == "":  # the whole, which is framed already
                fill(where, child.path)
                continue
            with where.subgraph(name=f"cluster_{child.path}") as sub:
                times = f" × {child.repeat}" if child.repeat > 1 else ""
                sub.attr(label=_plain((child.title or child.cls) + times), style="rounded")
                fill(sub, child.path)

    fill(graph, None)
    for rest in inside.values():
        for i, op in rest:
            graph.node(f"op{i}", label=_plain(_called(op)), tooltip=_plain(str(op)))
    made = {a.id: f"op{i}" for i, op in enumerate(diagram.ops) for a in op.outputs}
    for a in diagram.inputs:
        made[a.id] = f"in{a.id}"
        graph.node(made[a.id], label=_plain(a.name or "input"), shape="plaintext")
    for i, op in enumerate(diagram.ops):
        for a in op.inputs:
            if a.id in made:
                graph.edge(made[a.id], f"op{i}", label=_axes(a))
    for k, a in enumerate(diagram.outputs):
        graph.node(f"out{k}", label=_plain(a.name or "output"), shape="plaintext")
        if a.id in made:
            graph.edge(made[a.id], f"out{k}", label=_axes(a))
    return graph


def _called(op: Op) -> str:
    """What a box says: a block's title, else the operation's name, for labels are mathematics."""
    return (op.label if op.symbol == "block" else "") or op.name


def _axes(array: Array) -> str:
    return _plain(" ".join(w.name for w in array.wires))


def _plain(text: str) -> str:
    """A label that DOT takes as it is written: no escapes, and not as HTML."""
    from graphviz import escape

    return str(escape(text.replace("\x00", "")))
