"""How much of a model is open where nobody chose a depth: what fits a screen, tells most and is least torn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush

from ncd.circuit.diagram import BACKWARD, Diagram
from ncd.layout.scene import Path, Scene

SCREEN = (1000, 900)
"""What fits one notebook screen at scale 1, px."""
TRIES = 3
"""So many pictures with single blocks open are tried when the next level does not fit as a whole."""
LEGIBLE = 40
"""At most so many ops in a picture whose depth nobody chose."""
TELLING, TORN = 24, 5
"""So many ops the eye takes in; a torn block costs as much as so many."""
KIND = 2
"""What is seen for the first time tells as much as so many ops more."""
SCRAP, NECK = 0.2, 3
"""A piece of a torn block that is narrower than this share of the picture is a scrap; so many wires are a neck."""
BOTH = 2.0
"""By so much a picture with an open backward pass may be higher."""
ROUGH, LANES = 1.05, 1.6
"""By so much a sketch may be larger than the picture; one whose lanes are to become memory, by so much."""

TOLD, SKETCHED, SEEN = range(3)
"""How far a picture has been looked at."""

Box = tuple[float, float, float, float]


Opened = Callable[[int, Sequence[str], Sequence[str]], Diagram]
"""The diagram with so many levels open, and these blocks open, and these closed."""
LaidOut = Callable[[Diagram], tuple[Diagram, Scene]]
NOTHING = Scene(0.0, 0.0, "", "", ())


@dataclass(frozen=True)
class Choice:
    """What is open, and the picture of it."""

    depth: int
    closed: tuple[str, ...]
    drawn: Diagram
    scene: Scene = NOTHING

    @cached_property
    def key(self) -> object:
        """Equal for pictures of one diagram that show the same."""
        return content(self.drawn)


def content(drawn: Diagram) -> object:
    """Equal for diagrams of the same, with the same blocks open and closed."""
    return tuple(b.path for b in drawn.blocks), tuple((op.block, *(a.id for a in op.outputs)) for op in drawn.ops)


def best_that_fits(levels: int, width: float | None, opened: Opened, laid_out: LaidOut, sketched: LaidOut) -> Choice:
    """Of the pictures of every depth the best that is legible on one screen; with none, the one with the fewest ops.

    Where a block is torn, it is also tried with one block open of each class.  The one that may be worth most
    is looked at first: for what it tells, then as a sketch, then in full.  So hardly any other is laid out.
    """
    waiting: list[tuple[float, int, int, Choice]] = []
    """By what it may be worth, how far it has been looked at, and when it came: of equals the most open is taken."""
    known: dict[object, int] = {}

    def wait(value: float, stage: int, came: int, choice: Choice) -> None:
        heappush(waiting, (-value, -stage, came, choice))

    def consider(choice: Choice) -> None:
        legible = len(choice.drawn.ops) <= LEGIBLE or not (choice.depth or choice.closed)
        if legible and choice.key not in known:
            known[choice.key] = len(known)
            wait(told(choice.drawn), TOLD, known[choice.key], choice)

    def with_fewer(choice: Choice) -> None:
        if again := second_of_class(choice.drawn):
            consider(Choice(choice.depth, again, opened(choice.depth, (), again)))

    for depth in range(levels, -1, -1):
        choice = Choice(depth, (), opened(depth, (), ()))
        consider(choice)
        if len(choice.drawn.ops) > LEGIBLE:
            with_fewer(choice)
    while waiting:
        _, stage, came, choice = heappop(waiting)
        if stage == -SEEN:
            return choice
        if stage == -TOLD and len(known) > 1:
            _, scene = sketched(choice.drawn)
            if not hopeless(choice.drawn, scene, width):
                wait(worth(choice.drawn, scene), SKETCHED, came, choice)
        else:
            drawn, scene = laid_out(choice.drawn)
            if _fits(drawn, scene, width):
                wait(worth(drawn, scene), SEEN, came, replace(choice, drawn=drawn, scene=scene))
        if not choice.closed and (torn(scene) or not _fits(choice.drawn, scene, width)):
            with_fewer(choice)
    drawn, scene = laid_out(opened(0, (), ()))
    return Choice(0, (), drawn, scene)


def second_of_class(drawn: Diagram) -> tuple[str, ...]:
    """The paths of the open blocks of a class of which another is open before them, in the same block or any other."""
    seen: set[str] = set()
    found: list[str] = []
    for b in drawn.blocks:
        if b.op is None and not any(b.path.startswith(f"{p}.") for p in found):
            if b.cls in seen:
                found.append(b.path)
            seen.add(b.cls)
    return tuple(found)


def _fits(drawn: Diagram, scene: Scene, width: float | None) -> bool:
    return scene.width <= (width or SCREEN[0]) and scene.height <= _high(drawn)


def _high(drawn: Diagram) -> float:
    """How high a picture may be: a forward and a backward pass are two pictures in one."""
    return SCREEN[1] * (BOTH if any(b.path == BACKWARD for b in drawn.blocks) else 1.0)


def hopeless(drawn: Diagram, sketch: Scene, width: float | None) -> bool:
    """Whether a picture, to judge by its sketch, fits no screen."""
    high = sketch.height > _high(drawn) * (LANES if sketch.far else ROUGH)
    return high or (not width and sketch.width > SCREEN[0] * ROUGH)


def worth(drawn: Diagram, scene: Scene) -> float:
    """How good a picture is as the first that one sees: what it tells, less what is torn."""
    return told(drawn) - TORN * torn(scene)


def told(drawn: Diagram) -> float:
    """What a picture tells: its ops, fewer of them above a number that the eye takes in, and each new kind of them.

    So attention that is open, with a product, a softmax and a mask, tells more than a fourth closed block.
    """
    ops = len(drawn.ops)
    kinds = len({(op.kind, op.symbol) for op in drawn.ops})
    return min(ops, TELLING) + 0.25 * max(0, ops - TELLING) + KIND * kinds


def torn(scene: Scene) -> int:
    """How often a row ends inside a block; more where many wires leave it there, or a scrap of it is left over."""
    plates: dict[str | None, list[Box]] = {}
    ends: list[tuple[float, float]] = []
    for m in scene.marks:
        if isinstance(m, Path) and m.role == "block":
            xs, ys = zip(*(v[-2:] for _, v in m.segments if v), strict=True)
            plates.setdefault(m.ids.block, []).append((min(xs), min(ys), max(xs), max(ys)))
        elif isinstance(m, Path) and m.role == "arrow" and m.ids.op is None:
            x, y = m.segments[1][1]
            ends.append((x, y))
    several = [p for p in plates.values() if len(p) > 1]
    count = 2 * sum(x1 - x0 < SCRAP * scene.width for pieces in several for x0, _, x1, _ in pieces)
    seen: list[Box] = []
    for plate in sorted((p for pieces in several for p in pieces[:-1]), key=lambda p: p[1] - p[3]):
        if not any(y0 <= plate[1] and plate[3] <= y1 for _, y0, _, y1 in seen):  # blocks in blocks are torn together
            seen.append(plate)
            wires = sum(x > plate[2] and plate[1] < y < plate[3] for x, y in ends)
            count += 1 if wires <= NECK else 3 if wires <= 2 * NECK else 5
    return count


def closed_blocks(drawn: Diagram) -> dict[str, list[str]]:
    """The paths of the blocks drawn closed for want of space, by class; what ``close`` closed has code to run."""
    found: dict[str, list[str]] = {}
    for op in drawn.ops:
        if op.block and not op.body:
            found.setdefault(op.name, []).append(op.block)
    return found


def opened_while_it_fits(
    choice: Choice, width: float | None, opened: Opened, laid_out: LaidOut, sketched: LaidOut
) -> Choice:
    """The same picture with single blocks open on top, the richest first, as long as it stays on one screen.

    One of a class: who has seen one knows the others.
    """
    depth, closed = choice.depth, choice.closed
    chosen: list[str] = []
    tries = TRIES
    known = {b.cls for b in choice.drawn.blocks} if closed else set()
    candidates = [p for cls, p in closed_blocks(choice.drawn).items() if cls not in known]
    richness = {p[0]: len(opened(depth, p[:1], closed).ops) for p in candidates}
    for paths in sorted(candidates, key=lambda p: -richness[p[0]]):
        for path in paths:
            candidate = opened(depth, [*chosen, path], closed)
            value = worth(choice.drawn, choice.scene)
            if tries and len(candidate.ops) <= LEGIBLE and told(candidate) > value:
                tries -= 1
                _, sketch = sketched(candidate)
                if hopeless(candidate, sketch, width) or worth(candidate, sketch) <= value:
                    continue
                candidate, larger = laid_out(candidate)
                if _fits(candidate, larger, width) and worth(candidate, larger) > value:
                    chosen.append(path)
                    choice = replace(choice, drawn=candidate, scene=larger)
                    break
    return choice
