"""What axes are called whose sizes change from turn to turn: ``c_λ``, and ``c_{λ−1}`` in the turn before.

An axis has a letter and, in each turn, a number: axes of one letter and number have one size, also where
they are not one axis, as a letter with an index stands for a size in the figures of papers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array

INDEX = "λ"
_LETTER = re.compile(r"[^\d_']+")

Places = tuple[tuple[int, int], ...]
"""An axis's number and size in each turn."""


def letter(axis: Axis) -> str:
    """The name without what tells it from others."""
    found = _LETTER.match(axis.shown or axis.name)
    return found.group() if found else axis.name


def written(base: str, number: int) -> str:
    return f"{base}_{number}".replace("-", "−")


def formula(base: str, numbers: Sequence[int]) -> str:
    """``c_λ``, ``c_λ−1``, ``c_4−λ``: the number in every turn, the first being turn 1."""
    step, first = numbers[1] - numbers[0], numbers[0]
    shift = first - step
    if step == 1:
        return f"{base}_{INDEX}" + (f"{shift:+d}".replace("-", "−") if shift else "")
    return f"{base}_{shift}−{INDEX}".replace("_-", "_−")


@dataclass
class Names:
    """The sizes by letter and number, and what axes are called by them."""

    sizes: dict[str, dict[int, int]] = field(default_factory=dict)
    inside: dict[int, list[tuple[str, Places] | None]] = field(default_factory=dict)
    """By array, of each wire: what it is called and its places, or None where it is the same in all turns."""
    outside: dict[int, tuple[str, int]] = field(default_factory=dict)
    """By axis: letter and number."""

    def learn(self, turns: Sequence[Sequence[Array]]) -> None:
        """Name the arrays of the first turn, given in every turn one by one; those that occur most first."""
        rows = list(zip(*turns, strict=True))
        found: Counter[tuple[str, tuple[int, ...]]] = Counter()
        for row in rows:
            for wires in zip(*(a.wires for a in row), strict=True):
                if len({w.size for w in wires}) > 1:
                    found[letter(wires[0]), tuple(w.size for w in wires)] += 1
        places: dict[tuple[str, tuple[int, ...]], tuple[str, tuple[int, ...]]] = {}
        waiting = [f for f, _ in found.most_common()]
        while waiting:  # those first that continue what is known
            base, sizes = next((f for f in waiting if self.follows(*f)), waiting[0])
            waiting.remove((base, sizes))
            places[base, sizes] = self.place(base, sizes)
        for row in rows:
            if row[0].id in self.inside:
                continue
            named: list[tuple[str, Places] | None] = []
            for wires in zip(*(a.wires for a in row), strict=True):
                sizes = tuple(w.size for w in wires)
                known = places.get((letter(wires[0]), sizes))
                if known is None:
                    named.append(None)
                    continue
                base, numbers = known
                named.append((formula(base, numbers), tuple(zip(numbers, sizes, strict=True))))
                for w, n in zip(wires, numbers, strict=True):
                    self.outside.setdefault(w.id, (base, n))
            self.inside[row[0].id] = named

    def place(self, base: str, sizes: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """The letter, and the numbers under which these sizes follow one another, up or down."""
        if not self.sizes.get(base):
            best = tuple(range(1, len(sizes) + 1))
        elif not (best := self.follows(base, sizes)):
            return self.place(base + "'", sizes)
        self.sizes.setdefault(base, {}).update(zip(best, sizes, strict=True))
        return base, best

    def follows(self, base: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers at which at least two of these sizes are known, and none is another; or none."""
        table = self.sizes.get(base, {})
        best: tuple[int, ...] = ()
        most = 1
        low, high = min(table, default=0) - len(sizes), max(table, default=0) + len(sizes)
        for step in (1, -1):
            for start in sorted(range(low, high + 1), key=abs):
                numbers = tuple(start + step * k for k in range(len(sizes)))
                met = [table[n] == s for n, s in zip(numbers, sizes, strict=True) if n in table]
                if all(met) and len(met) > most and min(numbers) >= min(0, *table):
                    best, most = numbers, len(met)
        return best

    def joined(self, array: Array, wire: int, parts: Sequence[tuple[Array, int]]) -> None:
        """Of several arrays of equal axes side by side, a wire is so many times that axis."""
        names = {self.inside[a.id][k] for a, k in parts if a.id in self.inside}
        known = self.inside.get(array.id)
        if len(names) == 1 and known and (one := names.pop()) and (mine := known[wire]):
            sizes = tuple((n, s) for (n, _), (_, s) in zip(one[1], mine[1], strict=True))
            known[wire] = (f"{len(parts)}{one[0]}", sizes)

    # ---------------------------------------------------------------- writing
    def in_turn(self, array: Array, like: Array | None = None) -> Array:
        """The array as every turn has it; with ``like``, its axes of the sizes that another turn's has."""
        named = self.inside.get(array.id)
        if named is None:
            return array
        queue = list(zip(array.wires, named, strict=True))

        def leaf(axis: Axis) -> Axis:
            own, name = queue.pop(0)
            made = replace(own, size=axis.size) if like else axis
            return made if name is None else replace(made, shown=name[0], turns=name[1])

        source = like or array
        return replace(array, axes=tuple(_leaves(a, leaf) for a in source.axes))

    def around(self, arrays: Iterable[Array]) -> dict[int, str]:
        """What axes outside of all turns are called, by id: by number where they have one, or another's size."""
        axes = {w.id: w for a in arrays for w in a.wires}
        numbers: dict[str, Counter[int]] = {base: Counter(table.values()) for base, table in self.sizes.items()}
        by_size = {base: {s: n for n, s in table.items()} for base, table in self.sizes.items()}
        found: dict[int, str] = {}
        taken = {written(base, n) for base, table in self.sizes.items() for n in table}
        for i, w in axes.items():
            base = letter(w)
            if i in self.outside:
                found[i] = written(*self.outside[i])
            elif base in numbers and numbers[base][w.size] == 1:
                found[i] = written(base, by_size[base][w.size])
            elif (w.shown or w.name) in taken or w.label in {replace(w, shown=t).label for t in taken}:
                found[i] = f"{base}'{(w.shown or w.name)[len(base) :]}"
        return found


def renamed(array: Array, names: dict[int, str]) -> Array:
    """The array with other names shown on its axes, but for those that differ from turn to turn."""
    if not any(w.id in names and not w.turns for w in array.wires):
        return array
    return replace(
        array,
        axes=tuple(
            _leaves(a, lambda w: w if w.turns or w.id not in names else replace(w, shown=names[w.id]))
            for a in array.axes
        ),
    )


def _leaves(axis: Axis, change) -> Axis:  # type: ignore[no-untyped-def]
    """The axis with its wires changed."""
    if axis.factors:
        return replace(axis, factors=tuple(_leaves(f, change) for f in axis.factors))
    return axis if axis.id < 0 else change(axis)
