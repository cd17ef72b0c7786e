"""Names of arrays, beside their wires at both ends of the figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ncd.circuit.diagram import BACKWARD, Array, Diagram
from ncd.layout.margin import EDGE
from ncd.layout.scene import Ids, Mark, Path, Scene, Text, moved
from ncd.text import FONTS, width

ROLE = "array"
GAP = 7.0
"""Between a name and its wires, px."""
LONGEST = 150.0
"""A name that is wider loses the front of its path."""


def with_arrays(scene: Scene, diagram: Diagram, which: str) -> Scene:
    """The figure with the names of the arrays that enter and leave it: of ``all``, or where there are ``gradients``."""
    ends = [*diagram.inputs, *diagram.outputs]
    if which == "none" or (which == "gradients" and not any(a.name.startswith(BACKWARD) for a in ends)):
        return scene
    left = _placed(scene, diagram.inputs, 0)
    right = _placed(scene, diagram.outputs, -1)
    names = {i: said(a.name) for i, a in {a.id: a for a in ends}.items() if a.name}
    shift = max((width(names[i], ROLE) + GAP for i in left if i in names), default=0.0)
    marks: list[Mark] = [m if m.role == "title" else moved(m, shift, 0.0) for m in scene.marks]
    reach = scene.width + shift
    for i, (x, y) in left.items():
        if i in names:
            marks.append(Text(ROLE, x + shift - GAP, y, names[i], "end", Ids(array=i)))
    for i, (x, y) in right.items():
        if i in names:
            marks.append(Text(ROLE, x + shift + GAP, y, names[i], "start", Ids(array=i)))
            reach = max(reach, x + shift + GAP + width(names[i], ROLE) + EDGE)
    return replace(scene, marks=tuple(marks), width=reach)


def said(name: str) -> str:
    """A name as it is set: of a long path the end."""
    mark, rest = (BACKWARD, name[len(BACKWARD) :]) if name.startswith(BACKWARD) else ("", name)
    parts = rest.split(".")
    while len(parts) > 1 and width(mark + ".".join(parts), ROLE) > LONGEST:
        parts = parts[1:]
    return mark + ".".join(parts).replace("_", "\\_")


def _placed(scene: Scene, arrays: Iterable[Array], end: int) -> Mapping[int, tuple[float, float]]:
    """Where the wires of arrays begin (``end`` 0) or end (-1) in the figure, and the baseline of a name there."""
    found: dict[int, dict[int | None, tuple[float, float]]] = {}
    ids = {a.id for a in arrays}
    for m in scene.marks:
        if isinstance(m, Path) and m.role in ("wire", "bundle") and m.ids.array in ids and (end == 0 or m.leaves):
            x, y = m.segments[end][1][-2:]
            found.setdefault(m.ids.array, {}).setdefault(m.ids.axis, (x, y))
    edge = FONTS[ROLE].size * 0.32
    places = {}
    for i, at in found.items():
        xs, ys = zip(*at.values(), strict=True)
        places[i] = (min(xs) if end == 0 else max(xs)), (min(ys) + max(ys)) / 2 + edge
    return places
