"""What emitted code is made of before it is text: one recorded call a line, sizes as formulas, axes by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ncd.circuit.diagram import Array, Call, Diagram, Op, Ref
from ncd.circuit.weave import Weave
from ncd.emit.binding import ending
from ncd.emit.calls import operands, refs, results

NOWHERE = Op("call", "", (), (), Weave((), (), {}))
"""The op of a call that no op of the exact diagram is."""


SIGNS = frozenset("add sub mul div truediv floordiv mod pow matmul neg lt le gt ge eq ne and or xor invert".split())


OPENED = ("multi_head_attention_forward",)
"""Composites of which the calls inside are written."""


@dataclass(frozen=True)
class Size:
    """An integer of a call: a number, or a formula (sympy) in the sizes of the inputs' axes.

    ``hint`` is what a parameter that stands for it is called.
    """

    value: Any
    hint: str = "n"


@dataclass(frozen=True)
class ShapeOf:
    """The shape of an array, where a call repeats it."""

    id: int


Dim = tuple[str, ...]
Side = tuple[tuple[Dim, ...], ...]


@dataclass(frozen=True)
class Pattern:
    """An einops pattern: per operand and dimension the axes, major first; ``sizes`` are those it can't infer."""

    ins: Side
    outs: Side
    sizes: tuple[tuple[str, Size], ...] = ()


class Formulas(Protocol):
    """Sizes as formulas (sympy): of axes by name, and of the numbers in a call by the way to each."""

    @property
    def axes(self) -> Mapping[str, Any]: ...

    @property
    def variables(self) -> Mapping[str, int]: ...

    @property
    def steps(self) -> Mapping[str, int]: ...

    def of(self, call: Call) -> Mapping[tuple[Any, ...], Any]: ...


@dataclass(frozen=True)
class AsTraced:
    """No formula is known: sizes are what they were."""

    axes: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)

    def of(self, call: Call) -> Mapping[tuple[Any, ...], Any]:
        return {}


@dataclass(eq=False)
class Line:
    """One call, the exact op it is, and whether it may be moved, merged and left out."""

    call: Call
    op: Op = NOWHERE
    path: str = ""
    pure: bool = True

    @property
    def reads(self) -> tuple[int, ...]:
        return operands(self.call)

    @property
    def makes(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(results(self.call)))

    @property
    def out(self) -> int | None:
        """The one array it makes, None if it makes several or writes."""
        return self.call.out.id if isinstance(self.call.out, Ref) and not self.call.writes else None

    @property
    def arithmetic(self) -> bool:
        """Whether it is written with signs."""
        return self.function.strip("_").removeprefix("r") in SIGNS or self.function.startswith("__get")

    @property
    def function(self) -> str:
        """The short name of what it calls: ``view`` for ``torch.Tensor.view``."""
        return short(self.call.name)


def short(name: str) -> str:
    parts = name.split(".")
    if name.startswith("torch.ops.") and len(parts) > 3:
        return parts[3]
    return parts[-2] if parts[-1] == "__get__" else parts[-1]


def mapped(literal: Any, leaf: Callable[[Any], Any]) -> Any:
    """A call's literal with every leaf replaced."""
    if isinstance(literal, (tuple, list)):
        return type(literal)([mapped(x, leaf) for x in literal])
    if isinstance(literal, dict):
        return {k: mapped(x, leaf) for k, x in literal.items()}
    if isinstance(literal, slice):
        return slice(*(mapped(x, leaf) for x in (literal.start, literal.stop, literal.step)))
    return leaf(literal)


def leaves(literal: Any) -> Iterator[Any]:
    if isinstance(literal, (tuple, list)):
        for x in literal:
            yield from leaves(x)
    elif isinstance(literal, dict):
        yield from leaves(tuple(literal.values()))
    elif isinstance(literal, slice):
        yield from leaves((literal.start, literal.stop, literal.step))
    else:
        yield literal


def renamed(call: Call, ids: Mapping[int, int]) -> Call:
    """The same call reading other arrays."""

    def leaf(x: Any) -> Any:
        return Ref(ids.get(x.id, x.id)) if isinstance(x, Ref) else x

    writes = tuple((ids.get(old, old), new) for old, new in call.writes)
    return replace(
        call,
        args=mapped(call.args, leaf),
        kwargs=tuple((k, mapped(v, leaf)) for k, v in call.kwargs),
        writes=writes,
    )


