"""Renaming axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.errors import AxisError


def rename(diagram: Diagram, names: Mapping[str, str]) -> Diagram:
    """The same diagram with axes called differently.

    Raises AxisError on a name no axis has, and when two axes would get one name.
    """
    known = diagram.axes
    for old, new in names.items():
        if old not in known:
            raise AxisError(
                f"no axis is called {old!r}", doing="renaming axes", fix="the axes are " + ", ".join(sorted(known))
            )
        if not new.rstrip("'").replace("_", "a").isalnum() or new[0].isdigit():
            raise AxisError(f"{new!r} is no name for an axis", doing="renaming axes", fix="a word such as d_model")
    after = [names.get(n, n) for n in known]
    twice = next((n for n in after if after.count(n) > 1), None)
    if twice is not None:
        raise AxisError(f"two axes would be called {twice!r}", doing="renaming axes", fix="give each its own name")

    def axis(a: Axis) -> Axis:
        if a.factors:
            parts = tuple(map(axis, a.factors))
            composed = a.name.startswith("(")
            name = "(" + " ".join(p.name for p in parts) + ")" if composed else names.get(a.name, a.name)
            return replace(a, factors=parts, name=name)
        return replace(a, name=names[a.name], shown="") if a.name in names else a

    def array(a: Array) -> Array:
        return replace(a, axes=tuple(map(axis, a.axes)))

    def op(o: Op) -> Op:
        indices = {v: names.get(v.rstrip("'"), v.rstrip("'")) + v[len(v.rstrip("'")) :] for v in o.weave.sizes}
        work = o.work and tuple(tuple(indices[v] if isinstance(v, str) else v for v in p) for p in o.work)
        return replace(
            o,
            inputs=tuple(map(array, o.inputs)),
            outputs=tuple(map(array, o.outputs)),
            weave=o.weave.renamed(indices),
            work=work,
        )

    source = diagram.source
    if source.exact is not None:
        exact = {n: v for n, v in names.items() if n in source.exact.axes}
        source = replace(source, exact=rename(source.exact, exact))
    opened = {i: tuple(map(op, inner)) for i, inner in source.opened.items()}
    return replace(
        diagram,
        ops=tuple(map(op, diagram.ops)),
        inputs=tuple(map(array, diagram.inputs)),
        outputs=tuple(map(array, diagram.outputs)),
        source=replace(source, opened=opened),
    )
