"""Rows: the marks of every row of a strip that is cut."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from ncd import symbols
from ncd.layout.net import Wire
from ncd.layout.scene import Ids, Mark, Path, Segment, Text
from ncd.layout.spacing import NOSE
from ncd.layout.strip import Frame, Label, Run, Step, Strip, ids_of, label_of
from ncd.layout.wrap import EDGE, TRAIL
from ncd.text import width
from ncd.theme import tone

LAP = 0.25
"""So far the level end of a wire reaches over what it joins, so that no light shows between them at any scale."""
CHOSEN = "a value read here decided what was done: this is the path taken"
BETWEEN = 11.0
"""Between rows."""


def joined(runs: Sequence[Run], edges: Sequence[float]) -> list[Run]:
    """Stretches that continue one another as one, but not across the end of a row."""
    breaks = {round(x, 1) for x in edges}
    begins: dict[tuple[Wire, float, float], list[int]] = {}
    ends: dict[tuple[Wire, float, float], list[int]] = {}
    for i, r in enumerate(runs):
        begins.setdefault((r.wire, round(r.steps[0][1], 1), round(r.steps[0][2], 1)), []).append(i)
        ends.setdefault((r.wire, round(r.steps[-1][3], 1), round(r.steps[-1][4], 1)), []).append(i)
    following = {
        found[0]: begins[at][0]
        for at, found in ends.items()
        if at[1] not in breaks and len(found) == 1 and len(begins.get(at, ())) == 1
    }
    later = set(following.values())
    out = []
    for i, r in enumerate(runs):
        if i in later:
            continue
        steps = list(r.steps)
        while i in following:
            i = following[i]
            for s in runs[i].steps:
                if s[0] == "L" and steps[-1][0] == "L" and abs(s[2] - steps[-1][4]) < 0.1:
                    steps[-1] = ("L", steps[-1][1], steps[-1][2], s[3], steps[-1][2])
                else:
                    steps.append(s)
        out.append(Run(r.wire, steps))
    return out


def clip(steps: Sequence[Step], start: float, end: float) -> list[Step]:
    """The part of a line between two x; only level pieces are ever cut."""
    out: list[Step] = []
    for kind, x0, y0, x1, y1 in steps:
        if x1 <= start or x0 >= end:
            continue
        out.append((kind, max(x0, start), y0, min(x1, end), y1) if kind == "L" else (kind, x0, y0, x1, y1))
    return out


class Page:
    """Collects the marks of all rows from a strip that was made for the cuts."""

    def __init__(self, strip: Strip, end: float, edges: Sequence[float], title: str, labels: bool, tail: float) -> None:
        self.strip, self.labels, self.tail = strip, labels, tail
        self.marks: list[Mark] = []
        self.width = 0.0
        self.height = 4.0
        if title:
            self.marks.append(Text("title", EDGE, 20.0, title))
            self.width, self.height = width(title, "title") + 2 * EDGE, 30.0
        runs = joined(strip.runs, edges)
        bounds = [-1e9, *edges, 1e9]
        self.buckets = _buckets(strip, runs, bounds)
        for k in range(len(bounds) - 1):
            self._row(k, bounds[k], bounds[k + 1], end, len(bounds) - 1)
        self.height += EDGE - BETWEEN
        if strip.decisions:
            self._legend()

    def _row(self, k: int, start: float, stop: float, end: float, count: int) -> None:
        b = self.buckets[k]
        runs = [(r.wire, clip(r.steps, start, stop)) for r in b.runs]
        runs = [(w, s) for w, s in runs if s]
        separators = [s for s in (clip(s, start, stop) for s in b.separators) if s]
        frames = [f for f in b.frames if f.x1 > start and f.x0 < stop]
        ys = [y for _, steps in runs for s in steps for y in (s[2], s[4])]
        ys += [y for f in frames for y in _extent(f, start)]
        ys += [y for f in frames if f.container.repeat > 1 for y in _bracketed(f, start, stop)]
        ys += [y for g in b.glyphs for y in (g.box[1], g.box[3])]
        ys += [t.y - 12 for t in b.labels]
        if not ys:
            return
        top, bottom = min(ys) - 6, max(ys) + 8
        left = EDGE if k == 0 else EDGE + self.tail
        dx, dy = left - max(start, 0.0), floor(self.height - top) + 0.5  # level lines cover whole pixels
        final = k == count - 1
        put = self.marks.append

        words = [(g.box[0] + dx, g.box[1] + dy, g.box[2] + dx) for g in b.glyphs]
        for f in sorted(frames, key=lambda f: f.container.depth):
            self._frame(f, start, stop, dx, dy, words)
        for steps in separators:
            put(Path("separator", _path(steps, dx, dy)))
        heads: list[Mark] = []
        for wire, steps in runs:
            ids = ids_of(wire)
            ends = final and steps[-1][3] >= end - 0.1
            if not final and steps[-1][3] >= stop - 0.1:
                y = steps[-1][4]
                ends = (wire, stop, round(y, 1)) in self.strip.leaves
                steps = [*steps, ("L", stop, y, stop + (NOSE if ends else 12), y)]
                if not ends or wire.axis is None:  # a number leaves as an arrow
                    heads.append(symbols.arrow(stop + NOSE + dx, y + dy, ids))
                if self.strip.leaves.get((wire, stop, round(y, 1))):
                    heads.append(_text(label_of(wire, stop + NOSE - 2, y, "end"), dx, dy))
            if k and steps[0][1] <= start + 0.1:
                y, begins = steps[0][2], self.strip.enters.get(wire) == start
                steps = [("L", start - self.tail, y, start, y), *steps]
                if not begins:
                    heads.append(symbols.arrow(start - self.tail + 9 + dx, y + dy, ids))
                if wire.label and self.labels:
                    x = start - self.tail + (2 if begins else 11)
                    heads.append(_text(label_of(wire, x, y, "start"), dx, dy))
            put(Path("bundle" if wire.bundle else "wire", _path(_lapped(steps), dx, dy), ids, leaves=ends))
        for cup in b.cups:
            x, r = cup.x + dx, cup.radius
            segments: list[Segment] = [("M", (x, cup.top + dy)), ("A", (r, 1, x + r, cup.top + r + dy))]
            if cup.bottom - cup.top - 2 * r > 0.1:
                segments.append(("L", (x + r, cup.bottom - r + dy)))
            segments.append(("A", (r, 1, x, cup.bottom + dy)))
            put(Path("bundle" if cup.wire.bundle else "wire", tuple(segments), ids_of(cup.wire)))
        self.marks += heads
        own: list[Mark] = []
        for role, x, y, ids in b.dots:
            own.append((symbols.ring if role == "ring" else symbols.disc)(x + dx, y + dy, ids))
        for tail, tip, y, ids in b.arrows:
            own.append(Path("wire", (("M", (tail + dx, y + dy)), ("L", (tip - 6 + dx, y + dy))), ids))
            own.append(symbols.arrow(tip + dx, y + dy, ids))
        for g in b.glyphs:
            x0, y0, x1, y1 = g.box
            ins, outs = ([at._replace(y=at.y + dy) for at in side] for side in (g.ins, g.outs))
            own += symbols.marks(g.symbol, g.label, x0 + dx, y0 + dy, x1 + dx, y1 + dy, ins, outs, g.ids, g.tone)
        own += [symbols.decision(x + dx, y + dy, ids) for x, y, ids in b.decisions]
        own += [_text(t, dx, dy) for t in b.labels if t.ids.op is not None]
        # Whoever reads the marks one by one meets the operations as they are executed.
        self.marks += sorted(own, key=lambda m: -1 if m.ids.op is None else m.ids.op)
        for x, y, ids in b.carried:
            put(symbols.carried(x + dx, y + dy, ids))
        for t in b.labels:
            if t.ids.op is None:
                put(_text(t, dx, dy))

        self.height += bottom - top + BETWEEN
        self.width = max(self.width, (min(stop, end) - max(start, 0.0)) + left + (EDGE if final else TRAIL))

    def _legend(self) -> None:
        """What the marks of decisions say: that this is one way through the program."""
        y = self.height + 8
        self.marks.append(symbols.decision(EDGE + 5, y))
        self.marks.append(Text("small", EDGE + 16, y + 4, CHOSEN))
        self.width = max(self.width, EDGE + 16 + width(CHOSEN, "small") + EDGE)
        self.height = y + 6 + EDGE

    def _frame(
        self, f: Frame, start: float, stop: float, dx: float, dy: float, words: Sequence[tuple[float, float, float]]
    ) -> None:
        """A block's rectangle, title, and the bracket of a repeated block; ``words``: from where to where, how high."""
        block = f.container.block
        assert block is not None
        ids = Ids(block=block.path)
        y0, y1 = (y + dy for y in _extent(f, start))
        x0, x1 = max(f.x0, start - 6) + dx, min(f.x1, stop + 6) + dx
        self.marks.append(Path("block", _round(x0, y0, x1, y1, 3.0), ids, tone(block.cls)))
        high = [(left, right) for left, top, right in words if y0 < top < y0 + 17]
        for title in dict.fromkeys((f.container.title + (" (cont.)" if f.x0 < start else ""), f.container.title)):
            wide = width(title, "heading")
            at = _free(x0, x1, wide, high)
            # What was said in the row before need not be said again where there is no room.
            if title and (at is not None or (f.x0 >= start and wide + 4 <= x1 - x0)):
                middle = (x0 + x1) / 2 if at is None else at
                self.marks.append(Text("heading", middle, y0 + 15, title, "middle", ids))
                break
        if block.repeat > 1:
            for x, bend, shown in ((f.x0 + 11, -10, f.x0 >= start), (f.x1 - 11, 10, f.x1 <= stop)):
                if shown:
                    a = x - bend * 0.3 + dx
                    curve = ("C", (a + bend, y0 + 22, a + bend, y1 - 22, a, y1 + 5))
                    self.marks.append(Path("bracket", (("M", (a, y0 - 5)), curve), ids))
            if block.numbered and f.x0 >= start:
                self.marks.append(Text("count", x0, y0 - 6, f"λ = {block.repeat}", "start", ids))
                self.marks.append(Text("count", x0, y1 + 18, "λ = 1", "start", ids))
            elif f.x1 <= stop and not block.numbered:
                self.marks.append(Text("count", f.x1 - 4 + dx, y0 - 4, f"×{block.times}", "start", ids))


