"""Blocks that follow each other and are one function: a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ncd.emit.lines import Line
from ncd.emit.parts import Part, Parts


@dataclass(eq=False)
class Run:
    """Turns of a loop: ``carried`` says which input of a turn is which result of the turn before.

    They are ``container[start]``, ``container[start + 1]``... (their part ``rest``), of ``length``
    in all, or one block again and again where there is no container.
    """

    turns: list[Part]
    carried: dict[int, int]
    container: str | None
    start: int = 0
    rest: str = ""
    length: int = 0

    @property
    def enters(self) -> list[int]:
        return self.turns[0].enters

    @property
    def leaves(self) -> list[int]:
        return self.turns[-1].leaves


def runs(parts: Parts, part: Part) -> Iterator[Line | Part | Run]:
    """The items of a part with repeated blocks as loops."""
    items, i = part.items, 0
    while i < len(items):
        run = run_at(parts, items, i)
        if run is None:
            yield items[i]
            i += 1
        else:
            yield run
            i += len(run.turns)


def run_at(parts: Parts, items: Sequence[Line | Part], i: int) -> Run | None:
    """The longest loop that begins at a place; None if there is none."""
    first = items[i]
    if not isinstance(first, Part):
        return None
    turns = [first]
    carried: dict[int, int] | None = None
    where: tuple[str | None, int, str] | None = None
    for item in items[i + 1 :]:
        if not isinstance(item, Part) or item.group is not first.group or not _alike(first, item):
            break
        here = _step(first.at, item.at, len(turns))
        links = _links(turns[-1], item, first)
        if here is None or links is None or (where is not None and here != where):
            break
        if carried is not None and links != carried:
            break
        if not _private(parts, turns[-1], item):
            break
        carried, where = links, here
        turns.append(item)
    if len(turns) < 2 or carried is None or where is None:
        return None
    container, start, rest = where
    length = parts.owned.length(container) if container is not None else 0
    if container is not None and length is None:
        return None
    return Run(turns, carried, container, start, rest, length or 0)


def _alike(first: Part, other: Part) -> bool:
    """Whether the numbers that the function takes are the same."""
    group = first.group
    assert group is not None
    places = [p for _, places in group.varying for p in places]
    same = all(first.literals[p].value == other.literals[p].value for p in places)
    return same and first.sizes == other.sizes


def _links(before: Part, after: Part, first: Part) -> dict[int, int] | None:
    """Which inputs of a turn are results of the turn before; None if others differ."""
    found = {}
    for j, i in enumerate(after.enters):
        if i in before.leaves:
            found[j] = before.leaves.index(i)
        elif i != first.enters[j]:
            return None
    if len(set(found.values())) < len(found):
        return None
    return found


def _private(parts: Parts, turn: Part, after: Part) -> bool:
    """Whether only the next turn reads what a turn makes."""
    lines = set(turn.lines()) | set(after.lines())
    returned = set(parts.program.returns)
    return not any(i in returned or any(r not in lines for r in parts.readers[i]) for i in turn.leaves)


def _step(first: str, other: str, turn: int) -> tuple[str | None, int, str] | None:
    """What the blocks ``h.0.attn`` and ``h.1.attn`` are turns of: (``h``, 0, ``attn``)."""
    a, b = first.split("."), other.split(".")
    if a == b:
        return None, 0, ""
    differ = [k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(differ) != 1:
        return None
    k = differ[0]
    if not a[k].isdigit() or not b[k].isdigit() or int(b[k]) != int(a[k]) + turn:
        return None
    return ".".join(a[:k]), int(a[k]), ".".join(a[k + 1 :])
