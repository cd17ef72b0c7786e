"""The three problems of Pointer Networks: how sets are drawn, what is to be written, and how an answer is judged.

Points are uniform in the unit square.  Targets (b, m) hold 0 for the end of the sequence, i for the i-th point and
-1 after the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ncd.tasks.geometry import (
    Indices,
    Points,
    area,
    counterclockwise,
    from_lowest,
    hulls,
    simple,
    tour_length,
    tours,
    triangulations,
)
from ncd.tasks.improving import short_tours

Judge = Callable[[Points, Sequence[Sequence[int]]], Mapping[str, float]]


@dataclass(frozen=True)
class Problem:
    """``solve`` gives the answers (b, m), -1 after the end, of points (b, n, 2); ``judge`` the measures by name.

    ``longest(n)`` is how many steps an answer may take; ``tour``: every answer is to visit each point once;
    ``sweep``: points are read from left to right, not in the order they were drawn in.
    """

    title: str
    solve: Callable[[Points], Indices]
    judge: Judge
    longest: Callable[[int], int]
    tour: bool = False
    sweep: bool = False

    def sets(self, rng: np.random.Generator, b: int, n: int) -> Points:
        """b fresh sets of n points: (b, n, 2)."""
        points: Points = rng.random((b, n, 2))
        if self.sweep:
            points = np.take_along_axis(points, points[..., :1].argsort(axis=1), axis=1)
        return points

    def draw(self, rng: np.random.Generator, b: int, n: int) -> tuple[Points, Indices]:
        """Fresh sets, and what is to be written of them."""
        points = self.sets(rng, b, n)
        return points, written(self.solve(points))


def written(answers: Indices) -> Indices:
    """Indices (b, m), -1 after the end, as targets (b, m' + 1): from 1, with the end."""
    size = (answers >= 0).sum(axis=1)
    targets: Indices = np.full((len(answers), int(size.max()) + 1), -1, dtype=np.int64)
    kept = answers[:, : targets.shape[1] - 1]
    targets[:, :-1] = np.where(kept >= 0, kept + 1, -1)
    targets[np.arange(len(answers)), size] = 0
    return targets


def judge_hulls(points: Points, answers: Sequence[Sequence[int]]) -> dict[str, float]:
    """``accuracy``: the same polygon, wherever it starts and whichever way it goes.

    ``simple``: the share of answers whose sides do not cross; ``area``: the share of the hull that those cover.
    """
    truth = hulls(points)
    whole = area(points, truth)
    right, covered = 0, []
    for p, true, size, answer in zip(points, truth, whole, answers, strict=True):
        cycle = np.asarray(answer, dtype=np.int64)
        if len(cycle) < 3 or len(set(answer)) != len(answer) or not simple(p[cycle]):
            continue
        signed = float(area(p[None], cycle[None])[0])
        covered.append(abs(signed) / size)
        cycle = from_lowest((cycle if signed > 0 else cycle[::-1])[None])[0]
        right += cycle.tolist() == true[true >= 0].tolist()
    return {
        "accuracy": right / len(points),
        "area": float(np.mean(covered)) if covered else 0.0,
        "simple": len(covered) / len(points),
    }


def judge_triangulations(points: Points, answers: Sequence[Sequence[int]]) -> dict[str, float]:
    """``accuracy``: all triangles and no other; ``coverage``: the share of the true triangles that were given."""
    right = covered = 0.0
    for triangles, answer in zip(triangulations(points).tolist(), answers, strict=True):
        true = {tuple(t) for t in triangles if t[0] >= 0}
        given = {tuple(sorted(answer[k : k + 3])) for k in range(0, len(answer) - 2, 3)}
        right += given == true and len(answer) % 3 == 0
        covered += len(given & true) / len(true)
    return {"accuracy": right / len(points), "coverage": covered / len(points)}


def judge_tours(points: Points, answers: Sequence[Sequence[int]]) -> dict[str, float]:
    """``length``, the ``shortest`` possible, the mean ``gap`` to it and the share ``optimal``.

    Beyond ``EXACT`` points ``searched`` is what local search finds, and ``beyond`` the mean gap to that.
    """
    length = tour_length(points, np.asarray(answers, dtype=np.int64))
    best = np.concatenate([solved(part)[1] for part in np.array_split(points, -(-len(points) // 2000))])
    if points.shape[1] > EXACT:
        return {
            "length": float(length.mean()),
            "searched": float(best.mean()),
            "beyond": float((length / best).mean() - 1),
        }
    return {
        "length": float(length.mean()),
        "shortest": float(best.mean()),
        "gap": float((length / best).mean() - 1),
        "optimal": float((length < best * (1 + 1e-6)).mean()),
    }


EXACT = 12
"""Of so many cities the shortest tour is found exactly, of more by local search (``ncd.tasks.improving``)."""


def solved(points: Points) -> tuple[Indices, NDArray[np.float64]]:
    """Tours (b, n) of points (b, n, 2), and their lengths (b,): the shortest, or for many points short ones."""
    return (tours if points.shape[1] <= EXACT else short_tours)(points)


def moved(rng: np.random.Generator, points: Points, targets: Indices) -> tuple[Points, Indices]:
    """Tours with their cities shuffled, and the square turned or mirrored: as good an example as a fresh one.

    A tour keeps its cycle: it starts at the city that is now the first, and goes counter-clockwise again.
    """
    b, n, _ = points.shape
    answers = targets[:, :n] - 1
    place = rng.permuted(np.tile(np.arange(n), (b, 1)), axis=1)  # where every city goes
    shuffled = np.empty_like(points)
    np.put_along_axis(shuffled, place[..., None], points, axis=1)
    flip, mirror = rng.random((b, 1)) < 0.5, rng.random((b, 1, 2)) < 0.5
    shuffled = np.where(mirror, 1 - shuffled, shuffled)
    shuffled = np.where(flip[..., None], shuffled[..., ::-1], shuffled)
    cycle = from_lowest(np.take_along_axis(place, answers, axis=1))
    return shuffled, written(counterclockwise(shuffled, cycle))


PROBLEMS: Mapping[str, Problem] = {
    "hull": Problem("convex hull", hulls, judge_hulls, lambda n: n + 1),
    "delaunay": Problem(
        "Delaunay triangulation",
        lambda points: triangulations(points).reshape(len(points), -1),
        judge_triangulations,
        lambda n: 3 * (2 * n - 5) + 1,
        sweep=True,
    ),
    "tsp": Problem("planar travelling salesman", lambda points: solved(points)[0], judge_tours, lambda n: n, tour=True),
}
"""The corners of a triangle are written in rising order (section 3.2), which says something of the plane only if the
order of the points does: for triangulations they are read from left to right."""
