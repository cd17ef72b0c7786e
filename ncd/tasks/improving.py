"""Short tours of more cities than can be solved exactly in reasonable time, a batch of sets at a time.

Local search from random tours: two sides are exchanged (Croes, "A method for solving traveling-salesman problems",
1958), and where that shortens nothing, up to three neighbouring cities are moved (Or, 1976).  The shortest of some
such tours is kept; nothing proves it the shortest of all.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ncd.tasks.geometry import Indices, Points, counterclockwise, tour_length

Reals: TypeAlias = NDArray[np.float64]


class Moves(NamedTuple):
    """m ways to change a tour of n cities, by places in it: what comes at each place (m, n), and which sides go.

    ``new`` and ``old`` are pairs of places (m, 2 or 3, 2), the ends of the sides.
    """

    order: Indices
    new: Indices
    old: Indices


def short_tours(points: Points, starts: int = 8, seed: int = 0) -> tuple[Indices, Reals]:
    """Short tours (b, n) of points (b, n, 2), counter-clockwise from point 0, and their lengths (b,); n at least 6."""
    b, n, _ = points.shape
    rng = np.random.default_rng(seed)
    away = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    best, length = np.zeros((b, n), dtype=np.int64), np.full(b, np.inf)
    for _ in range(starts):
        found = descend(away, rng.permuted(np.tile(np.arange(n), (b, 1)), axis=1))
        shorter = tour_length(points, found) < length
        best[shorter] = found[shorter]
        length = tour_length(points, best)
    place = (best == 0).argmax(axis=1)[:, None] + np.arange(n)
    return counterclockwise(points, np.take_along_axis(best, place % n, axis=1)), length


def descend(away: Reals, found: Indices) -> Indices:
    """The best move of every tour (b, n), again and again until none shortens it."""
    n = found.shape[1]
    found, left = found.copy(), np.arange(len(found))
    while len(left):
        found[left], better = best_move(away[left], found[left], exchanges(n))
        stuck = left[~better]
        found[stuck], moved = best_move(away[stuck], found[stuck], shifts(n))
        left = np.concatenate([left[better], stuck[moved]])
    return found


def best_move(away: Reals, found: Indices, moves: Moves) -> tuple[Indices, NDArray[np.bool_]]:
    """Every tour (b, n) after the move that shortens it most, and whether there is one (b,)."""
    n = found.shape[1]
    along = np.take_along_axis(away, found[:, :, None], axis=1)
    along = np.take_along_axis(along, found[:, None, :], axis=2).reshape(len(found), n * n)  # between places
    grown = np.zeros((len(found), len(moves.order)))
    for side in range(moves.new.shape[1]):
        grown += along[:, moves.new[:, side, 0] * n + moves.new[:, side, 1]]
        grown -= along[:, moves.old[:, side, 0] * n + moves.old[:, side, 1]]
    choice = grown.argmin(axis=1)
    better = grown[np.arange(len(found)), choice] < -1e-9
    order = np.where(better[:, None], moves.order[choice], np.arange(n))
    return np.take_along_axis(found, order, axis=1), better


@cache
def exchanges(n: int) -> Moves:
    """The path from place i + 1 to place j walked back."""
    i, j = np.triu_indices(n, 2)
    place = np.tile(np.arange(n), (len(i), 1))
    inside = (place > i[:, None]) & (place <= j[:, None])
    order = np.where(inside, (i + j + 1)[:, None] - place, place)
    after: Indices = (i + 1) % n
    beyond: Indices = (j + 1) % n
    return Moves(order, _sides((i, j), (after, beyond)), _sides((i, after), (j, beyond)))


@cache
def shifts(n: int) -> Moves:
    """One to three cities from place i on put between two others, as they are or walked back."""
    every = []
    for size, back in ((1, False), (2, False), (2, True), (3, False), (3, True)):
        rest = n - size
        i, j = (k.ravel() for k in np.indices((n, rest - 1)))  # put after the j-th of those that stay
        last: Indices = (i + size - 1) % n
        before: Indices = (i - 1) % n
        after: Indices = (i + size) % n
        left, right = (after + j) % n, (after + j + 1) % n
        stretch = np.arange(size)[::-1] if back else np.arange(size)
        stay = (after[:, None] + np.arange(rest)) % n
        order: Indices = np.empty((len(i), n), dtype=np.int64)
        at = np.arange(rest) + size * (np.arange(rest) > j[:, None])
        np.put_along_axis(order, at, stay, axis=1)
        np.put_along_axis(order, j[:, None] + 1 + np.arange(size), (i[:, None] + stretch) % n, axis=1)
        first, final = (last, i) if back else (i, last)
        new = _sides((before, after), (left, first), (final, right))
        every.append(Moves(order, new, _sides((before, i), (last, after), (left, right))))
    return Moves(*(np.concatenate(part) for part in zip(*every, strict=True)))


def _sides(*pairs: tuple[Indices, Indices]) -> Indices:
    return np.stack([np.stack(pair, axis=-1) for pair in pairs], axis=1)
