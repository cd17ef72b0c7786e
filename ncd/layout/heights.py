"""The heights of all wires, symbols and block edges, as one programme for the whole picture."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from ncd.layout import order
from ncd.layout.measures import (
    ARRAY,
    AXIS,
    BLOCK_EXTENT,
    PADDING,
    SIGN_EXTENT,
    STRIP,
    SYMBOL_EXTENT,
    UNDER_SYMBOL,
    WIRE_EXTENT,
    WORD_EXTENT,
    Weights,
)
from ncd.layout.net import STRETCHED, Container, End, Face, Item, Lane, Operation, Slot, Wire
from ncd.layout.places import Edge, Frame, Piece, Stand
from ncd.layout.programme import Programme, Solved
from ncd.symbols import HALF

Cuts = Collection[tuple[Container, int]]
"""Gaps where a row ends: container and number of the gap."""


class Heights:
    """Builds the programme of a tree of containers; after ``solve``, ``y`` tells the height of a slot."""

    def __init__(self, root: Container, weights: Weights, cuts: Cuts = (), solved: Solved | None = None):
        self.root, self.weights, self.cuts = root, weights, frozenset(cuts)
        self.programme = Programme(solved={} if solved is None else solved)
        self.stands: dict[Operation, Stand] = {}
        self.frames: dict[Container, Frame] = {}
        self.edges: dict[Item, list[tuple[list[Edge], list[Edge]]]] = {}
        """For each row that an item is in, what limits it above and below."""
        self.levels: dict[Lane, list[dict[End, Slot]]] = {}
        """Of a lane beside a block that rows end in: its heights in every row."""
        self.repeated = self._repeated()
        self._container(root)
        self._values = self.programme.solve()

    def y(self, slot: Slot) -> float:
        return self._values[slot[0]] + slot[1]

    # -- faces -----------------------------------------------------------------------------

    def _stack(self, face: Face, cohesion: float) -> None:
        """New heights for the ends of a face, one below the other."""
        before: End | None = None
        for port in face:
            for k, e in enumerate(port.ends):
                e.slot = self.programme.slot()
                if before:
                    self.programme.apart(before.slot, e.slot, AXIS if k else ARRAY)
                    if k:
                        self.programme.tie(before.slot, e.slot, cohesion, AXIS)
                before = e

    def _extend(self, item: Item, top: float, bottom: float, more: tuple[list[Edge], list[Edge]] = ([], [])) -> None:
        tops, bottoms = list(more[0]), list(more[1])
        for face in (item.left, item.right):
            if face:
                tops.append((face[0].ends[0].slot, top))
                bottoms.append((face[-1].ends[-1].slot, bottom))
        self.edges[item] = [(list(dict.fromkeys(tops)), list(dict.fromkeys(bottoms)))]

    # -- items -----------------------------------------------------------------------------

    def leaving(self, item: Item, e: End) -> Slot:
        """The height at which a wire leaves an item."""
        return self.levels[item][-1][e] if isinstance(item, Lane) and item in self.levels else e.slot

    def _lane(self, lane: Lane, rows: int) -> None:
        edges: list[tuple[list[Edge], list[Edge]]] = []
        levels = self.levels[lane] = []
        for row in range(rows):
            if (lane.begins and row < rows - 1) or (lane.ends and row):
                edges.append(([], []))
                levels.append({})
                continue
            self._stack(lane.left, self.weights.cohesion)
            self._extend(lane, WIRE_EXTENT, WIRE_EXTENT)
            edges += self.edges[lane]
            levels.append({e: e.slot for e in lane.port.ends})
        self.edges[lane] = edges
        for e in lane.port.ends:
            e.slot = levels[-1 if lane.begins else 0][e]

    def _operation(self, o: Operation) -> None:
        if o.style == "word":
            self._stack(o.left, self.weights.cohesion)
            for e in o.right[0].ends:
                e.slot = o.sources[e.index][0].slot
            self._extend(o, WORD_EXTENT, WIRE_EXTENT)
        elif o.style == "route":
            self._stack(o.left, self.weights.cohesion)
            self._stack(o.right, self.weights.port_cohesion)
            rank = {e: k for k, e in enumerate(e for p in o.left for e in p.ends)}
            for i in o.ended:
                ends = sorted(o.sources[i], key=rank.__getitem__)
                if len(ends) > 1:
                    self.programme.tie(ends[0].slot, ends[-1].slot, self.weights.cup, ARRAY)
                    if not o.tiled:
                        self.programme.tie(ends[0].slot, o.right[0].ends[0].slot, 2.0, ARRAY / 2)
            for e in rank:
                if e.wire.axis is None and e.index not in o.sinks:  # a number comes close to what it is joined with
                    if rank[e]:
                        self.programme.tie(o.right[0].ends[-1].slot, e.slot, 1.0, AXIS)
                    else:
                        self.programme.tie(e.slot, o.right[0].ends[0].slot, 1.0, ARRAY)
            self._extend(o, SIGN_EXTENT if o.sign else WIRE_EXTENT, WIRE_EXTENT)
        else:
            self._box(o)

    def _box(self, o: Operation) -> None:
        p, w = self.programme, self.weights
        first = p.slot()
        down_in, down_out = _offsets(o.touched_in), _offsets(o.touched_out)
        span_in, span_out = (down[-1] if down else 0.0 for down in (down_in, down_out))
        span = max(span_in, span_out)
        sink = 0.0 if o.above and not o.below else 1.0 if o.below and not o.above else 0.5
        top = (first[0], -HALF)
        if o.op.symbol in STRETCHED and len(o.touched_in) + len(o.touched_out) > 2:
            bottom = p.slot()
            ins, outs = self._stretch(down_in, top, bottom), self._stretch(down_out, top, bottom)
            p.apart(top, bottom, 2 * HALF)
            stiff = w.bar if o.op.symbol != "block" else w.closed if len(o.left) < 2 else w.joining
            p.tie(top, bottom, stiff, 2 * HALF + span)
        else:
            bottom = (first[0], span + HALF)
            ins = [(first[0], d + sink * (span - span_in)) for d in down_in]
            outs = [(first[0], d + sink * (span - span_out)) for d in down_out]
        tiled = {i: p.slot() for i in (*o.above, *o.below)}
        for group in (o.above, o.below):
            for a, b in itertools.pairwise(group):
                p.apart(tiled[a], tiled[b], AXIS)
        if o.above:
            last = tiled[o.above[-1]]
            p.apart(last, top, AXIS - HALF)
            p.tie(last, top, w.beside, AXIS - HALF)
        if o.below:
            p.apart(bottom, tiled[o.below[0]], AXIS - HALF)
            p.tie(bottom, tiled[o.below[0]], w.beside, AXIS - HALF)
        stand = self.stands[o] = Stand(top, bottom, ins, outs, tiled)
        stand.inner_in = self._side(o, o.left, o.sources, o.touched_in, ins, tiled)
        stand.inner_out = self._side(o, o.right, o.sinks, o.touched_out, outs, tiled)
        tops, bottoms = [(top, SYMBOL_EXTENT)], [(bottom, SYMBOL_EXTENT)]
        if o.above:
            tops.append((tiled[o.above[0]], WIRE_EXTENT))
        if o.below:
            bottoms.append((tiled[o.below[-1]], WIRE_EXTENT))
        self._extend(o, WIRE_EXTENT, WIRE_EXTENT, (tops, bottoms))

    def _stretch(self, down: list[float], top: Slot, bottom: Slot) -> list[Slot]:
        out = [self.programme.slot() for _ in down]
        for k in range(1, len(out)):
            self.programme.apart(out[k - 1], out[k], down[k] - down[k - 1])
        if out:
            self.programme.apart(top, out[0], HALF)
            self.programme.apart(out[-1], bottom, HALF)
        return out

    def _side(
        self,
        o: Operation,
        face: Face,
        tiled: dict[str, list[End]],
        touched: list[End],
        slots: list[Slot],
        at: dict[str, Slot],
    ) -> list[tuple[End, Slot]]:
        """Heights of one side's ends: those of the symbol's wires, or if these are in another order, their own."""
        goal = [(e, at[i]) for i in o.above for e in tiled[i]]
        goal += list(zip(touched, slots, strict=True))
        goal += [(e, at[i]) for i in o.below for e in tiled[i]]
        ends = [e for port in face for e in port.ends]
        if [e for e, _ in goal] == ends and all(len(tiled[i]) == 1 for i in o.tiled):
            for k, (e, slot) in enumerate(goal):
                e.slot = slot
                if k and ends[k - 1].port is not e.port:
                    self.programme.apart(ends[k - 1].slot, slot, ARRAY)
            return []
        self._stack(face, self.weights.cohesion)
        for e, slot in goal:
            self.programme.tie(e.slot, slot, self.weights.inner)
        return goal

    # -- containers ------------------------------------------------------------------------

    def _container(self, c: Container) -> None:
        p = self.programme
        mark = (p.count, len(p.gaps), len(p.ties))
        frame = self.frames[c] = Frame()
        count = len(c.columns)
        self._rows(c, frame)
        frame.extents = [(p.slot(), p.slot()) for _ in range(len(frame.cuts) + 1)]
        self._stack(c.left, self.weights.port_cohesion)
        self._stack(c.right, self.weights.port_cohesion)
        for face, k in ((c.left, 0), (c.right, count + 1)):
            if face:
                self._inside(
                    c, frame.row[k][0], [(face[0].ends[0].slot, WIRE_EXTENT)], [(face[-1].ends[-1].slot, WIRE_EXTENT)]
                )
        for k, column in enumerate(c.columns):
            start, stop = frame.row[k + 1]
            for item in column:
                if isinstance(item, Lane):
                    self._lane(item, stop - start + 1)
                elif isinstance(item, Operation):
                    self._operation(item)
                else:
                    self._container(item)
            for row in range(start, stop + 1):
                above: list[Edge] = []
                for item in column:
                    tops, bottoms = self.edges[item][row - start]
                    signed = isinstance(item, Operation) and item.style == "route" and bool(item.sign)
                    for a, d in above:
                        for b, u in tops:
                            p.apart(a, b, d + u + (UNDER_SYMBOL if signed and d == SYMBOL_EXTENT else 0.0))
                    self._inside(c, row, tops, bottoms)
                    above = bottoms or above
        for gap in range(count + 1):
            self._gap(c, gap)
        for top, bottom in frame.extents:
            p.apart(top, bottom, 2 * PADDING)
            p.tie(top, bottom, self.weights.extent)
        over, under = (BLOCK_EXTENT + 16, BLOCK_EXTENT + 5) if c.repeat > 1 else (BLOCK_EXTENT, BLOCK_EXTENT)
        under += 14 if c.numbered else 0
        self.edges[c] = [([(t, over)], [(b, under)]) for t, b in frame.extents]
        if c in self.repeated:
            self._freeze(c, mark)

    def _rows(self, c: Container, frame: Frame) -> None:
        """Which rows each column is in.  A cut is in the container itself or in a block of one of its columns."""
        own = {gap for d, gap in self.cuts if d is c}
        count = len(c.columns)
        row = 0
        frame.row.append((0, 0))
        for k in range(count + 1):
            if k in own:
                frame.cuts.append((c, k))
                row += 1
            inside = (
                [u for kid in c.columns[k] if isinstance(kid, Container) for u in self._within(kid)]
                if k < count
                else []
            )
            frame.row.append((row, row + len(inside)))
            frame.cuts += inside
            row += len(inside)

    def _within(self, c: Container) -> list[tuple[Container, int]]:
        """The cuts in a container and in what it holds, from left to right."""
        if not self.cuts:
            return []
        found = []
        for k in range(len(c.columns) + 1):
            if (c, k) in self.cuts:
                found.append((c, k))
            for kid in c.columns[k] if k < len(c.columns) else ():
                if isinstance(kid, Container):
                    found += self._within(kid)
        return found

    def cuts_beside(self, c: Container, k: int) -> list[tuple[Container, int]]:
        """The cuts within the blocks of a column."""
        start, stop = self.frames[c].row[k + 1]
        return self.frames[c].cuts[start:stop]

    def _inside(self, c: Container, row: int, tops: list[Edge], bottoms: list[Edge]) -> None:
        """Keep what is in a row within the container."""
        top, bottom = self.frames[c].extents[row]
        strip = STRIP if c.title and not c.root else 0.0
        for slot, extent in tops:
            self.programme.apart(top, slot, max(extent - 7, 8) + strip + PADDING - 4)
        for slot, extent in bottoms:
            self.programme.apart(slot, bottom, max(extent - 7, 8) + PADDING - 2)

    def _gap(self, c: Container, gap: int) -> None:
        p, w, frame = self.programme, self.weights, self.frames[c]
        count = len(c.columns)
        start: dict[Wire, tuple[Slot, Item]] = {}
        leaving: dict[Wire, End] = {}
        for item, port in c.starts(gap):
            for e in port.ends:
                start.setdefault(e.wire, (self.leaving(item, e), item))
                leaving.setdefault(e.wire, e)
        arriving = [(e, item) for item, port in c.goals(gap) for e in port.ends]
        if (c, gap) in self.cuts:
            start = self._broken(c, gap, start, leaving, {e.wire for e, _ in arriving})
        fan: dict[Wire, int] = {}
        for e, _ in arriving:
            fan[e.wire] = fan.get(e.wire, 0) + 1
        # A bend costs a little less the later it comes: one bend is not split over two gaps.
        scale = 1.04 - 0.04 * gap / max(1, count)
        pieces = []
        for e, item in arriving:
            slot, source = start[e.wire]
            lanes = isinstance(item, Lane) + isinstance(source, Lane)
            if lanes == 2:
                weight = w.lane
            elif fan[e.wire] > 1:
                weight = w.passing if isinstance(item, Lane) else w.level
            else:
                weight = w.piece + lanes
            p.tie(slot, e.slot, weight * scale)
            pieces.append(Piece(slot, e, source, item))
        frame.pieces.append(pieces)
        sources = {wire: source for wire, (_, source) in start.items()}
        for item in c.columns[gap] if gap < count else ():
            if isinstance(item, Operation) and item.style == "route":
                self._merges(item, sources)
            elif isinstance(item, Operation) and w.passing > w.level:
                self._rises(item, sources)

    def _merges(self, o: Operation, source: dict[Wire, Item]) -> None:
        for e in o.right[0].ends:
            ends = o.sources.get(e.index, [])
            for s in ends:
                passing = isinstance(source[s.wire], Lane)
                weight = (
                    self.weights.piece if len(ends) == 1 else self.weights.passing if passing else self.weights.level
                )
                self.programme.tie(s.slot, e.slot, weight)

    def _rises(self, o: Operation, source: dict[Wire, Item]) -> None:
        """Where skips span the picture, what is joined with one comes up to it."""
        for i, ends in o.sources.items():
            for s in ends if len(ends) > 1 else ():
                if isinstance(source[s.wire], Lane):
                    self.programme.tie(s.slot, self.stands[o].tiled[i], self.weights.passing)

    def _broken(
        self, c: Container, gap: int, start: dict[Wire, tuple[Slot, Item]], leaving: dict[Wire, End], used: set[Wire]
    ) -> dict[Wire, tuple[Slot, Item]]:
        """New heights for the wires that start the next row, free of those they had."""
        frame = self.frames[c]
        ends = [e for w, e in leaving.items() if w in used]
        last = {e.wire for p in c.leaves.get(gap, ()) for e in p.ends}
        frame.broken[gap] = [(w, *start[w]) for w in leaving if (w in used or w in last) and start[w][1] is not c]
        fresh: dict[Wire, tuple[Slot, Item]] = {}
        before: End | None = None
        for e in ends:
            slot = self.programme.slot()
            if before:
                same = before.port is e.port
                self.programme.apart(fresh[before.wire][0], slot, AXIS if same else ARRAY)
                if same:
                    self.programme.tie(fresh[before.wire][0], slot, self.weights.cohesion, AXIS)
            fresh[e.wire] = (slot, start[e.wire][1])
            before = e
        if ends:
            top, bottom = frame.extents[frame.row[gap + 1][0]]
            self.programme.apart(top, fresh[ends[0].wire][0], 10 + (0 if c.root else STRIP))
            self.programme.apart(fresh[ends[-1].wire][0], bottom, 14)
        return {**start, **fresh}

    # -- equal blocks ----------------------------------------------------------------------

    def _repeated(self) -> set[Container]:
        """Blocks that occur more than once in the same order, and in one row: these are solved once."""
        broken: set[Container] = set()
        for cut, _ in self.cuts:
            around: Container | None = cut
            while around:
                broken.add(around)
                around = around.parent
        keys: dict[Container, object] = {}
        number: dict[object, int] = {}
        by_signature: dict[int, int] = {}
        for c in self.root.containers():
            by_signature[c.signature] = by_signature.get(c.signature, 0) + 1
        for c in self.root.containers():
            if not c.root and by_signature[c.signature] > 1:
                keys[c] = (c.signature, order.save(c), tuple(_residual(c)))
                number[keys[c]] = number.get(keys[c], 0) + 1
        found: set[Container] = set()
        inside: set[Container] = set()
        for c in self.root.containers():  # what is around another comes before it
            if c.parent in found or c.parent in inside:
                inside.add(c)
            elif c in keys and number[keys[c]] > 1 and c not in broken:
                found.add(c)
        return found

    def _freeze(self, c: Container, mark: tuple[int, int, int]) -> None:
        """Make a repeated block rigid: one variable, all others at fixed distances from it."""
        p = self.programme
        first, gaps, ties = mark
        own = Programme(p.count - first, solved=p.solved)
        own.gaps = [(a - first, b - first, d) for a, b, d in p.gaps[gaps:]]
        own.ties = [(a - first, b - first, o, w) for a, b, o, w in p.ties[ties:]]
        del p.gaps[gaps:], p.ties[ties:]
        for a, b in _residual_ends(c):
            own.ties.append((a.slot[0] - first, b.slot[0] - first, a.slot[1] - b.slot[1], self.weights.residual))
        heights = own.solve()
        for j in range(1, p.count - first):
            p.rigid[first + j] = (first, heights[j] - heights[0])


def _residual_ends(c: Container) -> list[tuple[End, End]]:
    """Ends of the same axis at which arrays enter and leave a block: a residual stream stays level."""
    entering: dict[int, End] = {}
    for p in c.left:
        for e in p.ends:
            if e.wire.axis:
                entering.setdefault(e.wire.axis.id, e)
    return [
        (entering[e.wire.axis.id], e) for p in c.right for e in p.ends if e.wire.axis and e.wire.axis.id in entering
    ]


def _residual(c: Container) -> list[tuple[int, int, int, int]]:
    return [(a.port.operand, a.place, b.port.operand, b.place) for a, b in _residual_ends(c)]


def _offsets(touched: list[End]) -> list[float]:
    """How far below the first each touched wire is, where nothing asks for more."""
    out: list[float] = []
    for k, e in enumerate(touched):
        same = k > 0 and touched[k - 1].port is e.port
        out.append(0.0 if k == 0 else out[-1] + (AXIS if same else ARRAY))
    return out
