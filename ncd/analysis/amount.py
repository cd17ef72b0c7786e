"""An amount that grows with the sizes of axes: FLOPs, bytes, parameters.

It is a sum of products of axis sizes, kept by the names of the axes.  As a number it costs next to
nothing; its formula in the input axes is found when first asked for, since for that the program
has to be recorded at other sizes (``Diagram.sizes``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, total_ordering
from math import prod
from typing import TYPE_CHECKING, Any

from ncd.errors import AxisError, NCDError

if TYPE_CHECKING:
    from ncd.analysis.sizes import Sizes

Product = tuple[str, ...]
"""Names of axes, sorted, with repetitions; ``=37`` is an extent that is no axis, known as a number only where it was
seen, and ``*37`` one that is the same at all sizes."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The sizes at which amounts are read as numbers, and how to find those at other sizes of the input axes."""

    sizes: Mapping[str, int]
    find: Callable[[], Sizes]

    @cached_property
    def formulas(self) -> Sizes:
        return self.find()

    def size(self, name: str) -> int:
        return int(name[1:]) if name[0] in "=*" else self.sizes[name]

    def at(self, sizes: Mapping[str, int]) -> Scale:
        """The same at other sizes of the input axes.  Raises AxisError where they mean nothing."""
        if not sizes:
            return self
        found = Scale(self._found(sizes), self.find)
        found.__dict__["formulas"] = self.formulas
        return found

    def _found(self, sizes: Mapping[str, int]) -> Mapping[str, int]:
        changed = self.formulas.at(**sizes)
        return {name: n for name, n in changed.items() if isinstance(n, int)}

    def formula(self, name: str) -> Any:
        """The size of an axis in those of the input axes; where none is known, the axis stands for itself."""
        import sympy

        from ncd.analysis.formula import symbol

        if name[0] in "=*":
            return sympy.Integer(name[1:])
        try:
            found = self.formulas.axes.get(name)
        except NCDError:  # no program is at hand
            found = None
        return symbol(name) if found is None else found


@total_ordering
class Amount:
    """A number of FLOPs, bytes or elements, and the formula of it.

    ``int(amount)`` is the number at the sizes of its cost (as traced, unless ``Cost.at`` chose others),
    ``amount.at(s=4096)`` that at other sizes of input axes, ``amount.expr`` the formula in them (sympy),
    ``amount.named`` the one in all axes by name, ``amount.leading()`` what of it matters when they are large.
    Amounts add up, and compare with numbers and each other as numbers.
    """

    def __init__(self, scale: Scale, terms: Mapping[Product, int | Fraction]) -> None:
        self.scale, self.terms = scale, {p: n for p, n in terms.items() if n}

    # ---------------------------------------------------------------- numbers
    def __int__(self) -> int:
        return self._number(self.scale)

    def _number(self, scale: Scale) -> int:
        return int(sum(n * prod(map(scale.size, p)) for p, n in self.terms.items()))

    def at(self, **sizes: int) -> int:
        """The number with these sizes of input axes, the others as they are.

        Raises AxisError on an axis that cannot vary, on sizes at which the program does something else,
        and where an axis has no formula to say how large it then is.
        """
        scale = self.scale.at(sizes)
        if sizes:
            lost = sorted(
                {a for p in self._products() for a in p if a[0] == "=" or (a[0] != "*" and a not in scale.sizes)}
            )
            if lost:
                raise AxisError(
                    f"of {', '.join(a.lstrip('=') for a in lost)} no size is known there",
                    doing="computing a cost at other sizes",
                    fix="trace at these sizes",
                )
        return self._number(scale)

    def _products(self) -> Iterable[Product]:
        return self.terms

    __index__ = __int__

    def __float__(self) -> float:
        return float(int(self))

    def __bool__(self) -> bool:
        return int(self) != 0

    def __eq__(self, other: object) -> bool:
        return int(self) == other if isinstance(other, (int, float)) else self is other or _same(self, other)

    def __lt__(self, other: Any) -> bool:
        return int(self) < (int(other) if isinstance(other, Amount) else other)

    __hash__ = object.__hash__

    # ---------------------------------------------------------------- arithmetic
    def __add__(self, other: Any) -> Amount:
        return total([self, other], self.scale) if isinstance(other, Amount) else NotImplemented

    def __radd__(self, other: Any) -> Amount:
        return self if other == 0 else NotImplemented  # what ``sum`` starts from

    def __sub__(self, other: Any) -> Amount:
        return self + (-1) * other if isinstance(other, Amount) else NotImplemented

    def __mul__(self, n: Any) -> Amount:
        return Amount(self.scale, {p: n * k for p, k in self.terms.items()}) if type(n) is int else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> float:
        return int(self) / int(other)

    def __rtruediv__(self, other: Any) -> float:
        return int(other) / int(self)

    # ---------------------------------------------------------------- formulas
    @cached_property
    def expr(self) -> Any:
        """The formula in the sizes of the input axes that can vary.  Everything else is in it as a number."""
        return _sum(self.terms, self.scale.formula)

    @cached_property
    def named(self) -> Any:
        """The formula in the sizes of all axes, by their names."""
        import sympy

        from ncd.analysis.formula import symbol

        return _sum(self.terms, lambda a: sympy.Integer(a[1:]) if a[0] in "=*" else symbol(a))

    def leading(self, *axes: str) -> Any:
        """The terms of the formula that no other term outgrows as the input axes (or these) grow.

        What is rounded on the way (the pixels after a stride) is taken without the rounding.
        """
        from ncd.analysis.formula import leading

        return leading(self.expr, axes)

    def __str__(self) -> str:
        from ncd.analysis.formula import text

        return text(self.expr)

    def __repr__(self) -> str:
        import sympy

        return f"{int(self):,}" + ("" if isinstance(self.expr, sympy.Integer) else f" = {self}")

    def _repr_latex_(self) -> str:
        import sympy

        return f"$\\displaystyle {sympy.latex(self.expr)}$"

    def __format__(self, spec: str) -> str:
        return format(int(self), spec) if spec else str(self)


