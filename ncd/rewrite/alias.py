"""Passes that remove what only renames: casts, no-ops, views, broadcasts.

A view whose indices are a bijection is no operation on axes; whoever reads it reads its source.
The calls stay in the readers' bodies, so nothing about what is computed changes.
"""

from __future__ import annotations

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node

CASTS = frozenset("to float half bfloat16 double type type_as clone contiguous detach alias".split())
DROPOUTS = frozenset(
    "dropout feature_dropout alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout".split()
)
NEUTRAL: dict[str, list[float]] = {"mul": [1], "div": [1], "truediv": [1], "add": [0], "sub": [0]}
"""The number with which an operation changes nothing."""


def skip(net: Net, node: Node, i: int) -> None:
    """Let the readers of a node read its i-th input instead; the wires are matched by index."""
    source, out = node.ins[i], node.outs[0]
    at = {t: k for k, t in enumerate(node.itok[i])}
    wires = [at.get(t) for t in node.otok[0]]
    net.drop(node)
    net.read_from(out, source, wires)


def floating(a: Array) -> bool:
    return a.dtype.startswith(("float", "bfloat"))


def identity(net: Net) -> None:
    """Drop casts between floats, dropout, x1, +0, padding by nothing and concatenation with nothing."""
    for node in net.ordered():
        if len(node.outs) != 1 or node.symbol == "block":
            continue
        i = _same_as(net, node)
        if i is not None and (node.ins[i].id in net.overwritten or node.outs[0].id in net.shared):
            continue  # a copy is one while the original is written
        if i is not None and sorted(node.itok[i]) == sorted(node.otok[0]):
            if any(0 in a.shape for a in node.ins):  # nothing, but it would be read all the same
                net.define(node.outs[0], "torch.clone", node.ins[i], order=node.order)
            skip(net, node, i)


def _same_as(net: Net, node: Node) -> int | None:
    """Which input the output equals (up to rounding), if any."""
    if node.name in CASTS or node.name in DROPOUTS:
        a, b = node.ins[0], node.outs[0]
        return 0 if a.dtype == b.dtype or (floating(a) and floating(b)) else None
    if node.name in ("cat", "concat", "concatenate"):
        full = [i for i, a in enumerate(node.ins) if 0 not in a.shape]
        if len(full) == 1:
            return full[0] if node.ins[full[0]].dtype == node.outs[0].dtype else None
    neutral = NEUTRAL.get(node.name) == node.literals and not node.worded
    if neutral and len(node.ins) == 1 and node.ins[0].dtype == node.outs[0].dtype:
        return 0
    if node.name in ("pad", "constant_pad_nd") and not any(node.literals) and len(node.ins) == 1:
        return 0
    return None


def views(net: Net) -> None:
    """Views that rename indices vanish; so do broadcasts that meet the same index on another operand."""
    for _ in range(4):
        before = len(net.nodes)
        for node in net.ordered():
            if node.view and not node.targets and node in net.nodes:
                ins, outs = node.itok[0], node.otok[0]
                if len(set(ins)) == len(ins) and len(set(outs)) == len(outs) and set(ins) <= set(outs):
                    new = [k for k, t in enumerate(outs) if t not in ins]
                    if not new or _absorbed(net, node.outs[0], new):
                        skip(net, node, 0)
        if len(net.nodes) == before:
            return


def _absorbed(net: Net, out: Array, new: list[int]) -> bool:
    """Whether every reader has each broadcast index from another operand as well."""
    if net.is_output(out):
        return False
    for reader in net.reading(out):
        if not (reader.pointwise or reader.contracted or reader.kind == "map"):
            return False
        for i, a in enumerate(reader.ins):
            if a.id != out.id:
                continue
            others = {t for j, row in enumerate(reader.itok) if j != i and reader.ins[j].id != out.id for t in row}
            if any(reader.itok[i][k] not in others for k in new):
                return False
    return True


def dead(net: Net) -> None:
    """Drop what no output depends on; an operation without outputs is where the program stopped."""
    needed = {a.id for a in net.outputs}
    for node in reversed(net.ordered()):
        if not node.outs or not needed.isdisjoint([a.id for a in node.outs]):
            needed.update([a.id for a in node.ins])
        else:
            net.drop(node)
