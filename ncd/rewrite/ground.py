"""A diagram as rules of linear algebra see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ncd.circuit.diagram import Array, Diagram, Op
from ncd.rewrite.association import Tree
from ncd.rewrite.opening import moved
from ncd.rewrite.products import Product, Writer, product, substituted


class Ground:
    """A diagram as rules see it: which ops are products, who makes an array, and who reads it."""

    def __init__(self, diagram: Diagram, sizes: Mapping[str, int] | None = None) -> None:
        self.diagram, self.ops = diagram, diagram.ops
        self.sizes = dict(sizes or {})
        """Sizes by axis name that costs are compared at, where they are not those of the diagram."""
        self.writer = Writer(diagram)
        self.maker = {a.id: k for k, op in enumerate(diagram.ops) for a in op.outputs}
        self.readers: dict[int, list[int]] = {}
        for k, op in enumerate(diagram.ops):
            for i in {a.id for a in op.inputs}:
                self.readers.setdefault(i, []).append(k)
        self.kept = {a.id for a in diagram.outputs}
        self.written = {i for op in diagram.ops for c in op.body for pair in c.writes for i in pair}
        self.eyes = frozenset(
            op.outputs[0].id
            for op in diagram.ops
            if op.name == "eye" and len(op.outputs[0].wires) == 2 and len(set(op.outputs[0].shape)) == 1
        )
        self.products = [self._product(op) for op in diagram.ops]

    def _product(self, op: Op) -> Product | None:
        if any(a.id in self.written for a in (*op.inputs, *op.outputs)):
            return None
        return product(op, self.eyes)

    def inner(self, array: Array, once: bool = True) -> int | None:
        """The place of the product that makes an array which nothing else needs (unless ``once`` is off)."""
        k = self.maker.get(array.id)
        if k is None or self.products[k] is None or array.id in self.kept:
            return None
        return k if not once or len(self.readers[array.id]) == 1 else None

    def extents(self, p: Product) -> dict[str, int]:
        """The size of every index, at the sizes that were asked for."""
        return {t: self.sizes.get(w.name, w.size) for t, w in p.axes.items()}

    def tree(self, k: int, through: Callable[[int], bool] = lambda k: True) -> tuple[Product, list[int], Tree]:
        """An op with all products that only it needs put into it: the whole, the ops that go, and how it was done."""
        p = self.products[k]
        assert p is not None
        gone: list[int] = []
        whole: list[tuple[Tree, int]] = []
        factors = list(p.factors)
        at = 0
        for f in factors:
            j = self.inner(f.array)
            once = sum(g.array.id == f.array.id for g in factors) == 1
            if j is None or not once or not through(j):
                whole.append((at, 1))
                at += 1
                continue
            inner, more, tree = self.tree(j, through)
            if set(inner.kept) - set(inner.axes):
                whole.append((at, 1))
                at += 1
                continue
            p = substituted(p, at, inner, self.writer.fresh)
            gone += [j, *more]
            whole.append((_shifted(tree, at), len(inner.factors)))
            at += len(inner.factors)
        done = whole[0][0]
        for t, _ in whole[1:]:
            done = (done, t)
        return p, gone, done

    def roots(self, through: Callable[[int], bool] = lambda k: True) -> Iterator[int]:
        """The products that are not put into another one."""
        for k, p in enumerate(self.products):
            if p is None:
                continue
            out = self.ops[k].outputs[0]
            readers = self.readers.get(out.id, [])
            into = len(readers) == 1 and out.id not in self.kept and self.products[readers[0]] is not None
            q = self.products[readers[0]] if into else None
            if q is None or sum(f.array.id == out.id for f in q.factors) != 1 or not through(k):
                yield k


def _shifted(tree: Tree, by: int) -> Tree:
    return tree + by if isinstance(tree, int) else (_shifted(tree[0], by), _shifted(tree[1], by))


def replaced(ground: Ground, new: Mapping[int, Sequence[Op]]) -> Diagram:
    """The diagram with these ops in place of those; nothing that was known of its recording's sizes holds."""
    made = moved(ground.diagram, {k: tuple(ops) for k, ops in new.items()})
    needed, unread = {a.id for a in made.outputs}, list[int]()
    for k in range(len(made.ops) - 1, -1, -1):
        op = made.ops[k]
        if any(a.id in needed for a in op.outputs) or any(c.writes for c in op.body):
            needed |= {a.id for a in op.inputs}
        else:
            unread.append(k)
    made = moved(made, dict.fromkeys(unread, ())) if unread else made
    memory = {**ground.diagram.source.memory}
    memory |= {a.id: a.id for ops in new.values() for op in ops for a in op.outputs}
    return replace(made, source=replace(made.source, memory=memory, sizes={}))
