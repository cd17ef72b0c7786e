"""Turns of a loop: whether stretches of ops that are alike are one stretch, gone through again and again.

Every operand of the second turn is made in the turn itself, or by the turn before it (it is *carried*),
or was there before the loop (it is *shared*), or is a weight; and so for the third, in the same way.  What
a turn makes is read by itself and the next turn only, unless all turns' are joined side by side in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ncd.circuit.diagram import Array, Op
from ncd.rewrite.alike import WEIGHTS, places
from ncd.rewrite.tree import Branch, Child

Slot = tuple[int, int]
"""An operand: the op's position in the turn, and which of its inputs."""
Name = tuple[int, int]
"""What a turn makes: the op's position in the turn, and which of its outputs."""
OWN, SHARED, CONSTANT, SAME, DIFFERENT = "own", "shared", "constant", "same", "different"


def operations(part: Sequence[Child]) -> Iterator[Op]:
    for child in part:
        if isinstance(child, Op):
            yield child
        else:
            yield from child.ops()


class Turn:
    """One turn of what may be a run: its ops, and what each array it makes is called in every turn.

    ``like``: a turn of which this one is a part, the last: ``None`` in ``ops`` for what it leaves out.
    """

    def __init__(self, ops: Sequence[Op | None]) -> None:
        self.ops = tuple(ops)
        self.made: dict[int, tuple[int, int]] = {
            a.id: (k, j) for k, op in enumerate(ops) if op is not None for j, a in enumerate(op.outputs)
        }
        self.inside = {id(op) for op in ops}


class Run:
    """Consecutive turns that have been compared, and what was found out about every operand."""

    def __init__(self, first: Turn) -> None:
        self.turns = [first]
        self.mode: dict[Slot, object] = {}
        """own, shared, constant, same, different, or the (op, output) of the turn before that it is."""
        self.steps: list[tuple[int, ...]] | None = None
        """By how much the numbers in each op's ``places`` grow from turn to turn."""

    def extend(self, after: Turn) -> bool:
        """Add a turn if it follows as the others do; says whether it did."""
        here = self.turns[-1]
        found = self._modes(here, after)
        steps = self._steps(here, after)
        if found is None or steps is None:
            return False
        self.mode = {**found, **self.mode}
        self.steps = [s if t is None else t for s, t in zip(self.steps or steps, steps, strict=True)]  # type: ignore[misc]
        self.turns.append(after)
        return True

    def _modes(self, here: Turn, after: Turn) -> dict[Slot, object] | None:
        found: dict[Slot, object] = {}
        for k, (p, q) in enumerate(zip(here.ops, after.ops, strict=True)):
            if q is None:
                continue
            if p is None:
                return None
            for j, (a, b) in enumerate(zip(p.inputs, q.inputs, strict=True)):
                mode = self._mode(here, after, a, b)
                if mode is None or self.mode.get((k, j), mode) != mode:
                    return None
                found[k, j] = mode
        return found

    def _mode(self, here: Turn, after: Turn, a: Array, b: Array) -> object | None:
        if a.hidden or b.hidden:
            if a.kind in WEIGHTS and b.kind in WEIGHTS:
                return SAME if a.id == b.id else DIFFERENT
            return CONSTANT if a.hidden and b.hidden else None
        if b.id in after.made:
            return OWN if here.made.get(a.id) == after.made[b.id] else None
        if b.id in here.made:
            return here.made[b.id] if a.id not in here.made else None
        return SHARED if a.id == b.id else None

    def _steps(self, here: Turn, after: Turn) -> list[tuple[int, ...]] | None:
        """How far the places move; only an index may move, and what takes a part of a weight."""
        out: list[tuple[int, ...] | None] = []
        for k, (p, q) in enumerate(zip(here.ops, after.ops, strict=True)):
            if p is None or q is None:
                out.append(None)
                continue
            at, to = places(p), places(q)
            if not at and not to:
                out.append(())
                continue
            step = tuple(y - x for (x, _), (y, _) in zip(at, to, strict=True))
            learned = [w for _, w in at]
            if p.symbol != "index" and any(s and not w for s, w in zip(step, learned, strict=True)):
                return None
            known = self.steps[k] if self.steps else None
            if known is not None and any(s != t and not w for s, t, w in zip(step, known, learned, strict=True)):
                return None
            out.append(step)
        return out  # type: ignore[return-value]

    # ---------------------------------------------------------------- what goes in and out
    @property
    def carried(self) -> dict[Name, set[int]]:
        """What each turn makes for the next, with the arrays that the first turn has in its place."""
        found: dict[Name, set[int]] = {}
        for (k, j), mode in self.mode.items():
            if isinstance(mode, tuple):
                op = self.turns[0].ops[k]
                assert op is not None
                found.setdefault(mode, set()).add(op.inputs[j].id)
        return found

    @property
    def weights(self) -> str:
        """same, own, or nothing where there are none; mixed where some are shared by some turns only."""
        kinds: set[str] = set()
        for (k, j), mode in self.mode.items():
            if mode in (SAME, DIFFERENT):
                ids = [op.inputs[j].id for t in self.turns if (op := t.ops[k]) is not None]
                if mode == DIFFERENT and len(set(ids)) < len(ids):
                    return "mixed"
                kinds.add("same" if mode == SAME and not self.moves(k) else "own")
        return kinds.pop() if len(kinds) == 1 else "partly" if kinds else ""

    def moves(self, k: int) -> bool:
        """Whether op ``k`` takes another element in every turn."""
        return self.steps is not None and any(self.steps[k] or ())

    def shorten(self, n: int) -> None:
        """Forget the turns after the first ``n``."""
        del self.turns[n:]

    def settle(self, readers: Mapping[int, Sequence[Op]], outputs: set[int]) -> int:
        """Drop turns from the end until nothing is read from outside that may not be; says how many are left."""
        while len(self.turns) > 1:
            n = self._sound(readers, outputs)
            if n == len(self.turns):
                break
            self.shorten(n)
        starts = self.carried
        if any(len(ids) > 1 for ids in starts.values()) or self.weights == "mixed":
            self.shorten(1)
        return len(self.turns)

    def _sound(self, readers: Mapping[int, Sequence[Op]], outputs: set[int]) -> int:
        """How many turns, from the first, can stay for what the arrays of all but the last are read by."""
        last = len(self.turns) - 1
        joins: dict[tuple[int, tuple[int, int]], list[int]] = {}
        """Per join and array of a turn: at which place of the join each turn's array stands."""
        ops: dict[int, Op] = {}
        for k, turn in enumerate(self.turns):
            near = turn.inside | (self.turns[k + 1].inside if k < last else set())
            for i, name in turn.made.items():
                if i in outputs and k < last:
                    return k + 1
                for r in readers.get(i, ()):
                    if id(r) in near:
                        continue
                    ids = [a.id for a in r.inputs] if r.kind == "join" else []
                    before = joins.get((id(r), name), [])
                    if ids.count(i) == 1 and len(before) == k and _steady([*before, ids.index(i)]):
                        joins.setdefault((id(r), name), []).append(ids.index(i))
                        ops[id(r)] = r
                    elif k < last:
                        return k + 1
        return min([len(self.turns), *(len(p) for p in joins.values())])


