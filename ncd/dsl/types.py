"""Which axes every array has: what symbols ask for, what passes over them, and what is lifted to fit.

Axes are found by going round until nothing new is learned: an input that a symbol reads has the axes the
symbol names; what else it has reaches the outputs; and what is asked of an output that its symbol
does not make must pass over it, so its input has that axis too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ncd.dsl.nodes import Atom, Block, Node, Over, Repeat, Traced, arity, walk
from ncd.dsl.patterns import Axes, written
from ncd.dsl.printing import brief
from ncd.errors import DSLError


@dataclass(frozen=True)
class Signature:
    """The axes of the arrays that go in and come out."""

    ins: tuple[Axes, ...]
    outs: tuple[Axes, ...]
    whole: tuple[tuple[int, str], ...] = ()
    """Inputs that hold integers, each with the axis that it looks along."""

    def __str__(self) -> str:
        return written(self.ins, self.outs)


@dataclass(eq=False)
class Edge:
    """One array: its axes as far as known."""

    axes: list[str] = field(default_factory=list)
    along: str = ""
    grown: int = 0

    def have(self, names: Sequence[str], outside: bool = False) -> None:
        """Let it have these axes: behind those it has, or in front if what reads it is lifted over them."""
        missing = [a for a in names if a not in self.axes]
        if missing:
            self.axes = missing + self.axes if outside else self.axes + missing
            self.grown += 1


def passing(atom: Atom | Traced, given: Sequence[Sequence[str]]) -> list[str]:
    """The axes that pass over a symbol, given those of its inputs.  Raises DSLError if one cannot."""
    order = list(range(len(given)))
    if all(not r for r in atom.ins):
        order.sort(key=lambda k: -len(given[k]))  # a smaller array is repeated over the axes of a larger one
    found = [a for k in order for a in given[k] if a not in atom.ins[k]]
    named = {a for axes in (*atom.ins, *atom.outs) for a in axes}
    for k in order:
        for a in given[k]:
            if a not in atom.ins[k] and a in named:
                raise DSLError(
                    f"{brief(atom)} reads an array [{' '.join(given[k])}], whose axis {a!r} is also one that it "
                    "has by itself",
                    fix=f"tell them apart, for example by n.rename('{a} -> {a}2') in front of it",
                )
    return list(dict.fromkeys(found))


def outcome(atom: Atom | Traced, given: Sequence[Sequence[str]]) -> list[Axes]:
    """The axes of a symbol's outputs, in order, given those of its inputs: what passes over it comes first."""
    if isinstance(atom, Traced):
        return list(atom.outs)
    if atom.keeps:
        return [tuple(given[0])]
    over = passing(atom, given)
    if atom.name == "rename":
        names = dict(zip(atom.ins[0], atom.outs[0], strict=True))
        return [tuple(names.get(a, a) for a in given[0])]
    return [(*over, *axes) for axes in atom.outs]


def signature(node: Node, given: Sequence[Sequence[str]] | None = None) -> Signature:
    """The axes that a tree has outside; ``given`` are those of its inputs, if they are settled.

    Raises DSLError, naming the symbol and the axes, where they do not fit.
    """
    steps: list[tuple[Atom | Traced, list[Edge], list[Edge]]] = []
    turns: list[tuple[Edge, Edge]] = []

    def see(part: Node, ins: list[Edge]) -> list[Edge]:
        match part:
            case Atom() | Traced():
                outs = [Edge() for _ in part.outs]
                steps.append((part, ins, outs))
                if isinstance(part, Atom):
                    for k in part.whole:
                        ins[k].along = part.uses[0]
                return outs
            case Over():
                for k in range(len(ins)) if part.inputs is None else part.inputs:
                    ins[k].have(part.axes, outside=True)
                return walk(part.body, ins, see)
            case Repeat():
                outs = walk(part.body, ins, see)
                turns.extend(zip(ins, outs, strict=False))
                return outs
            case Block():
                return walk(part.body, ins, see)
        raise AssertionError(part)

    inputs = [Edge() for _ in range(arity(node)[0])]
    for edge, axes in zip(inputs, given or (), strict=False):
        edge.have(axes)
    outputs = walk(node, inputs, see)
    edges = [*inputs, *(e for _, _, outs in steps for e in outs)]
    before = -1
    while before != (before := sum(e.grown for e in edges)):
        for step in steps:
            _meet(*step)
        for a, b in turns:
            a.have(b.axes)
            b.have(a.axes)
        for edge, axes in zip(inputs, given or (), strict=False):
            if extra := [a for a in edge.axes if a not in axes]:
                raise DSLError(
                    f"the array [{' '.join(axes)}] has no axis {extra[0]!r}, which is asked of it",
                    fix="give it that axis, or name the axes so that they meet",
                )
    final = {id(e): tuple(e.axes) for e in inputs}
    for atom, ins, outs in steps:
        for e, axes in zip(outs, outcome(atom, [final[id(e)] for e in ins]), strict=True):
            final[id(e)] = axes
    for a, b in turns:
        if set(final[id(a)]) != set(final[id(b)]):
            raise DSLError(
                f"a turn reads [{' '.join(final[id(a)])}] and makes [{' '.join(final[id(b)])}], so no other can follow",
                fix="repeat what makes the axes it reads",
            )
    whole = tuple((k, e.along) for k, e in enumerate(inputs) if e.along)
    return Signature(tuple(final[id(e)] for e in inputs), tuple(final[id(e)] for e in outputs), whole)


def _meet(atom: Atom | Traced, ins: list[Edge], outs: list[Edge]) -> None:
    """Let the arrays around one symbol have what it, or one another, asks of them."""
    for e, axes in zip(ins, atom.ins, strict=True):
        e.have(axes)
    over = passing(atom, [e.axes for e in ins])
    if isinstance(atom, Traced) and over:
        raise DSLError(
            f"{brief(atom)} was traced on {written(atom.ins, atom.outs)} and cannot be repeated over {over[0]!r}",
            fix="trace it on arrays that have this axis",
        )
    for e, axes in zip(outs, atom.outs, strict=True):
        e.have([*over, *axes])
        for a in [a for a in e.axes if a not in over and a not in axes]:
            _lift(atom, ins, a)


def _lift(atom: Atom | Traced, ins: list[Edge], axis: str) -> None:
    """An output is asked for an axis that the symbol does not make: it passes over the symbol."""
    if any(axis in axes for axes in (*atom.ins, *atom.outs)):
        raise DSLError(
            f"the axis {axis!r} is asked of what {brief(atom)} makes, which reads it and has it no more",
            fix=f"name one of them otherwise, for example by n.rename('{axis} -> {axis}2')",
        )
    if not ins:
        raise DSLError(
            f"the axis {axis!r} is asked of what {brief(atom)} makes, and nothing goes in that could have it",
            fix=f"n.expand('{axis}') behind it repeats it along {axis!r}",
        )
    if len(set(atom.ins)) > 1:
        raise DSLError(
            f"the axis {axis!r} is asked of what {brief(atom)} makes: which of its {len(ins)} inputs has it?",
            fix=f".over('{axis}') for all of them, .over('{axis}', 0) for the first",
        )
    for e in ins:
        e.have([axis], outside=True)
