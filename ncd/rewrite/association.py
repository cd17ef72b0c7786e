"""The order in which a product of several arrays is carried out, two at a time, at the least cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations

from ncd.circuit.diagram import Array, Op
from ncd.rewrite.products import Factor, Product, Writer, cost

Tree = int | tuple["Tree", "Tree"]
"""A factor by its position, or two parts that are multiplied."""
MOST = 10
"""Of more factors than this no best order is looked for: there are too many."""


def cheapest(p: Product, sizes: Mapping[str, int]) -> Tree:
    """The order with the fewest multiply-adds at these sizes (by token); of equal ones that as it is written."""
    n = len(p.factors)
    tokens = [frozenset(f.tokens) for f in p.factors]
    if n > MOST:
        tree: Tree = 0
        for k in range(1, n):
            tree = (tree, k)
        return tree

    def left(inside: frozenset[int]) -> frozenset[str]:
        """The indices that a part still has: kept, or on a factor outside it."""
        own = frozenset(t for k in inside for t in tokens[k])
        outside = {t for k in range(n) if k not in inside for t in tokens[k]}
        return frozenset(t for t in own if t in p.kept or t in outside)

    @cache
    def best(inside: frozenset[int]) -> tuple[int, Tree]:
        if len(inside) == 1:
            (k,) = inside
            return 0, k
        first, *rest = sorted(inside)
        found: tuple[int, Tree] | None = None
        for size in range(len(rest), 0, -1):
            for picked in combinations(rest, size):
                b = frozenset(picked)
                a = inside - b
                (x, s), (y, t) = best(a), best(b)
                total = x + y + cost(left(a) | left(b), sizes)
                if found is None or total < found[0]:
                    found = (total, (s, t))
        assert found is not None, first
        return found

    return best(frozenset(range(n)))[1]


def work(p: Product, tree: Tree, sizes: Mapping[str, int]) -> int:
    """The multiply-adds of a product in this order."""
    total = 0

    def visit(t: Tree) -> frozenset[int]:
        nonlocal total
        if isinstance(t, int):
            return frozenset([t])
        a, b = visit(t[0]), visit(t[1])
        total += cost(remaining(p, a) | remaining(p, b), sizes)
        return a | b

    visit(tree)
    return total


def remaining(p: Product, inside: frozenset[int]) -> set[str]:
    """The indices of a part that are kept or meet a factor outside."""
    outside = {t for k, f in enumerate(p.factors) if k not in inside for t in f.tokens}
    own = [t for k in sorted(inside) for t in p.factors[k].tokens]
    return {t for t in own if t in p.kept or t in outside}


def carried_out(p: Product, tree: Tree, out: Array, writer: Writer, like: Op, evidence: str) -> tuple[Op, ...]:
    """A product as contractions of two arrays each, the number last."""
    made: list[Op] = []

    def visit(t: Tree) -> tuple[Factor, frozenset[int]]:
        if isinstance(t, int):
            return p.factors[t], frozenset([t])
        (a, left), (b, right) = visit(t[0]), visit(t[1])
        inside = left | right
        if len(inside) == len(p.factors):
            made.extend(writer.ops(Product((a, b), p.kept, p.number), out, like, evidence))
            return Factor(out, p.kept), inside
        have = remaining(p, inside)
        tokens = tuple(dict.fromkeys(t for t in (*a.tokens, *b.tokens) if t in have))
        array = writer.array((p.axes[t] for t in tokens), a.array)
        made.append(writer.contraction(Product((a, b), tokens), array, like, evidence))
        return Factor(array, tokens), inside

    visit(tree)
    return tuple(replace(op, path=like.path) for op in made)
