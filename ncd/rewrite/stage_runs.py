"""Which stretches of blocks are one computation but for sizes.

Every op of a turn is the op of the first one: the same function, the same axes acted on, the same plain
arguments, or arguments that are in every turn the size of the same axis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ncd.circuit.diagram import Array, Op, Ref
from ncd.rewrite.alike import computes, once, parts, plain_label
from ncd.rewrite.tree import Branch, Child
from ncd.rewrite.turns import Name, Run, Turn, operations

FEWEST = 3
"""So many turns are worth a bracket, of at least so many ops."""
NUMBER = re.compile(r"\d+")


class Made(NamedTuple):
    """What made an array: which run, in which of its turns, and as what."""

    run: int
    turn: int
    name: Name

    @property
    def key(self) -> tuple[int, Name]:
        return self.run, self.name


@dataclass(frozen=True)
class Kept:
    """An operand that an earlier run made: by which run, as what, and how many turns further each turn."""

    run: int
    name: Name
    step: int


class Staged(Run):
    """A run whose operands may also be what the turns of earlier runs made, ``known`` by array id."""

    def __init__(self, first: Turn, known: Mapping[int, Made]) -> None:
        super().__init__(first)
        self.known = known

    @property
    def handed(self) -> int:
        """How many elements the first turn makes for the second."""
        first = self.turns[0]
        made = [op.outputs[j] for k, j in self.carried if (op := first.ops[k]) is not None]
        return sum(prod(a.shape) for a in made)

    def _mode(self, here: Turn, after: Turn, a: Array, b: Array) -> object | None:
        mode = super()._mode(here, after, a, b)
        if mode is None and a.id in self.known and b.id in self.known:
            here_made, after_made = self.known[a.id], self.known[b.id]
            step = after_made.turn - here_made.turn
            if here_made.key == after_made.key and abs(step) == 1:
                return Kept(*here_made.key, step)
        return mode


def compared(
    children: Sequence[Child],
    i: int,
    period: int,
    count: int,
    known: Mapping[int, Made],
    digests: Mapping[int, str],
) -> Staged | None:
    """The turns from ``i`` on that follow one another and differ in sizes, if they are enough.

    Sizes that go up and down again are no stages.
    """
    body = children[i : i + period]
    if not any(isinstance(c, Branch) and sum(1 for _ in c.ops()) >= FEWEST for c in body):
        return None
    turns = [Turn(list(operations(children[i + k * period : i + (k + 1) * period]))) for k in range(count)]
    run = Staged(turns[0], known)
    plain = [[leaves(op, digests) for op in t.ops if op is not None] for t in turns]
    for k in range(1, count):
        if not related(plain[: k + 1]) or not run.extend(turns[k]):
            break
    if len(run.turns) < FEWEST or any(any(s) for s in run.steps or ()) or run.weights == "mixed":
        return None
    if any(len(starts) > 1 for starts in run.carried.values()):
        return None
    made = [[n for op in t.ops if op is not None for a in op.outputs for n in a.shape] for t in run.turns]
    sizes = list(zip(*made, strict=True))
    grow_or_shrink = all(list(s) in (sorted(s), sorted(s, reverse=True)) for s in sizes)
    return run if grow_or_shrink and any(len(set(s)) > 1 for s in sizes) else None


def leaves(op: Op, digests: Mapping[int, str]) -> list[tuple[object, dict[str, int]]]:
    """What is plain about an op, piece by piece, with the sizes of its indices."""
    ins, outs = op.indices()
    sizes: dict[str, int] = {}
    order: dict[str, str] = {}
    for i, (a, row) in enumerate(zip((*op.inputs, *op.outputs), (*ins, *outs), strict=True)):
        sizes |= {f"{i}.{k}": n for k, n in enumerate(a.shape)}
        for t, w in zip(row, a.wires, strict=True):
            sizes[order.setdefault(t, str(len(order)))] = w.size
    found: list[object] = [digests.get(a.id, a.id) for a in op.inputs if a.kind == "constant"]
    label = plain_label(op)
    found += [*NUMBER.split(label), *map(int, NUMBER.findall(label))]
    for call in filter(computes, op.body):
        found += [call.name, call.autocast, *_pieces(call.args), *_pieces(call.kwargs)]
    return [(x, sizes) for x in found]


def related(turns: Sequence[Sequence[Sequence[tuple[object, dict[str, int]]]]]) -> bool:
    """Whether every piece is the same in all turns, or in all the size of the same axis."""
    for ops in zip(*turns, strict=True):
        if len({len(op) for op in ops}) > 1:
            return False
        for pieces in zip(*ops, strict=True):
            values = [x for x, _ in pieces]
            if all(x == values[0] and type(x) is type(values[0]) for x in values):
                continue
            if not all(type(x) is int for x in values):
                return False
            if not any(all(sizes.get(i) == x for x, sizes in pieces) for i in pieces[0][1]):
                return False
    return True


def kind(child: Child) -> object:
    """Equal for children that may be the same one in different turns, whatever their sizes."""
    if isinstance(child, Branch):
        return child.block.cls, child.repeat > 1, tuple(map(kind, child.children))
    return _kind(child)


@once
def _kind(op: Op) -> object:
    calls = tuple([c.name for c in op.body if computes(c)])
    return op.symbol, op.kind, NUMBER.sub("n", plain_label(op)), calls, parts(op)


def _pieces(x: object) -> Iterator[object]:
    """The plain leaves of a call's arguments."""
    if isinstance(x, (tuple, list)):
        yield len(x)
        for y in x:
            yield from _pieces(y)
    elif x is None or isinstance(x, Ref):
        yield None
    else:
        yield x if type(x) is int else repr(x)
