"""Which calls stand inside the statement that reads them: what is read once, right after it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ncd.circuit.diagram import Ref
from ncd.emit.lines import Line
from ncd.emit.parts import Part, Parts, reads
from ncd.emit.runs import Run, runs
from ncd.emit.wrap import WIDTH

NESTED = 3
"""So many calls of functions stand in one statement, at most."""


@dataclass(eq=False)
class Node:
    """A line or a block's call, with what stands in it instead of a name: the only reading of those arrays."""

    item: Line | Part | Run
    inner: dict[int, Node] = field(default_factory=dict)
    cast: tuple[str, ...] = ()
    """What a call is cast to on the way, where not all of the program's are."""

    @property
    def makes(self) -> tuple[int, ...]:
        return self.item.makes if isinstance(self.item, Line) else tuple(self.item.leaves)

    @property
    def direct(self) -> tuple[int, ...]:
        return self.item.reads if isinstance(self.item, Line) else tuple(self.item.enters)

    def reads(self) -> Iterator[int]:
        for i in self.direct:
            if i in self.inner:
                yield from self.inner[i].reads()
            else:
                yield i
        if isinstance(self.item, Line):
            yield from (old for old, _ in self.item.call.writes)

    def calls(self) -> int:
        """How many functions it calls; arithmetic counts as none."""
        here = 1 if not isinstance(self.item, Line) or not self.item.arithmetic else 0
        return here + sum(n.calls() for n in self.inner.values())


Width = Callable[[Node], int]
"""About how long a statement is."""


def nested(parts: Parts, part: Part, width: Width) -> tuple[list[Node], dict[int, Node]]:
    """The statements, and what stands in the last one, ``return``, by the array it makes."""
    count = Counter(i for item in part.items for i in reads(item))
    count.update(part.leaves)
    stack: list[Node] = []
    for item in runs(parts, part):
        cast = item.call.autocast if isinstance(item, Line) and not parts.program.autocast else ()
        node = Node(item, cast=cast)
        if not isinstance(item, Run):
            _take(width, stack, node, node.direct, count)
        stack.append(node)
    ends = Node(Part("", "", enters=list(part.leaves)))
    _take(width, stack, ends, tuple(part.leaves), count)
    return stack, ends.inner


def _take(width: Width, stack: list[Node], node: Node, wanted: Sequence[int], count: Counter[int]) -> None:
    """Put the statements that were last made into the one that reads them, while it stays short."""
    ends = isinstance(node.item, Part) and not node.item.items
    while stack:
        top = stack[-1]
        made = top.makes
        if len(made) != 1 or made[0] not in wanted or count[made[0]] != 1 or isinstance(top.item, Run):
            return
        if top.cast != node.cast:
            return
        if not _pure(top.item) or (ends and len(wanted) > 1):
            return
        trial = Node(node.item, {**node.inner, made[0]: top})
        calls = trial.calls() - ends
        size = width(top) if ends else width(trial)
        if ends and top.calls() <= 1:
            size = 0
        if calls > NESTED or size > WIDTH - 10:
            return
        node.inner[made[0]] = stack.pop()


def last_uses(part: Part, nodes: Sequence[Node], final: dict[int, Node]) -> list[set[int]]:
    """The arrays that no statement after each one reads; the last set is those that live to the end."""
    last: dict[int, int] = {}
    for k, node in enumerate(nodes):
        for i in (*node.reads(), *node.makes):
            last[i] = k
        if isinstance(node.item, Line):
            for pair in node.item.call.writes:
                last.update(dict.fromkeys(pair, k))
    for n in final.values():
        for i in n.reads():
            last[i] = len(nodes)
    for i in part.leaves:
        last[i] = len(nodes)
    dead: list[set[int]] = [set() for _ in range(len(nodes) + 1)]
    for i, k in last.items():
        dead[k].add(i)
    for i in part.enters:
        if i not in last and nodes:
            dead[0].add(i)
    return dead


def _pure(item: Line | Part | Run) -> bool:
    if isinstance(item, Line):
        return item.pure and isinstance(item.call.out, Ref)
    return isinstance(item, Part) and all(line.pure for line in item.lines())
