"""Wires, functions of numbers, products, named blocks."""

from __future__ import annotations

import ast
from typing import Any

from ncd.dsl.nodes import Atom, Block, Relation, Wire
from ncd.dsl.patterns import Axes, names, read
from ncd.dsl.symbol import made
from ncd.dsl.term import Term, term
from ncd.errors import DSLError

__all__ = [
    "abs", "add", "array", "block", "copy", "cos", "cup", "discard", "divide", "einsum", "elementwise", "exp", "gelu",
    "identity", "log", "maximum", "minimum", "multiply", "neg", "relu", "scale", "sigmoid", "silu", "sin", "sqrt",
    "square", "subtract", "swap", "tanh", "unit", "wire",
]  # fmt: skip
FUNCTIONS = (
    "relu", "gelu", "silu", "sigmoid", "tanh", "exp", "log", "sqrt", "abs", "neg", "square", "sin", "cos",
)  # fmt: skip
"""Functions of one number; each is a symbol of this name."""

identity = Term(Wire(1, (0,)))
"""One array, as it is."""
copy = Term(Wire(1, (0, 0)))
"""One array, twice."""
swap = Term(Wire(2, (1, 0)))
"""Two arrays, each in the other's place."""
discard = Term(Wire(1, ()))
"""One array, no more."""
add, multiply, subtract, divide, maximum, minimum = (
    Term(Atom(name, ins=((), ()))) for name in ("add", "multiply", "subtract", "divide", "maximum", "minimum")
)


def array(axes: str) -> Term:
    """An array as it is, of which is said that it has these axes, in this order, and perhaps their sizes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.array({axes!r})", sizes)
    return Term(Atom("array", (" ".join(found),), (), (found,), (found,)), sizes)


def elementwise(name: str) -> Term:
    """A function of every number by itself: one of ``FUNCTIONS``, each of which is also a symbol of that name."""
    if name not in FUNCTIONS:
        raise DSLError(f"no function is called {name!r}", doing="making n.elementwise", fix=", ".join(FUNCTIONS))
    return Term(Atom(name))


relu, gelu, silu, sigmoid, tanh, exp, log, sqrt, abs, neg, square, sin, cos = map(elementwise, FUNCTIONS)


def wire(pattern: str) -> Term:
    """Arrays copied, swapped and discarded: ``"a b -> b a a"``; every letter is a whole array."""
    left, arrow, right = pattern.partition("->")
    given, wanted = left.split(), right.split()
    if not arrow or len(set(given)) != len(given) or not set(wanted) <= set(given):
        raise DSLError(f"cannot read {pattern!r}", doing="making n.wire", fix="arrays by letters, as in 'a b -> b a a'")
    return Term(Wire(len(given), tuple(map(given.index, wanted))))


def einsum(pattern: str) -> Term:
    """A contraction: ``"q h k, x h k -> h q x"``.  Axes of one name are one index; what is not kept is summed over."""
    p = read(pattern, f"n.einsum({pattern!r})")
    if len(p.outs) != 1 or p.parts or not set(p.outs[0]) <= {a for axes in p.ins for a in axes}:
        raise DSLError(
            f"{pattern!r} is no contraction",
            doing="making n.einsum",
            fix="one result, of axes that come in: 'a k, k -> a'",
        )
    return made("einsum", p)


def cup(axis: str) -> Term:
    """The contraction of two arrays over one axis: two wires joined by a half circle."""
    return einsum(f"{axis}, {axis} ->")


def unit(pattern: str) -> Term:
    """The identity matrix as an array with two equal axes, ``"a b"``: the other half circle."""
    sizes: dict[str, int] = {}
    found = names(pattern, f"n.unit({pattern!r})", sizes)
    if len(found) != 2:
        raise DSLError(f"{len(found)} axes", doing=f"making n.unit({pattern!r})", fix="two, of one size")
    a, b = found
    return Term(Atom("unit", (f"{a} {b}",), (), (), ((a, b),), (Relation(b, "product", (a,)),)), sizes)


def scale(by: float | str) -> Term:
    """Every number times this one: a number, or a formula in the sizes of axes such as ``"k ** -0.5"``."""
    if isinstance(by, str):
        return Term(Atom("scale", (by,), uses=_sizes_in(by)))
    return Term(Atom("scale", (float(by),)))


def block(title: str, body: Any, color: str = "") -> Term:
    """A named part, drawn on a plate; ``color`` is a tone of the theme or a colour such as ``#aaddff``."""
    inner = term(body)
    made = Term(Block(title, inner.node, color), inner.said)
    made.__dict__["arguments"] = inner.arguments
    return made


_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.Div,
    ast.Pow, ast.USub,
)  # fmt: skip


def _sizes_in(formula: str) -> Axes:
    """The axes in a formula of sizes.  Raises DSLError on anything but numbers, names and ``+ - * / **``."""
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError:
        tree = None
    if tree is None or not all(isinstance(x, _ALLOWED) for x in ast.walk(tree)):
        raise DSLError(f"cannot read {formula!r}", doing="making n.scale", fix="a formula such as 'k ** -0.5'")
    return tuple(dict.fromkeys(x.id for x in ast.walk(tree) if isinstance(x, ast.Name)))
