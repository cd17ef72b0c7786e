"""What a diagram written by hand is made of: an immutable tree of symbols and of ways to put them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ncd.dsl.patterns import Axes

T = TypeVar("T")


@dataclass(frozen=True)
class Relation:
    """How the size of an axis follows from others.

    ``product``: that of the parts and the number; ``sum``; ``stride``: ``ceil(part / number)``; ``shift``: the
    part and the number.
    """

    whole: str
    kind: str
    parts: Axes
    number: int = 1


IN_PLACE = frozenset(["array", "softmax", "layer_norm", "rms_norm", "batch_norm", "causal", "cumsum", "flip", "roll"])
"""Symbols that leave the axes of an array where they are."""


@dataclass(frozen=True)
class Atom:
    """One symbol.  ``ins`` are the axes each input must have, ``outs`` what stands in their place in each output.

    Whatever else an array has passes over it.  ``args`` and ``kwargs`` are the constructor's; ``whole`` are the
    inputs that hold integers.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    ins: tuple[Axes, ...] = ((),)
    outs: tuple[Axes, ...] = ((),)
    relations: tuple[Relation, ...] = ()
    weights: tuple[tuple[str, Axes], ...] = ()
    whole: tuple[int, ...] = ()
    uses: Axes = ()
    """Axes whose sizes it needs besides."""

    @property
    def keeps(self) -> bool:
        """Whether its one output has the axes of its one input, in their order."""
        return self.name in IN_PLACE or (self.ins == self.outs == ((),) and not self.weights)


@dataclass(frozen=True)
class Wire:
    """Copies, swaps and discards: output k is input ``picks[k]`` of ``count``."""

    count: int
    picks: tuple[int, ...]


@dataclass(frozen=True)
class Then:
    """``first >> second``: output i of the first is input ``feeds[i]`` of the second."""

    first: Node
    second: Node
    feeds: tuple[int, ...]


@dataclass(frozen=True)
class Beside:
    """``first @ second``: both, on arrays of their own."""

    first: Node
    second: Node


@dataclass(frozen=True)
class Joined:
    """``first + second``: both on the same arrays, their outputs joined by ``sign``."""

    sign: str
    first: Node
    second: Node


@dataclass(frozen=True)
class Block:
    """A named part."""

    title: str
    body: Node
    color: str = ""


@dataclass(frozen=True)
class Repeat:
    """The body so many times, each turn with weights of its own unless they are ``shared``.

    What a turn makes goes into the first inputs of the next; further inputs are the same for all.
    """

    body: Node
    times: int
    shared: bool = False


@dataclass(frozen=True)
class Over:
    """The body repeated over axes that all its inputs have, or those of ``inputs`` only."""

    body: Node
    axes: Axes
    inputs: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Traced:
    """A diagram that was traced, as one part of another: its arrays have just the axes it was traced with."""

    diagram: Any = field(hash=False)
    ins: tuple[Axes, ...] = ()
    outs: tuple[Axes, ...] = ()


Node = Atom | Wire | Then | Beside | Joined | Block | Repeat | Over | Traced
SIGNS = {"+": "add", "*": "multiply", "-": "subtract"}


def sign(symbol: str) -> Atom:
    """The symbol that joins two arrays."""
    return Atom(SIGNS[symbol], ins=((), ()))


def arity(node: Node) -> tuple[int, int]:
    """How many arrays go in, and how many come out."""
    match node:
        case Atom() | Traced():
            return len(node.ins), len(node.outs)
        case Wire():
            return node.count, len(node.picks)
        case Then():
            (a, fed), (b, c) = arity(node.first), arity(node.second)
            return a + b - fed, c
        case Beside():
            (a, b), (c, d) = arity(node.first), arity(node.second)
            return a + c, b + d
        case Joined():
            (a, b), (c, _) = arity(node.first), arity(node.second)
            return max(a, c), b
        case Block() | Repeat() | Over():
            return arity(node.body)


def walk(node: Node, values: Sequence[T], apply: Callable[[Node, list[T]], list[T]]) -> list[T]:
    """Go through a tree as data does.

    ``apply`` is told of every symbol, and of every block, repetition and lift before what is in it.
    """
    match node:
        case Wire():
            return [values[k] for k in node.picks]
        case Then():
            count = arity(node.first)[0]
            made = walk(node.first, values[:count], apply)
            into = dict(zip(node.feeds, made, strict=True))
            rest = iter(values[count:])
            return walk(
                node.second, [into[k] if k in into else next(rest) for k in range(arity(node.second)[0])], apply
            )
        case Beside():
            count = arity(node.first)[0]
            return [*walk(node.first, values[:count], apply), *walk(node.second, values[count:], apply)]
        case Joined():
            left = walk(node.first, values[: arity(node.first)[0]], apply)
            right = walk(node.second, values[: arity(node.second)[0]], apply)
            both = [apply(sign(node.sign), [a, b]) for a, b in zip(left, right, strict=True)]
            return [x for xs in both for x in xs]
        case _:
            return apply(node, list(values))


def atoms(node: Node) -> list[Atom]:
    """The symbols of a tree, each as often as it is written."""
    match node:
        case Atom():
            return [node]
        case Then() | Beside():
            return [*atoms(node.first), *atoms(node.second)]
        case Joined():
            return [*atoms(node.first), *atoms(node.second), sign(node.sign)]
        case Block() | Repeat() | Over():
            return atoms(node.body)
    return []


def title(node: Node) -> str:
    """What a tree is called, if it is a named block, perhaps lifted."""
    if isinstance(node, Over):
        return title(node.body)
    return node.title if isinstance(node, Block) else ""
