"""How much of a model is open where nobody chose a depth: what fits a screen, tells most and is least torn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ncd.circuit.diagram import Diagram
from ncd.layout.scene import Path, Scene

SCREEN = (1000, 900)
"""What fits one notebook screen at scale 1, px."""
TRIES = 4
"""So many pictures with single blocks open are tried when the next level does not fit as a whole."""
LEGIBLE = 40
"""At most so many ops in a picture whose depth nobody chose."""
TELLING, TORN, SCRAP = 24, 4, 0.2
"""So many ops the eye takes in; a torn block costs as much as so many; a narrower piece of it is a scrap."""


def best_that_fits(
    levels: int,
    width: float | None,
    opened: Callable[[int], Diagram],
    laid_out: Callable[[Diagram], tuple[Diagram, Scene]],
) -> tuple[int, Diagram, Scene]:
    """Of the pictures of every depth the best that is legible on one screen; with none, the one with the fewest ops.

    What has too many ops is not laid out to find out how large it would be.
    """
    best: tuple[float, int, Diagram, Scene] | None = None
    for depth in range(levels, -1, -1):
        drawn = opened(depth)
        if best and best[0] >= told(len(drawn.ops)):
            break  # not even without a torn block would it be better, nor would any with less open
        if len(drawn.ops) <= LEGIBLE or not depth:
            drawn, scene = laid_out(drawn)
            value = worth(drawn, scene)
            if (_fits(scene, width) and (not best or value > best[0])) or not (depth or best):
                best = value, depth, drawn, scene
    assert best is not None
    return best[1:]


def _fits(scene: Scene, width: float | None) -> bool:
    return scene.width <= (width or SCREEN[0]) and scene.height <= SCREEN[1]


def worth(drawn: Diagram, scene: Scene) -> float:
    """How good a picture is as the first that one sees: what it tells, less what is torn."""
    return told(len(drawn.ops)) - TORN * torn(scene)


def told(ops: int) -> float:
    """What a picture of so many ops tells; above a number that the eye takes in, more of them tell less."""
    return min(ops, TELLING) + 0.25 * max(0, ops - TELLING)


def torn(scene: Scene) -> int:
    """How often a row ends inside a block; twice where only a scrap of it is left over."""
    pieces: dict[str | None, list[float]] = {}
    for m in scene.marks:
        if isinstance(m, Path) and m.role == "block":
            xs = [v[-2] for _, v in m.segments if v]
            pieces.setdefault(m.ids.block, []).append(max(xs) - min(xs))
    return sum(len(found) - 1 + sum(w < SCRAP * scene.width for w in found) for found in pieces.values() if found[1:])


def closed_blocks(drawn: Diagram) -> dict[str, list[str]]:
    """The paths of the blocks drawn closed for want of space, by class; what ``close`` closed has code to run."""
    found: dict[str, list[str]] = {}
    for op in drawn.ops:
        if op.block and not op.body:
            found.setdefault(op.name, []).append(op.block)
    return found


def opened_while_it_fits(
    depth: int,
    drawn: Diagram,
    scene: Scene,
    width: float | None,
    opened: Callable[[int, Sequence[str]], Diagram],
    laid_out: Callable[[Diagram], tuple[Diagram, Scene]],
) -> tuple[Diagram, Scene]:
    """The same picture with single blocks open on top, the richest first, as long as it stays on one screen.

    One of a class: who has seen one knows the others.
    """
    chosen: list[str] = []
    tries = TRIES
    richness = {p[0]: len(opened(depth, p[:1]).ops) for p in closed_blocks(drawn).values()}
    for paths in sorted(closed_blocks(drawn).values(), key=lambda p: -richness[p[0]]):
        for path in paths:
            candidate = opened(depth, [*chosen, path])
            if tries and len(drawn.ops) < len(candidate.ops) <= LEGIBLE:
                tries -= 1
                candidate, larger = laid_out(candidate)
                if _fits(larger, width) and worth(candidate, larger) > worth(drawn, scene):
                    chosen.append(path)
                    drawn, scene = candidate, larger
                    break
    return drawn, scene