def _same(a: Amount, b: object) -> bool:
    return isinstance(b, Amount) and int(a) == int(b)


def _sum(terms: Mapping[Product, int | Fraction], size: Callable[[str], Any]) -> Any:
    """A sum of products of expressions: each axis looked up once, equal products added up as they come."""
    import sympy

    known: dict[str, Any] = {}
    found: dict[Any, Any] = {}
    for product, n in terms.items():
        for a in product:
            if a not in known:
                known[a] = size(a)
        number = sympy.Rational(n) * prod(int(known[a]) for a in product if known[a].is_Integer)
        rest = sympy.Mul(*(known[a] for a in product if not known[a].is_Integer))
        found[rest] = found.get(rest, 0) + number
    return sympy.expand(sympy.Add(*(n * rest for rest, n in found.items())))


def total(amounts: Iterable[Amount], scale: Scale) -> Amount:
    """The sum of any number of amounts."""
    terms: dict[Product, int | Fraction] = {}
    for a in amounts:
        for p, n in a.terms.items():
            terms[p] = terms.get(p, 0) + n
    return Amount(scale, terms)


class Largest(Amount):
    """The most that is there at once, of things that come and go: (amount, from, until), times inclusive.

    Its formula is that of the moment at which it is largest at the sizes of the cost.
    """

    def __init__(self, scale: Scale, spans: Iterable[tuple[Product, int, int, int]], window: range) -> None:
        """``spans`` are (axes, bytes an element, first, last); ``window`` the times looked at."""
        self.spans, self.window = list(spans), window
        self.scale = scale

    @cached_property
    def terms(self) -> dict[Product, int]:  # type: ignore[override]
        _, time = self._peak(self.scale)
        terms: dict[Product, int] = {}
        for p, n, first, last in self.spans:
            if first <= time <= last:
                terms[p] = terms.get(p, 0) + n
        return terms

    def _number(self, scale: Scale) -> int:
        return self._peak(scale)[0]

    def _products(self) -> Iterator[Product]:
        return (p for p, *_ in self.spans)

    def _peak(self, scale: Scale) -> tuple[int, int]:
        change: dict[int, int] = {}
        for p, n, first, last in self.spans:
            size = n * prod(map(scale.size, p))
            change[first] = change.get(first, 0) + size
            change[last + 1] = change.get(last + 1, 0) - size
        here, most = 0, (0, self.window.start)
        for time in sorted(change):
            if time >= self.window.stop:
                break
            here += change[time]
            # What is there when the window opens counts too, though it came before.
            if time >= self.window.start and here > most[0]:
                most = here, time
            elif time < self.window.start:
                most = here, self.window.start
        return most
