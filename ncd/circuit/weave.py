"""Weaves: the axis relation of one operation, as affine index forms over shared variables.

Every dimension of every operand is read (or written) at ``sum(coef * variable) + const``.  One
bit per variable says whether the operation acts on it (a *target*) or is repeated over it
(*tiled*).  Transposed, split, merged, windowed, sliced and diagonal are shapes of forms, not
kinds of weaves.  *Tiled over i* means: ``f(x∘J) = f(x)∘J`` for every map J of the indices of i.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import prod
from operator import is_

from ncd.circuit.reading import Dimensions, Reading, reading
from ncd.errors import AxisError


@dataclass(frozen=True, slots=True)
class Form:
    """The index at which one dimension is read; ``terms`` are (coefficient, variable), major first."""

    terms: tuple[tuple[int, str], ...] = ()
    const: int = 0

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple([v for _, v in self.terms])

    def radix(self, n: int, sizes: Mapping[str, int]) -> tuple[str, ...] | None:
        """The variables if they enumerate a dimension of size ``n`` one to one, else None."""
        if self.const:
            return None
        if len(self.terms) == 1:
            # Nearly all of them: one variable, one dimension.
            coef, var = self.terms[0]
            return (var,) if coef == 1 and sizes[var] == n else None
        k = 1
        for coef, var in reversed(self.terms):
            if coef != k:
                return None
            k *= sizes[var]
        return self.variables if k == n else None


UNIT = Form()


def plain(var: str) -> Form:
    return Form(((1, var),))


def mixed(variables: Iterable[str], sizes: Mapping[str, int]) -> Form:
    """The form that enumerates ``variables``, major first."""
    found = list(variables)
    if len(found) == 1:
        return plain(found[0])
    terms, k = [], 1
    for v in reversed(found):
        terms.append((k, v))
        k *= sizes[v]
    return Form(tuple(reversed(terms)))


Side = tuple[tuple[Form, ...], ...]


@dataclass(frozen=True)
class Weave:
    """One form per dimension of every input and output, the variables' sizes, and the targets.

    ``rest`` holds the weaves of further outputs where each output re-indexes the inputs in its
    own way (split, chunk, unbind): then ``outs`` is one output, and so is that of each of ``rest``.
    """

    ins: Side
    outs: Side
    sizes: Mapping[str, int] = field(hash=False)
    targets: frozenset[str] = frozenset()
    rest: tuple[Weave, ...] = ()

    @cached_property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v for side in (self.ins, self.outs) for a in side for f in a for _, v in f.terms))

    @cached_property
    def _readings(self) -> dict[tuple[int, ...], Reading]:
        return {}

    @cached_property
    def read(self) -> tuple[frozenset[str], ...]:
        """The variables at which each input is read."""
        return tuple(frozenset(v for f in a for _, v in f.terms) for a in self.ins)

    @cached_property
    def ended(self) -> tuple[frozenset[str], ...]:
        """The variables that an input shares with the next one and no output has."""
        return tuple((a & b) - self.made for a, b in pairwise(self.read))

    @cached_property
    def made(self) -> frozenset[str]:
        """The variables at which the outputs are written."""
        return frozenset(v for a in self.outs for f in a for _, v in f.terms)

    def reading(self, axes: tuple[Dimensions, ...]) -> Reading:
        """How it reads arrays of these axes, the inputs' first; found once for operations that share all this."""
        key = tuple(map(id, axes))
        known = self._readings.get(key)
        if known is None or not all(map(is_, known.axes, axes)):
            known = self._readings[key] = reading(self, axes)
        return known

    def read_as(self, known: Reading) -> None:
        """Note how it reads arrays, where that is known before it is asked for."""
        self._readings[tuple(map(id, known.axes))] = known

    @property
    def tiled(self) -> tuple[str, ...]:
        return tuple(v for v in self.variables if v not in self.targets)

    @property
    def target(self) -> tuple[str, ...]:
        return tuple(v for v in self.variables if v in self.targets)

    def renamed(self, names: Mapping[str, str]) -> Weave:
        def form(f: Form) -> Form:
            return Form(tuple((c, names.get(v, v)) for c, v in f.terms), f.const)

        return Weave(
            tuple(tuple(map(form, a)) for a in self.ins),
            tuple(tuple(map(form, a)) for a in self.outs),
            {names.get(v, v): n for v, n in self.sizes.items()},
            frozenset(names.get(v, v) for v in self.targets),
            tuple(r.renamed(names) for r in self.rest),
        )

    def __str__(self) -> str:
        def side(arrays: Side) -> str:
            return ", ".join(" ".join(map(self._token, a)) or "()" for a in arrays)

        first = f"{side(self.ins)} -> {side(self.outs)}".strip()
        return "; ".join([first, *map(str, self.rest)])

    def _token(self, form: Form) -> str:
        def mark(v: str) -> str:
            return f"[{v}]" if v in self.targets else v

        if not form.terms:
            return f"@{form.const}" if form.const else "1"
        extent = prod(self.sizes[v] for v in form.variables)
        if form.radix(extent, self.sizes) is not None:
            marked = [mark(v) for v in form.variables]
            return marked[0] if len(marked) == 1 else f"({' '.join(marked)})"
        text = "".join(("-" if c < 0 else "+") + (str(abs(c)) if abs(c) != 1 else "") + mark(v) for c, v in form.terms)
        return text.removeprefix("+") + (f"{form.const:+d}" if form.const else "")

    @classmethod
    def parse(cls, text: str, **sizes: int) -> Weave:
        """Read what ``str`` writes.  Sizes are needed for composed axes such as ``(h k)``.

        Raises AxisError on a malformed weave or a composed axis of unknown size.
        """
        head, *rest = text.split(";")
        if "->" not in head:
            raise AxisError(f"the weave {text!r} has no '->'", fix="write it as 'b [i], o [i] -> b o'")
        targets: set[str] = set()
        sides = [_parse_side(s, sizes, targets) for s in head.split("->", 1)]
        known = {v: sizes.get(v, 0) for s in sides for a in s for f in a for v in f.variables}
        return cls(sides[0], sides[1], known, frozenset(targets), tuple(cls.parse(r, **sizes) for r in rest))


