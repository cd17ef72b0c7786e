"""A diagram written by hand: the tree it is written as, drawn, checked and run as what its module is traced to.

``Term`` is a ``Diagram`` whose fields are filled in when one is looked at, by tracing the module it compiles to;
so it has all of a diagram's verbs, and what they make of it is a plain diagram.  Until then it needs neither
sizes nor torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ncd.circuit.diagram import Diagram
from ncd.dsl.nodes import Beside, Joined, Node, Over, Repeat, Then, Traced, arity, atoms
from ncd.dsl.patterns import Axes, names
from ncd.dsl.printing import brief, code, spread
from ncd.dsl.types import Signature, signature
from ncd.errors import DSLError

if TYPE_CHECKING:
    from torch import nn


class Term(Diagram):
    """A diagram as it was written.

    ``f >> g`` puts g behind f: arrays meet by the names of their axes.  ``f @ g`` stands them side by
    side; ``f + g``, ``f - g``, ``f * g`` apply both to the same arrays.  What else an array has passes over.
    """

    node: Node
    said: Mapping[str, int]

    def __init__(self, node: Node, sizes: Mapping[str, int] | None = None) -> None:
        self.__dict__.update(node=node, said=dict(sizes or {}), arguments=())
        self.__dict__["signature"] = signature(node)

    signature: Signature
    arguments: tuple[str, ...]
    """What its inputs are called, where that was said."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        """A diagram to whoever asks: ``replace`` makes a plain one of it, and equal ones are equal."""
        return Diagram

    @cached_property
    def traced(self) -> Diagram:
        """The diagram of the module it compiles to; sizes that were not said are made up, all different."""
        from ncd.dsl.draw import traced

        return traced(self)

    # ---------------------------------------------------------------- putting together
    def __rshift__(self, other: Diagram) -> Term:
        return then(self, term(other))

    def __matmul__(self, other: Diagram) -> Term:
        g = term(other)
        return Term(Beside(self.node, g.node), joined_sizes(self, g))

    def __add__(self, other: Diagram) -> Term:
        return _joined("+", self, term(other))

    def __sub__(self, other: Diagram) -> Term:
        return _joined("-", self, term(other))

    def __mul__(self, other: Diagram) -> Term:
        return _joined("*", self, term(other))

    def over(self, axes: str, *inputs: int) -> Term:
        """The same, repeated over axes that all its inputs have, or only those whose positions are given."""
        sizes = dict(self.said)
        found = names(axes, f".over({axes!r})", sizes)
        count = arity(self.node)[0]
        if not count or any(not 0 <= k < count for k in inputs):
            raise DSLError(f"{brief(self.node)} has {count} inputs", doing=f"lifting it over {axes!r}")
        return Term(Over(self.node, found, inputs or None), sizes)

    def repeat(self, times: int, shared: bool = False) -> Term:
        """The same so many times in a row, each turn with weights of its own unless they are ``shared``."""
        count, made = arity(self.node)
        if type(times) is not int or times < 1 or not 0 < made <= count:
            raise DSLError(
                f"{brief(self.node)} makes {made} arrays of {count}, and cannot be repeated {times} times",
                fix="a turn makes what the next one reads: at most as many arrays as go in, and at least one",
            )
        try:
            return Term(Repeat(self.node, times, shared), self.said)
        except DSLError as error:
            s = self.signature
            same = all(set(a) == set(b) for a, b in zip(s.ins, s.outs, strict=False))
            cause = error.cause if same else f"{brief(self.node)} makes of {s.ins} what it cannot read again, {s.outs}"
            fix = error.fix if same else "a turn makes arrays with the axes of those that it reads"
            raise DSLError(cause, doing=f"repeating {brief(self.node)}", fix=fix) from None

    def at(self, **sizes: int) -> Term:
        """The same with these sizes of axes.  Raises DSLError on unknown axes and on sizes said otherwise."""
        known = self.axis_names
        for name, n in sizes.items():
            if name not in known:
                raise DSLError(f"no axis is called {name!r}", doing="giving sizes", fix="one of " + ", ".join(known))
            if type(n) is not int or n < 1:
                raise DSLError(f"{name}={n!r} is no size", doing="giving sizes", fix="a number from 1")
            if self.said.get(name, n) != n:
                raise DSLError(f"the axis {name!r} has the sizes {self.said[name]} and {n}", doing="giving sizes")
        new = Term(self.node, {**self.said, **sizes})
        new.__dict__["arguments"] = self.arguments
        return new

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Every axis that is named in it."""
        said = [a for axes in (*self.signature.ins, *self.signature.outs) for a in axes]
        for atom in atoms(self.node):
            said += [a for axes in (*atom.ins, *atom.outs, atom.uses, *(r.parts for r in atom.relations)) for a in axes]
        return tuple(dict.fromkeys(said))

    # ---------------------------------------------------------------- out
    def to_module(self, module: nn.Module | None = None, *inputs: Any, **sizes: int) -> nn.Module:
        """A module that computes it, with learned boxes of these sizes.

        Sizes that are not said follow from others, or from ``inputs``: arrays or placeholders
        like those it will be called on.  Raises DSLError naming the axes of learned boxes that have none.
        """
        from ncd.dsl.build import build

        return build(self, (module, *inputs) if module is not None else inputs, sizes)

    def to_dsl(self, module: str = "n") -> str:
        """The expression that makes it, where ``ncd.dsl`` is known as ``module``; over several lines if it is long."""
        return self._sized(spread(self.node, module))

    def _sized(self, text: str) -> str:
        """An expression followed by the sizes that were said."""
        sizes = f".at({', '.join(f'{k}={v}' for k, v in self.said.items())})" if self.said else ""
        return f"({text}){sizes}" if sizes else text

    def __repr__(self) -> str:
        return self._sized(code(self.node))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Term):
            return (self.node, self.said) == (other.node, other.said)
        return self.traced == other

    def __reduce__(self) -> tuple[Any, ...]:
        return Term, (self.node, self.said), {"arguments": self.arguments}

    def __hash__(self) -> int:
        return hash(self.node)

    def __call__(self, *arrays: Any) -> Any:
        """On the arrays of a function that becomes a diagram; see ``ncd.dsl.diagram``."""
        from ncd.dsl.function import applied

        return applied(self, arrays)


