"""Arrays that are read far from where they are made, over rows and blocks: a U-Net's skips, an encoder's memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

from ncd.layout.net import Container, Operation, Value, Wire

Home = Mapping[Operation | Container, Container]

LONG = 0.5
"""An array that ends in the next row goes far if it passes more than so much of a row."""
BLOCKS = 2
"""A residual stream passes one block, and is drawn as a wire."""


def far(
    root: Container, edges: Sequence[float], enters: Mapping[Wire, float], room: float
) -> Iterator[tuple[int, int]]:
    """Arrays (by id) and the operations (by position) that are far from them, where rows end at ``edges``.

    ``enters``: where the inputs begin that do so behind the first row.

    What enters a block that it was not made in does so, unless it is read near its entry too, and what
    passes several.  What one turn of a loop hands to the next is left out.
    """
    home = {kid: c for c in root.containers() for kid in c.kids}
    handed = {i for c in root.containers() if c.block for pair in c.block.carried for i in pair}
    made = {p.value: o for o in root.operations() for p in o.right}
    near: set[tuple[Value, Container]] = set()
    """Arrays with the blocks they are near to."""
    found: list[tuple[Value, Operation, Container | None]] = []
    for o in root.operations():
        for p in o.left if o.right else ():  # what ends an array (a save) is not far from it
            source = made.get(p.value)
            start = source.x1 if source else enters.get(p.ends[0].wire, 0.0)
            entered = _entered(home, source, o)
            end = entered[0].x0 if entered else o.x0
            rows = bisect_left(edges, end) - bisect_right(edges, start)
            if rows > 1 or (rows == 1 and end - start > LONG * room):
                if p.value.array.id not in handed and (entered or _passed(home, source, o) >= BLOCKS):
                    found.append((p.value, o, entered[-1] if entered else None))
            elif entered:
                near.add((p.value, entered[-1]))
    for value, o, outermost in found:
        if outermost is None or (value, outermost) not in near:
            yield value.array.id, o.number


def _entered(home: Home, source: Operation | None, reader: Operation) -> list[Container]:
    """The blocks around a reader that its source is not in, from the innermost."""
    around = set(_above(home, source))
    return [c for c in _above(home, reader) if not c.root and c not in around]


def _passed(home: Home, source: Operation | None, reader: Operation) -> int:
    """How many blocks stand between a source and a reader in a block around both."""
    column = home[reader].column
    kids = (source, *_above(home, source)) if source else ()
    start = next((column[k] for k in kids if k in column), -1)
    between = [k for k, n in column.items() if start < n < column[reader]]
    return sum(isinstance(k, Container) or k.symbol == "block" for k in between)


def _above(home: Home, kid: Operation | Container | None) -> Iterator[Container]:
    while kid in home and kid is not None:
        kid = home[kid]
        yield kid
