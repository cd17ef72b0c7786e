"""Diagram -> containers: what is drawn of every array and operation, and which block holds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ncd.circuit.diagram import TUPLE, Array, Block, Diagram, Op
from ncd.layout.net import Container, Operation, Port, Value, Wire, kept


class Builder:
    """Makes values and operations of one diagram; ``labels`` says what a wire is called."""

    def __init__(self, diagram: Diagram, labels: str, hide: Collection[int] = ()) -> None:
        self.diagram, self.labels = diagram, labels
        self.outer = frozenset((*diagram.outer, *hide))
        self.bundles = frozenset(tuple(b) for b in diagram.bundles)
        self.made = frozenset(a.id for op in diagram.ops for a in op.outputs)
        self.values: dict[int, Value] = {}

    def kept(self, array: Array) -> list[tuple[int, bool]]:
        """The wires drawn, as positions in ``array.wires``, and whether each stands for a bundle."""
        shown = [k for k, w in enumerate(array.wires) if w.id not in self.outer]
        out: list[tuple[int, bool]] = []
        i = 0
        while i < len(shown):
            pair = tuple(array.wires[k].id for k in shown[i : i + 2])
            double = pair in self.bundles
            out.append((shown[i], double or array.kind == TUPLE))
            i += 2 if double else 1
        return out

    def value(self, array: Array) -> Value:
        found = self.values.get(array.id)
        if found is None:
            found = self.values[array.id] = Value(array, len(self.values))
            for k, double in self.kept(array):
                axis = array.wires[k]
                # Of a pair of image axes y and x, the last is what people call the picture's axis.
                spoken = array.wires[k + 1] if double and array.kind != TUPLE else axis
                # The same axis twice in one array is two indices: s and s'.
                primes = "'" * sum(w.axis is not None and w.axis.id == axis.id for w in found.wires)
                label = axis.extent if self.labels == "sizes" else spoken.label + primes
                label += f"={axis.extent}" if self.labels == "both" else ""
                found.wires.append(Wire(found, axis, label, double))
            if not found.wires:
                found.wires.append(Wire(found, None, "", False))
        return found

    def drawn(self, array: Array) -> bool:
        return not array.hidden or array.id in self.made

    def operation(self, op: Op, number: int) -> Operation:
        if op.symbol == "load":  # from memory: the same array again, and no wire to it
            (made,) = op.outputs
            self.value(made).array = replace(made, id=op.inputs[0].id)
            op = replace(op, inputs=(), weave=replace(op.weave, ins=()))
        ins, outs = indices(op)
        mixed = {i for row in (*ins, *outs) for i in row if touches(op, i)}
        touched = set(mixed)
        if op.symbol != "norm":
            touched |= {i for a, row in zip(op.inputs, ins, strict=True) if not self.drawn(a) for i in row}
        if op.symbol == "einsum":
            touched -= {i for row in ins for i in row} - {i for row in outs for i in row}

        def port(array: Array, row: tuple[str, ...], operand: int) -> Port:
            made = Port(self.value(array), operand)
            for end, (k, double) in zip(made.ends, self.kept(array), strict=False):
                end.index = row[k]
                own = row[k : k + 2] if double else row[k : k + 1]
                end.touched, end.mixed = not touched.isdisjoint(own), not mixed.isdisjoint(own)
            return made

        # What a source reads (zeros_like) it reads for its shape alone.
        read = zip(op.inputs, ins, strict=True) if op.kind != "source" else ()
        shown = [(a, row) for a, row in read if self.drawn(a)]
        if op.symbol == "block" and len(shown) > 1:
            touched = {i for row in (*ins, *outs) for i in row}  # who joins arrays is not led round: all wires go in
        left = [port(a, row, i) for i, (a, row) in enumerate(shown)]
        right = [port(a, row, j) for j, (a, row) in enumerate(zip(op.outputs, outs, strict=True))]
        return Operation(op, number, left, right)


def indices(op: Op) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """``op.indices()``, also where each further output has a weave of its own."""
    if not op.weave.rest:
        return op.indices()
    ins = Op(op.kind, op.name, op.inputs, op.outputs[:1], op.weave).indices()[0]
    outs = []
    for j, weave in enumerate((op.weave, *op.weave.rest)):
        row = Op(op.kind, op.name, op.inputs, op.outputs[j : j + 1], weave).indices()[1][0]
        outs.append(tuple(f"{i}.{j}" if i.startswith("@") else i for i in row))
    return ins, tuple(outs)


def touches(op: Op, index: str) -> bool:
    return op.touches(index) or any(index in w.targets for w in op.weave.rest)


def build(diagram: Diagram, labels: str, hide: Collection[int] = ()) -> tuple[Container, Builder]:
    """The container of the whole diagram, with ports; columns are still empty."""
    builder = Builder(diagram, labels, hide)
    operations = [builder.operation(op, k) for k, op in enumerate(diagram.ops)]
    for r in diagram.reads:
        if r.op is not None:
            operations[r.op].decided = True
    operations = _fused(operations, diagram.outputs)
    root = _tree(diagram, operations)
    _ports(root, diagram, builder)
    return root, builder


def _fused(operations: list[Operation], outputs: Iterable[Array]) -> list[Operation]:
    """Draw a scaling on the cup of the contraction before it, where nothing else reads the product."""
    uses: dict[int, int] = {}
    for o in operations:
        for p in o.left:
            uses[p.value.array.id] = uses.get(p.value.array.id, 0) + 1
    for a in outputs:
        uses[a.id] = uses.get(a.id, 0) + 1
    product: dict[int, Operation] = {}
    kept: list[Operation] = []
    for o in operations:
        before = product.get(o.left[0].value.array.id) if o.op.symbol == "scale" and o.style == "word" else None
        if before and uses[o.left[0].value.array.id] == 1 and before.op.path == o.op.path:
            before.tail = (o.number, o.op.label)
            before.decided |= o.decided
            there = {e.index: e for e in before.right[0].ends}
            by_position = {e.place: e for e in before.right[0].ends}
            names = {e.index: by_position[e.place].index for e in o.left[0].ends}
            port = o.right[0]
            for e in port.ends:
                e.index = names[e.index]
                e.touched = there[e.index].touched
            before.right = [port]
            before.sinks = {}
            for e in port.ends:
                before.sinks.setdefault(e.index, []).append(e)
            del product[o.left[0].value.array.id]
            continue
        cups = o.style == "route" and any(len(o.sources[i]) > 1 for i in o.ended)
        if o.op.symbol == "einsum" and cups:
            product[o.right[0].value.array.id] = o
        kept.append(o)
    return kept


def _tree(diagram: Diagram, operations: list[Operation]) -> Container:
    """Blocks as containers.  A block that wires leave and re-enter is no block: its parent takes its parts."""
    blocks = {b.path: b for b in diagram.blocks}
    top = [b for b in diagram.blocks if b.parent not in blocks]
    whole = (
        top[0].path
        if len(top) == 1 and top[0].repeat == 1 and all(_within(o.op.path, top[0].path, blocks) for o in operations)
        else None
    )
    root = Container(None)
    made: dict[str | None, Container] = {None: root, "": root}
    if whole is not None:
        made[whole] = root

    def at(path: str | None) -> Container:
        if path not in blocks or path is None:
            return made.get(path, root)
        if path not in made:
            parent = at(blocks[path].parent)
            made[path] = Container(blocks[path], parent)
            parent.kids.append(made[path])
        return made[path]

    for o in operations:
        at(o.op.path).kids.append(o)
    _dissolve(root)
    return root


def _within(path: str, block: str, blocks: dict[str, Block]) -> bool:
    while path in blocks and path != block:
        path = blocks[path].parent or ""
    return path == block


def _dissolve(container: Container) -> None:
    """Order the kids of every container so that each comes after what it reads, dissolving blocks that forbid it."""
    while True:
        order, stuck = _sorted(container)
        inner = [k for k in stuck if isinstance(k, Container)]
        if not stuck:
            container.kids = order
            break
        victim = min(inner, key=lambda c: sum(1 for _ in c.operations()))
        at = container.kids.index(victim)
        for kid in victim.kids:
            if isinstance(kid, Container):
                kid.parent = container
        container.kids[at : at + 1] = victim.kids
    for kid in container.kids:
        if isinstance(kid, Container):
            _dissolve(kid)


def _sorted(container: Container) -> tuple[list[Operation | Container], list[Operation | Container]]:
    """The kids in an order of dependence, and those that are in no such order."""
    maker: dict[Value, Operation | Container] = {}
    first: dict[Operation | Container, int] = {}
    for kid in container.kids:
        inside = [kid] if isinstance(kid, Operation) else list(kid.operations())
        first[kid] = min((o.number for o in inside), default=0)
        for o in inside:
            for p in o.right:
                maker[p.value] = kid
    saved = {i: kid for kid in container.kids for i in kept(kid, "save")}
    before: dict[Operation | Container, dict[Operation | Container, None]] = {}
    after: dict[Operation | Container, list[Operation | Container]] = {k: [] for k in container.kids}
    for kid in container.kids:
        reads = [p.value for o in ([kid] if isinstance(kid, Operation) else kid.operations()) for p in o.left]
        before[kid] = {maker[v]: None for v in reads if v in maker and maker[v] is not kid}
        before[kid] |= {saved[i]: None for i in kept(kid, "load") if i in saved and saved[i] is not kid}
        for b in before[kid]:
            after[b].append(kid)
    waiting = {k: len(b) for k, b in before.items()}
    ready = sorted((k for k in container.kids if not waiting[k]), key=first.__getitem__)
    order: list[Operation | Container] = []
    while ready:
        kid = ready.pop(0)
        order.append(kid)
        for k in after[kid]:
            waiting[k] -= 1
            if not waiting[k]:
                ready.append(k)
        if len(ready) > 1:
            ready.sort(key=first.__getitem__)
    done = set(order)
    return order, [k for k in container.kids if k not in done]


def _ports(root: Container, diagram: Diagram, builder: Builder) -> None:
    """Which arrays enter and leave every container; empty containers are dropped."""
    uses: dict[Value, int] = {}
    for o in root.operations():
        for p in o.left:
            uses[p.value] = uses.get(p.value, 0) + 1
    results = [builder.value(a) for a in diagram.outputs]
    for v in results:
        uses[v] = uses.get(v, 0) + 1

    def visit(c: Container, handed: frozenset[int] = frozenset()) -> tuple[dict[Value, None], dict[Value, int]]:
        """What is made and read in a container; ``handed`` are ids that a block around it hands to its next turn."""
        pairs = c.block.carried if c.block else ()
        starts, ends = {a for a, _ in pairs}, handed | {b for _, b in pairs}
        made: dict[Value, None] = {}
        read: dict[Value, int] = {}
        for kid in list(c.kids):
            if isinstance(kid, Container):
                inner_made, inner_read = visit(kid, ends)
                if not inner_made and not inner_read:
                    c.kids.remove(kid)
            else:
                inner_made = {p.value: None for p in kid.right}
                inner_read = {}
                for p in kid.left:
                    inner_read[p.value] = inner_read.get(p.value, 0) + 1
            made |= inner_made
            for v, n in inner_read.items():
                read[v] = read.get(v, 0) + n
        if c.root:
            inputs = [builder.value(a) for a in diagram.inputs]
            unmade = [v for v in (*results, *read) if v not in made and v not in inputs]
            c.left = [Port(v, i) for i, v in enumerate(dict.fromkeys((*inputs, *unmade))) if v in uses]
            c.right = [Port(v, i) for i, v in enumerate(results)]
        else:
            entering = (v for v in read if v not in made)
            c.left = [Port(v, i, v.array.id in starts) for i, v in enumerate(entering)]
            # What the last turn hands on ends at the bracket if nothing reads it.
            leaving = (v for v in made if uses.get(v, 0) > read.get(v, 0) or v.array.id in ends)
            c.right = [Port(v, i, v.array.id in ends - handed) for i, v in enumerate(leaving)]
        return made, read

    visit(root)