def _free(x0: float, x1: float, wide: float, taken: Sequence[tuple[float, float]]) -> float | None:
    """The middle of a title from x0 to x1, as near to their middle as nothing else stands; None if nowhere."""
    near = [(x0 + x1) / 2, *(a - 4 - wide / 2 for a, _ in taken), *(b + 4 + wide / 2 for _, b in taken)]
    fit = [x for x in near if x0 + 2 <= x - wide / 2 and x + wide / 2 <= x1 - 2]
    free = [x for x in fit if not any(a < x + wide / 2 + 2 and x - wide / 2 - 2 < b for a, b in taken)]
    return min(free, key=lambda x: abs(x - near[0]), default=None)


def _buckets(strip: Strip, runs: Sequence[Run], bounds: Sequence[float]) -> list[Strip]:
    """What belongs to each row; wires and separators that reach over several are in each of these."""
    from bisect import bisect_right

    rows = [Strip() for _ in bounds[1:]]

    def at(x: float) -> int:
        return min(max(bisect_right(bounds, x) - 1, 0), len(rows) - 1)

    for r in runs:
        for k in range(at(r.steps[0][1]), at(r.steps[-1][3]) + 1):
            rows[k].runs.append(r)
    for s in strip.separators:
        for k in range(at(s[0][1]), at(s[-1][3]) + 1):
            rows[k].separators.append(s)
    for f in strip.frames:
        for k in range(at(f.x0), at(f.x1) + 1):
            rows[k].frames.append(f)
    for c in strip.cups:
        rows[at(c.x)].cups.append(c)
    for d in strip.dots:
        rows[at(d[1])].dots.append(d)
    for g in strip.glyphs:
        rows[at(g.box[0])].glyphs.append(g)
    for t in strip.labels:
        rows[at(t.x)].labels.append(t)
    for h in strip.carried:
        rows[at(h[0])].carried.append(h)
    for m in strip.decisions:
        rows[at(m[0])].decisions.append(m)
    for a in strip.arrows:
        rows[at(a[0])].arrows.append(a)
    return rows


