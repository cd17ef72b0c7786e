"""Columns: longest paths, then every operation as late as that shortens wires, then lanes."""

from __future__ import annotations

from ncd.layout.net import Container, Lane, Operation, Value


def assign(container: Container) -> None:
    """Give every kid of a container, and of the containers in it, its column."""
    for kid in container.kids:
        if isinstance(kid, Container):
            assign(kid)
    maker: dict[Value, Operation | Container] = {}
    readers: dict[Value, dict[Operation | Container, None]] = {}
    for kid in container.kids:
        for p in kid.right:
            maker[p.value] = kid
        for p in kid.left:
            readers.setdefault(p.value, {})[kid] = None
    column = container.column
    for kid in container.kids:
        column[kid] = max((column[maker[p.value]] + 1 for p in kid.left if p.value in maker), default=0)
    earliest = dict(column)
    count = max(column.values(), default=-1) + 1
    leaving = {p.value for p in container.right}

    for kid in reversed(container.kids):
        latest = (
            min((min((column[r] for r in readers.get(p.value, ())), default=count) for p in kid.right), default=1) - 1
        )
        if latest > column[kid] and _better_late(kid, container, maker, readers, leaving):
            column[kid] = latest
    container.late = {k for k in container.kids if column[k] > earliest[k]}
    count = _beside_blocks(container, count)
    container.columns = [[] for _ in range(count)]
    for kid in container.kids:
        container.columns[column[kid]].append(kid)
    for value in dict.fromkeys(
        (*(p.value for p in container.left), *(p.value for k in container.kids for p in k.right))
    ):
        start = column[maker[value]] if value in maker else -1
        last = count if value in leaving else max((column[r] for r in readers.get(value, ())), default=start)
        for c in range(start + 1, last):
            container.columns[c].append(Lane(value))


def _beside_blocks(container: Container, count: int) -> int:
    """Operations beside a block get a column of their own, so that rows may end in the block.

    One that moved right gets it behind the block, one that ends an array (a save) in front of it.
    """
    at = container.column
    blocks = {c for kid, c in at.items() if isinstance(kid, Container)}
    ending = {kid for kid in at if isinstance(kid, Operation) and not kid.right}
    moved = {kid for kid in at if isinstance(kid, Operation) and kid in container.late} - ending
    front = {at[kid] for kid in ending} & blocks
    behind = {at[kid] for kid in moved} & blocks
    for kid, c in at.items():
        shift = sum(f < c for f in front) + sum(b < c for b in behind)
        at[kid] = c + shift + (c in front and kid not in ending) + (c in behind and kid in moved)
    return count + len(front) + len(behind)


def _better_late(
    kid: Operation | Container,
    container: Container,
    maker: dict[Value, Operation | Container],
    readers: dict[Value, dict[Operation | Container, None]],
    leaving: set[Value],
) -> bool:
    """Whether wires get shorter when this moves right: it makes more wires than only it keeps alive.

    Siblings stay together: Q, K and V share a column.
    """
    column = container.column
    here = column[kid]
    if isinstance(kid, Operation):
        for p in kid.left:
            for other in readers[p.value]:
                alike = isinstance(other, Operation) and other.op.symbol == kid.op.symbol
                if other is not kid and alike and column[other] == here:
                    return False
    made = sum(len(p.ends) for p in kid.right)
    read = dict.fromkeys(p.value for p in kid.left)
    held = sum(len(v.wires) for v in read if v not in leaving and all(column[r] <= here for r in readers[v]))
    if made != held:
        return made > held
    first = next(iter(read), None)
    return first is None or (all(v not in maker for v in read) and len(readers[first]) == 1)
