"""A symbol of a pattern: what the constructors of every family share."""

from __future__ import annotations

from typing import Any

from ncd.dsl.nodes import Atom, Relation
from ncd.dsl.patterns import Axes, Pattern, names
from ncd.dsl.term import Term
from ncd.errors import DSLError


def relations(p: Pattern) -> tuple[Relation, ...]:
    """What composed axes are made of."""
    return tuple(Relation(whole, "product", parts) for whole, parts in p.parts.items())


def made(name: str, p: Pattern, *sized: Relation, **said: Any) -> Term:
    """A symbol with this pattern; ``said`` are arguments by name."""
    return Term(Atom(name, (str(p),), tuple(said.items()), p.ins, p.outs, (*relations(p), *sized)), p.sizes)


def along(kind: str, axes: str, weights: tuple[str, ...] = (), name: str = "") -> Term:
    """A symbol that leaves an array its axes and acts along these."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.{kind}({axes!r})", sizes)
    args = (" ".join(found), name) if name else (" ".join(found),)
    return Term(Atom(kind, args, (), (found,), (found,), weights=tuple((w, found) for w in weights)), sizes)


def reduced(kind: str, axes: str) -> Term:
    """A symbol that ends these axes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.{kind}({axes!r})", sizes)
    return Term(Atom(kind, (" ".join(found),), (), (found,), ((),)), sizes)


def one(kind: str, axis: str, sizes: dict[str, int]) -> Axes:
    """A single axis, and its size if it is said.  Raises DSLError."""
    found = names(axis, f"n.{kind}({axis!r})", sizes)
    if len(found) != 1:
        raise DSLError(f"{len(found)} axes", doing=f"making n.{kind}({axis!r})", fix="one axis: 'x'")
    return found


def differing(said: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """Arguments that are not what they are when nothing is said."""
    return {k: v for k, v in said.items() if v != plain[k]}
