"""Which blocks become functions: what each reads and what leaves it, sizes in its own terms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ncd.circuit.diagram import Name, Ref
from ncd.emit.formula import is_number
from ncd.emit.lines import Line, Program, Size, leaves
from ncd.emit.names import RESULTS, hint, identifier, role
from ncd.emit.owned import Owned, module_path, under

LONG = 120
"""A block of so many characters is worth a function where it stands more than once."""
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


@dataclass(eq=False)
class Part:
    """A block: its lines and the blocks in it, in order; what it reads from outside and what leaves it."""

    path: str
    cls: str
    items: list[Line | Part] = field(default_factory=list)
    enters: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    sizes: list[Any] = field(default_factory=list)
    """Symbols it needs that no axis of its inputs has."""
    literals: list[Size] = field(default_factory=list)
    key: str = ""
    group: Group | None = None
    owns: bool = False
    """Whether it uses its module: a function without weights needs none."""

    def lines(self) -> Iterator[Line]:
        for item in self.items:
            if isinstance(item, Line):
                yield item
            else:
                yield from item.lines()

    def parts(self) -> Iterator[Part]:
        for item in self.items:
            if isinstance(item, Part):
                yield item
                yield from item.parts()

    def deepest_first(self) -> Iterator[Part]:
        """It and the blocks in it, each after those inside."""
        for item in self.items:
            if isinstance(item, Part):
                yield from item.deepest_first()
        yield self

    @property
    def at(self) -> str:
        return module_path(self.path)


@dataclass(eq=False)
class Group:
    """Blocks that are one function; ``varying`` are, per parameter, the places of its number in ``literals``."""

    name: str
    parts: list[Part]
    varying: list[tuple[str, list[int]]] = field(default_factory=list)

    @property
    def first(self) -> Part:
        return self.parts[0]


def in_blocks(program: Program) -> Part:
    """The lines of a program in their blocks, as they ran."""
    blocks = {b.path: b for b in program.diagram.blocks}
    root = Part("", program.diagram.title)
    stack = [root]

    def chain(path: str) -> list[str]:
        found: list[str] = []
        here: str | None = path
        while here is not None and here in blocks:
            found.append(here)
            here = blocks[here].parent
        return [p for p in reversed(found) if p]

    for line in program.lines:
        wanted = chain(line.path)
        depth = 0
        while depth < min(len(wanted), len(stack) - 1) and stack[depth + 1].path == wanted[depth]:
            depth += 1
        del stack[depth + 1 :]
        for path in wanted[depth:]:
            part = Part(path, blocks[path].cls)
            stack[-1].items.append(part)
            stack.append(part)
        stack[-1].items.append(line)
    return root


class Parts:
    """The blocks of a program that are worth a function, and what is known of the arrays in them."""

    def __init__(self, program: Program, owned: Owned, texts: Mapping[int, str]) -> None:
        self.program, self.owned, self.texts = program, owned, texts
        self.root = in_blocks(program)
        self.readers: dict[int, list[Line]] = defaultdict(list)
        for line in program.lines:
            for i in line.reads:
                self.readers[i].append(line)
        self.maker = {i: line for line in program.lines for i in line.makes}
        self.count = Counter(p.cls for p in self.root.parts())
        self._settle(self.root, single=True)
        for part in self.root.deepest_first():
            self._ports(part)

    # ---------------------------------------------------------------- functions or not
    def _settle(self, part: Part, single: bool) -> None:
        items: list[Line | Part] = []
        for item in part.items:
            if isinstance(item, Part):
                alone = single and self.count[item.cls] == 1
                self._settle(item, alone)
                while (
                    len(item.items) == 1 and isinstance(inner := item.items[0], Part) and self._only_there(inner, item)
                ):
                    item.items = inner.items
                inside = under(item.at, part.at) is not None or item.at == part.at
                if not inside or not self._worth(item, alone) or self._bound(item):
                    items += item.items
                    continue
            items.append(item)
        part.items = items

    def _only_there(self, inner: Part, outer: Part) -> bool:
        """Whether all that a block does is in another that stands nowhere else."""
        return inner.cls in CONTAINERS or self.count[inner.cls] == self.count[outer.cls]

    def _worth(self, part: Part, single: bool) -> bool:
        inner = any(isinstance(i, Part) for i in part.items)
        if single:
            return not inner and len(part.items) > 3
        if len(part.items) < 2:
            return False
        return inner or sum(_length(i) for i in part.lines()) > LONG

    def _bound(self, part: Part) -> bool:
        """Whether it writes what others made, or calls what only ``forward`` knows."""
        made = {i for line in part.lines() for i in line.makes}
        writes = any(old not in made for line in part.lines() for old, _ in line.call.writes)
        return writes or any(kept(line) for line in part.lines())

    # ---------------------------------------------------------------- what enters and leaves
    def _ports(self, part: Part) -> None:
        lines = set(part.lines())
        made: dict[int, None] = {}
        enters: dict[int, None] = {}
        for line in part.lines():
            for i in line.reads:
                if i in made:
                    continue
                if self.own(part, i) is not None:
                    part.owns = True
                elif i not in self.texts:
                    enters[i] = None
            made.update(dict.fromkeys(line.makes))
        if part is self.root:
            part.enters = [a.id for a in self.program.diagram.inputs]
            part.leaves = list(self.program.returns)
            return
        part.enters = list(enters)
        returned = set(self.program.returns)
        part.leaves = [i for i in made if i in returned or any(r not in lines for r in self.readers[i])]

    def own(self, part: Part, array: int) -> str | None:
        """The name of a parameter or buffer below the part's module."""
        a = self.program.arrays.get(array)
        return self.owned.attribute(a, part.at) if a is not None and a.hidden else None

    def asked(self, array: int) -> str:
        """What an attention that reads an array calls it: q, k or v."""
        for line in self.readers.get(array, ()):
            if line.function == "scaled_dot_product_attention":
                places = [k for k, x in enumerate(line.call.args[:3]) if x == Ref(array)]
                return "qkv"[places[0]] if len(places) == 1 else ""
        return ""

    def role(self, array: int, depth: int = 20) -> str:
        """What an array is called where nothing better is known."""
        if name := self.asked(array):
            return name
        a = self.program.arrays.get(array)
        if a is not None and a.name:
            return identifier(a.name) if a.kind == "input" else role(a.name) or "w"
        line = self.maker.get(array)
        if line is None or not depth:
            return "x"
        several_ = RESULTS.get(line.function, ())
        place = line.makes.index(array)
        if len(line.makes) > 1 and place < len(several_):
            return several_[place]
        base = hint(line, self.program.arrays, lambda i: self.role(i, depth - 1))
        return "qkv"[place] if base == "qkv" and len(line.makes) == 3 else base

    # ---------------------------------------------------------------- sizes in own terms
    def local(self, part: Part, value: Any) -> Any:
        """A formula in terms of the part's inputs: symbols ``p.d`` stand for dimension d of input p."""
        import sympy

        if is_number(value):
            return value
        known: dict[Any, Any] = {}
        for p, i in enumerate(part.enters):
            if i in self.program.arrays:
                for d, n in enumerate(self.program.shape(i)):
                    if not is_number(n):
                        known.setdefault(n, sympy.Symbol(f"{p}.{d}", integer=True, positive=True))
        if value in known:
            return known[value]
        plain = {n: s for n, s in known.items() if n.is_Symbol}
        for n, s in known.items():
            # An input may have twice as many elements as an axis has.
            (symbol,) = n.free_symbols if len(n.free_symbols) == 1 else (None,)
            if symbol is not None and symbol not in plain and n.is_polynomial(symbol) and sympy.degree(n, symbol) == 1:
                plain[symbol] = (s - n.coeff(symbol, 0)) / n.coeff(symbol, 1)
        if not value.free_symbols <= set(plain):
            for n, s in sorted(known.items(), key=lambda pair: (-sympy.count_ops(pair[0]), str(pair[1]))):
                value = value.subs(n, s)
        value = value.subs(plain)
        if part is self.root:
            # No input of a part of a diagram may have the axis: then it is as it was.
            traced = self.program.formulas.variables
            value = value.subs({s: traced[s.name] for s in value.free_symbols if s.name in traced})
        for symbol in sorted(value.free_symbols, key=str):
            if "." not in symbol.name and symbol not in part.sizes:
                part.sizes.append(symbol)
        return value


def makes(item: Line | Part) -> tuple[int, ...]:
    """The arrays that a line or a block's call makes."""
    return item.makes if isinstance(item, Line) else tuple(item.leaves)


def reads(item: Line | Part) -> tuple[int, ...]:
    """The arrays that a line or a block's call reads, or writes into."""
    if isinstance(item, Part):
        return tuple(item.enters)
    return (*item.reads, *(old for old, _ in item.call.writes))


def kept(line: Line) -> bool:
    """Whether it uses a function that no text names."""
    c = line.call
    names = [x for x in leaves((c.args, dict(c.kwargs))) if isinstance(x, Name)]
    return c.name.startswith("#") or any(x.text.startswith("#") for x in names)


def _length(line: Line) -> int:
    """About how many characters a line is."""
    return len(line.function) + 12 * len(line.reads) + 4
