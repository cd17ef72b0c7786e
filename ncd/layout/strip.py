"""The picture as one long strip: everything with its place, before it is cut into rows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from ncd import symbols
from ncd.layout.heights import Heights
from ncd.layout.net import Container, End, Lane, Operation, Wire
from ncd.layout.scene import Ids
from ncd.layout.spacing import CUP, LEVEL, STUB, Gap, Spacing
from ncd.symbols.pen import HEAD, At
from ncd.text import width
from ncd.theme import tone

Step = tuple[str, float, float, float, float]
"""('L' or 'C', x0, y0, x1, y1): a level piece, or an S-curve with level ends."""
BRACKETED = 23.0
"""How far inside a repeated block its bracket ends, and arrowheads begin."""
NUMBER = 14.0
"""Length of the arrow that a number leaves as."""
REPEATED_AFTER = 420.0
"""A name is not repeated on a level wire that bore it less than so many px before."""


@dataclass
class Run:
    """A stretch of one wire."""

    wire: Wire
    steps: list[Step]


@dataclass
class Cup:
    """Two ends of a contracted index, joined by a half circle from (x, top) to (x, bottom)."""

    wire: Wire
    x: float
    top: float
    bottom: float
    radius: float


@dataclass
class Glyph:
    """A symbol in its box, to be drawn by ``ncd.symbols``."""

    symbol: str
    label: str
    box: tuple[float, float, float, float]
    ins: list[At]
    outs: list[At]
    ids: Ids
    tone: str = ""


@dataclass
class Label:
    role: str
    x: float
    y: float
    text: str
    anchor: str
    ids: Ids


@dataclass
class Frame:
    """A block's rectangle: (top, bottom) for each row it is in; ``cuts`` are the x where its rows end."""

    container: Container
    x0: float
    x1: float
    extents: list[tuple[float, float]]
    cuts: list[float]


@dataclass
class Strip:
    """What is drawn, in px; x grows without end."""

    runs: list[Run] = field(default_factory=list)
    cups: list[Cup] = field(default_factory=list)
    dots: list[tuple[str, float, float, Ids]] = field(default_factory=list)
    glyphs: list[Glyph] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    arrows: list[tuple[float, float, float, Ids]] = field(default_factory=list)
    """(tail x, tip x, y): a straight arrow that belongs to a symbol."""
    carried: list[tuple[float, float, Ids]] = field(default_factory=list)
    """Tips of the arrowheads where one turn of a repeated block hands an array to the next."""
    decisions: list[tuple[float, float, Ids]] = field(default_factory=list)
    """Where values decided what the program did."""
    separators: list[list[Step]] = field(default_factory=list)
    enters: dict[Wire, float] = field(default_factory=dict)
    """Inputs that begin with a row, and where it does."""
    leaves: dict[tuple[Wire, float, float], bool] = field(default_factory=dict)
    """Outputs that end with a row: the wire, where, and at which height; and whether to name it there."""


def ids_of(wire: Wire, op: int | None = None) -> Ids:
    return Ids(op=op, axis=wire.axis.id if wire.axis else None, array=wire.value.array.id)


