"""Bundles: two image axes that every op treats alike are one double wire."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Diagram, Op, Ref
from ncd.ops.calls import is_window
from ncd.rewrite.net import numbers
from ncd.rewrite.tree import drawn_operands, drawn_targets, hidden_arrays

WINDOWS = ("conv", "upconv", "pool")


def bundle(diagram: Diagram) -> Diagram:
    """Pairs of neighbouring axes that windowed ops slide over alike, wherever they occur."""
    hidden = hidden_arrays(list(diagram.ops))
    pairs: dict[int, int] = {}
    broken: set[int] = set()
    together: list[set[int]] = []
    for op in diagram.ops:
        if op.symbol in WINDOWS:
            # As the call itself sees it: what is drawn may have its axes in another order.
            windows = [c for c in op.body if is_window(c.name.split(".")[-1])]
            seen = {c.args[0].id for c in windows if c.args and isinstance(c.args[0], Ref)}
            for a, _, made in drawn_operands(op, hidden):
                if not made and a.id not in seen:
                    continue
                if len(a.shape) == 4 and len(a.wires) >= 2 and all(len(x.leaves) == 1 for x in a.axes[-2:]):
                    first, second = a.wires[-2].id, a.wires[-1].id
                    if pairs.setdefault(first, second) != second:
                        broken.add(first)
    if not pairs:
        return replace(diagram, bundles=())
    partner = {second: first for first, second in pairs.items()}
    for op in diagram.ops:
        touched = drawn_targets(op, hidden)
        met: set[int] = set()
        for a, row, _ in drawn_operands(op, hidden):
            ids = [w.id for w in a.wires]
            for k, i in enumerate(ids):
                if i in pairs:
                    met.add(i)
                    beside = k + 1 < len(ids) and ids[k + 1] == pairs[i]
                    if not beside or (row[k] in touched) != (row[k + 1] in touched):
                        broken.add(i)
                elif i in partner and (k == 0 or ids[k - 1] != partner[i]):
                    broken.add(partner[i])
                    met.add(partner[i])
        if op.symbol in WINDOWS and met and not square(op):
            broken |= met
        if met:
            together.append(met)
    # What is drawn double on one side of an op must be on the other.
    changed = True
    while changed:
        changed = False
        for group in together:
            if group & broken and not group <= broken:
                broken |= group
                changed = True
    return replace(diagram, bundles=tuple((a, b) for a, b in pairs.items() if a not in broken))


def square(op: Op) -> bool:
    """Whether a windowed op has the same kernel, stride and padding along both axes."""
    for weight in op.params:
        if len(weight.shape) == 4 and weight.shape[-1] != weight.shape[-2]:
            return False
    for call in op.body:
        said = [*call.args, *(v for _, v in call.kwargs)]
        for x in said:
            if (
                isinstance(x, (tuple, list))
                and len(x) == 2
                and x[0] != x[1]
                and len(numbers(replace(call, args=tuple(x), kwargs=()))) == 2
            ):
                return False
    return True
