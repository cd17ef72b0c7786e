"""Names for axes: the user's, then what is done along an axis, what its author calls it, letters.

A name is for reading; identity never depends on it, and equal sizes say nothing about names.  Every
axis has a name of its own; what is *written* on it may be shared: by the pixels before and after a
window that keeps them, and by what has the same place in modules of one class, as the heads of all layers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from ncd.circuit.axis import Atom, Dim, leaves
from ncd.tracing.authored import VIEWS, Names, authored, spelled
from ncd.tracing.callables import short
from ncd.tracing.infer import Woven, produced
from ncd.tracing.recording import Activation, Value
from ncd.tracing.roles import Roles, composite, ends, entering, found, most, one
from ncd.tracing.vocabulary import LOOSE, PAPER, SPELLED, known

# What enters as a batch, a sequence or an image is called that, whatever the program calls it.
FIRM = frozenset(["b", "s", "t", "x", "y", "z"])
ATTENTION = frozenset(["h", "g", "r", "d_k", "d_v"])
"""Axes that are the same in all attention of a model, if their sizes are.  Only what is written."""
ENDS = frozenset(["classes", "v"])
"""Names that channels keep."""
LETTERS = "mnpqruawefgijkol"
LONGEST = 14
"""A sum of names longer than this is no name, characters."""


class Named(NamedTuple):
    """A name, unlike any other, and what is written on the wire where that is something else."""

    name: str
    shown: str = ""


def assign(
    atoms: Iterable[Atom],
    woven: list[Woven],
    inputs: Sequence[Value] = (),
    outputs: Sequence[Value] = (),
    module: Any = None,
) -> dict[Atom, Named]:
    """A name for every atom, distinct.  ``inputs`` and ``outputs`` are those of all of ``module``, what was traced."""
    return Naming(list(atoms), woven, inputs, outputs, module).run()


class Naming:
    """One naming of the axes of one recording."""

    def __init__(
        self, atoms: list[Atom], woven: list[Woven], inputs: Sequence[Value], outputs: Sequence[Value], module: Any
    ) -> None:
        self.woven, self.inputs, self.outputs = woven, inputs, outputs
        self.born: dict[Atom, Activation] = {}
        self.met: dict[Atom, set[int]] = defaultdict(set)
        seen, given = self.flow(), set(atoms)
        self.atoms = [*(a for a in seen if a in given), *(a for a in atoms if a not in seen)]
        self.roles: Roles = found(woven, inputs, outputs, self.born)
        self.first = entering(inputs, woven)
        self.told = self.votes(module)
        self.spelled = self.views()
        self.chained: set[str] = set()
        """Classes of modules that follow each other so closely that an axis of one is an axis of the next."""

    def flow(self) -> dict[Atom, None]:
        """The axes of what inputs reach, in the order in which they come; notes where each came to be."""
        reached = set(self.inputs)
        seen = {v.dims or (): None for v in self.inputs}
        met: dict[tuple[Dim, ...], list[int]] = defaultdict(list)  # many arrays have the same axes
        for k, w in enumerate(self.woven):
            c = w.call
            new = [*produced(c), *(n for _, n in c.writes)]
            for v in c.ins:
                met[v.dims or ()].append(k)
            made = [v.dims or () for v in new]
            for dims in made:
                met[dims].append(k)
            if not reached.isdisjoint(c.ins):
                reached.update(new)
                seen.update(dict.fromkeys(made))
        for dims, calls in met.items():
            where = self.woven[calls[0]].call.where
            for a in (a for d in dims for a in leaves(d)):
                self.met[a].update(calls)
                self.born.setdefault(a, where)
        return {a: None for dims in seen for d in dims for a in leaves(d)}

    def votes(self, module: Any) -> dict[Atom, str]:
        """What the author of the module calls the axes of its weights."""
        written = authored(module)
        ballots: dict[Atom, Counter[str]] = defaultdict(Counter)
        elsewhere: set[Atom] = set()
        plain = {
            w.call.where.path.split("#")[0] for w in self.woven if short(w.call.fn).startswith(("batch_norm", "conv"))
        }
        weights = {v: None for w in self.woven for v in w.call.ins if v.kind == "parameter"}
        for v in weights:
            for dim, factors in zip(v.dims or (), written.get(v.name, ()), strict=False):
                parts = leaves(dim)
                if len(parts) == len(factors):
                    for a, candidates in zip(parts, factors, strict=True):
                        if base := known(candidates):
                            ballots[a][base] += 1
                            if len(v.shape) < 3 and v.name.rpartition(".")[0] not in plain:
                                elsewhere.add(a)
        told = {a: most(b) for a, b in ballots.items()}
        channels = self.roles.convolved | self.roles.filtered
        for a, name in told.items():
            if (
                a in channels
                and a not in self.first
                and (name not in PAPER.values() or a not in elsewhere)
                and name not in ENDS
            ):
                told[a] = "c"  # what convolutions alone make is channels, whatever they embed
            elif a in self.roles.filtered and name == "d_ff":
                told[a] = "d_inner"
        return told

    def views(self) -> dict[Atom, str]:
        """What the author writes for the sizes of a view."""
        found: dict[Atom, str] = {}
        told: dict[object, list[Names]] = {}
        for w in self.woven:
            if short(w.call.fn) in VIEWS and w.call.outs:
                out = w.call.outs[0]
                place = (w.call.place, len(out.shape))
                if place not in told:
                    told[place] = spelled(*place)
                for dim, said in zip(out.dims or (), told[place], strict=False):
                    for a in one(dim) if said else ():
                        name = next((SPELLED[n] for n in said if n in SPELLED), "") or next(
                            (PAPER[n] for n in said if n in PAPER and n not in LOOSE), ""
                        )
                        if name:
                            found.setdefault(a, name)
        return found

    # ---------------------------------------------------------------- one axis
    def base(self, a: Atom) -> str:
        """What an axis is called before numbers tell it from others."""
        told, weak = self.told.get(a, ""), self.roles.weak.get(a, "")
        if self.first.get(a) in FIRM:
            return self.first[a]
        if a in self.roles.strong:
            return self.roles.strong[a]
        if self.spelled.get(a) == "c":
            return "c"
        if told or (a in self.spelled and a not in self.roles.before):
            return told or self.spelled[a]
        if a in self.roles.spatial or a in self.roles.before:
            return self.slid(a) or self.roles.spatial.get(a, "s")
        return weak or self.own(a) or self.first.get(a, "") or ("d" if a in self.linear else "")

    def slid(self, a: Atom) -> str:
        """What a window slid over to make this axis, if that is called something of its own."""
        seen: set[Atom] = set()  # a gradient leads back to where it came from
        while a in self.roles.before and a not in self.first and a not in seen:
            seen.add(a)
            a = self.roles.before[a]
            if a in self.names and a not in self.first:
                return ""
        return (
            self.names[a].name.rstrip("0123456789")
            if a in self.names and a.rank == 0
            else said
            if (said := self.first.get(a, "")) in FIRM
            else ""
        )

    def own(self, a: Atom) -> str:
        """What the module where an axis came to be calls the only size of this kind that it has."""
        where = self.born.get(a)
        for place in (where, composite(where)) if where is not None else ():
            sizes = [k for k, n in getattr(place.module, "__dict__", {}).items() if type(n) is int and n == a.size]
            said = {PAPER[k] for k in sizes if k in PAPER}
            if said:
                return said.pop() if len(said) == 1 else ""
        return ""

    def key(self, a: Atom, base: str) -> object:
        """Equal for axes that have the same place in modules of one class."""
        if self.root(a) is not a:
            return ("pixels", self.root(a))
        where = self.born.get(a)
        if where is None:
            return a
        around = composite(where)
        while around.parent is not None and around.cls in self.chained:
            around = composite(around.parent)
        path, above = where.path.split("#")[0], around.path.split("#")[0]
        told = a in self.told or a in self.roles.strong or base == "d_ff"
        place = "" if base in ATTENTION else path[len(above) :]
        same = (base, a.size, place, "" if told else around.cls)
        self.ordinal[around, same] += 1
        key = (*same, self.ordinal[around, same])
        self.around[key] = around.cls
        return key

    # ---------------------------------------------------------------- all of them
    def run(self) -> dict[Atom, Named]:
        """Name all; where two axes of one op would be written alike, modules of that class share nothing, and again."""
        while (names := self.attempt()) is None:
            pass
        return names

    def attempt(self) -> dict[Atom, Named] | None:
        self.names: dict[Atom, Named] = {}
        self.taken: set[str] = set()
        for a in self.atoms:
            if a.rank == 0 and a.name:
                again = a.name in self.taken  # two axes of a program that are called alike
                self.names[a] = Named(self.free(f"{a.name}_"), a.name) if again else Named(a.name)
                self.taken.add(self.names[a].name)
        self.numbers: dict[str, Iterator[int]] = defaultdict(count)
        self.groups: dict[object, str] = {}
        self.calls: dict[object, set[int]] = defaultdict(set)
        self.ordinal: Counter[object] = Counter()
        self.around: dict[object, str] = {}
        before = len(self.chained)
        weighted = [(w, p) for w, p in self.roles.products.items() if any(v.kind == "parameter" for v in w.call.ins)]
        self.linear = {a for w, p in weighted for a in ends(w, p)}
        self.up: dict[Atom, Atom] = {}
        place = {a: i for i, a in enumerate(self.atoms)}
        for x, y in self.roles.same:
            first, second = sorted((self.root(x), self.root(y)), key=lambda a: place.get(a, len(place)))
            if first is not second:
                self.up[second] = first
        for a in self.atoms:
            self.name(a)
            if len(self.chained) > before:
                return None
        return self.names

    def name(self, a: Atom) -> None:
        if a not in self.names:
            self.names[a] = self.named(a)
            self.taken.add(self.names[a].name)

    def root(self, a: Atom) -> Atom:
        while a in self.up:
            a = self.up[a]
        return a

    def named(self, a: Atom) -> Named:
        base = self.base(a)
        if (
            a in self.roles.sums
            and a not in self.told
            and a not in self.roles.strong
            and (total := self.total(self.roles.sums[a]))
        ):
            return Named(self.free(_word(total)), total)
        if not base:
            return Named(next(n for n in _letters() if n not in self.taken))
        key = self.key(a, base)
        label = self.groups.get(key)
        if label is not None:
            if self.root(a) is a and not self.calls[key].isdisjoint(self.met[a]):
                self.chained.add(self.around[key])
            self.calls[key] |= self.met[a]
            return Named(self.free(f"{label}_"), self.written(a, label))
        if (root := self.root(a)) is not a and root in self.names:  # pixels that a window kept
            self.groups[key] = label = self.names[root].shown or self.names[root].name
            return Named(self.free(f"{label}_"), label)
        label = next(n for n in (f"{base}{k or ''}" for k in self.numbers[base]) if n not in self.taken)
        self.groups[key] = label
        self.calls[key] = set(self.met[a])
        return Named(label, "" if (shown := self.written(a, label)) == label else shown)

    def free(self, base: str) -> str:
        """A name nobody has, from one that somebody may have."""
        if base not in self.taken and not base.endswith("_"):
            return base
        return next(n for n in (f"{base}{k}" for k in count(2)) if n not in self.taken)

    def written(self, a: Atom, label: str) -> str:
        """A number behind a subscript is a prime."""
        stem = label.rstrip("0123456789")
        k = label[len(stem) :]
        if "_" in stem and not stem.endswith("_") and k:
            return stem + ("'" * int(k) if int(k) < 4 else f",{k}")
        return label

    def total(self, parts: list[Dim]) -> str:
        """The name of axes laid end to end: 2c, p+1."""
        terms: Counter[str] = Counter()
        ones = 0
        for dim in parts:
            for a in dim if len({*parts}) == 1 else ():
                self.name(a)
            if not dim:
                ones += 1
            elif len(dim) == 1 and dim[0] in self.names:
                terms[self.names[dim[0]].shown or self.names[dim[0]].name] += 1
            elif all(a in self.roles.spatial for a in dim):
                terms["p"] += 1
            else:
                return ""
        words = [f"{n if n > 1 else ''}{t}" for t, n in terms.items()] + ([str(ones)] if ones else [])
        total = "+".join(words)
        return total if terms and len(total) <= LONGEST and total not in terms and "'" not in total else ""


def _letters() -> Iterator[str]:
    yield from LETTERS
    for i in count(1):
        yield from (f"{c}{i}" for c in LETTERS)


def _word(total: str) -> str:
    """A sum as an identifier: ``two_c``, ``p_plus_1``."""
    times = {"2": "two_", "3": "three_", "4": "four_"}.get(total[0], "") if not total[1:2].isdigit() else ""
    return times + total.lstrip("0123456789").replace("+", "_plus_")