_WORD = r"[^\W\d][\w.]*'*"
_TERM = re.compile(rf"([+-]?)(\d*)(?:\[({_WORD})\]|({_WORD}))")


def _parse_side(text: str, sizes: Mapping[str, int], targets: set[str]) -> Side:
    if not text.strip():
        return ()
    return tuple(
        tuple(parse_form(t, sizes, targets) for t in re.findall(r"\([^()]*\)|[^\s()]+", array))
        for array in text.split(",")
    )


def parse_form(token: str, sizes: Mapping[str, int], targets: set[str]) -> Form:
    if token == "1":
        return UNIT
    if token.startswith("@"):
        return Form((), int(token[1:]))
    if token.startswith("("):
        names = []
        for word in token[1:-1].split():
            name = word.strip("[]")
            if word != name:
                targets.add(name)
            if name not in sizes:
                raise AxisError(
                    f"the composed axis {token} needs the size of {name!r}", fix=f"Weave.parse(..., {name}=...)"
                )
            names.append(name)
        return mixed(names, sizes)
    terms, at = [], 0
    while match := _TERM.match(token, at):
        sign, coef, touched, free = match.groups()
        if touched:
            targets.add(touched)
        terms.append(((-1 if sign == "-" else 1) * int(coef or 1), touched or free))
        at = match.end()
    const = token[at:]
    if not terms or (const and not re.fullmatch(r"[+-]\d+", const)):
        raise AxisError(f"cannot read {token!r} in a weave")
    return Form(tuple(terms), int(const or 0))
