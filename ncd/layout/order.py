"""One sweep of the order search: every item orders its wires after what stands before or behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ncd.layout.crossings import places, ranks
from ncd.layout.net import Container, End, Face, Item, Lane, Operation, Wire

FAR = 1e9
"""Below everything; ``-FAR`` is above everything."""


def mean(numbers: Sequence[float], none: float = 0.0) -> float:
    return sum(numbers) / len(numbers) if numbers else none


def forward(container: Container, free: bool, first: Mapping[Wire, float] | None = None, lift: float = 0.0) -> None:
    """Order every column after the one before it.  ``lift`` > 0 puts lanes above operations where both fit."""
    if first is not None:
        order_ports(container.left, first, free)
    at = ranks(container.left)
    for c, column in enumerate(container.columns):
        if len(column) > 1:
            keys = {item: mean([at[e.wire] for p in item.left for e in p.ends], FAR) for item in column}
            if lift:
                keys = {item: k - lift * isinstance(item, Lane) for item, k in keys.items()}
            column.sort(key=keys.__getitem__)
        for item in column:
            if isinstance(item, Container):
                forward(item, free, at, lift)
            elif isinstance(item, Lane):
                if free:
                    item.port.ends.sort(key=lambda e: at[e.wire])
            else:
                _operation_forward(item, at, free)
        at = ranks(container.leaving(c + 1))
    order_ports(container.right, at, free)


def backward(container: Container, free: bool, last: Mapping[Wire, float] | None = None) -> None:
    """Order every column after the one behind it; a wire stands where its readers are on average."""
    if last is not None:
        order_ports(container.right, last, free)
    behind = _readers(container.right)
    for c in reversed(range(len(container.columns))):
        column = container.columns[c]
        if len(column) > 1:
            keys = {i: mean([behind[e.wire] for p in i.right for e in p.ends if e.wire in behind], FAR) for i in column}
            column.sort(key=keys.__getitem__)
        at = {e.wire: behind.get(e.wire, FAR / 2) for i in column for p in i.right for e in p.ends}
        for item in column:
            if isinstance(item, Container):
                backward(item, free, at)
            elif isinstance(item, Lane):
                if free:
                    item.port.ends.sort(key=lambda e: at[e.wire])
            else:
                _operation_backward(item, at, free)
        behind = _readers(container.entering(c))
    order_ports(container.left, behind, free, arrays=not container.root)


def order_ports(ports: Face, at: Mapping[Wire, float], free: bool, arrays: bool = True) -> None:
    if arrays:
        ports.sort(key=lambda p: mean([at.get(e.wire, 0.0) for e in p.ends]))
    if free:
        for p in ports:
            p.ends.sort(key=lambda e: at.get(e.wire, 0.0))


def _readers(face: Face) -> dict[Wire, float]:
    found: dict[Wire, list[float]] = {}
    k = 0.0
    for port in face:
        for e in port.ends:
            found.setdefault(e.wire, []).append(k)
            k += 1
        k += 0.5
    return {w: mean(ks) for w, ks in found.items()}


# -- operations --------------------------------------------------------------------------------


def follow(o: Operation, side: str) -> None:
    """Give the arrays of one side the order above, touched, below."""
    tiled, touched, face = (o.sources, o.touched_in, o.left) if side == "in" else (o.sinks, o.touched_out, o.right)
    groups = [*(tiled[i] for i in o.above), touched, *(tiled[i] for i in o.below)]
    at = {e: k for k, e in enumerate(e for group in groups for e in group)}
    for port in face:
        port.ends.sort(key=at.__getitem__)


def _split(o: Operation, position: Mapping[str, float], middle: float) -> None:
    """Tiled wires above or below the symbol, by where they come from; pins go first."""
    ordered = sorted(o.tiled, key=position.__getitem__)
    up = {i: o.pins.get(i, position[i] < middle) for i in ordered}
    o.above = [i for i in ordered if up[i]]
    o.below = [i for i in ordered if not up[i]]


def _operation_forward(o: Operation, at: Mapping[Wire, float], free: bool) -> None:
    if free:
        if len(o.left) > 1:
            o.left.sort(key=lambda p: mean([at[e.wire] for e in p.ends]))
        for p in o.left:
            p.ends.sort(key=lambda e: at[e.wire])
    if o.style == "route":
        if free:
            rank = places(o.left)
            o.right[0].ends.sort(key=lambda e: mean([rank[s] for s in o.sources.get(e.index, ())]))
        return
    position = {i: mean([at[e.wire] for e in o.sources[i]]) for i in o.tiled}
    if o.style == "word":
        o.above = sorted(o.tiled, key=position.__getitem__)
        follow(o, "out")
        return
    _split(o, position, mean([at[e.wire] for e in o.touched_in], FAR))
    if free:
        o.touched_in.sort(key=lambda e: at[e.wire])
        _group(o.touched_in, o.left)
        if len(o.left) == 1:
            follow(o, "in")
        follow(o, "out")


def _operation_backward(o: Operation, at: Mapping[Wire, float], free: bool) -> None:
    if free:
        if len(o.right) > 1:
            o.right.sort(key=lambda p: mean([at[e.wire] for e in p.ends]))
        for p in o.right:
            p.ends.sort(key=lambda e: at[e.wire])
    position = {i: mean([at[e.wire] for e in ends]) for i, ends in o.sinks.items()}
    if o.style == "route":
        if free:
            _operands_backward(o, position)
        return
    if o.style == "word":
        o.above = sorted(o.tiled, key=position.__getitem__)
        if free:
            follow(o, "in")
        return
    _split(o, position, mean([at[e.wire] for e in o.touched_out], FAR))
    if free:
        o.touched_out.sort(key=lambda e: at[e.wire])
        _group(o.touched_out, o.right)
        follow(o, "in")
        if len(o.right) == 1:
            follow(o, "out")


def _group(touched: list[End], face: Face) -> None:
    """Touched wires stay with their array."""
    if len(face) > 1:
        rank = {p: k for k, p in enumerate(face)}
        touched.sort(key=lambda e: rank[e.port])


def _operands_backward(o: Operation, position: Mapping[str, float]) -> None:
    """Order what goes into a route; a contracted wire goes to the side where its partner is."""
    goal = {}
    for p in o.left:
        known = [position[e.index] for e in p.ends if e.index in position]
        if known:
            goal[p] = mean(known)
    if len(goal) == len(o.left):
        o.left.sort(key=goal.__getitem__)
    rank = {p: k for k, p in enumerate(o.left)}

    def key(e: End) -> float:
        if e.index in position:
            return position[e.index]
        other = next((rank[s.port] for s in o.sources[e.index] if s.port is not e.port), None)
        return 0.0 if other is None else FAR if other > rank[e.port] else -FAR

    for p in o.left:
        p.ends.sort(key=key)


def mirror(item: Item) -> None:
    """Turn an item upside down."""
    for face in (item.left,) if isinstance(item, Lane) else (item.left, item.right):
        face.reverse()
        for port in face:
            port.ends.reverse()
    if isinstance(item, Operation):
        item.above, item.below = item.below[::-1], item.above[::-1]
        item.touched_in.reverse()
        item.touched_out.reverse()
        item.pins = {i: not up for i, up in item.pins.items()}
        if item.style == "word":
            item.above, item.below = item.below, []
    elif isinstance(item, Container):
        for column in item.columns:
            column.reverse()
            for inner in column:
                mirror(inner)


def mirror_columns(container: Container) -> None:
    """Turn the order of items, and of the arrays at routes, upside down; the wires of each array stay in order."""
    for column in container.columns:
        column.reverse()
        for item in column:
            if isinstance(item, Operation) and item.style == "route":
                item.left.reverse()
    container.left.reverse()
    container.right.reverse()


# -- states ------------------------------------------------------------------------------------

State = tuple[object, ...]


def save(item: Item) -> State:
    """An order as data, independent of which of several equal blocks it was found for."""
    faces = (item.left,) if isinstance(item, Lane) else (item.left, item.right)
    ports = tuple(tuple((p.operand, tuple(e.place for e in p.ends)) for p in face) for face in faces)
    if isinstance(item, Lane):
        return ports
    if isinstance(item, Operation):
        touched = tuple(tuple((e.port.operand, e.place) for e in side) for side in (item.touched_in, item.touched_out))
        return (ports, tuple(item.above), tuple(item.below), touched, tuple(sorted(item.pins.items())))
    names = numbering(item)
    return (ports, tuple(tuple((names[key(i)], save(i)) for i in column) for column in item.columns))


def load(item: Item, state: State) -> None:
    """Take over an order that ``save`` returned for this item or one equal to it."""
    if isinstance(item, Lane):
        _load_face(item.left, state[0])
        return
    ports: tuple[object, ...] = state[0]  # type: ignore[assignment]
    _load_face(item.left, ports[0])
    _load_face(item.right, ports[1])
    if isinstance(item, Operation):
        item.above, item.below = list(state[1]), list(state[2])  # type: ignore[call-overload]
        ends = [{(e.port.operand, e.place): e for p in face for e in p.ends} for face in (item.left, item.right)]
        item.touched_in = [ends[0][k] for k in state[3][0]]  # type: ignore[index]
        item.touched_out = [ends[1][k] for k in state[3][1]]  # type: ignore[index]
        item.pins = dict(state[4])  # type: ignore[call-overload]
        return
    names = numbering(item)
    for c, column in enumerate(item.columns):
        found = {names[key(i)]: i for i in column}
        item.columns[c] = []
        for name, inner in state[1][c]:  # type: ignore[index]
            load(found[name], inner)
            item.columns[c].append(found[name])


def _load_face(face: Face, state: object) -> None:
    by_operand = {p.operand: p for p in face}
    face[:] = [by_operand[operand] for operand, _ in state]  # type: ignore[attr-defined]
    for port, (_, order) in zip(face, state, strict=True):  # type: ignore[call-overload]
        by_place = {e.place: e for e in port.ends}
        port.ends[:] = [by_place[k] for k in order]


def key(item: Item) -> object:
    """What an item is called inside its container: a lane by its value, others by themselves."""
    return item.port.value if isinstance(item, Lane) else item


def numbering(container: Container) -> dict[object, tuple[str, int]]:
    """The items of a container by number, the same in equal blocks."""
    out: dict[object, tuple[str, int]] = {kid: ("kid", k) for k, kid in enumerate(container.kids)}
    values = dict.fromkeys(
        (
            *(p.value for p in sorted(container.left, key=lambda p: p.operand)),
            *(p.value for kid in container.kids for p in sorted(kid.right, key=lambda p: p.operand)),
        )
    )
    out.update({v: ("lane", k) for k, v in enumerate(values)})
    return out
