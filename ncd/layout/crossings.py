"""How many wires cross, and what an order of wires costs besides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import le

from ncd.layout.net import Container, End, Face, Lane, Operation, Wire

MEMORY = {"root": 0.5, "port": 0.2, "lane": 0.05}
"""Cost of two wires of one array standing against memory order."""
PIERCED = 1.5
"""Cost of a wire through a cup; it is worse than a crossing of two curves."""

WRITTEN = 0.03
"""Cost of two operations of a column standing against the order in which they run."""
TANGLE = 0.1
"""Cost of a place where wires cross at all."""


def inversions(numbers: Sequence[float]) -> int:
    """How many pairs stand the wrong way round: the crossings of lines from these places to places in order.

    Equal numbers are not the wrong way round: lines that share an end do not cross.
    """
    if len(numbers) < 2 or all(map(le, numbers, islice(numbers, 1, None))):
        return 0
    n = 0
    seen: list[float] = []
    for k, x in enumerate(numbers):
        at = bisect_right(seen, x)
        n += k - at
        seen.insert(at, x)
    return n


def ranks(face: Face) -> dict[Wire, float]:
    """Where each wire stands on a face, half a place between arrays; the first place where it stands twice."""
    out: dict[Wire, float] = {}
    k = 0.0
    for port in face:
        for e in port.ends:
            out.setdefault(e.wire, k)
            k += 1
        k += 0.5
    return out


def of_gap(container: Container, gap: int) -> int:
    """Crossings in one gap of a container."""
    at = ranks(container.leaving(gap))
    return inversions([at[e.wire] for p in container.entering(gap) for e in p.ends])


def places(face: Face) -> dict[End, int]:
    """The number of every end of a face, from the top."""
    return {e: k for k, e in enumerate(e for p in face for e in p.ends)}


def of_operation(o: Operation) -> float:
    """Cost of what happens inside an operation: merges, cups, arrays led round a symbol."""
    if o.style == "word":
        return 0
    left, right = places(o.left), places(o.right)
    if o.style == "box":
        ins, outs = _core(o, o.sources, o.touched_in, left), _core(o, o.sinks, o.touched_out, right)
        return inversions(ins) + inversions(outs)
    total: float = inversions([n for e in right for n in sorted(left[s] for s in o.sources.get(e.index, ()))])
    through = [left[e] for i in o.tiled for e in o.sources[i]]
    spans: list[tuple[int, int]] = []
    for i in o.ended:
        at = [left[e] for e in o.sources[i]]
        low, high = min(at), max(at)
        total += PIERCED * sum(low < t < high for t in through)
        total += sum(a < low < b < high or low < a < high < b for a, b in spans)
        spans.append((low, high))
    return total


def pierced(o: Operation) -> int:
    """Wires that run through cups of a contraction."""
    left = places(o.left)
    through = [left[e] for i in o.tiled for e in o.sources[i]]
    spans = [[left[e] for e in o.sources[i]] for i in o.ended]
    return sum(min(s) < t < max(s) for s in spans for t in through)


def _core(o: Operation, tiled: Mapping[str, list[End]], touched: Sequence[End], at: Mapping[End, int]) -> list[int]:
    """The places of the ends of one side, in the order of the column of the symbol."""
    above = [n for i in o.above for n in sorted([at[e] for e in tiled[i]])]
    return [*above, *[at[e] for e in touched], *[n for i in o.below for n in sorted([at[e] for e in tiled[i]])]]


def against_memory(ends: Sequence[End]) -> int:
    return inversions([e.place for e in ends]) if len(ends) > 1 else 0


def spread(crossed: float) -> float:
    """Crossings in one place are easier to read than as many in several."""
    return crossed + TANGLE if crossed else 0.0


def cost(container: Container) -> float:
    """What the order search minimises."""
    total = sum(spread(of_gap(container, g)) for g in range(len(container.columns) + 1))
    weight = MEMORY["root" if container.root else "port"]
    total += weight * sum(against_memory(p.ends) for p in (*container.left, *container.right))
    if container.root:
        total += weight * inversions([p.operand for p in container.left])
    for column in container.columns:
        numbers = [item.number for item in column if isinstance(item, Operation)]
        total += WRITTEN * inversions(numbers)
        for item in column:
            if isinstance(item, Operation):
                total += spread(of_operation(item))
            elif isinstance(item, Lane):
                total += MEMORY["lane"] * against_memory(item.port.ends)
            else:
                total += cost(item)
    return total


def crossings(container: Container) -> int:
    """The number of crossings in the picture."""
    total = sum(of_gap(container, g) for g in range(len(container.columns) + 1))
    for column in container.columns:
        for item in column:
            if isinstance(item, Container):
                total += crossings(item)
            elif isinstance(item, Operation):
                extra = (PIERCED - 1) * pierced(item) if item.style == "route" else 0
                total += round(of_operation(item) - extra)
    return total
