"""Windows and slices inside a call: how an axis is read, if that is the only thing that happens to it.

Where one op of a call reads an axis at ``2y+[k]-1``, the whole call does so too, unless the axis also
has another use.  Every use leaves a trace: an axis that is looped over to the end is in the output,
one that is folded is a target, one that is read twice is recorded twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from ncd.circuit.axis import Atom, Dim, leaves
from ncd.circuit.weave import Form

Reading = tuple[tuple[tuple[int, Atom], ...], int]
"""A form over atoms: (coefficient, atom) terms, and the constant."""


class Reads:
    def __init__(self) -> None:
        self._taken: list[tuple[Atom, tuple[tuple[int, Dim], ...], int]] = []
        self.settled: dict[Atom, Reading] = {}

    def take(self, atom: Atom, form: Form, env: Mapping[str, Dim]) -> None:
        """Note that an op reads (or writes) an axis at a form over these axes."""
        self._taken.append((atom, tuple((c, env[v]) for c, v in form.terms if v in env), form.const))

    def settle(self, targets: set[Atom], outs: Iterable[Atom], none: bool = False) -> set[Atom]:
        """Keep the readings of axes with no other use (or ``none``); returns all targets, with those of the others."""
        kept: dict[Atom, Reading] = {}
        targets, lost = set(targets), []
        for atom, terms, const in self._taken:
            whole = leaves((atom,))
            over = tuple((c * k, a) for c, dim in terms for k, a in _enumerated(dim))
            inner = {a for _, a in over}
            if none or len(whole) != 1 or whole[0] in kept or whole[0] in inner:
                lost += [*whole, *inner]
            else:
                kept[whole[0]] = (over, const)
        targets.update(lost)
        final = set(outs)
        while True:
            broken = [
                a for a in kept if a in targets or a in final or _loops(a, kept) or self._smeared(a, kept, targets)
            ]
            if not broken:
                break
            for a in broken:
                over, _ = kept.pop(a)
                targets.update([a, *(b for _, b in over)])
        self.settled = kept
        return targets

    @staticmethod
    def _smeared(atom: Atom, kept: Mapping[Atom, Reading], targets: set[Atom]) -> bool:
        """Whether one target stands twice in a reading: its two places then move independently."""
        todo, seen = [atom], set()
        while todo:
            over = kept[todo.pop()][0]
            for _, a in over:
                if a in kept:
                    todo.append(a)
                elif a in targets and a in seen:
                    return True
                seen.add(a)
        return False

    def read(self, dim: Dim) -> tuple[list[tuple[int, Atom]], int]:
        """A dimension as a form over the axes that are left."""
        terms: list[tuple[int, Atom]] = []
        const = 0
        for coef, atom in _enumerated(dim):
            if atom in self.settled:
                over, offset = self.settled[atom]
                const += coef * offset
                for c, inner in over:
                    more, extra = self.read((inner,))
                    terms += [(coef * c * k, a) for k, a in more]
                    const += coef * c * extra
            else:
                terms.append((coef, atom))
        return terms, const


def _enumerated(dim: Iterable[Atom]) -> list[tuple[int, Atom]]:
    """The leaves of a dimension with their strides in it, major first."""
    atoms = leaves(dim)
    return [(prod(a.size for a in atoms[i + 1 :]), atom) for i, atom in enumerate(atoms)]


def _loops(start: Atom, kept: Mapping[Atom, Reading]) -> bool:
    """Whether an axis is read, through others, at itself."""
    todo, seen = [start], set()
    while todo:
        for _, a in kept[todo.pop()][0]:
            if a is start:
                return True
            if a in kept and a not in seen:
                seen.add(a)
                todo.append(a)
    return False
