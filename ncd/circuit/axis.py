"""Axes: what an array's dimensions are made of.

``Axis`` is the sealed form that diagrams hold.  ``Atom`` is the growing form used while a
diagram is being inferred: atoms are merged (``unify``) and refined (``cut``) everywhere at
once, and never matched by size alone.  A dimension is a tuple of atoms, major first; a
dimension of size 1 is the empty tuple, so that unsqueeze, keepdim and broadcasting need no case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: ``id`` is its identity in a diagram, ``factors`` its parts (major first).

    ``shown`` is what is written on its wire where that is not its name: the pixels after a
    convolution are an axis of their own, and still the pixels to a reader.  ``turns``, of an axis
    in a block that stands for several: its number and its size in each, if they differ.
    """

    id: int
    name: str
    size: int
    factors: tuple[Axis, ...] = ()
    shown: str = ""
    turns: tuple[tuple[int, int], ...] = ()

    @property
    def leaves(self) -> tuple[Axis, ...]:
        """The wires of this axis: its atomic factors; none for an unnamed axis of size 1."""
        factors = self.factors
        if not factors:
            return () if self.id < 0 else (self,)
        for f in factors:
            if f.factors or f.id < 0:
                return tuple([leaf for f in factors for leaf in f.leaves])
        return factors

    @property
    def label(self) -> str:
        """The name as it is set: ``d_model`` with a subscript, ``c12`` too, term by term in a sum."""
        if self.turns:
            return _set(self.shown)  # a sum in an index
        return "+".join(map(_set, (self.shown or self.name).split("+")))

    @property
    def extent(self) -> str:
        """The size as it is written, in every turn if it is another in each."""
        return ", ".join(str(size) for _, size in self.turns) or str(self.size)

    def __str__(self) -> str:
        return f"{self.name}={self.size}"


def _set(name: str) -> str:
    plain = name.rstrip("'")
    primes = name[len(plain) :]
    head, _, tail = plain.partition("_")
    if tail and head:
        return f"{head}_{{{tail.replace('_', ' ')}}}{primes}"
    stem = plain.rstrip("0123456789")
    return f"{stem}_{{{plain[len(stem) :]}}}{primes}" if stem and stem != plain else name


ONE = Axis(-1, "1", 1)
"""The axis of every dimension of size 1: nothing to draw, nothing to name."""


def composite(parts: Sequence[Axis]) -> Axis:
    """The axis that enumerates ``parts``, major first."""
    if not parts:
        return ONE
    if len(parts) == 1:
        return parts[0]
    name = "(" + " ".join(p.name for p in parts) + ")"
    return Axis(-1, name, prod(p.size for p in parts), tuple(parts))


class Atom:
    """An indivisible axis as far as is known; ``rank`` says how good its name is (low is good)."""

    __slots__ = ("derived", "name", "parts", "rank", "size", "up")

    def __init__(self, size: int, name: str = "", rank: int = 9) -> None:
        self.size, self.name, self.rank = size, name, rank
        self.up: Atom | None = None
        self.parts: tuple[Atom, Atom] | None = None
        # Slices of one axis are one atom wherever they are sliced again.
        self.derived: dict[object, Atom] = {}

    def find(self) -> Atom:
        atom = self
        while atom.up is not None:
            if atom.up.up is not None:
                atom.up = atom.up.up
            atom = atom.up
        return atom


Dim = tuple[Atom, ...]


def fresh(shape: Iterable[int]) -> tuple[Dim, ...]:
    """New atoms for an array nobody knows anything about."""
    return tuple((Atom(n),) if n != 1 else () for n in shape)


def leaves(dim: Iterable[Atom]) -> Dim:
    """The canonical atoms of a dimension after all merges and cuts so far."""
    if type(dim) is tuple:
        for a in dim:
            if a.up is not None or a.parts is not None:
                break
        else:
            return dim  # nearly always: nothing has happened to them
    out: list[Atom] = []
    for a in dim:
        if a.up is not None:
            a = a.find()
        if a.parts:
            out.extend(leaves(a.parts))
        else:
            out.append(a)
    return tuple(out)


def size(dim: Iterable[Atom]) -> int:
    n = 1
    for a in dim:
        n *= a.size
    return n


def cut(atom: Atom, major: int) -> None:
    """Refine a leaf into (major, rest), everywhere it occurs."""
    atom.parts = (Atom(major, rank=atom.rank + 1), Atom(atom.size // major, rank=atom.rank + 1))


def refinable(a: Iterable[int], b: Iterable[int]) -> bool:
    """Whether two lists of factors, major first, have a common refinement."""
    left, right = list(a), list(b)
    if 0 in left or 0 in right:
        return left == right
    while left and right:
        x, y = left[0], right[0]
        if x % y and y % x:
            return False
        step = min(x, y)
        for factors in (left, right):
            factors[0] //= step
            if factors[0] == 1:
                del factors[0]
    return not left and not right


def unify(a: Iterable[Atom], b: Iterable[Atom]) -> bool:
    """Make two dimensions one; False (and nothing merged) when no common refinement exists."""
    left, right = list(leaves(a)), list(leaves(b))
    if left == right:
        return True
    if not refinable([x.size for x in left], [y.size for y in right]):
        return False
    while left and right:
        x, y = left[0], right[0]
        if x is y:
            del left[0], right[0]
        elif x.size == y.size:
            if x.rank > y.rank:
                x, y = y, x
            y.up = x
            if y.derived:
                x.derived = {**y.derived, **x.derived}
            del left[0], right[0]
        elif x.size > y.size:
            cut(x, y.size)
        else:
            cut(y, x.size)
        left, right = list(leaves(left)), list(leaves(right))
    return True


def split(dim: Iterable[Atom], sizes: Iterable[int]) -> list[Dim] | None:
    """Cut a dimension into consecutive groups of the given sizes, major first."""
    rest, groups = list(leaves(dim)), []
    for n in sizes:
        group: list[Atom] = []
        while n > 1:
            if not rest:
                return None
            atom = rest[0]
            if n % atom.size == 0:
                group.append(atom)
                n //= atom.size
                del rest[0]
            elif atom.size % n == 0:
                cut(atom, n)
                rest = list(leaves(rest))
            else:
                return None
        groups.append(tuple(group))
    return None if rest else groups
