"""Formulas of sizes: from the history of a number to sympy, in as few operations as it takes, and to text."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.str import StrPrinter

from ncd.analysis.steps import periodic
from ncd.tracing.counted import Tree


class Unknown(Exception):
    """There is no formula."""


def symbol(name: str) -> Any:
    """The size of an axis: a positive integer."""
    return sympy.Symbol(name, integer=True, positive=True)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: sympy.floor(a / b),
    "%": sympy.Mod,
    "**": lambda a, b: a**b,
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
    "==": sympy.Eq,
    "!=": sympy.Ne,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": lambda a: -a,
    "abs": sympy.Abs,
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
}


def expression(tree: Tree, size: Callable[[int, int], Any]) -> Any:
    """A tree as an expression; ``size`` gives that of a dimension of a value.  Raises Unknown."""
    if isinstance(tree, (int, float)):
        return sympy.nsimplify(tree, rational=True) if isinstance(tree, float) else sympy.Integer(tree)
    if tree[0] == "dim":
        return size(tree[1], tree[2])
    parts = [expression(t, size) for t in tree[1:]]
    op: Any = (_BINARY if len(parts) == 2 else _UNARY).get(tree[0])
    if op is None:
        raise Unknown
    return op(*parts)


def evaluated(tree: Tree, size: Callable[[int, int], int]) -> Any:
    """The number a tree comes to.  Raises Unknown."""
    if isinstance(tree, (int, float)):
        return tree
    if tree[0] == "dim":
        return size(tree[1], tree[2])
    parts = [evaluated(t, size) for t in tree[1:]]
    op: Any = (_ON_NUMBERS if len(parts) == 2 else _ON_NUMBER).get(tree[0])
    if op is None:
        raise Unknown
    return op(*parts)


_ON_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}
_ON_NUMBER: dict[str, Callable[[Any], Any]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "floor": lambda a: int(a // 1),
    "ceil": lambda a: int(-(-a // 1)),
    "round": round,
}


def tidy(expr: Any) -> Any:
    """The same for all whole numbers, with floors of floors as one floor and products multiplied out."""
    expr = sympy.expand(expr)

    def flat(x: Any) -> Any:
        # floor((floor(p) + a) / n) = floor((p + a) / n) for whole a and n > 0.
        numerator, n = sympy.fraction(sympy.together(x))
        if not (n.is_Integer and n > 1):
            return sympy.floor(x)
        inner = [t for t in sympy.Add.make_args(sympy.expand(numerator)) if isinstance(t, sympy.floor)]
        for t in inner:
            if (numerator - t).is_integer:
                return flat(sympy.expand((t.args[0] + numerator - t) / n))
        return sympy.floor(sympy.expand(x))

    return _factored(_one_floor(sympy.expand(expr.replace(sympy.floor, flat))))


def _one_floor(expr: Any) -> Any:
    """Several floors of one size that come to one floor, or to none: ``s//2 + (s + 1)//2`` is ``s``."""
    floors = list(expr.atoms(sympy.floor))
    if len(floors) < 2 or len(expr.free_symbols) != 1:
        return expr
    (s,) = expr.free_symbols
    dummies = sympy.symbols(f"f:{len(floors)}")
    inside = [sympy.Poly(f.args[0], s) if f.args[0].is_polynomial(s) else None for f in floors]
    outside = expr.xreplace(dict(zip(floors, dummies, strict=True)))
    if any(p is None or p.degree() != 1 for p in inside) or not outside.is_polynomial(s, *dummies):
        return expr
    if sympy.Poly(outside, s, *dummies).total_degree() > 1:
        return expr
    period = math.lcm(*(int(sympy.denom(c)) for p in inside if p is not None for c in p.all_coeffs()))
    values = [expr.xreplace({s: sympy.Integer(n)}) for n in range(1, 2 * period + 2)] if period <= 64 else []
    if not values or not all(v.is_Integer for v in values):
        return expr
    # Every floor rises by a whole number in a period, so that two periods tell all.
    form = periodic(1, list(map(int, values)), period)
    return expr if form is None else form.expression(s)


def _factored(expr: Any) -> Any:
    if not any(len(t.free_symbols) > 1 for t in sympy.Add.make_args(expr)):
        return expr
    return min((expr, sympy.factor(expr)), key=sympy.count_ops)


def at(expr: Any, sizes: Mapping[Any, int]) -> Any:
    """The number a formula comes to."""
    found = expr.xreplace({s: sympy.Integer(n) for s, n in sizes.items()})
    if found.is_Integer:
        return int(found)
    return float(found) if found.is_number else None


RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Text(StrPrinter):
    """``(h//16)·(w//16) + 1``; with ``python`` what Python evaluates."""

    def __init__(self, python: bool) -> None:
        super().__init__({"order": None})
        self.python = python

    def _print_Mul(self, expr: Any) -> str:
        c, rest = expr.as_coeff_Mul()
        if c.is_negative:
            return "-" + self.parenthesize(-expr, PRECEDENCE["Mul"])
        top, bottom = sympy.fraction(expr)
        if bottom != 1:
            over = "//" if self.python and bottom.is_Integer else "/"
            return f"{self._factor(top)}{over}{self.parenthesize(bottom, PRECEDENCE['Pow'])}"
        factors = sorted(rest.as_ordered_factors(), key=str) if c != 1 else expr.as_ordered_factors()
        if c != 1:
            factors = [c, *rest.as_ordered_factors()]
        return ("*" if self.python else "·").join(map(self._factor, factors))

    def _factor(self, x: Any) -> str:
        if isinstance(x, sympy.floor) and not self.python:
            return f"({self._print(x)})"
        return self.parenthesize(x, PRECEDENCE["Mul"]) if not isinstance(x, sympy.floor) else f"({self._print(x)})"

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        # What varies comes before the constant.
        constant, rest = expr.as_coeff_Add()
        terms = [*rest.as_ordered_terms()] if rest.is_Add else [rest]
        terms = [*terms, constant] if constant != 0 else terms
        text = ""
        for t in terms:
            piece = (
                self._print(t)
                if precedence(t) >= PRECEDENCE["Add"] or t.could_extract_minus_sign()
                else f"({self._print(t)})"
            )
            text += f" - {piece[1:]}" if piece.startswith("-") and text else f" + {piece}" if text else piece
        return text

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.args
        if not self.python and base.is_Symbol and exponent.is_Integer and exponent > 1:
            return self._print(base) + str(exponent).translate(RAISED)
        return super()._print_Pow(expr, rational)  # type: ignore[no-any-return]

    def _print_floor(self, expr: Any) -> str:
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        if bottom == 1:
            return f"{'math.' if self.python else ''}floor({self._print(top)})"
        return f"{self._part(top)}//{self._part(bottom)}"

    def _print_ceiling(self, expr: Any) -> str:
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        if self.python:
            return f"-(-{self._part(top)}//{self._part(bottom)})"
        return f"ceil({self._part(top)}/{self._part(bottom)})" if bottom != 1 else f"ceil({self._print(top)})"

    def _part(self, x: Any) -> str:
        return self._print(x) if x.is_Symbol or (x.is_Integer and x >= 0) else f"({self._print(x)})"

    def _print_Mod(self, expr: Any) -> str:
        return f"{self._part(expr.args[0])} % {self._part(expr.args[1])}"

    def _print_Max(self, expr: Any) -> str:
        return f"max({', '.join(map(self._print, expr.args))})"

    def _print_Min(self, expr: Any) -> str:
        return f"min({', '.join(map(self._print, expr.args))})"

    def _print_Relational(self, expr: Any) -> str:
        word = {
            "!=": "!=" if self.python else "≠",
            ">=": ">=" if self.python else "≥",
            "<=": "<=" if self.python else "≤",
        }
        return f"{self._print(expr.lhs)} {word.get(expr.rel_op, expr.rel_op)} {self._print(expr.rhs)}"


def text(expr: Any, python: bool = False) -> str:
    """A formula as one writes it, ``(h + 1)//2``; with ``python`` what Python evaluates to the same."""
    return _Text(python).doprint(sympy.sympify(expr))


def smooth(expr: Any) -> Any:
    """The same without roundings, multiplied out."""
    while expr.has(sympy.floor, sympy.ceiling):
        expr = expr.replace(sympy.floor, lambda x: x).replace(sympy.ceiling, lambda x: x)
    return sympy.expand(expr)


def leading(expr: Any, names: Collection[str] = ()) -> Any:
    """The terms of a sum that no other outgrows as the symbols (or those of these names) grow, roundings left out."""
    expr = smooth(expr)
    free = sorted((s for s in expr.free_symbols if not names or s.name in names), key=str)
    if not free or not expr.is_polynomial(*free):
        return expr
    terms = dict(sympy.Poly(expr, *free).terms())

    def outgrown(e: tuple[int, ...]) -> bool:
        return any(f != e and all(x <= y for x, y in zip(e, f, strict=True)) for f in terms)

    kept = [e for e in terms if not outgrown(e)]
    return sympy.expand(sympy.Add(*(terms[e] * sympy.Mul(*(s**k for s, k in zip(free, e, strict=True))) for e in kept)))
