"""The axes of a program recorded in another form, called as they were."""

from __future__ import annotations

from ncd.circuit.diagram import Diagram
from ncd.rewrite.rename import rename


def called_as(diagram: Diagram, before: Diagram) -> Diagram:
    """The diagram with the axes of inputs, parameters and outputs called as in ``before``.

    Who bears such a name already gets a prime.
    """
    own = {(a.kind, a.name): a for a in diagram.arrays if a.name}
    pairs = [(own[a.kind, a.name], a) for a in before.arrays if (a.kind, a.name) in own]
    pairs += zip(diagram.outputs, before.outputs, strict=False)
    new: dict[str, str] = {}
    for mine, theirs in pairs:
        if len(mine.wires) == len(theirs.wires):
            for w, v in zip(mine.wires, theirs.wires, strict=True):
                if w.name in new or v.name not in new.values():
                    new.setdefault(w.name, v.name)
    known = set(diagram.axes)
    for name in sorted(set(new.values()) & known - set(new)):
        new[name] = name + "'"
        while new[name] in known or list(new.values()).count(new[name]) > 1:
            new[name] += "'"
    changed = {old: name for old, name in new.items() if old != name}
    return rename(diagram, changed) if changed else diagram
