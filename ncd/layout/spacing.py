"""From left to right: gaps as wide as their curves and labels, columns as wide as their symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf

from ncd import symbols
from ncd.layout.heights import Heights
from ncd.layout.measures import AXIS
from ncd.layout.net import Container, End, Item, Lane, Operation, Slot, Wire
from ncd.layout.places import Piece
from ncd.text import width

MARGIN = 12.0
"""Between the edge of a block and what is in it."""
BRACKET = 14.0
"""Room for the bracket of a repeated block, on each side."""
STUB = 26.0
"""Wire before the first copy of an input."""
LEAD, TRAIL = 8.0, 8.0
"""Level wire in a gap before and behind its curves, at least."""
LEVEL = 0.5
"""Heights that differ by less are the same."""
UNLABELLED = ("norm", "softmax", "mask", "map", "scale", "add")
"""What leaves these bears the names it came with."""
CUP = 19.0
"""Largest radius of a cup."""
NOSE = 18.0
"""How far the wires of a row reach over its end, with their arrowheads."""
NESTED = 9.0
"""How far a cup stands behind one that is narrower."""


def curve(rise: float) -> float:
    """The width of an S-curve that climbs so far."""
    return 0.0 if rise < LEVEL else min(200.0, max(26.0, 10 + 0.5 * rise))


@dataclass
class Gap:
    """Between two columns: labels from ``x0``, curves from ``c0`` to ``c1``, labels up to ``x1``."""

    x0: float = 0.0
    c0: float = 0.0
    c1: float = 0.0
    x1: float = 0.0
    ahead: int = 0
    """How wide its parts have to be: what is ahead of the curves, the curves, and what is behind them."""
    across: int = 0
    behind: int = 0
    left: list[tuple[End, float]] = field(default_factory=list)
    """Labels at the start, with the height of the wire."""
    right: list[tuple[End, float]] = field(default_factory=list)
    """Labels at the end."""
    beyond: list[tuple[End, float]] = field(default_factory=list)
    """Labels on lanes just behind it, where there is room beside what the lane passes."""
    ending: list[tuple[End, Slot]] = field(default_factory=list)
    """What leaves the picture there, where a row ends."""
    rings: list[End] = field(default_factory=list)
    """Wires that nobody reads."""
    fans: dict[Wire, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """Where a row may end: just before the curves of a gap, ``depth`` blocks deep, through so many wires."""

    x: float
    depth: int
    wires: int
    container: Container
    gap: int
    scraps: int = 0
    """How many blocks around it begin or end so near to it that little of them is left in a row."""

    @property
    def place(self) -> tuple[Container, int]:
        return self.container, self.gap


@dataclass
class Inner:
    """Inside an operation: for a box the curves before and behind the symbol, for a route cups and their arrows."""

    before: float = 0.0
    behind: float = 0.0
    offsets: dict[str, float] = field(default_factory=dict)
    """How far behind the operation's left edge each cup begins."""
    start: float = 0.0
    """Where the curves of a route start."""
    width: float = 0.0
    beside: bool = False
    """Whether its sign stands beside its dots, since wires come to them from above."""


