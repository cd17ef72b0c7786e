"""How expressions are spelled in one function: calls, arguments, patterns, numbers that vary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ncd.circuit.diagram import Call, Name, Ref
from ncd.emit.defaults import without_defaults
from ncd.emit.expression import expression
from ncd.emit.formula import is_number
from ncd.emit.lines import Line, Pattern, ShapeOf, Size, leaves, mapped
from ncd.emit.names import identifier
from ncd.emit.nesting import Node
from ncd.emit.parts import Part
from ncd.emit.scope import Scope
from ncd.errors import CheckError

NameOf = Callable[[int], str]
"""What an array is called where it is read."""


@dataclass(frozen=True)
class Text:
    """An argument that is text already."""

    text: str


class Spelling:
    """Writes the expressions of one function."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.parts, self.part = scope, scope.parts, scope.part
        self.arrays, self.namer = scope.arrays, scope.namer
        self.places = self._literal_places()

    def _literal_places(self) -> dict[Any, int]:
        """Where the literals of every item begin in the part's list."""
        places: dict[Any, int] = {}
        at = 0
        for item in self.part.items:
            places[item] = at
            at += len(list(numbers(item.call))) if isinstance(item, Line) else len(item.literals)
        return places

    def expression(self, node: Node, name: NameOf) -> str:
        """The text of a statement's right side, with what stands in it."""
        item = node.item

        def operand(i: int) -> str:
            return self.expression(node.inner[i], name) if i in node.inner else name(i)

        if isinstance(item, Part):
            if not item.items:
                return ", ".join(operand(i) for i in item.enters)
            return self.call(item, operand)
        assert isinstance(item, Line)

        def spell(x: Any) -> str:
            if isinstance(x, Ref):
                hidden = x.id in self.arrays and self.arrays[x.id].hidden and x.id not in self.namer
                return self.spell(x) if hidden and x.id not in node.inner else operand(x.id)
            return self.spell(x)

        return expression(self.worded(item), spell)

    def call(self, part: Part, name: NameOf, module: str | None = None) -> str:
        """The call of a block's function."""
        assert part.group is not None
        words = [module or self.scope.block(part)] if part.owns else []
        words += [name(i) for i in part.enters]
        words += [self.scope.size(s) for s in part.group.first.sizes]
        start = self.places[part]
        for parameter, places in part.group.varying:
            mine = self.scope.parameters.get(start + places[0])
            words.append(f"{identifier(parameter)}={mine or self.spell(part.literals[places[0]])}")
        return f"{part.group.name}({', '.join(words)})"

    def worded(self, line: Line) -> Call:
        """The call as it is written: without defaults, patterns as text, numbers that vary as parameters."""
        call, at = line.call, self.places[line]
        count = iter(range(at, at + 10**9))

        def number(x: Any) -> Any:
            if is_literal(x):
                name = self.scope.parameters.get(next(count))
                if name is not None:
                    return Text(name)
            return x

        sizes: list[tuple[str, Any]] = []

        def leaf(x: Any) -> Any:
            if isinstance(x, Pattern):
                names = self._tokens(x)
                sizes.extend((names[t], number(s)) for t, s in x.sizes)
                return pattern_text(x, names)
            return number(x)

        args = mapped(call.args, leaf)
        kwargs = tuple((k, mapped(v, leaf)) for k, v in call.kwargs)
        here = replace(call, args=args, kwargs=tuple(self._device(k, v) for k, v in kwargs))
        return replace(here, kwargs=tuple(sizes)) if sizes else without_defaults(here, self.arrays)

    def _device(self, k: str, v: Any) -> tuple[str, Any]:
        """Where the inputs are, rather than where they were."""
        if k == "device" and isinstance(v, Name):
            for i, name in zip(self.part.enters, self.scope.inputs, strict=True):
                if i in self.arrays and not self.arrays[i].hidden:
                    return k, Text(f"{name}.device")
        return k, v

    def _tokens(self, pattern: Pattern) -> dict[str, str]:
        names: dict[str, str] = {}
        for side in (*pattern.ins, *pattern.outs):
            for t in (t for d in side for t in d):
                if t not in names:
                    name, n = self.scope.axes.token(t), 1
                    while name in names.values():
                        n += 1
                        name = f"{self.scope.axes.token(t)}{n}"
                    names[t] = name
        return names

    def spell(self, x: Any) -> str:
        """What is no plain literal.  Raises CheckError where it has no text."""
        if isinstance(x, Text):
            return x.text
        if isinstance(x, Size):
            return self.scope.size(x.value)
        if isinstance(x, ShapeOf):
            return f"{self.spell(Ref(x.id))}.shape"
        if isinstance(x, Name):
            return f'constants["{x.text}"]' if x.text.startswith("#") else x.text
        if isinstance(x, Ref):
            return self.scope.name(x.id)
        raise CheckError(f"no text for {x!r}", doing="writing code")


def is_literal(x: Any) -> bool:
    """Whether it is a number that another block may have another of."""
    if isinstance(x, Size):
        return isinstance(x.value, float) or is_number(x.value)
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def numbers(call: Call) -> Iterator[Any]:
    """The numbers of a call in the order in which a block lists them."""
    for x in leaves((call.args, tuple(v for _, v in call.kwargs))):
        if isinstance(x, Pattern):
            yield from (s for _, s in x.sizes if is_literal(s))
        elif is_literal(x):
            yield x


def pattern_text(pattern: Pattern, names: dict[str, str]) -> str:
    """``b s (h k) -> b h s k``."""

    def dim(d: tuple[str, ...]) -> str:
        words = [names[t] for t in d]
        return words[0] if len(words) == 1 else f"({' '.join(words)})" if words else "1"

    def side(arrays: Any) -> str:
        return ", ".join(" ".join(map(dim, dims)) for dims in arrays)

    return f"{side(pattern.ins)} -> {side(pattern.outs)}"
