"""The order search: sweeps, exchanges of neighbours, and restarts, once for each distinct block."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ncd.layout import order
from ncd.layout.crossings import cost, of_gap
from ncd.layout.net import Container, End, Lane, Operation

SWEEPS = 8
EFFORT, FEWEST, MOST = 120, 4, 24
"""Restarts of a block: the first number over its operations, within the other two."""
PATIENCE = 1
"""Restarts of a block, and sweeps of the whole, end when one more than so many in a row found nothing better."""
LARGE = 60
"""Blocks of more operations are not restarted."""
NESTED = 40
"""In blocks of at most so many operations, restarts shake inner blocks, too."""


def sign(container: Container, known: dict[object, int]) -> int:
    """A number that equal blocks share: same operations on the same values, whatever the axes are called."""
    number: dict[object, int] = {}
    for p in container.left:
        number.setdefault(p.value, len(number))
    rows: list[object] = []
    for kid in container.kids:
        for p in kid.right:
            number.setdefault(p.value, len(number))
        what: object = sign(kid, known) if isinstance(kid, Container) else _shape(kid)
        flow = tuple(tuple(number[p.value] for p in sorted(f, key=lambda p: p.operand)) for f in (kid.left, kid.right))
        rows.append((what, flow))
    shape = (
        tuple(rows),
        tuple(number[p.value] for p in container.right),
        tuple(tuple(w.bundle for w in p.value.wires) for p in container.left),
        bool(container.title),
        container.repeat > 1,
    )
    container.signature = known.setdefault(shape, len(known))
    return container.signature


def _shape(o: Operation) -> object:
    def side(face: list) -> object:  # type: ignore[type-arg]
        return tuple(tuple((e.index, e.touched, e.wire.bundle) for e in p.ends) for p in face)

    return (o.op.symbol, o.style, bool(o.sign), o.tail is not None, side(o.left), side(o.right))


class _Best:
    """The best order of the root that was seen so far, and its cost."""

    def __init__(self, root: Container, cost: float, found: order.State) -> None:
        self.root, self.cost, self.order = root, cost, found

    def seen(self) -> bool:
        """Take over how the root is now, if that is better."""
        now = cost(self.root)
        if better := now < self.cost:
            self.cost, self.order = now, order.save(self.root)
        return better


@dataclass(frozen=True)
class Begun:
    """What sweeps found: the best of their orders with its cost, and that order after exchanges."""

    cost: float
    swept: order.State
    order: order.State


def begin(root: Container, free: bool, lift: float) -> Begun:
    """Find an order without much trouble."""
    best = _Best(root, cost(root), order.save(root))
    latest = 0
    for k in range(SWEEPS):
        if k % 2:
            order.backward(root, free)
        else:
            order.forward(root, free, lift=lift)
        if best.seen():
            latest = k
        elif k - latest > PATIENCE:
            break
    order.load(root, best.order)
    _exchange(root)
    return Begun(best.cost, best.order, order.save(root))


def search(root: Container, seed: int, lift: float, begun: Begun) -> None:
    """Find an order with few crossings where axes are free, and leave it in the containers."""
    best = _Best(root, begun.cost, begun.swept)
    order.load(root, begun.order)
    if best.cost:
        _restart(root, Random(seed), {})
        _exchange(root)
        best.seen()
        order.load(root, best.order)
        for _ in range(2):
            order.forward(root, True, lift=lift)
            best.seen()
            order.backward(root, True)
            best.seen()
    order.load(root, best.order)
    _exchange(root)
    _upright(root, lift)
    _settle(root)


def _upright(container: Container, lift: float) -> None:
    """Turn blocks, or just the stacks of their columns, upside down where that is nearer to how they were written.

    With as much to say for either, what passes an operation stands below it (above it with ``lift``).
    """
    before = (round(_around(container), 6), _hanging(container, lift))
    for turn in (order.mirror, order.mirror_columns):
        turn(container)
        after = (round(_around(container), 6), _hanging(container, lift))
        if after < before:
            before = after
        else:
            turn(container)
    for kid in container.kids:
        if isinstance(kid, Container):
            _upright(kid, lift)


def _settle(root: Container) -> None:
    """Put what enters and leaves the picture in memory order where nothing speaks against it."""
    best = cost(root)
    for port in (*root.left, *root.right):
        ends = list(port.ends)
        port.ends.sort(key=lambda e: e.place)
        if port.ends == ends:
            continue
        now = cost(root)
        if now < best:
            best = now
        else:
            port.ends[:] = ends


def _hanging(container: Container, lift: float) -> int:
    """How often a lane stands on the wrong side of an operation or block."""
    count = 0
    for column in container.columns:
        lanes = 0
        for item in reversed(column) if lift else column:
            if isinstance(item, Lane):
                lanes += 1
            else:
                count += lanes
                if isinstance(item, Container):
                    count += _hanging(item, lift)
    return count


def _exchange(container: Container) -> None:
    """Swap neighbours in a column as long as that removes crossings."""
    for _ in range(4):
        better = False
        for c, column in enumerate(container.columns):
            here = of_gap(container, c) + of_gap(container, c + 1) if len(column) > 1 else 0
            for i in range(len(column) - 1):
                if not here:
                    break
                column[i], column[i + 1] = column[i + 1], column[i]
                now = of_gap(container, c) + of_gap(container, c + 1)
                if now < here:
                    here, better = now, True
                else:
                    column[i], column[i + 1] = column[i + 1], column[i]
        if not better:
            break
    for kid in container.kids:
        if isinstance(kid, Container):
            _exchange(kid)


def _around(container: Container) -> float:
    """Cost of a container and of the gaps of its parent on both sides of it."""
    total = cost(container)
    if container.parent:
        c = container.parent.column[container]
        total += of_gap(container.parent, c) + of_gap(container.parent, c + 1)
    return total


def _restart(container: Container, random: Random, found: dict[int, order.State]) -> None:
    """Shake and sweep small containers, innermost first; a block equal to one already searched takes its order."""
    if container.signature in found:
        order.load(container, found[container.signature])
        return
    for kid in container.kids:
        if isinstance(kid, Container):
            _restart(kid, random, found)
    size = sum(1 for _ in container.operations())
    if size <= LARGE:
        best, state = _around(container), order.save(container)
        tries = max(FEWEST, min(MOST, EFFORT // max(size, 1)))
        latest = -1
        for t in range(-1, tries):
            if best < 1 or t - latest > PATIENCE:
                break
            if t >= 0:
                _shake(container, random, size <= NESTED)
            elif len(container.left) > 1:  # the same with what enters the other way up
                container.left.reverse()
            else:
                continue
            for k in range(4):
                if (k + t) % 2:
                    order.backward(container, True)
                else:
                    order.forward(container, True)
                now = _around(container)
                if now < best:
                    best, state, latest = now, order.save(container), t
        order.load(container, state)
    found[container.signature] = order.save(container)


def _shake(container: Container, random: Random, nested: bool) -> None:
    def shuffle(face: list) -> None:  # type: ignore[type-arg]
        for p in face:
            ends: list[End] = p.ends
            random.shuffle(ends)

    shuffle(container.left)
    shuffle(container.right)
    for column in container.columns:
        for item in column:
            if isinstance(item, Operation):
                if item.style == "box":
                    item.pins = {i: random.random() < 0.5 for i in item.tiled}
                shuffle(item.left)
                shuffle(item.right)
            elif isinstance(item, Lane):
                continue
            elif nested:
                _shake(item, random, nested)