class Spacing:
    """Assigns ``x0`` and ``x1`` to every item, and a ``Gap`` to every gap."""

    def __init__(self, root: Container, heights: Heights, labels: str) -> None:
        self.root, self.heights, self.labels = root, heights, labels
        self.gaps: dict[Container, list[Gap]] = {}
        self.inner: dict[Operation, Inner] = {}
        self._measure(root)
        self.place({})

    def place(self, air: Mapping[tuple[Container, int], int]) -> None:
        """Put everything where it belongs; ``air``: how much wider than it need be each gap is to be, px."""
        self.air = air
        self.columns: dict[Container, list[tuple[float, float]]] = {}
        self.cuts: list[Cut] = []
        self.end = self._container(self.root, 0.0, 0)

    def widest(self) -> float:
        """The width of the longest name of a wire."""
        wires = {e.wire.label: e for c in self.gaps for k in c.kids for p in k.right for e in p.ends}
        return max(map(_width, wires.values()), default=8.0)

    def stretch(self, c: Container, k: int) -> tuple[float, float]:
        """From where rows may end before a column to where they may behind it."""
        begin, end, first, last = 0.0, self.end, (c, k), (c, k)
        while first[0].parent and not first[1]:
            first = first[0].parent, first[0].parent.column[first[0]]
        while last[0].parent and last[1] + 1 == len(last[0].columns):
            last = last[0].parent, last[0].parent.column[last[0]]
        if first[1]:
            begin = self.gaps[first[0]][first[1]].c0
        if last[1] + 1 < len(last[0].columns):
            end = self.gaps[last[0]][last[1] + 1].c0
        return begin, end

    def ends(self, cuts: Iterable[tuple[Container, int]]) -> list[float]:
        """Where rows end."""
        return [self.gaps[c][gap].c0 - 1 for c, gap in cuts]

    def _container(self, c: Container, x: float, beside: int | None) -> float:
        """``beside``: how many wires pass the container, or None if rows may not end in it."""
        c.x0 = x
        if not c.root:
            x += MARGIN + (BRACKET if c.repeat > 1 else 0)
        self.columns[c] = []
        broken = self.heights.frames[c].broken
        for k, gap in enumerate(self.gaps[c]):
            air = self.air.get((c, k), 0)
            ahead = air if k in broken else air // 2  # where a row ends, none goes to the next
            gap.x0 = x
            gap.c0 = x + gap.ahead + ahead
            gap.c1 = gap.c0 + gap.across
            gap.x1 = x = gap.c1 + gap.behind + air - ahead
            if beside is not None and 0 < k < len(c.columns) and gap.c0 - gap.x0 >= 8 and not _leaves_turns(c, k):
                self.cuts.append(Cut(gap.c0 - 1, c.depth, beside + len(gap.fans), c, k))
            if k < len(c.columns):
                x = self._column(c, k, x, beside)
        if not c.root:
            x += MARGIN + (BRACKET if c.repeat > 1 else 0)
            x = max(x, c.x0 + ceil(width(c.title, "heading")) + 16)
        c.x1 = x
        return x

    def _column(self, c: Container, k: int, x: float, beside: int | None) -> float:
        column = c.columns[k]
        widest = 0.0
        for item in column:
            if isinstance(item, Operation):
                widest = max(widest, ceil(self.inner[item].width))
        slab = widest
        for item in column:
            if isinstance(item, Container):
                alone = all(other is item or isinstance(other, Lane) for other in column)
                passing = sum(len(other.port.ends) for other in column if isinstance(other, Lane))
                within = beside + passing if alone and beside is not None else None
                slab = max(slab, self._container(item, x, within) - x)
        for item in column:
            if isinstance(item, Lane):
                item.x0, item.x1 = x, x + slab
            elif isinstance(item, Operation):
                own = ceil(self.inner[item].width)
                late = item in c.late
                item.x0 = x + (slab - own if late else (widest - own) // 2 if item.style != "route" else 0.0)
                item.x1 = item.x0 + own
        self.columns[c].append((x, x + slab))
        return x + slab

    def _measure(self, c: Container) -> None:
        """How wide the gaps of a container have to be, and of all in it."""
        gaps = self.gaps[c] = []
        read = {p.end.wire for pieces in self.heights.frames[c].pieces for p in pieces}
        read |= {e.wire for face in c.leaves.values() for p in face for e in p.ends}
        for k in range(len(c.columns) + 1):
            gaps.append(self._gap(c, k, read))
            for item in c.columns[k] if k < len(c.columns) else ():
                if isinstance(item, Container):
                    self._measure(item)

    def _gap(self, c: Container, k: int, read: set[Wire]) -> Gap:
        y = self.heights.y
        pieces = self.heights.frames[c].pieces[k]
        before: list[Item] = c.columns[k - 1] if k else []
        behind: list[Item] = c.columns[k] if k < len(c.columns) else []
        fans: dict[Wire, int] = {}
        for p in pieces:
            fans[p.end.wire] = fans.get(p.end.wire, 0) + 1
        fan = any(n > 1 for n in fans.values())
        rise = max((abs(y(p.start) - y(p.end.slot)) for p in pieces), default=0.0)
        across = max(curve(rise), 14.0 if fan else 0.0)

        gap = Gap(fans=fans)
        gap.left = self._labels_left(c, k, before)
        for item in behind:
            if isinstance(item, Operation):
                self.inner[item] = self._operation(item)
        beside = {p.end: p.target for p in pieces if isinstance(p.target, Lane)}
        for e, h in self._labels_right(c, k, pieces, fans):
            there = e in beside and _width(e) + 8 <= self._level(c, k, beside[e], e)
            (gap.beyond if there else gap.right).append((e, h))
        gap.rings = [
            e for i in before if isinstance(i, Operation) for p in i.right for e in p.ends if e.wire not in read
        ]
        if c.root and k == len(c.columns):  # one name is enough for a wire that runs straight out
            straight = {p.end.wire for p in pieces if abs(y(p.start) - y(p.end.slot)) < LEVEL and gap.right}
            gap.left = [(e, h) for e, h in gap.left if e.wire not in straight or fans[e.wire] > 1]
        at = {wire: slot for wire, slot, _ in self.heights.frames[c].broken.get(k, ())}
        gap.ending = [(e, at[e.wire]) for p in c.leaves.get(k, ()) for e in p.ends]
        first = max((_width(e) + 8 for e, _ in gap.left), default=0.0)
        if self.labels != "none":
            first = max([first, *(_width(e) - NOSE + 8 for e, _ in gap.ending)])
        last = max((_width(e) + 6 for e, _ in gap.right), default=0.0)
        if gap.rings:
            first = max(first, 14.0) + 10
        routes = any(isinstance(i, Operation) and i.style == "route" for i in before)
        if k:
            lead = 20.0 if fan and routes else LEAD
        else:
            lead = STUB if c.root else 6.0
        if k < len(c.columns):
            trail = TRAIL
        else:
            trail = 20.0 if c.root else 6.0
        blocks_before = 4.0 if any(isinstance(i, Container) for i in before) else 0.0
        blocks_behind = 4.0 if any(isinstance(i, Container) for i in behind) else 0.0
        # Whole pixels: where two stretches of a wire meet, no seam shows.
        gap.ahead = ceil(max(lead, first) + blocks_before)
        gap.across = ceil(across)
        gap.behind = ceil(max(trail if not last else 4.0, last) + blocks_behind)
        return gap

    def _level(self, c: Container, k: int, lane: Lane, end: End) -> float:
        """How far a wire surely runs on level in a lane past column ``k``, with no row ending there."""
        y, frame = self.heights.y, self.heights.frames[c]
        if self.heights.cuts_beside(c, k):
            return 0.0
        if any(isinstance(i, Container) for i in c.columns[k]):
            return inf
        onward = [p for p in frame.pieces[k + 1] if p.source is lane and p.end.wire is end.wire]
        straight = len(onward) == 1 and k + 1 not in frame.broken and abs(y(onward[0].end.slot) - y(end.slot)) < LEVEL
        own = max((self.inner[i].width for i in c.columns[k] if isinstance(i, Operation)), default=0.0)
        return own + (LEAD + TRAIL if straight else 0.0)

    # -- labels ----------------------------------------------------------------------------

    def _labels_left(self, c: Container, k: int, before: list[Item]) -> list[tuple[End, float]]:
        """Names of what enters the picture, and of what operations make."""
        y = self.heights.y
        if self.labels == "none":
            return []
        if c.root and k == 0:
            return [(e, y(e.slot)) for p in c.left for e in p.ends]
        if self.labels == "boundaries":
            return []
        out = []
        for item in before:
            if not isinstance(item, Operation) or item.op.symbol in UNLABELLED or item.style == "word":
                continue
            there = set()  # what a box hands on as it came, a level wire, keeps its name
            if item.symbol in ("block", "box"):
                there = {(e.wire.axis.id, round(y(e.slot))) for p in item.left for e in p.ends if e.wire.axis}
            for port in item.right:
                for e in port.ends:
                    if e.wire.axis and (e.wire.axis.id, round(y(e.slot))) in there:
                        continue
                    met = item.style == "route" and (bool(item.ended) or len(item.sources.get(e.index, ())) != 1)
                    if met or e.touched or item.op.symbol == "turn" or len(item.right) > 1:
                        out.append((e, y(e.slot)))
        return out

    def _labels_right(
        self, c: Container, k: int, pieces: list[Piece], fans: dict[Wire, int]
    ) -> list[tuple[End, float]]:
        """Names of what leaves the picture, and of copies that moved away."""
        y = self.heights.y
        if self.labels == "none":
            return []
        if c.root and k == len(c.columns):
            return [(p.end, y(p.end.slot)) for p in pieces]
        if self.labels == "boundaries":
            return []
        return [
            (p.end, y(p.end.slot))
            for p in pieces
            if fans[p.end.wire] > 1
            and abs(y(p.start) - y(p.end.slot)) > AXIS * 1.1
            and not isinstance(p.target, Container)
        ]

    # -- operations ------------------------------------------------------------------------

    def _operation(self, o: Operation) -> Inner:
        y = self.heights.y
        if o.style == "word":
            return Inner(width=max(40.0, symbols.width(o.symbol, o.text)))
        if o.style == "box":
            stand = self.heights.stands[o]
            before = curve(max((abs(y(e.slot) - y(s)) for e, s in stand.inner_in), default=0.0))
            behind = curve(max((abs(y(e.slot) - y(s)) for e, s in stand.inner_out), default=0.0))
            return Inner(before, behind, width=before + symbols.width(o.symbol, o.text) + behind)
        rise = max(
            (abs(y(s.slot) - y(e.slot)) for e in o.right[0].ends for s in o.sources.get(e.index, ())), default=0.0
        )
        spans = {i: [y(e.slot) for e in o.sources[i]] for i in o.ended}
        sums = 30.0 if any(len(h) == 1 for h in spans.values()) else 0.0
        # Wider cups stand behind narrower ones, and all behind the dots of sums.
        cups = sorted((i for i in spans if len(spans[i]) > 1), key=lambda i: max(spans[i]) - min(spans[i]))
        offsets = {i: sums + NESTED * k for k, i in enumerate(cups)}
        reach = max((offsets[i] + min(CUP, (max(spans[i]) - min(spans[i])) / 2) for i in cups), default=sums)
        arrow = width(o.tail[1], "function") + 22 if o.tail and cups else 0.0
        numbers = 22.0 if _ending_numbers(o) else 0.0
        if spans and not o.tiled:
            arrow = max(arrow, 24.0)
        moves = rise > LEVEL or any(e.index not in o.sources for e in o.right[0].ends)
        start = max(reach + arrow, numbers) + 4 if moves and (spans or numbers) else 0.0
        across = curve(rise)
        full = max(start + across, reach + arrow, numbers)
        beside = False
        if o.sign:  # what stands over the dots reaches to both sides of them
            half = max(8.0, symbols.width("add", o.sign) / 2)
            top = min(y(e.slot) for e in o.right[0].ends)
            beside = half > 9 and any(y(e.slot) < top - LEVEL for p in o.left for e in p.ends)
            start = max(start, 0.0 if beside else half - across)
            full = max(full, start + across + (2 * half + 7 if beside else half))
        return Inner(offsets=offsets, start=start, width=full, before=across, beside=beside)


def _leaves_turns(c: Container, k: int) -> bool:
    """Whether a column is where arrays leave a numbered block: they do so in the block's row."""
    return any(isinstance(i, Operation) and i.op.symbol == "turn" for i in c.columns[k])


def _ending_numbers(o: Operation) -> bool:
    """Whether a number goes into a route that gives an array: its wire ends in an arrow."""
    return any(e.wire.axis is None for p in o.left for e in p.ends) and o.right[0].ends[0].wire.axis is not None


def _width(e: End) -> float:
    return width(e.wire.label, "bundle" if e.wire.bundle else "axis") if e.wire.label else 0.0
