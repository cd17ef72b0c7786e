"""Exact answers to planar problems, a batch of point sets at a time, and what answers are measured by.

Points are (b, n, 2) in float64; indices are int64, -1 where a row has ended.
"""

from __future__ import annotations

from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]


def cross(o: Points, a: Points, b: Points) -> NDArray[np.float64]:
    """Twice the signed area of the triangles o a b (..., 2): positive if they turn to the left."""
    u, v = a - o, b - o
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def hulls(points: Points) -> Indices:
    """The corners of every convex hull (b, n): counter-clockwise from the lowest index, then -1.

    Wraps every set at once; points in general position.
    """
    b, n, _ = points.shape
    sets = np.arange(b)
    first = np.lexsort((points[..., 1], points[..., 0]))[:, 0]
    corners = np.full((b, n), -1, dtype=np.int64)
    here, open_ = first, np.ones(b, dtype=bool)
    for k in range(n):
        corners[open_, k] = here[open_]
        following = (here + 1) % n
        for candidate in range(n):
            at = np.full(b, candidate)
            right = cross(points[sets, here], points[sets, following], points[sets, at]) < 0
            following = np.where(right & (at != here), at, following)
        open_ &= following != first
        if not open_.any():
            break
        here = following
    return from_lowest(corners)


def from_lowest(cycles: Indices) -> Indices:
    """The same cycles, each started at its lowest index."""
    size = (cycles >= 0).sum(axis=1, keepdims=True)
    start = np.where(cycles >= 0, cycles, np.iinfo(np.int64).max).argmin(axis=1)[:, None]
    place = np.arange(cycles.shape[1])[None]
    turned = np.take_along_axis(cycles, (start + place) % size, axis=1)
    return np.where(place < size, turned, -1)


def tours(points: Points) -> tuple[Indices, NDArray[np.float64]]:
    """The shortest tours (b, n), counter-clockwise from point 0, and their lengths (b,), by dynamic programming.

    Held and Karp, "A dynamic programming approach to sequencing problems", 1962: O(2^n n^2) a set, all subsets of
    one size of b sets at once.  At n = 20 a set takes a second and 40 MB.
    """
    b, n, _ = points.shape
    cities, kind = n - 1, np.float32 if n > 12 else np.float64
    away = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1).transpose(1, 2, 0).astype(kind)
    length = np.full((1 << cities, cities, b), np.inf, dtype=kind)  # of the shortest path through a subset to a city
    for j in range(cities):
        length[1 << j, j] = away[0, j + 1]
    subsets = np.arange(1 << cities)
    size = np.bitwise_count(subsets)
    for visited in range(2, n):
        layer = subsets[size == visited]
        for j in range(cities):
            inside = layer[layer >> j & 1 == 1]
            length[inside, j] = (length[inside ^ (1 << j)] + away[1:, j + 1]).min(axis=1)
    last = (length[-1] + away[1:, 0]).argmin(axis=0)
    sets, left, found = np.arange(b), np.full(b, (1 << cities) - 1), np.zeros((b, n), dtype=np.int64)
    for k in range(n - 1, 0, -1):
        found[:, k] = last + 1
        left = left ^ (1 << last)
        last = (length[left, :, sets] + away[1:, last + 1, sets].T).argmin(axis=1)
    found = counterclockwise(points, found)
    return found, tour_length(points, found)


def counterclockwise(points: Points, found: Indices) -> Indices:
    """Tours (b, n) turned so that they go round to the left, from the point they start at."""
    back = np.concatenate([found[:, :1], found[:, :0:-1]], axis=1)
    return np.where((area(points, found) < 0)[:, None], back, found)


def tour_length(points: Points, found: Indices) -> NDArray[np.float64]:
    """The length (b,) of closed tours (b, n)."""
    path = np.take_along_axis(points, found[..., None], axis=1)
    return np.linalg.norm(path - np.roll(path, -1, axis=1), axis=-1).sum(axis=-1)


def area(points: Points, cycles: Indices) -> NDArray[np.float64]:
    """The signed area (b,) of polygons (b, m), positive if counter-clockwise; -1 past the end."""
    within = cycles >= 0
    corner = np.where(within, cycles, cycles[:, :1])  # the first again: a side of no length
    path = np.take_along_axis(points, corner[..., None], axis=1)
    after = np.roll(path, -1, axis=1)
    return 0.5 * (path[..., 0] * after[..., 1] - path[..., 1] * after[..., 0]).sum(axis=-1)


def simple(polygon: Points) -> bool:
    """Whether no two sides of a polygon (m, 2) cross; three corners at least."""
    m = len(polygon)
    if m < 3:
        return False
    i, j = np.triu_indices(m, 2)
    i, j = i[(i != 0) | (j != m - 1)], j[(i != 0) | (j != m - 1)]
    a, b, c, d = polygon[i], polygon[(i + 1) % m], polygon[j], polygon[(j + 1) % m]
    across = (cross(a, b, c) * cross(a, b, d) < 0) & (cross(c, d, a) * cross(c, d, b) < 0)
    return not bool(across.any())


def triangulations(points: Points) -> Indices:
    """The Delaunay triangles of every set (b, n, 2), as (b, 2n - 5, 3): corners in rising order, then -1.

    Triangles are ordered by their corners: those of the first point come first.  (The paper orders them by their
    incentres, section 3.2, which is learned more slowly.)  Points in general position.
    """
    b, n, _ = points.shape
    row, corners = (whole if n <= FEW else by_qhull)(points)
    order = np.lexsort((*corners.T[::-1], row))
    row, corners = row[order], corners[order]
    found = np.full((b, 2 * n - 5, 3), -1, dtype=np.int64)
    found[row, np.arange(len(row)) - np.searchsorted(row, row)] = corners
    return found


FEW = 8
"""To so many points it is cheaper to try every triangle of every set at once than to call qhull a set at a time."""


def whole(points: Points) -> tuple[Indices, Indices]:
    """The triangles (m, 3) with no fourth point of their set in their circle, and which sets (m,) they are of."""
    n = points.shape[1]
    triples = np.array(list(combinations(range(n), 3)))
    corners = [points[:, triples[:, k]] for k in range(3)]
    seen = [corner[:, :, None] - points[:, None] for corner in corners]  # (b, t, n, 2): from every point
    p, q, r = seen
    inside = sum(
        (u**2).sum(-1) * (v[..., 0] * w[..., 1] - v[..., 1] * w[..., 0])
        for u, v, w in ((p, q, r), (q, r, p), (r, p, q))
    )
    inside = inside * np.sign(cross(*corners))[..., None]
    own = (triples[:, :, None] == np.arange(n)).any(axis=1)
    row, which = np.nonzero(~((inside > 0) & ~own).any(axis=-1))
    return row, triples[which]


def by_qhull(points: Points) -> tuple[Indices, Indices]:
    """The same for any number of points, a set at a time."""
    from scipy.spatial import Delaunay

    found = [np.sort(Delaunay(one).simplices, axis=1).astype(np.int64) for one in points]
    return np.repeat(np.arange(len(found)), [len(one) for one in found]), np.concatenate(found)
