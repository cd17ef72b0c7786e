"""An L1 linear programme: heights under separation constraints, minimising weighted distances.

Wires come out exactly straight wherever that is possible, which least squares never gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from math import inf

from ncd.layout.net import Slot

SIMPLEX = 400
"""Up to so many variables kiwi's simplex is fast enough; larger components go to HiGHS where scipy is installed."""


Gaps = dict[tuple[int, int], float]
Ties = dict[tuple[int, int, float], float]
Solved = dict[object, list[float]]
"""The heights in programmes that were solved, by all that is in them."""


@dataclass
class Programme:
    """Variables are numbered; a slot is (variable, offset)."""

    count: int = 0
    gaps: list[tuple[int, int, float]] = field(default_factory=list)
    """(upper, lower, d): lower − upper ≥ d."""
    ties: list[tuple[int, int, float, float]] = field(default_factory=list)
    """(a, b, o, w): w · |a − b + o| is minimised."""
    rigid: dict[int, Slot] = field(default_factory=dict)
    """Variables that are another variable plus an offset."""
    solved: Solved = field(default_factory=dict)
    """Parts of this and other programmes that were solved before."""

    def slot(self) -> Slot:
        self.count += 1
        return (self.count - 1, 0.0)

    def apart(self, upper: Slot, lower: Slot, d: float) -> None:
        self.gaps.append((upper[0], lower[0], d + upper[1] - lower[1]))

    def tie(self, a: Slot, b: Slot, weight: float, distance: float = 0.0) -> None:
        """Pay for every px by which b is not ``distance`` below a."""
        self.ties.append((a[0], b[0], a[1] - b[1] + distance, weight))

    def solve(self) -> list[float]:
        base = [j for j in range(self.count) if j not in self.rigid]
        number = {j: i for i, j in enumerate(base)}
        rigid = (self.rigid.get(j, (j, 0.0)) for j in range(self.count))
        resolved = [(number[j], offset) for j, offset in rigid]
        gaps: dict[tuple[int, int], float] = {}
        for upper, lower, d in self.gaps:
            (a, oa), (b, ob) = resolved[upper], resolved[lower]
            if a != b and d + oa - ob > gaps.get((a, b), -inf):
                gaps[a, b] = d + oa - ob
        ties: dict[tuple[int, int, float], float] = {}
        for p, q, o, w in self.ties:
            (a, oa), (b, ob) = resolved[p], resolved[q]
            if a != b:
                at = (a, b, round(o + oa - ob, 6))
                ties[at] = ties.get(at, 0.0) + w
        heights = _components(len(base), gaps, ties, self.solved)
        return [heights[i] + offset for i, offset in resolved]


def _components(n: int, gaps: Gaps, ties: Ties, solved: Solved) -> list[float]:
    """Solve what is not connected separately, each part starting at height 0."""
    group = list(range(n))

    def find(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for a, b in (*gaps, *((a, b) for a, b, _ in ties)):
        group[find(a)] = find(b)
    of = [find(i) for i in range(n)]
    members: dict[int, list[int]] = {}
    place = [0] * n
    for i in range(n):
        part = members.setdefault(of[i], [])
        place[i] = len(part)
        part.append(i)
    own_gaps: dict[int, Gaps] = {r: {} for r in members}
    own_ties: dict[int, Ties] = {r: {} for r in members}
    for (a, b), d in gaps.items():
        own_gaps[of[a]][place[a], place[b]] = d
    for (a, b, o), w in ties.items():
        own_ties[of[a]][place[a], place[b], o] = w
    heights = [0.0] * n
    for r, part in members.items():
        key = len(part), tuple(own_gaps[r].items()), tuple(own_ties[r].items())
        if key not in solved:
            use_highs = len(part) > SIMPLEX and find_spec("scipy") is not None
            found = (_highs if use_highs else _kiwi)(len(part), own_gaps[r], own_ties[r])
            top = min(found)
            solved[key] = [round(y - top, 4) for y in found]
        for i, y in zip(part, solved[key], strict=True):
            heights[i] = y
    return heights


def _kiwi(n: int, gaps: Gaps, ties: Ties) -> list[float]:
    """By the simplex method, which takes half the time with few constraints and the heaviest ties first."""
    import kiwisolver as kiwi

    v = [kiwi.Variable() for _ in range(n)]
    solver = kiwi.Solver()
    solver.addConstraint(v[0] == 0)
    for (a, b), d in _needed(n, gaps).items():
        solver.addConstraint(v[b] - v[a] >= d)
    for (a, b, o), w in sorted(ties.items(), key=lambda tie: -tie[1]):
        off = v[a] - v[b] + o
        if gaps.get((a, b), -inf) >= o:  # then it is never above 0
            tie = off >= 0
        elif gaps.get((b, a), -inf) >= -o:
            tie = off <= 0
        else:
            tie = off == 0
        solver.addConstraint(tie | float(w))
    solver.updateVariables()
    return [float(x.value()) for x in v]


def _needed(n: int, gaps: Gaps) -> Gaps:
    """The gaps without those that chains of two or three others imply."""
    below: list[dict[int, float]] = [{} for _ in range(n)]
    for (a, b), d in gaps.items():
        below[a][b] = d
    for a, direct in enumerate(below):
        chains, implied = direct, set()
        for _ in range(2 if len(direct) > 1 else 0):
            longer: dict[int, float] = {}
            for c, e in chains.items():
                for b, d in below[c].items():
                    if e + d > longer.get(b, -inf):
                        longer[b] = e + d
            implied |= {b for b, d in direct.items() if longer.get(b, -inf) >= d}
            chains = longer
        below[a] = {b: d for b, d in direct.items() if b not in implied}
    return {(a, b): d for (a, b), d in gaps.items() if b in below[a]}


def _highs(n: int, gaps: Gaps, ties: Ties) -> list[float]:
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix

    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    bounds: list[float] = []
    for (a, b), d in gaps.items():
        rows += [len(bounds)] * 2
        columns += [a, b]
        values += [1, -1]
        bounds.append(-d)
    for j, (a, b, o) in enumerate(ties):
        for sign in (1, -1):
            rows += [len(bounds)] * 3
            columns += [a, b, n + j]
            values += [sign, -sign, -1]
            bounds.append(-sign * o)
    if not bounds:
        return [0.0] * n
    matrix = coo_matrix((values, (rows, columns)), shape=(len(bounds), n + len(ties))).tocsr()
    free = [(None, None)] * n + [(0, None)] * len(ties)
    result = linprog([0.0] * n + list(ties.values()), A_ub=matrix, b_ub=bounds, bounds=free, method="highs")
    return [float(y) for y in result.x[:n]]
