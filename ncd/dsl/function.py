"""A Python function on symbolic arrays as a diagram."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ncd.dsl.make import array, block
from ncd.dsl.nodes import Beside, Node, Then, Wire, arity, sign
from ncd.dsl.patterns import axes as read_axes
from ncd.dsl.term import Term, joined_sizes
from ncd.dsl.types import signature
from ncd.errors import DSLError


class Tape:
    """What a function does, as it is done."""

    def __init__(self) -> None:
        self.steps: list[tuple[Node, tuple[int, ...], tuple[int, ...]]] = []
        self.said = Term(Wire(0, ()))
        self.count = 0

    def new(self) -> Symbolic:
        self.count += 1
        return Symbolic(self, self.count - 1)

    def apply(self, term: Term, arrays: Sequence[Symbolic]) -> list[Symbolic]:
        self.said = Term(Wire(0, ()), joined_sizes(self.said, term))
        outs = [self.new() for _ in range(arity(term.node)[1])]
        self.steps.append((term.node, tuple(a.place for a in arrays), tuple(a.place for a in outs)))
        return outs


@dataclass(frozen=True, eq=False)
class Symbolic:
    """An array that stands for any other: diagrams are applied to it, and it is added and multiplied."""

    tape: Tape
    place: int

    def __add__(self, other: Symbolic) -> Symbolic:
        return self._with("+", other)

    def __sub__(self, other: Symbolic) -> Symbolic:
        return self._with("-", other)

    def __mul__(self, other: Symbolic) -> Symbolic:
        return self._with("*", other)

    def _with(self, how: str, other: Symbolic) -> Symbolic:
        return applied(Term(sign(how)), (self, other))

    def __bool__(self) -> bool:
        raise DSLError("an array that stands for any other is neither true nor false", fix="a diagram has no branches")


def applied(term: Term, arrays: Sequence[Any]) -> Any:
    """A diagram on arrays of a function that becomes one: an array, or a tuple of them."""
    count = arity(term.node)[0]
    if not all(isinstance(a, Symbolic) for a in arrays) or len({id(a.tape) for a in arrays}) > 1:
        raise DSLError(
            f"{term!r} was called on {', '.join(type(a).__name__ for a in arrays)}",
            doing="calling a diagram",
            fix="inside a function under @n.diagram it takes that function's arrays; tensors go into .to_module()(...)",
        )
    if len(arrays) != count or not arrays:
        raise DSLError(
            f"{term!r} was given {len(arrays)} arrays and reads {count}",
            doing="calling a diagram",
            fix="it reads " + (", ".join(f"[{' '.join(a)}]" for a in term.signature.ins) or "none: join it by >> or @"),
        )
    outs = arrays[0].tape.apply(term, arrays)
    return outs[0] if len(outs) == 1 else tuple(outs)


def diagram(axes: str | Callable[..., Any] = "", name: str | None = None, color: str = "") -> Any:
    """Turn a function on symbolic arrays into a diagram; ``axes`` are those of its parameters, in order:

        @n.diagram("y m, x m")
        def attend(E, X): ...

    Axes that are not said are those that what it does asks for.  With a ``name`` it is a block of that name.
    """
    if callable(axes):
        return _made(axes, "", name, color)
    return lambda fn: _made(fn, axes, name, color)


def _made(fn: Callable[..., Any], axes: str, name: str | None, color: str) -> Term:
    tape = Tape()
    names = tuple(inspect.signature(fn).parameters)
    inputs = [tape.new() for _ in names]
    sizes: dict[str, int] = {}
    given = tuple(read_axes(a, f"@n.diagram({axes!r})", sizes, {}) for a in axes.split(",")) if axes else None
    if given is not None and len(given) != len(names):
        raise DSLError(
            f"{fn.__name__} has {len(names)} parameters and {axes!r} the axes of {len(given)}",
            doing="reading @n.diagram",
            fix="the axes of every parameter, separated by commas",
        )
    result = fn(*inputs)
    outs = list(result) if isinstance(result, (tuple, list)) else [result]
    if not all(isinstance(a, Symbolic) and a.tape is tape for a in outs):
        raise DSLError(f"{fn.__name__} does not return its arrays", doing="making a diagram of a function")
    said = joined_sizes(tape.said, Term(Wire(0, ()), sizes))
    node = _tree(tape, [a.place for a in inputs], [a.place for a in outs])
    try:
        if given is not None and any(given):
            signature(node, given)  # nothing else may be asked of them
            stated = [array(" ".join(g)).node if g else Wire(1, (0,)) for g in given]
            node = Then(_beside(stated), node, tuple(range(len(given))))
        made = Term(node, said)
    except DSLError as error:
        raise DSLError(error.cause, doing=f"making a diagram of {fn.__name__}", sizes=said, fix=error.fix) from None
    if name is not None:
        made = block(name, made, color)
    made.__dict__["arguments"] = names
    return made


def _tree(tape: Tape, inputs: list[int], outputs: list[int]) -> Node:
    """The steps in columns: whatever is ready stands side by side, and what is needed later passes."""
    live, todo, node = list(inputs), list(tape.steps), None
    while todo or node is None or live != outputs:
        ready = [s for s in todo if all(a in live for a in s[1])]
        todo = [s for s in todo if s not in ready]
        later = [a for _, ins, _ in todo for a in ins] + outputs
        passing = [a for a in dict.fromkeys(live) if a in later]
        wanted = [a for _, ins, _ in ready for a in ins] + passing if ready else list(outputs)
        column: list[Node] = [*(s[0] for s in ready), *([Wire(1, (0,))] * len(passing))] if ready else []
        if wanted != live:
            node = _after(node, Wire(len(live), tuple(map(live.index, wanted))))
        if column:
            node = _after(node, _beside(column))
        live = [a for _, _, outs in ready for a in outs] + passing if ready else list(outputs)
        if node is None:
            node = _beside([Wire(1, (0,))] * len(live))
    return node


def _beside(column: Sequence[Node]) -> Node:
    node = column[0]
    for part in column[1:]:
        node = Beside(node, part)
    return node


def _after(node: Node | None, column: Node) -> Node:
    return column if node is None else Then(node, column, tuple(range(arity(node)[1])))
