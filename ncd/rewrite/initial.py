"""What a loop starts from: a state of zeros is drawn, where the turns after the first have a computed one.

Such a state is a constant to the first turn alone.  Kept as an array of its own, it leaves the first turn
as it is: the passes that follow treat all turns alike, and they can be folded into one.
"""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Array, Op
from ncd.rewrite.learned import weight_label
from ncd.rewrite.net import Net, Node

FILLED = {"zeros": "0", "new_zeros": "0", "zeros_like": "0", "ones": "1", "new_ones": "1", "ones_like": "1"}


def initial_states(net: Net) -> None:
    """Where an operand of the first call at a line of code is reached by no input, and that of the second is."""
    nodes: dict[int, list[Node]] = {}
    turns: dict[object, list[Op]] = {}
    within: dict[str, int] = {}
    ops: list[Op] = []
    for node in net.ordered():
        if node.op is None:
            continue
        if id(node.op) not in nodes:
            ops.append(node.op)
            if node.place is not None:
                # All of an opened composite is at one line: there a turn is a block, and the place in it tells.
                nth = within[node.path] = within.get(node.path, 0) + 1
                inside = nth if node.op.evidence else 0
                key = (node.place, node.name, node.path.partition("#")[0], len(node.ins), inside)
                turns.setdefault(key, []).append(node.op)
        nodes.setdefault(id(node.op), []).append(node)
    second = {id(same[0]): same[1] for same in turns.values() if len(same) > 1}
    computed = {a.id for a in net.inputs}
    for op in ops:
        if not computed.isdisjoint([a.id for a in op.inputs]):
            computed.update([a.id for a in op.outputs])
    starts: dict[int, list[Op]] = {}
    for op in ops:
        if id(op) in second:
            for a, b in zip(op.inputs, second[id(op)].inputs, strict=True):
                if a.id not in computed and b.id in computed and a.wires and 0 not in a.shape:
                    starts.setdefault(a.id, []).append(op)
        if starts and any(a.id in computed or a.id in starts for a in op.inputs):
            computed.update(a.id for a in op.outputs)
    for i, readers in starts.items():
        maker = net.maker.get(i)
        if maker is None:
            expose(net, net.arrays[i], [n for op in readers for n in nodes[id(op)]])
        elif len(maker.outs) == 1:
            maker.kind, maker.symbol, maker.view = "source", "source", False
            weight = next((a for a in maker.ins if a.kind == "parameter"), None)
            origin = maker
            while origin.kind in ("rearrange", "source") and len(origin.ins) == 1 and origin.ins[0].id in net.maker:
                origin = net.maker[origin.ins[0].id]  # a part of zeros is zeros
            maker.label = FILLED.get(origin.name, weight_label(weight) if weight is not None else "c")
            maker.symbol = "parameter" if weight is not None and origin.name not in FILLED else "source"
            net.exposed.add(i)


def expose(net: Net, array: Array, readers: list[Node]) -> None:
    """Let a constant or a weight be drawn by itself for these readers."""
    made = net.invent(array)
    made = net.arrays[made.id] = replace(made, name=array.name)
    order = min(n.order for n in readers) - 0.5
    net.define(made, "torch.clone", array, order=order)
    row = [f"s{k}" for k in range(len(array.wires))]
    label = weight_label(array) if array.kind == "parameter" else "c"
    first = readers[0]
    kind, symbol = ("parameter", "parameter") if array.kind == "parameter" else ("constant", "source")
    new = Node("source", kind, [array], [made], [row], [list(row)], set(row), first.path, first.place, order, (),
               symbol=symbol, label=label, evidence=("what the first turn starts from",))  # fmt: skip
    net.add(new)
    net.exposed.add(made.id)
    for node in dict.fromkeys(readers):
        for out in node.outs:
            net.rebase(out, array, made, node.ins, keep=True)
        node.ins = [made if a.id == array.id else a for a in node.ins]
        net.readers[array.id].pop(node, None)
        net.readers.setdefault(made.id, {})[node] = None
    if not any(new is n for n in net.readers[array.id]):
        net.readers[array.id][new] = None
