"""The sizes of axes: what was said, what follows from it, and numbers made up for a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import TYPE_CHECKING

from ncd.dsl.nodes import Atom, Node, Relation, atoms
from ncd.errors import DSLError

if TYPE_CHECKING:
    from ncd.dsl.term import Term

PRIMES = (5, 7, 3, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
"""Sizes that are made up: no product of some is one of others."""


def known(node: Node, said: Mapping[str, int]) -> dict[str, int]:
    """The sizes that were said, and those that follow.  Raises DSLError where they contradict each other."""
    sizes = dict(said)
    relations = [r for atom in atoms(node) for r in atom.relations]
    before = -1
    while before != (before := len(sizes)):
        for r in relations:
            _follow(r, sizes)
    return sizes


def _follow(r: Relation, sizes: dict[str, int]) -> None:
    unknown = [p for p in r.parts if p not in sizes]
    have = [sizes[p] for p in r.parts if p in sizes]
    if not unknown:
        n = {
            "product": prod(have) * r.number,
            "sum": sum(have),
            "stride": -(-have[0] // r.number),
            "shift": have[0] + r.number,
        }[r.kind]
        if sizes.setdefault(r.whole, n) != n:
            raise _contradiction(r, sizes)
    elif len(unknown) == 1 and r.whole in sizes and r.kind != "stride":
        n, rest = sizes[r.whole] - sum(have) - (r.number if r.kind == "shift" else 0), 0
        if r.kind == "product":
            n, rest = divmod(sizes[r.whole], prod(have) * r.number)
        if rest or n < 1:
            raise _contradiction(r, sizes)
        sizes[unknown[0]] = n


def _contradiction(r: Relation, sizes: Mapping[str, int]) -> DSLError:
    sign = {"sum": " + "}.get(r.kind, " · ")
    parts = sign.join(r.parts)
    if r.kind == "stride":
        parts += f" / {r.number}, rounded up"
    elif r.kind == "shift":
        parts += f" + {r.number}"
    elif r.number != 1 and r.kind == "product":
        parts += f" · {r.number}"
    return DSLError(
        f"the size of {r.whole!r} would have to be {parts}",
        doing="finding sizes",
        sizes={a: sizes[a] for a in (r.whole, *r.parts) if a in sizes},
        fix="leave one of them out: it follows from the others",
    )


def invented(node: Node, said: Mapping[str, int], wanted: Iterable[str]) -> dict[str, int]:
    """A size for every axis that is wanted: distinct primes where nothing else is known."""
    sizes = known(node, said)
    wholes = {r.whole for atom in atoms(node) for r in atom.relations if r.whole not in sizes}
    free = (p for p in PRIMES)
    used = set(sizes.values())
    names = [a for a in wanted if a not in wholes] + [a for a in wanted if a in wholes]
    for name in names:
        if name not in sizes:
            n = next((p for p in free if p not in used), None) or 101 + 2 * len(sizes)
            if name in wholes:
                n = n * 6  # a whole whose parts are not known either can still be cut
            sizes = known(node, {**sizes, name: n})
    return sizes


def binding(term: Term, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes that a module with these is bound to: those of its weights, those said, and what no input tells."""
    told = {a for axes in term.signature.ins for a in axes}
    relations = [r for atom in atoms(term.node) for r in atom.relations]
    before = -1
    while before != (before := len(told)):
        for r in relations:
            rest = [p for p in r.parts if p not in told]
            told |= {r.whole} if not rest else set(rest[-1:]) if r.whole in told and r.kind != "stride" else set()
    fixed = {a for atom in atoms(term.node) for a in weight_axes(atom)} | set(term.said)
    return {a: n for a, n in sizes.items() if a in fixed or a not in told}


def weight_axes(atom: Atom) -> list[str]:
    """The axes that a symbol's learned arrays have."""
    return list(dict.fromkeys(a.rstrip("'") for _, axes in atom.weights for a in axes if not a.isdigit()))
