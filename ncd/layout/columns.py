"""Columns: longest paths, then every operation as late as that shortens wires, then lanes.

Blocks stand beside one another where they fit into a row; those that do not stand *alone*, with
nothing but lanes beside them, so that rows may end in them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

from ncd.layout.net import Container, Lane, Operation, Value, kept

Kid = Operation | Container


def assign(container: Container, alone: AbstractSet[Container] = frozenset()) -> None:
    """Give every kid of a container, and of the containers in it, its column."""
    for kid in container.kids:
        if isinstance(kid, Container):
            assign(kid, alone)
    flow = _Flow(container, alone)
    flow.part([k for k in container.kids if isinstance(k, Container) and k in alone])
    column = container.column
    column.clear()
    starts: list[int] = []
    """Where each part begins."""
    for level in range(max(flow.part_of.values(), default=-1) + 1):
        start = max(column.values(), default=-1) + 1
        starts.append(start)
        for kid in container.kids:
            if flow.part_of[kid] == level:
                column[kid] = max((column[b] + 1 for b in flow.before[kid]), default=start)
                column[kid] = max(column[kid], start)
    earliest = dict(column)
    count = max(column.values(), default=-1) + 1
    starts.append(count)

    for kid in reversed(container.kids):
        end = starts[flow.part_of[kid] + 1]
        latest = -1
        if kid.right:
            latest = min(min((column[a] for a in flow.after[kid]), default=end), end) - 1
        if latest > column[kid] and flow.better_late(kid, column, column[kid]):
            column[kid] = latest
    container.late = {k for k in container.kids if column[k] > earliest[k]}
    count = _beside_blocks(container, count)
    container.columns = [[] for _ in range(count)]
    for kid in container.kids:
        container.columns[column[kid]].append(kid)
    for value in dict.fromkeys(
        (*(p.value for p in container.left), *(p.value for k in container.kids for p in k.right))
    ):
        begin = column[flow.maker[value]] if value in flow.maker else -1
        last = count if value in flow.leaving else max((column[r] for r in flow.readers.get(value, ())), default=begin)
        for c in range(begin + 1, last):
            container.columns[c].append(Lane(value))


class _Flow:
    """What the kids of a container make and read, and which of them come before which."""

    def __init__(self, container: Container, alone: AbstractSet[Container]) -> None:
        self.kids = container.kids
        self.alone = container.root and not alone.isdisjoint(container.kids)
        self.maker: dict[Value, Kid] = {p.value: kid for kid in self.kids for p in kid.right}
        self.readers: dict[Value, dict[Kid, None]] = {}
        self.leaving = {p.value for p in container.right}
        saved = {i: kid for kid in self.kids for i in kept(kid, "save")}
        self.before: dict[Kid, dict[Kid, None]] = {}
        self.after: dict[Kid, list[Kid]] = {kid: [] for kid in self.kids}
        for kid in self.kids:
            for p in kid.left:
                self.readers.setdefault(p.value, {})[kid] = None
            before = {self.maker[p.value]: None for p in kid.left if p.value in self.maker}
            self.before[kid] = before | {saved[i]: None for i in kept(kid, "load") if saved.get(i, kid) is not kid}
            for b in self.before[kid]:
                self.after[b].append(kid)
        self.part_of: dict[Kid, int] = dict.fromkeys(self.kids, 0)
        given = {p.value for p in container.left}
        self.sprung: set[Kid] = set()
        """What reads nothing but sources, and sources: nothing is kept alive by it."""
        for kid in self.kids:
            if not any(p.value in given for p in kid.left) and self.sprung.issuperset(self.before[kid]):
                self.sprung.add(kid)

    def part(self, alone: Collection[Container]) -> None:
        """Number the parts of the container: what stands alone is a part of its own, with an odd number.

        All others go before or behind it, where fewer wires pass it.
        """
        number: dict[Kid, int] = {kid: 2 * i + 1 for i, kid in enumerate(alone)}
        part = self.part_of
        for kid in self.kids:
            part[kid] = number.get(kid) or max((part[b] + part[b] % 2 for b in self.before[kid]), default=0)
        for kid in reversed(self.kids):
            latest = min((part[a] - part[a] % 2 for a in self.after[kid]), default=2 * len(alone))
            if kid not in number and kid.right and latest > part[kid] and self.better_late(kid, part, part[kid]):
                part[kid] = latest

    def better_late(self, kid: Kid, place: Mapping[Kid, int], here: int) -> bool:
        """Whether wires get shorter when this moves right: it makes more wires than only it keeps alive.

        Siblings stay together: Q, K and V share a column.  Outputs of the whole leave with the row.
        """
        if isinstance(kid, Operation):
            for p in kid.left:
                for other in self.readers[p.value]:
                    alike = isinstance(other, Operation) and other.op.symbol == kid.op.symbol
                    if other is not kid and alike and place[other] == here:
                        return False
        if kid in self.sprung:
            return True
        made = sum(len(p.ends) for p in kid.right if p.value in self.readers or not self.alone)
        read = dict.fromkeys(p.value for p in kid.left)
        passing: Collection[Value] = () if self.alone else self.leaving
        held = [v for v in read if v not in passing and all(place[r] <= here for r in self.readers[v])]
        kept_alive = sum(len(v.wires) for v in held)
        if made != kept_alive:
            return made > kept_alive
        first = next(iter(read), None)
        return first is None or (all(v not in self.maker for v in read) and len(self.readers[first]) == 1)


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