class Drawing:
    """Fills a strip from heights and spacing."""

    def __init__(self, root: Container, heights: Heights, spacing: Spacing) -> None:
        self.heights, self.spacing, self.strip = heights, spacing, Strip()
        self.named: dict[int, tuple[object, Label]] = {}
        """By height: the axis that the last label there named, and how."""
        self.row = 0.0
        """Where the row begins."""
        self._container(root)

    def run(self, wire: Wire, x0: float, y0: float, x1: float, y1: float, c0: float = 0.0, c1: float = 0.0) -> None:
        """A wire from (x0, y0) to (x1, y1), bending between c0 and c1."""
        if x1 - x0 < 0.05:
            return
        if abs(y0 - y1) < LEVEL:
            self.strip.runs.append(Run(wire, [("L", x0, y0, x1, y0)]))
            return
        steps: list[Step] = []
        if c0 - x0 > 0.05:
            steps.append(("L", x0, y0, c0, y0))
        steps.append(("C", max(x0, c0), y0, c1, y1))
        if x1 - c1 > 0.05:
            steps.append(("L", c1, y1, x1, y1))
        self.strip.runs.append(Run(wire, steps))

    def dot(self, x: float, y: float, wire: Wire, op: int | None = None, role: str = "dot") -> None:
        self.strip.dots.append((role, x, y, ids_of(wire, op)))

    # -- containers ------------------------------------------------------------------------

    def _container(self, c: Container) -> None:
        y = self.heights.y
        gaps, frame = self.spacing.gaps[c], self.heights.frames[c]
        if not c.root:
            cuts = self.spacing.ends(frame.cuts)
            extents = [(y(t), y(b)) for t, b in frame.extents]
            self.strip.frames.append(Frame(c, c.x0, c.x1, extents, cuts))
            around = self.heights.frames[c.parent].pieces if c.parent else []
            going = {p.end.wire for pieces in around for p in pieces if p.source is c}
            for p in c.left:
                for e in p.ends:
                    self.run(e.wire, c.x0, y(e.slot), gaps[0].x0, y(e.slot))
                    if p.carried:
                        self.strip.carried.append((c.x0 + BRACKETED, y(e.slot), self._at(e, c)))
            for p in c.right:
                for e in p.ends:
                    tip = c.x1 - BRACKETED + HEAD
                    end = c.x1 if not p.carried or e.wire in going else tip - HEAD / 2
                    self.run(e.wire, gaps[-1].x1, y(e.slot), end, y(e.slot))
                    if p.carried:
                        self.strip.carried.append((tip, y(e.slot), self._at(e, c)))
        for k, gap in enumerate(gaps):
            self._gap(c, k, gap)
            for item in c.columns[k] if k < len(c.columns) else ():
                if isinstance(item, Container):
                    self._container(item)
                elif isinstance(item, Operation):
                    known = len(self.strip.glyphs)
                    self._operation(item)
                    if item.decided:
                        self._decision(item, self.strip.glyphs[known:])
                else:
                    self._lane(c, k, item)

    def _at(self, e: End, c: Container) -> Ids:
        wire = e.wire
        return Ids(
            axis=wire.axis.id if wire.axis else None,
            array=wire.value.array.id,
            block=c.block.path if c.block else None,
        )

    def _lane(self, c: Container, k: int, lane: Lane) -> None:
        """Past a column; beside a block that rows end in, at a height of its own in each row."""
        xs = [lane.x0, *self.spacing.ends(self.heights.cuts_beside(c, k)), lane.x1]
        for x0, x1, slots in zip(xs[:-1], xs[1:], self.heights.levels[lane], strict=True):
            for e, slot in slots.items():
                y = self.heights.y(slot)
                self.run(e.wire, x0, y, x1, y)
                if lane.begins:
                    self.strip.enters[e.wire] = x0
                if lane.ends:
                    self._end(e, x1, y)

    def _gap(self, c: Container, k: int, gap: Gap) -> None:
        y, frame = self.heights.y, self.heights.frames[c]
        broken = k in frame.broken
        for wire, slot, item in frame.broken.get(k, ()):
            self.run(wire, gap.x0 if item is c else item.x1, y(slot), gap.c0 - 1, y(slot))
        self.strip.enters.update({e.wire: gap.c0 - 1 for item, p in c.enters.get(k, ()) if item is c for e in p.ends})
        fresh = c.root and k == 0
        for e, height in gap.left:
            self.label(e, gap.x0 + (2 if fresh else 3), height, "start", fresh or e.touched)
        for e, slot in gap.ending:
            self._end(e, gap.c0 - 1, y(slot))
        if broken:  # a row begins, and names all its wires
            self.row = gap.c0 - 1
            for p in frame.pieces[k]:
                named = label_of(p.end.wire, self.row, y(p.start), "start")
                self.named[round(y(p.start))] = axis_of(p.end.wire), named
        trunks: set[Wire] = set()
        for p in frame.pieces[k]:
            wire, y0, y1 = p.end.wire, y(p.start), y(p.end.slot)
            start = gap.c0 - 1 if broken else gap.x0 if p.source is c else p.source.x1
            goal = gap.x1 if p.target is c else p.target.x0
            if c.root and p.target is c and wire.axis is None:  # a number leaves as an arrow
                goal -= NUMBER
                self.strip.arrows.append((goal, gap.x1, y1, ids_of(wire)))
            if gap.fans[wire] > 1:
                if wire not in trunks:
                    trunks.add(wire)
                    self.run(wire, start, y0, gap.c0, y0)
                    self.dot(gap.c0, y0, wire)
                start = gap.c0
            self.run(wire, start, y0, goal, y1, gap.c0, gap.c1)
        for e in gap.rings:
            item = next(i for i in c.columns[k - 1] if any(e.port is p for p in i.right))
            x = gap.c0 - 8
            self.run(e.wire, item.x1, y(e.slot), x, y(e.slot))
            self.dot(x, y(e.slot), e.wire, role="ring")
        final = c.root and k == len(c.columns)
        for e, height in gap.right:
            self.label(e, gap.x1 - (2 if final else 3), height, "end", final, final)
        for e, height in gap.beyond:
            self.label(e, gap.x1 + 3, height, "start", False)

    def label(self, e: End, x: float, height: float, anchor: str, always: bool, final: bool = False) -> None:
        """Name a wire, unless the same level bears the name a little before; at the very end rather there."""
        wire = e.wire
        if not wire.label:
            return
        before = self._named(e, x, height)
        if before and not always:
            return
        if before and final and before.x > self.row + STUB and x - before.x < REPEATED_AFTER / 2:
            self.strip.labels.remove(before)
        label = label_of(wire, x, height, anchor)
        self.named[round(height)] = axis_of(wire), label
        self.strip.labels.append(label)

    def _end(self, e: End, x: float, height: float) -> None:
        """An output ends where a row does, with its name unless that is near."""
        named = self.spacing.labels == "none" or self._named(e, x, height) is not None
        self.strip.leaves[e.wire, x, round(height, 1)] = not named

    def _named(self, e: End, x: float, height: float) -> Label | None:
        """The label on the same level of the same row that names the same a little before."""
        bore, before = self.named.get(round(height), (None, None))
        near = before is not None and before.x >= self.row and 0 <= x - before.x < REPEATED_AFTER
        return before if near and bore == axis_of(e.wire) else None

    # -- operations ------------------------------------------------------------------------

    def _operation(self, o: Operation) -> None:
        {"word": self._word, "route": self._route, "box": self._box}[o.style](o)

    def _word(self, o: Operation) -> None:
        y = self.heights.y
        for e in o.right[0].ends:
            self.run(e.wire, o.x0, y(e.slot), o.x1, y(e.slot))
        top = min(y(e.slot) for e in o.right[0].ends)
        self.strip.glyphs.append(Glyph(o.symbol, o.text, (o.x0, top - 22, o.x1, top - 6), [], [], Ids(op=o.number)))

    def _box(self, o: Operation) -> None:
        y, stand, inner = self.heights.y, self.heights.stands[o], self.spacing.inner[o]
        x0, x1 = o.x0 + inner.before, o.x1 - inner.behind
        for e, slot in stand.inner_in:
            self.run(e.wire, o.x0, y(e.slot), x0, y(slot), o.x0, x0)
        for e, slot in stand.inner_out:
            self.run(e.wire, x1, y(slot), o.x1, y(e.slot), x1, o.x1)
        for i, slot in stand.tiled.items():
            self.run(o.sinks[i][0].wire, x0, y(slot), x1, y(slot))
            if len(o.sources[i]) > 1:
                self.dot(x0, y(slot), o.sinks[i][0].wire, o.number)
            if len(o.sinks[i]) > 1:
                self.dot(x1, y(slot), o.sinks[i][0].wire, o.number)
        box = (x0, y(stand.top), x1, y(stand.bottom))
        colour = tone(o.op.name) if o.symbol == "block" else ""
        ins = [At(y(s), e.wire.bundle, e.mixed) for s, e in zip(stand.ins, o.touched_in, strict=True)]
        outs = [At(y(s), e.wire.bundle, e.mixed) for s, e in zip(stand.outs, o.touched_out, strict=True)]
        kept = o.touched_in + o.touched_out if o.symbol in ("save", "load") else []
        ids = Ids(op=o.number, array=kept[0].wire.value.array.id if kept else None)
        self.strip.glyphs.append(Glyph(o.symbol, o.text, box, ins, outs, ids, colour))

    def _route(self, o: Operation) -> None:
        y, inner = self.heights.y, self.spacing.inner[o]
        start = o.x0 + inner.start
        meet = start + inner.before
        for e in o.right[0].ends:
            sources = o.sources.get(e.index, [])
            for s in sources:
                self.run(e.wire, o.x0, y(s.slot), meet, y(e.slot), start, meet)
            if sources:
                self.run(e.wire, meet, y(e.slot), o.x1, y(e.slot))
            elif o.tiled or not o.ended:
                self.run(e.wire, meet, y(e.slot), o.x1, y(e.slot))
                self.dot(meet, y(e.slot), e.wire, o.number)
            if len(sources) > 1:
                self.dot(meet, y(e.slot), e.wire, o.number)
        for p in o.left:
            for e in p.ends:
                if e.wire.axis is None and e.index not in o.sinks:
                    self.strip.arrows.append((o.x0, o.x0 + 18, y(e.slot), ids_of(e.wire, o.number)))
        for i in o.ended:
            self._cup(o, i)
        if o.sign:
            top = min(y(e.slot) for e in o.right[0].ends)
            half = max(9.0, symbols.width("add", o.sign) / 2)
            at = meet + half + 5 if inner.beside else meet
            box = (at - half, top - 24, at + half, top - 6)
            self.strip.glyphs.append(Glyph("add", o.sign, box, [], [], Ids(op=o.number)))

    def _decision(self, o: Operation, glyphs: list[Glyph]) -> None:
        """A mark above the upper right corner of a symbol; above the first wire where there is none."""
        y = self.heights.y
        if glyphs:
            x, top = glyphs[-1].box[2] - 5, glyphs[-1].box[1] - 4
        else:
            x, top = o.x1 - 6, min((y(e.slot) for p in (*o.right, *o.left) for e in p.ends), default=0.0) - 10
        self.strip.decisions.append((x, top, Ids(op=o.number)))

    def _cup(self, o: Operation, index: str) -> None:
        y = self.heights.y
        ends = sorted(o.sources[index], key=lambda e: y(e.slot))
        wire = ends[0].wire
        heights = [y(e.slot) for e in ends]
        offsets = self.spacing.inner[o].offsets
        last = max(offsets, key=offsets.__getitem__) if offsets else o.ended[0]
        if len(ends) == 1:
            x = o.x0 + 8
            self.run(wire, o.x0, heights[0], x, heights[0])
            self.dot(x, heights[0], wire, o.number)
            ids = Ids(op=o.number)
            self.strip.labels.append(Label("sum", x + 6, heights[0] + 5.5, "Σ", "start", ids))
            apex, height = x + 20, heights[0]
        else:
            top, bottom = heights[0], heights[-1]
            radius, x = min(CUP, (bottom - top) / 2), o.x0 + self.spacing.inner[o].offsets[index]
            self.strip.cups.append(Cup(wire, x, top, bottom, radius))
            for e, h in zip(ends, heights, strict=True):
                inner = e not in (ends[0], ends[-1])
                self.run(e.wire, o.x0, h, x + radius if inner else x, h)
                if inner:
                    self.dot(x + radius, h, e.wire, o.number)
            apex, height = x + radius, self._free(o, top, bottom, radius)
        if index != last:
            return
        out = o.right[0].ends[0]
        if not o.tiled and not o.sources.get(out.index):
            if len(ends) > 1:  # straight out of the cup if it can be
                height = min(max(y(out.slot), heights[0] + radius), heights[-1] - radius)
            self.run(out.wire, apex, height, o.x1, y(out.slot), apex, o.x1)
        elif o.tail and len(ends) > 1:
            number, label = o.tail
            tip = apex + width(label, "function") + 16
            self.strip.arrows.append((apex, tip, height, Ids(op=number)))
            self.strip.labels.append(Label("function", apex + 4, height - 6, label, "start", Ids(op=number)))

    def _free(self, o: Operation, top: float, bottom: float, radius: float) -> float:
        """The middle of the widest room between wires inside a cup, on its straight part."""
        y = self.heights.y
        inside = sorted({top, bottom, *(h for p in o.left for e in p.ends if top < (h := y(e.slot)) < bottom)})
        centre = top + bottom
        rooms = itertools.pairwise(inside)
        low, high = max(rooms, key=lambda r: (round(r[1] - r[0], 1), -abs(r[0] + r[1] - centre)))
        return min(max((low + high) / 2, top + radius), bottom - radius)


def axis_of(wire: Wire) -> tuple[int | None, str]:
    """What a label stands for."""
    return wire.axis.id if wire.axis else None, wire.label


def label_of(wire: Wire, x: float, height: float, anchor: str) -> Label:
    """A wire's name just above it."""
    rise = 4 + (2.5 if "_" in wire.label else 0) + (1.5 if wire.bundle else 0)
    return Label("bundle" if wire.bundle else "axis", x, height - rise, wire.label, anchor, ids_of(wire))