def _extent(f: Frame, start: float) -> tuple[float, float]:
    return f.extents[sum(x <= start + 1 for x in f.cuts)]


def _bracketed(f: Frame, start: float, stop: float) -> tuple[float, float]:
    """What the brackets of a repeated block reach to in a row, and what is said there of the turns."""
    (top, bottom), opens, closes = _extent(f, start), f.x0 >= start, f.x1 <= stop
    said = opens if f.container.numbered else closes
    return top - (20 if said else 6), bottom + (20 if said and f.container.numbered else 6)


def _text(t: Label, dx: float, dy: float) -> Text:
    return Text(t.role, t.x + dx, t.y + dy, t.text, t.anchor, t.ids)


def _lapped(steps: Sequence[Step]) -> list[Step]:
    out = list(steps)
    if out[0][0] == "L":
        out[0] = ("L", out[0][1] - LAP, *out[0][2:])
    if out[-1][0] == "L":
        kind, x0, y0, x1, y1 = out[-1]
        out[-1] = (kind, x0, y0, x1 + LAP, y1)
    return out


def _path(steps: Sequence[Step], dx: float, dy: float) -> tuple[Segment, ...]:
    out: list[Segment] = [("M", (steps[0][1] + dx, steps[0][2] + dy))]
    for kind, x0, y0, x1, y1 in steps:
        if kind == "L":
            out.append(("L", (x1 + dx, y1 + dy)))
        else:
            m = (x0 + x1) / 2 + dx
            out.append(("C", (m, y0 + dy, m, y1 + dy, x1 + dx, y1 + dy)))
    return tuple(out)


def _round(x0: float, y0: float, x1: float, y1: float, r: float) -> tuple[Segment, ...]:
    return (
        ("M", (x0 + r, y0)), ("L", (x1 - r, y0)), ("A", (r, 1, x1, y0 + r)), ("L", (x1, y1 - r)),
        ("A", (r, 1, x1 - r, y1)), ("L", (x0 + r, y1)), ("A", (r, 1, x0, y1 - r)), ("L", (x0, y0 + r)),
        ("A", (r, 1, x0 + r, y0)), ("Z", ()),
    )  # fmt: skip