@dataclass
class Program:
    """The lines of a diagram in order, its arrays by id, and what it returns."""

    diagram: Diagram
    lines: list[Line]
    arrays: dict[int, Array]
    returns: list[int]
    formulas: Formulas
    unknown: bool = False
    """Whether some number changes with the sizes, nobody knows how."""
    fresh: int = 0
    autocast: tuple[str, ...] = ()
    """What all calls are cast to on the way, if all are."""

    def size(self, axis: str) -> Any:
        """The size of an atomic axis: a formula where one is known."""
        known = self.formulas.axes.get(axis)
        return self._sizes.get(axis, 1) if known is None else settled(known, self.formulas)

    def __post_init__(self) -> None:
        self._sizes = {leaf.name: leaf.size for a in self.arrays.values() for leaf in a.wires}
        self.fresh = 1 + max(self.arrays, default=0)

    def shape(self, array: int) -> tuple[Any, ...]:
        """The sizes of an array's dimensions as formulas."""
        found = []
        for axis in self.arrays[array].axes:
            n: Any = 1
            for leaf in axis.leaves:
                n = n * self.size(leaf.name)
            found.append(n)
        return tuple(found)

    def invent(self, like: Array) -> int:
        array = replace(like, id=self.fresh, kind="value", name="")
        self.arrays[array.id] = array
        self.fresh += 1
        return array.id


def program(diagram: Diagram, formulas: Formulas) -> Program:
    """All calls of a diagram, each once, with formulas for their integers where they are known."""
    exact = diagram.source.exact or diagram
    arrays = {a.id: a for d in (exact, diagram) for a in d.arrays}
    ops = list(_opened(diagram))
    arrays |= {a.id: a for op in ops for a in (*op.inputs, *op.outputs) if a.id not in arrays}
    recorded = {id(call): op for op in (*exact.ops, *ops) for call in op.body}
    tail, returns = ending(diagram)
    made: set[int] = set()
    lines = []
    for path, call in [*((op.path, c) for op in ops for c in op.body), *(("", c) for c in tail)]:
        if results(call) and made.issuperset(results(call)):
            continue
        made.update(results(call))
        op = recorded.get(id(call), NOWHERE)
        pure = not call.writes and not call.name.startswith("#") and any(True for _ in refs(call.out))
        lines.append(Line(_with_sizes(call, formulas), op if len(op.body) == 1 else NOWHERE, path, pure))
    unknown = any(None in formulas.of(c).values() for op in ops for c in op.body)
    casts = {line.call.autocast for line in lines}
    whole = Program(diagram, lines, arrays, list(returns), formulas, unknown)
    whole.autocast = casts.pop() if len(casts) == 1 else ()
    return whole


def _opened(diagram: Diagram) -> Iterator[Op]:
    """The ops of a diagram, some composites as what is inside; a part has the composites of the whole."""
    inside = {a.id: inner for inner in diagram.source.opened.values() for op in inner for a in op.outputs}
    for op in diagram.ops:
        inner = inside.get(op.outputs[0].id) if op.name in OPENED and op.outputs else None
        yield from (op,) if inner is None else inner


def settled(value: Any, formulas: Formulas) -> Any:
    """A formula without what may as well be fixed: an axis that must be a multiple of what it was."""
    fixed = {v: n for v, n in formulas.variables.items() if formulas.steps.get(v, 1) >= n > 1}
    if not fixed or not getattr(value, "free_symbols", None):
        return value
    return value.subs({s: fixed[s.name] for s in value.free_symbols if s.name in fixed})


def _with_sizes(call: Call, formulas: Formulas) -> Call:
    known = formulas.of(call)
    if not known:
        return call

    def walk(x: Any, path: tuple[Any, ...]) -> Any:
        if type(x) in (int, float):
            value = settled(known.get(path), formulas)
            return x if value is None or not getattr(value, "free_symbols", None) else Size(value)
        if isinstance(x, (tuple, list)):
            return type(x)([walk(y, (*path, k)) for k, y in enumerate(x)])
        if isinstance(x, dict):
            return {k: walk(y, (*path, k)) for k, y in x.items()}
        if isinstance(x, slice):
            return slice(*(walk(getattr(x, k), (*path, k)) for k in ("start", "stop", "step")))
        return x

    args = tuple(walk(x, ("args", k)) for k, x in enumerate(call.args))
    return replace(call, args=args, kwargs=tuple((k, walk(x, ("kwargs", k))) for k, x in call.kwargs))