def _steady(at: list[int]) -> bool:
    """Whether places follow one another, forwards or backwards."""
    return len(at) < 2 or (at[-1] - at[-2] in (1, -1) and at[-1] - at[-2] == at[1] - at[0])


class Periods:
    """Where a list of keys repeats itself, found by hashes of its beginnings."""

    BASE, PRIME = 1_000_003, (1 << 61) - 1
    TRIED = 12
    """So many of the next places with the same key are tried as the beginning of a second turn."""

    def __init__(self, keys: Sequence[int]) -> None:
        self.keys = keys
        self.sums, self.powers = [0], [1]
        for k in keys:
            self.sums.append((self.sums[-1] * self.BASE + k + 1) % self.PRIME)
            self.powers.append(self.powers[-1] * self.BASE % self.PRIME)
        self.next: list[int] = [0] * len(keys)
        later: dict[int, int] = {}
        for i in range(len(keys) - 1, -1, -1):
            self.next[i] = later.get(keys[i], len(keys))
            later[keys[i]] = i

    def alike(self, i: int, j: int) -> int:
        """How many keys from ``i`` on are those from ``j`` on."""
        low, high = 0, len(self.keys) - max(i, j)
        while low < high:
            middle = (low + high + 1) // 2
            if self._hash(i, middle) == self._hash(j, middle):
                low = middle
            else:
                high = middle - 1
        return low

    def _hash(self, i: int, n: int) -> int:
        return (self.sums[i + n] - self.sums[i] * self.powers[n]) % self.PRIME

    def at(self, i: int) -> Iterator[tuple[int, int]]:
        """(period, turns) of what repeats itself from ``i`` on, short periods first."""
        j = self.next[i]
        for _ in range(self.TRIED):
            if j >= len(self.keys):
                return
            n = self.alike(i, j) // (j - i) + 1
            if n > 1:
                yield j - i, n
            j = self.next[j]


def fitted(
    body: Sequence[Child], rest: Sequence[Child], alike: Callable[[Op, Op], bool]
) -> tuple[Turn, Sequence[Child]] | None:
    """A last, shorter turn at the beginning of ``rest``, and the children it consists of; None if there is none."""
    ops: list[Op | None] = []
    at = 0
    for child in body:
        mine = list(operations([child]))
        theirs = (
            _among(mine, list(operations(rest[at : at + 1])), alike) if _same_kind(child, rest[at : at + 1]) else None
        )
        ops += theirs or [None] * len(mine)
        at += theirs is not None
    return (Turn(ops), rest[:at]) if at and None in ops else None


def _same_kind(child: Child, other: Sequence[Child]) -> bool:
    if not other:
        return False
    if isinstance(child, Branch):
        return isinstance(other[0], Branch) and child.block.cls == other[0].block.cls
    return isinstance(other[0], Op)


def _among(whole: Sequence[Op], part: Sequence[Op], alike: Callable[[Op, Op], bool]) -> list[Op | None] | None:
    """Each op of ``whole``, in order, with the one of ``part`` that is it; None if some are none."""
    out: list[Op | None] = []
    at = 0
    for op in whole:
        found = at < len(part) and alike(op, part[at])
        out.append(part[at] if found else None)
        at += found
    return out if at == len(part) else None
