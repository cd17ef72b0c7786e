"""Folding: equal neighbouring blocks become one block with a count.

Two blocks are equal when their ops are, with arrays numbered by first use.  They fold when each
one's inputs are either the same array for all, or what the one before it made in the same place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ncd.circuit.diagram import Array, Block, Call, Diagram, Op, Ref
from ncd.ops.calls import row
from ncd.rewrite.tree import Branch, flat, grow

Child = Branch | Op


def fold(diagram: Diagram) -> Diagram:
    """The diagram with repeated blocks folded, also where the period is several blocks long.

    Only the first of a run is kept, so a folded diagram is for drawing, not for running.
    """
    root = grow(diagram)
    folding = Folding(diagram)
    folding.visit(root)
    return flat(replace(diagram, outputs=tuple(map(folding.current, diagram.outputs))), root, folding.seen)


class Folding:
    """Who reads each array, and what array now stands for it."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.digests = diagram.source.digests
        self.readers: dict[int, list[Op]] = {}
        for op in diagram.ops:
            for a in op.inputs:
                self.readers.setdefault(a.id, []).append(op)
        self.outputs = {a.id for a in diagram.outputs}
        self.instead: dict[int, Array] = {}
        self.dropped: dict[int, set[int]] = {}
        """Per join (by identity) the operands that later iterations made: one wire stands for all."""
        self.groups = 0
        self.parts: dict[tuple[int, int], Part] = {}
        """Of the branch being folded, by their first child and their length."""

    def seen(self, op: Op) -> Op:
        """An op as it reads after folding."""
        gone = self.dropped.get(id(op), set())
        kept = [k for k in range(len(op.inputs)) if k not in gone]
        weave = replace(op.weave, ins=tuple(op.weave.ins[k] for k in kept)) if gone else op.weave
        return replace(op, inputs=tuple(self.current(op.inputs[k]) for k in kept), weave=weave)

    def current(self, a: Array) -> Array:
        while a.id in self.instead:
            a = self.instead[a.id]
        return a

    def visit(self, branch: Branch) -> None:
        self.fold_runs(branch)
        for child in branch.children:
            if isinstance(child, Branch):
                self.visit(child)

    def fold_runs(self, branch: Branch) -> None:
        """Find the longest run at every place, shortest period first."""
        keys = [signature([c], self.digests) if isinstance(c, Branch) else None for c in branch.children]
        self.parts.clear()
        i = 0
        while i < len(branch.children):
            run = self.run_at(branch.children, keys, i)
            if run is not None:
                period, count = run
                kept = self.keep_first(branch.children[i : i + period * count], period, count)
                branch.children[i : i + period * count] = [kept]
                keys[i : i + period * count] = [None]
            i += 1

    def run_at(self, children: Sequence[Child], keys: Sequence[object], i: int) -> tuple[int, int] | None:
        best: tuple[int, int] | None = None
        for period in range(1, min(8, (len(children) - i) // 2) + 1):
            if any(k is None for k in keys[i : i + period]):
                break
            count = 1
            while keys[i + count * period : i + (count + 1) * period] == keys[i : i + period]:
                count += 1
            if count < 2 or (best is not None and period * count <= best[0] * best[1]):
                continue
            parts = [self.part(children[i + k * period : i + (k + 1) * period]) for k in range(count)]
            count = self.longest(parts)
            if count > 1 and (best is None or period * count > best[0] * best[1]):
                best = period, count
        return best

    def part(self, children: Sequence[Child]) -> Part:
        """What one turn of a run reads and makes; asked for again at the next place."""
        key = (id(children[0]), len(children))
        if key not in self.parts:
            self.parts[key] = Part(Ports(children), signature(children, self.digests))
        return self.parts[key]

    def longest(self, parts: Sequence[Part]) -> int:
        """How many of these parts, from the first, make a run; fewer of a run's parts are a run too."""
        if self.chains(parts):
            return len(parts)
        low, high = 1, len(parts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.chains(parts[:middle]) else (low, middle)
        return low

    def chains(self, parts: Sequence[Part]) -> bool:
        """Whether inputs chain or are shared, and nothing inside a run is read from outside."""
        ports = [part.ports for part in parts]
        if len({part.signature for part in parts}) > 1:
            return False
        carried: dict[int, int] = {}
        for here, after in pairwise(ports):
            place = {i: k for k, i in enumerate(here.made)}
            if len(here.entering) != len(after.entering):
                return False
            for j, (a, b) in enumerate(zip(here.entering, after.entering, strict=True)):
                if b in place:
                    if carried.setdefault(j, place[b]) != place[b]:
                        return False
                elif a != b:
                    return False
            known = here.ops | after.ops
            for k, i in enumerate(here.made):
                outside = [r for r in self.readers.get(i, ()) if id(r) not in known]
                if i in self.outputs or any(not self.joined(r, [p.made[k] for p in ports]) for r in outside):
                    return False
        return True

    def joined(self, op: Op, arrays: Sequence[int]) -> bool:
        """Whether an op joins what every iteration made, in order, side by side."""
        if op.kind != "join":
            return False
        ids = [a.id for a in op.inputs]
        at = ids.index(arrays[0]) if arrays[0] in ids else len(ids)
        return ids[at : at + len(arrays)] == list(arrays)

    def keep_first(self, children: Sequence[Child], period: int, count: int) -> Branch:
        first = list(children[:period])
        last = children[period * (count - 1) :]
        ports = [Ports(children[k * period : (k + 1) * period]) for k in range(count)]
        for same in zip(*(p.made for p in ports), strict=True):
            for reader in self.readers.get(same[0], ()):
                if self.joined(reader, same):
                    ids = [a.id for a in reader.inputs]
                    at = ids.index(same[0])
                    self.dropped.setdefault(id(reader), set()).update(range(at + 1, at + count))
        for a, b in zip(Ports(first).arrays, Ports(last).arrays, strict=True):
            self.instead[b.id] = a
        every = [c for c in children if isinstance(c, Branch)]
        also = tuple(p for c in every[period:] for p in (c.block.path, *(b.block.path for b in c.branches())))
        if period == 1 and isinstance(first[0], Branch):
            first[0].repeat, first[0].also = count, also
            return first[0]
        self.groups += 1
        parent = every[0].block.parent
        titles = " ".join(dict.fromkeys(c.block.cls for c in every[:period]))
        group = Block(f"{every[0].block.path}…{self.groups}", titles, parent)
        return Branch(group, first, count, also)


class Ports:
    """What a stretch of ops reads from outside and makes, in order."""

    def __init__(self, part: Sequence[Child]) -> None:
        ops = [op for c in part for op in ([c] if isinstance(c, Op) else c.ops())]
        self.ops = {id(op) for op in ops}
        self.arrays = [a for op in ops for a in op.outputs]
        self.made = [a.id for a in self.arrays]
        mine = set(self.made)
        self.entering = list(dict.fromkeys(a.id for op in ops for a in op.inputs if a.id not in mine and not a.hidden))


@dataclass(frozen=True)
class Part:
    """One turn of what may be a run."""

    ports: Ports
    signature: str


_NAMED = re.compile(r"×[^\d−.].*\^\{-½\}")


def signature(part: Sequence[Child], digests: Mapping[int, str]) -> str:
    """Equal for stretches that draw and compute alike, but for their weights.

    Arrays and indices by number, sizes as they are, constants by their values (``digests``), and
    the plain arguments of every call that is more than a view or a cast.
    """
    arrays: dict[int, int] = {}
    rows: list[object] = []

    def visit(child: Child, depth: int) -> None:
        if isinstance(child, Branch):
            rows.append((depth, child.block.cls))
            for c in child.children:
                visit(c, depth + 1)
            return
        indices: dict[str, int] = {}
        ins, outs = child.indices()

        def operand(a: Array, row: tuple[str, ...]) -> object:
            weight = a.kind in ("parameter", "buffer")
            number: object = -1 if weight else arrays.setdefault(a.id, len(arrays))
            if a.kind == "constant":
                number = digests.get(a.id, a.id)
            wires = tuple(
                (indices.setdefault(t, len(indices)), child.touches(t), w.size)
                for t, w in zip(row, a.wires, strict=True)
            )
            return number, wires

        label = "×root" if _NAMED.fullmatch(child.label) else child.label
        rows.append(
            (
                child.symbol,
                child.kind,
                label,
                tuple(_said(c) for c in child.body if _computes(c)),
                tuple(operand(a, r) for a, r in zip(child.inputs, ins, strict=True)),
                tuple(operand(a, r) for a, r in zip(child.outputs, outs, strict=True)),
            )
        )

    for child in part:
        visit(child, 0)
    return repr(rows)


def _computes(call: Call) -> bool:
    """Whether a call does more than rename axes or round."""
    known = row(call.name.split(".")[-1])
    return known is None or (known.kind != "rearrange" and known.label != "cast")


def _said(call: Call) -> object:
    """The name and the plain arguments of a call, without its arrays."""

    def plain(x: object) -> object:
        if isinstance(x, (tuple, list)):
            return tuple(map(plain, x))
        return None if isinstance(x, Ref) else repr(x)

    return call.name, plain(call.args), tuple((k, plain(v)) for k, v in call.kwargs), call.autocast
