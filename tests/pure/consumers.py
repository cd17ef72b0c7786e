"""Does every wire arrive where the diagram says that it is read?"""

from __future__ import annotations

from collections import defaultdict

from metrics import bounds, polyline

from ncd.circuit.diagram import Diagram
from ncd.layout.scene import Dot, Path, Scene, Text

REACH = 220.0
"""Curves, cups and arrows between the end of a wire and the symbol that reads it are no wider, nor twice as high."""


def missing(scene: Scene, drawn: Diagram) -> list[tuple[str, int]]:
    """Reads that no wire shows, as the op's name and the id of the array: nothing of the array ends near the op.

    An op that shows no mark of its own (a view) cannot be told from its wires, and is left out.  An
    array without any wire is missing at all its readers, but for what a scaling on a cup reads,
    where the product has no wire.
    """
    marks: dict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    ends: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for m in scene.marks:
        if m.ids.op is not None:
            if isinstance(m, Path):
                marks[m.ids.op].append(bounds(polyline(m.segments)))
            elif isinstance(m, (Dot, Text)):
                marks[m.ids.op].append((m.x, m.y, m.x, m.y))
        elif isinstance(m, Path) and m.role in ("wire", "bundle") and m.ids.array is not None:
            points = polyline(m.segments)
            ends[m.ids.array].append(max(points))
    made = {a.id for op in drawn.ops for a in op.outputs}
    outer = set(drawn.outer)
    saved = {op.outputs[0].id: op.inputs[0].id for op in drawn.ops if op.symbol == "load"}
    out = []
    for k, op in enumerate(drawn.ops):
        if k not in marks or op.symbol in ("scale", "load") or op.kind == "source":
            continue
        x0, y0, x1, y1 = (f(v) for f, v in zip((min, min, max, max), zip(*marks[k], strict=True), strict=True))
        for a in op.inputs:
            if (a.hidden and a.id not in made) or all(w.id in outer for w in a.wires):
                continue
            near = any(
                x0 - REACH <= x <= x1 + REACH and y0 - 2 * REACH <= y <= y1 + 2 * REACH
                for x, y in ends[saved.get(a.id, a.id)]
            )
            if not near:
                out.append((op.name, a.id))
    return out
