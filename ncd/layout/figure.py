"""The whole of a figure, from a diagram to a scene.

Containers for blocks, columns by longest paths, an order with few crossings, heights by one linear
programme, widths from the curves that result; then rows, and marks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ncd.circuit.diagram import Diagram
from ncd.garbage import collecting_later
from ncd.layout import columns, order, rows, search
from ncd.layout.build import build
from ncd.layout.crossings import cost
from ncd.layout.facts import description, facts, title
from ncd.layout.far import far
from ncd.layout.heights import Heights
from ncd.layout.measures import SPINE, Weights
from ncd.layout.net import Container, Lane
from ncd.layout.scene import Scene
from ncd.layout.separators import separate
from ncd.layout.spacing import LEVEL, Cut, Spacing
from ncd.layout.strip import Drawing, Strip

TRIES = 6
"""How often rows are cut anew to fit a width."""
LOOSE, AIR = 0.4, 36
"""A row is made wider by less than this share of it, and no gap by more than so many px."""
SEVERAL = 80
"""Above so many operations one start is all that is tried."""


@collecting_later()
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
    root, _ = build(diagram, labels, hide)
    columns.assign(root)
    search.sign(root, {})
    figure = _Figure(root, labels, _spans(root))
    starts = max(1, quality) if len(diagram.ops) <= SEVERAL else 1
    initial = order.save(root)
    best: tuple[float, order.State] | None = None
    for seed in range(starts):
        order.load(root, initial)
        search.search(root, axis_order != "memory", 7 + 11 * seed, figure.lift, thorough=quality > 0)
        if starts > 1:
            value = figure.badness()
            if best is None or value < best[0] - 1e-6:
                best = (value, order.save(root))
    if best:
        order.load(root, best[1])
    scene = _wrapped(figure, title(diagram), labels != "none", width, diagram)
    gone = sorted({w.name for a in diagram.arrays for w in a.wires if w.id in hide})
    return replace(scene, description=f"{scene.description} Not drawn: {', '.join(gone)}.") if gone else scene


def _wrapped(figure: _Figure, named: str, labels: bool, width: float | None, diagram: Diagram) -> Scene:
    """The scene, in rows of at most ``width``.

    A row that is cut off stands at other heights, so its curves may get wider: then the rows are cut earlier.
    """
    plan = figure.placed([])
    tail = rows.tail(plan.spacing.widest() if labels else 8.0)
    if width is not None:
        places, end, most = plan.spacing.cuts, plan.end, width
        narrowest, best = rows.widest([], end, tail), list[Cut]()
        for _ in range(TRIES):
            cuts = rows.choose(places, end, most, tail + rows.EDGE)
            if narrowest <= width:
                break
            if cuts == plan.cuts:
                most -= 0.02 * width
                continue
            plan = figure.placed(cuts)
            wide = rows.widest(plan.edges, plan.end, tail)
            if wide < narrowest:
                narrowest, best = wide, cuts
            most -= wide - width + 2
        if plan.cuts != best:
            plan = figure.placed(best)
    if plan.cuts and width is not None:
        plan = figure.justified(plan, tail)
    strip = figure.strip(plan)
    page = rows.Page(strip, plan.end, plan.edges, named, labels, tail)
    size = round(page.width, 1), round(page.height, 1)
    skips = tuple(far(figure.root, plan.edges, page.width))
    return Scene(*size, named, description(diagram), tuple(page.marks), facts(diagram), skips)


@dataclass(frozen=True)
class _Plan:
    """Heights and widths, with rows ending at ``edges``.  Only the latest can be drawn: items know where they are."""

    cuts: Sequence[Cut]

    heights: Heights
    spacing: Spacing
    edges: list[float]
    end: float


def _places(cuts: Sequence[Cut]) -> list[tuple[Container, int]]:
    return [(c.container, c.gap) for c in cuts]


class _Figure:
    """Places and draws the order that the containers are in; equal blocks keep their heights between times."""

    def __init__(self, root: Container, labels: str, spine: bool) -> None:
        self.root, self.labels = root, labels
        self.weights, self.lift = (SPINE, 0.01) if spine else (Weights(), 0.0)
        self.solved: dict[object, list[float]] = {}

    def placed(self, cuts: Sequence[Cut]) -> _Plan:
        gaps = _places(cuts)
        heights = Heights(self.root, self.weights, gaps, self.solved)
        spacing = Spacing(self.root, heights, self.labels)
        return _Plan(cuts, heights, spacing, sorted(spacing.ends(gaps)), spacing.end)

    def justified(self, plan: _Plan, tail: float) -> _Plan:
        """The same with all rows but the last as wide as the widest, by more air in every gap; few fit better."""
        air: dict[tuple[Container, int], int] = {}
        for _ in range(3):
            edges, gaps = plan.edges, plan.spacing.gaps
            goal = rows.widest(edges, plan.end, tail)
            row = {(c, k): bisect_left(edges, g.c0 - 1) for c, found in gaps.items() for k, g in enumerate(found)}
            for r, (start, stop) in enumerate(pairwise([0.0, *edges])):
                missing = goal - (stop - start + rows.EDGE + (tail if r else 0.0) + rows.TRAIL)
                own = [g for g, at in row.items() if at == r and (g[0].root or g[0].columns)]
                if 1.0 < missing < LOOSE * goal and own:
                    more, rest = divmod(int(missing), len(own))
                    for i, g in enumerate(own):
                        air[g] = min(air.get(g, 0) + more + (i < rest), AIR)
            plan = self._spaced(plan, air)
        return plan

    def _spaced(self, plan: _Plan, air: Mapping[tuple[Container, int], int]) -> _Plan:
        spacing = Spacing(self.root, plan.heights, self.labels, air)
        return replace(plan, spacing=spacing, edges=sorted(spacing.ends(_places(plan.cuts))), end=spacing.end)

    def strip(self, plan: _Plan) -> Strip:
        strip = Drawing(self.root, plan.heights, plan.spacing).strip
        strip.separators = separate(self.root, plan.heights, plan.spacing)
        return strip

    def badness(self) -> float:
        """What a start is judged by: crossings, bends, and how far wires climb."""
        climbs = [abs(s[2] - s[4]) for r in self.strip(self.placed([])).runs for s in r.steps]
        return 30 * cost(self.root) + 8 * sum(c > LEVEL for c in climbs) + 0.25 * sum(climbs)


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