def _field(name: str) -> Any:
    return property(lambda self: getattr(self.traced, name))


for _name in (f.name for f in fields(Diagram)):
    setattr(Term, _name, _field(_name))


def term(diagram: Any) -> Term:
    """A diagram as a part of another.  Raises DSLError for what is none."""
    if isinstance(diagram, Term):
        return diagram
    if not isinstance(diagram, Diagram):
        raise DSLError(f"{diagram!r} is no diagram", fix="put diagrams together; n.box of a function needs no weights")
    ins, outs = (tuple(tuple(x.name for x in a.axes) for a in side) for side in (diagram.inputs, diagram.outputs))
    return Term(Traced(diagram, ins, outs), {w.name: w.size for a in diagram.inputs for w in a.axes})


def joined_sizes(f: Term, g: Term) -> dict[str, int]:
    """What both say about sizes.  Raises DSLError where they say different things, naming both."""
    for name, n in g.said.items():
        if f.said.get(name, n) != n:
            raise DSLError(
                f"the axis {name!r} has the size {f.said[name]} in {brief(f.node)} and {n} in {brief(g.node)}",
                sizes={**g.said, **f.said},
                fix="one name is one axis: give different axes different names",
            )
    return {**f.said, **g.said}


def then(f: Term, g: Term) -> Term:
    """``f >> g``.  Raises DSLError, naming both ends, where an array of f meets no input of g."""
    sizes = joined_sizes(f, g)
    outs, ins = f.signature.outs, g.signature.ins
    if len(outs) == len(ins) and all(map(_fits, outs, ins)):
        feeds = list(range(len(outs)))
    else:
        feeds = []
        for k, axes in enumerate(outs):
            free = [j for j in range(len(ins)) if j not in feeds]
            ranked: list[Callable[[Axes], bool]] = [
                lambda want, axes=axes: set(want) == set(axes),  # type: ignore[misc]
                lambda want, axes=axes: set(want) < set(axes),  # type: ignore[misc]
                lambda want, axes=axes: set(want) > set(axes),  # type: ignore[misc]
            ]
            found = next((j for test in ranked for j in free if test(ins[j])), None)
            if found is None:
                raise _no_join(f, g, k)
            feeds.append(found)
    try:
        return Term(Then(f.node, g.node, tuple(feeds)), sizes)
    except DSLError as error:
        raise DSLError(
            error.cause, doing=f"joining {brief(f.node)} >> {brief(g.node)}", sizes=sizes, fix=error.fix
        ) from None


def _fits(have: Axes, want: Axes) -> bool:
    return set(have) <= set(want) or set(have) >= set(want)


def _no_join(f: Term, g: Term, k: int) -> DSLError:
    """The error that output ``k`` of ``f`` has nowhere to go."""
    have = f.signature.outs[k]
    wanted = [f"[{' '.join(axes)}]" for axes in g.signature.ins]
    which = "the array" if len(f.signature.outs) == 1 else f"array {k + 1} of {len(f.signature.outs)}"
    near = [(set(axes) - set(have), set(have) - set(axes)) for axes in g.signature.ins if set(axes) & set(have)]
    fix = "n.rename('a -> b') gives an axis another name; @ n.identity lets an array pass"
    if near:
        asked, over = near[0]
        if len(asked) == len(over) == 1:
            fix = f"n.rename('{min(over)} -> {min(asked)}') between them, if these are the same axis"
    said = {a: n for a, n in joined_sizes(f, g).items() if a in {x for axes in (have, *g.signature.ins) for x in axes}}
    return DSLError(
        f"{which} [{' '.join(have)}] that {brief(f.node)} makes fits no input of {brief(g.node)}"
        + (f", which reads {', '.join(wanted)}" if wanted else ", which reads none"),
        sizes=said,
        fix=fix,
    )


def _joined(sign: str, f: Term, g: Term) -> Term:
    a, b = len(f.signature.outs), len(g.signature.outs)
    if a != b:
        raise DSLError(f"{brief(f.node)} makes {a} arrays and {brief(g.node)} {b}", doing=f"joining them by {sign}")
    try:
        return Term(Joined(sign, f.node, g.node), joined_sizes(f, g))
    except DSLError as error:
        raise DSLError(
            error.cause, doing=f"joining {brief(f.node)} {sign} {brief(g.node)}", sizes=error.sizes, fix=error.fix
        ) from None
