"""The names that hold in one function of emitted code: of its inputs, of sizes, of the arrays in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ncd.emit.formula import integer, is_number
from ncd.emit.lines import Line, Pattern, Size, leaves
from ncd.emit.names import RESERVED, AxisNames, Namer, identifier
from ncd.emit.owned import under
from ncd.emit.parts import Part, Parts, kept, makes
from ncd.errors import CheckError

ARRAYS = frozenset("x y q k v h c p".split())
"""Names that arrays have rather than sizes."""


class Scope:
    """What everything is called in one function: ``forward``, or one that several blocks share.

    ``constants`` are the keys of the arrays that are looked up, ``functions`` the names of all that blocks share.
    """

    def __init__(self, parts: Parts, part: Part, constants: dict[int, str], functions: frozenset[str]) -> None:
        self.program, self.parts, self.part = parts.program, parts, part
        self.root = part is parts.root
        self.module = "module" if self.root else "m"
        self.constants, self.functions = constants, functions
        self.axes = AxisNames()
        self.arrays = parts.program.arrays
        self.maker = {i: item for item in part.items for i in makes(item)}
        self.used_sizes: set[str] = set()
        self.parameters: dict[int, str] = {}
        """By place of a literal in the part's list, the parameter that gives it."""
        self.extra: list[str] = []
        for name, places in part.group.varying if part.group is not None else ():
            text = identifier(name)
            while text in self.extra:
                text += "_"
            self.extra.append(text)
            self.parameters.update(dict.fromkeys(places, text))
        for i in (*part.enters, *part.leaves):
            if i in self.arrays:
                self.axes.shape(self.arrays[i])
        self.size_names = self._size_names()
        self.namer = Namer({*self.size_names.values(), *self.extra, *functions} | RESERVED)
        self.inputs = self._parameters()
        self.shown: dict[str, str] = {}
        """The axes that a reader was last told a name has."""

    # ---------------------------------------------------------------- inputs and sizes
    def _parameters(self) -> list[str]:
        enters = self.part.enters
        if self.root:
            many = len(enters) > 1
            for k, i in enumerate(enters):
                a = self.arrays[i]
                self.namer.give(i, identifier(a.name) if a.name else f"x{k}" if many else "x")
            return [self.namer[i] for i in enters]
        main = self._main()
        if main is not None:
            self.namer.give(main, "x")
        return [self.namer[i] if i == main else self.namer.give(i, self._other(i, main)) for i in enters]

    def _other(self, i: int, main: int | None) -> str:
        """What an input beside the main one is called."""
        name = self.parts.role(i)
        if main is None or name != "x":
            return name
        same = i in self.arrays and main in self.arrays and self.arrays[i].axes == self.arrays[main].axes
        return "y" if same or not self.arrays[i].wires else "context"

    def _main(self) -> int | None:
        """The input that the function transforms: the only one, or the one that its result is like."""
        data = [i for i in self.part.enters if not (i in self.arrays and self.arrays[i].hidden)]
        if len(data) == 1:
            return data[0]
        silent = [i for i in data if self.parts.role(i) == "x" or (i in self.arrays and self.arrays[i].kind == "input")]
        for out in self.part.leaves[:1]:
            for i in silent:
                if i in self.arrays and out in self.arrays and self.arrays[i].axes == self.arrays[out].axes:
                    return i
        return silent[0] if silent else None

    def _size_names(self) -> dict[str, str]:
        """What sizes are called here: after the axis of the input that has them."""
        symbols: dict[str, None] = {}
        for item in self.part.items:
            values = list(_sizes(item)) if isinstance(item, Line) else item.sizes
            for value in values:
                if not is_number(value):
                    symbols.update(
                        dict.fromkeys(sorted(s.name for s in self.parts.local(self.part, value).free_symbols))
                    )
        found: dict[str, str] = {}
        for symbol in symbols:
            if "." in symbol:
                p, d = map(int, symbol.split("."))
                leaves_ = self.arrays[self.part.enters[p]].axes[d].leaves
                name = self.axes.token(" ".join(leaf.name for leaf in leaves_))
            else:
                name = self.axes.token(symbol) if symbol.isidentifier() else "n"
            name = f"n_{name}" if name in ARRAYS else name
            while name in found.values() or name in self.extra or name in RESERVED:
                name += "_"
            found[symbol] = name
        return found

    def size(self, value: Any) -> str:
        """A number, or a formula in the sizes of this function's inputs."""
        if isinstance(value, float) or is_number(value):
            return repr(value) if isinstance(value, float) else str(int(value))

        def name(symbol: Any) -> str:
            self.used_sizes.add(symbol.name)
            return self.size_names[symbol.name]

        return integer(self.parts.local(self.part, value), name)

    # ---------------------------------------------------------------- arrays and modules
    def name(self, i: int) -> str:
        """How an array is read here.  Raises CheckError where nothing made it."""
        if i in self.namer:
            return self.namer[i]
        array = self.arrays.get(i)
        own = self.parts.own(self.part, i)
        if own is not None:
            return self.parts.owned.spelled(self.module, self.part.at, own)
        if i in self.parts.texts:
            return self.parts.texts[i]
        if array is None or not array.hidden or i not in self.constants:
            raise CheckError(f"the array %{i} is read before anything made it", doing="writing code")
        return f'constants["{self.constants[i]}"]'

    def about(self, i: int) -> str:
        """About what an array will be called."""
        if i in self.namer:
            return self.namer[i]
        hidden = i in self.arrays and self.arrays[i].hidden
        return self.name(i) if hidden else self.parts.role(i)

    def role(self, i: int) -> str:
        """What an array made by a block is called: ``x`` where it is what the block was given."""
        item = self.maker.get(i)
        return "x" if isinstance(item, Part) and len(item.leaves) == 1 else self.parts.role(i)

    def shape(self, i: int) -> str:
        """The axes of an array, as they are called here."""
        return self.axes.shape(self.arrays[i]) if i in self.arrays else "?"

    def block(self, part: Part) -> str:
        """What the module of a block in this function is called."""
        inside = under(part.at, self.part.at)
        return self.parts.owned.spelled(self.module, self.part.at, inside) if inside else self.module

    @property
    def needs_constants(self) -> bool:
        """Whether it looks up what is no text."""
        return self.root and (bool(self.constants) or any(kept(line) for line in self.part.lines()))


def _sizes(line: Line) -> Iterator[Any]:
    for x in leaves((line.call.args, tuple(v for _, v in line.call.kwargs))):
        if isinstance(x, Size):
            yield x.value
        elif isinstance(x, Pattern):
            yield from (s.value for _, s in x.sizes)
