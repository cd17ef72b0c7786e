"""The whole of a figure, from a diagram to a scene.

Containers for blocks, columns by longest paths, an order with few crossings, heights by one linear
programme, widths from the curves that result; then rows, and marks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ncd.circuit.diagram import BACKWARD, Diagram
from ncd.garbage import collecting_later
from ncd.layout import columns, order, rows, search, wrap
from ncd.layout.borders import Borders
from ncd.layout.build import build
from ncd.layout.crossings import cost
from ncd.layout.facts import description, facts, title
from ncd.layout.far import far
from ncd.layout.heights import Heights
from ncd.layout.measures import SPINE, Weights
from ncd.layout.net import Container, Lane
from ncd.layout.programme import Solved
from ncd.layout.scene import Scene
from ncd.layout.separators import separate
from ncd.layout.spacing import LEVEL, Cut, Spacing
from ncd.layout.strip import Drawing, Strip

TRIES = 6
"""How often rows are cut anew to fit a width."""
LOOSE, AIR = 0.4, 36
"""A row is made wider by less than this share of it, and no gap by more than so many px."""
NARROW = 16
"""A block is taken out of a column if it fits into a row with so few px to spare: in rows it may get wider."""
SEVERAL = 80
"""Above so many operations one start is all that is tried."""


def layout(
    diagram: Diagram,
    *,
    width: float | None = None,
    labels: str = "all",
    axis_order: str = "clean",
    quality: int = 1,
    hide: Collection[int] = (),
) -> Scene:
    """The picture of a diagram that is simplified, folded and closed as far as it is to be.

    ``width`` in px wraps it into rows.  ``labels``: all (or names), sizes, both, boundaries, none.
    ``axis_order``: clean, or memory to draw every array's axes in their order.  ``quality``: how
    many starts of the search are tried; the fewest crossings win, then the fewest bends; 0 is a sketch,
    to see about how large it would be.  ``hide``: ids of axes that are left out, and said to be in the
    description.
    """
    return Figure(diagram, width=width, labels=labels, axis_order=axis_order, hide=hide).picture(quality)


@dataclass(frozen=True)
class _Plan:
    """Heights and widths, with rows ending at ``edges``.  Only the latest can be drawn: items know where they are."""

    cuts: Sequence[Cut]

    heights: Heights
    spacing: Spacing
    edges: list[float]
    end: float


def _places(cuts: Sequence[Cut]) -> list[tuple[Container, int]]:
    return [c.place for c in cuts]


class Figure:
    """Orders, places and draws a diagram: perhaps as a sketch first, and in full where that was worth it."""

    borders: Borders
    weights: Weights

    def __init__(
        self,
        diagram: Diagram,
        *,
        width: float | None = None,
        labels: str = "all",
        axis_order: str = "clean",
        hide: Collection[int] = (),
        solved: Solved | None = None,
    ) -> None:
        """The options are those of ``layout``; ``solved`` is shared by figures that have much in common."""
        self.diagram, self.width, self.labels, self.hide = diagram, width, labels, hide
        self.free = axis_order != "memory"
        self.root, _ = build(diagram, labels, hide)
        search.sign(self.root, {})
        self.solved: Solved = {} if solved is None else solved
        self.initial: order.State | None = None
        self.alone: set[Container] = set()
        self.begun: dict[frozenset[Container], search.Begun] = {}
        """How far a sketch comes, by what stands alone."""
        self.scenes: dict[order.State, Scene] = {}
        """By order, where nothing stands alone that did not at first."""

    @collecting_later()
    def picture(self, quality: int) -> Scene:
        """The figure in the best order of so many starts; 0 is a sketch."""
        starts = quality if len(self.diagram.ops) <= SEVERAL else min(quality, 1)
        self.alone = {k for k in self.root.kids if isinstance(k, Container) and _backward(k)}
        self.arrange(starts)
        found = order.save(self.root)
        if found in self.scenes:
            return self.scenes[found]
        plan = self.placed([])
        tail = wrap.tail(plan.spacing.widest() if self.labels != "none" else 8.0)
        first = True
        if self.width is not None:
            while more := self.crowded(plan, self.width - tail - wrap.EDGE - wrap.TRAIL):
                first = False
                self.arrange(starts, more)
                plan = self.placed([])
            plan = self.wrapped(plan, self.width, tail)
        scene = self.drawn(plan, tail)
        if first:
            self.scenes[found] = scene
        return scene

    def drawn(self, plan: _Plan, tail: float) -> Scene:
        """The marks of a plan."""
        diagram, strip = self.diagram, self.strip(plan)
        page = rows.Page(strip, plan.end, plan.edges, title(diagram), self.labels != "none", tail)
        size = round(page.width, 1), round(page.height, 1)
        gone = sorted({w.name for a in diagram.arrays for w in a.wires if w.id in self.hide})
        said = description(diagram) + (f" Not drawn: {', '.join(gone)}." if gone else "")
        skips = tuple(far(self.root, plan.edges, strip.enters, page.width))
        return Scene(*size, title(diagram), said, tuple(page.marks), partial(facts, diagram), skips)

    def arrange(self, starts: int, alone: Collection[Container] = ()) -> None:
        """In the best order of several starts; these blocks, too, stand alone in their columns.

        That is with nothing but lanes beside them; the backward pass begins when the forward pass is done.
        """
        if self.initial:
            self.borders.move([])
            order.load(self.root, self.initial)
        self.alone.update(alone)
        columns.assign(self.root, self.alone)
        self.weights, lift = (SPINE, 0.01) if _spans(self.root) else (Weights(), 0.0)
        self.initial = order.save(self.root)
        now = frozenset(self.alone)
        if now not in self.begun:
            self.begun[now] = search.begin(self.root, self.free, lift)
        best: tuple[float, order.State] | None = None
        for seed in range(starts if self.free else 0):
            search.search(self.root, 7 + 11 * seed, lift, self.begun[now])
            if starts > 1:
                self.borders = Borders(self.root)
                value = self.badness()
                if best is None or value < best[0] - 1e-6:
                    best = (value, order.save(self.root))
        if not (starts and self.free):
            order.load(self.root, self.begun[now].order)
        elif best:
            self.borders.move([])
            order.load(self.root, best[1])
        self.borders = Borders(self.root)

    def crowded(self, plan: _Plan, room: float) -> list[Container]:
        """Blocks that, with what stands beside them, do not fit into a row, so that rows must end in them."""
        found = set()
        for c, spans in plan.spacing.columns.items():
            for k, (x0, x1) in enumerate(spans):
                if sum(not isinstance(item, Lane) for item in c.columns[k]) <= 1:
                    continue
                begin, end = plan.spacing.stretch(c, k)
                around = end - begin - (x1 - x0)
                for item in c.columns[k]:
                    if isinstance(item, Container) and item.x1 - item.x0 + around > room - NARROW:
                        found.add((c.signature, c.kids.index(item)))
        same = (c.kids[i] for c in self.root.containers() for s, i in found if s == c.signature)
        return [kid for kid in same if isinstance(kid, Container) and kid not in self.alone]

    def placed(self, cuts: Sequence[Cut]) -> _Plan:
        gaps = _places(cuts)
        self.borders.move(gaps)
        heights = Heights(self.root, self.weights, gaps, self.solved)
        spacing = Spacing(self.root, heights, self.labels)
        return _Plan(cuts, heights, spacing, sorted(spacing.ends(gaps)), spacing.end)

    def wrapped(self, plan: _Plan, width: float, tail: float) -> _Plan:
        """The same in rows of at most ``width``, but for what cannot be cut."""

        def over(plan: _Plan) -> float:
            return sum(max(0.0, w - width) for w in wrap.widths(plan.edges, plan.end, tail))

        if not over(plan):
            return plan
        cuts = sorted(plan.spacing.cuts, key=lambda c: c.x)
        cuts = [replace(c, wires=c.wires - self.borders.idle(c.place), scraps=wrap.scraps(c, width)) for c in cuts]
        starts = sorted(o.x0 for o in self.root.operations())
        begun = [*(bisect_left(starts, c.x) for c in cuts), len(starts)]
        steps = wrap.Steps()
        best, least = plan.cuts, over(plan)
        for _ in range(TRIES):
            xs, end = steps.learn(plan.spacing.cuts, plan.end)
            chosen = wrap.choose(cuts, begun, xs, end, width, tail)
            if _places(chosen) == _places(plan.cuts):
                break
            plan = self.placed(chosen)
            if over(plan) < least:
                best, least = chosen, over(plan)
            if not least:
                break
        if plan.cuts != best:
            plan = self.placed(best)
        return self.justified(plan, tail, width)

    def justified(self, plan: _Plan, tail: float, width: float) -> _Plan:
        """The same with all rows but the last as wide as the widest, by more air in every gap; few fit better."""
        air: dict[tuple[Container, int], int] = {}
        for _ in range(3):
            before = dict(air)
            edges, gaps = plan.edges, plan.spacing.gaps
            found = wrap.widths(edges, plan.end, tail)
            goal = max((w for w in found if w <= width), default=0.0)
            row = {(c, k): bisect_left(edges, g.c0 - 1) for c, found in gaps.items() for k, g in enumerate(found)}
            for r, now in enumerate(found[:-1]):
                own = [g for g, at in row.items() if at == r and (g[0].root or g[0].columns)]
                if 1.0 < goal - now < LOOSE * goal and own:
                    more, rest = divmod(int(goal - now), len(own))
                    for i, g in enumerate(own):
                        air[g] = min(air.get(g, 0) + more + (i < rest), AIR)
            if air == before:
                break
            plan.spacing.place(air)
            plan = replace(plan, edges=sorted(plan.spacing.ends(_places(plan.cuts))), end=plan.spacing.end)
        return plan

    def strip(self, plan: _Plan) -> Strip:
        strip = Drawing(self.root, plan.heights, plan.spacing).strip
        strip.separators = separate(self.root, plan.heights, plan.spacing)
        return strip

    def badness(self) -> float:
        """What a start is judged by: crossings, bends, and how far wires climb."""
        climbs = [abs(s[2] - s[4]) for r in self.strip(self.placed([])).runs for s in r.steps]
        return 30 * cost(self.root) + 8 * sum(c > LEVEL for c in climbs) + 0.25 * sum(climbs)


def _backward(c: Container) -> bool:
    return c.block is not None and c.block.path == BACKWARD


def _spans(root: Container) -> bool:
    """Whether skip connections span the picture, as in a U-Net: a concatenated array that passed many columns."""
    for c in root.containers():
        passed: dict[object, int] = {}
        for column in c.columns:
            for item in column:
                if isinstance(item, Lane):
                    passed[item.port.value] = passed.get(item.port.value, 0) + 1
        for o in c.operations():
            if o.op.symbol == "concat" and any(passed.get(p.value, 0) > 2 for p in o.left):
                return True
    return False
