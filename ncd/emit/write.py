"""One function of emitted code: its statements, the names in it, the shapes beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ncd.circuit.diagram import Call, Name, Ref
from ncd.emit.calls import refs
from ncd.emit.defaults import without_defaults
from ncd.emit.expression import expression, statement
from ncd.emit.formula import integer, is_number
from ncd.emit.lines import Line, Pattern, Program, ShapeOf, Size, leaves, mapped
from ncd.emit.names import RESERVED, AxisNames, Namer, hint, identifier, plain, several, singular
from ncd.emit.owned import under, written_out
from ncd.emit.parts import Part, Parts, kept
from ncd.emit.runs import Run, runs
from ncd.emit.wrap import WIDTH, wrapped
from ncd.errors import CheckError

NESTED = 3
"""So many calls of functions stand in one statement, at most."""


ARRAYS = frozenset("x y q k v h c p".split())
"""Names that arrays have rather than sizes."""


@dataclass(frozen=True)
class Text:
    """An argument that is text already."""

    text: str


@dataclass(eq=False)
class Node:
    """A line or a block's call, with what stands in it instead of a name: the only reading of those arrays."""

    item: Line | Part | Run
    inner: dict[int, Node] = field(default_factory=dict)

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


class Function:
    """Writes one function: ``forward``, or one that several blocks share."""

    def __init__(self, program: Program, parts: Parts, part: Part, constants: dict[int, str]) -> None:
        self.program, self.parts, self.part = program, parts, part
        self.root = part is parts.root
        self.module = "module" if self.root else "m"
        self.constants = constants
        self.axes = AxisNames()
        self.arrays = program.arrays
        self.maker = {i: item for item in part.items for i in _makes(item)}
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
        reserved = {*self.size_names.values(), *self.extra, *(g.name for g in parts.groups)}
        self.namer = Namer(reserved | RESERVED)
        self.places = self._literal_places()
        self.inputs = self._parameters()
        self.shown: dict[str, str] = {}

    # ---------------------------------------------------------------- parameters
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

    def _literal_places(self) -> dict[Any, int]:
        """Where the literals of every item begin in the part's list."""
        places: dict[Any, int] = {}
        at = 0
        for item in self.part.items:
            places[item] = at
            at += len(list(numbers(item.call))) if isinstance(item, Line) else len(item.literals)
        return places

    # ---------------------------------------------------------------- statements
    def text(self, name: str) -> list[str]:
        """The function's lines."""
        copies = self._copies()
        nodes, final = self._nested()
        last = self._last_uses(nodes, final)
        body: list[str] = []
        for i in self.part.enters if self.root else ():
            if any(i == old for line in self.part.lines() for old, _ in line.call.writes):
                body.append(f"    {self.namer[i]} = {self.namer[i]}.clone()  # it is written into below")
        body += copies
        for i in self.part.enters:
            if i in self.namer and i in self.arrays:
                self.shown[self.namer[i]] = self.axes.shape(self.arrays[i])
        cast: tuple[str, ...] = ()
        for k, node in enumerate(nodes):
            lines, before, cast = self._statement(node, last[k]), cast, self._cast(node)
            if cast:
                body += [f"    with {autocast(cast)}:"] if cast != before else []
                lines = [f"    {line}" for line in lines]
            body += lines
        words = self._returned(final)
        if words:
            body += wrapped(f"return {words}", 4)
        head = self._signature(name)
        if self.root and self.program.autocast:
            head = [f"@{autocast(self.program.autocast)}", *head]
        return [*head, *self._docstring(), *self._size_lines(), *body]

    def _cast(self, node: Node) -> tuple[str, ...]:
        """What a call is cast to on the way, where not all of the program's are."""
        if self.program.autocast or not isinstance(node.item, Line):
            return ()
        return node.item.call.autocast

    def _signature(self, name: str) -> list[str]:
        words = [self.module] if self.root or self.part.owns else []
        words += self.inputs + [self.size_names.get(s.name, s.name) for s in self.part.sizes] + self.extra
        if self.root and self.needs_constants:
            words.append("constants")
        return wrapped(f"def {name}({', '.join(words)}):")

    @property
    def needs_constants(self) -> bool:
        return self.root and (bool(self.constants) or any(kept(line) for line in self.part.lines()))

    def _docstring(self) -> list[str]:
        ins = [f"{name}: {self._axes(i)}" for name, i in zip(self.inputs, self.part.enters, strict=True)]
        outs = [self._axes(i) for i in self.part.leaves]
        text = f"{', '.join(ins)} -> {', '.join(outs)}" if ins else f"-> {', '.join(outs)}"
        if len(text) < WIDTH - 12:
            return [f'    """{text}"""']
        return [
            f'    """From {ins[0] if ins else "nothing"}' + ("," if len(ins) > 1 else ""),
            *[f"    {w}{',' if k < len(ins) - 2 else ''}" for k, w in enumerate(ins[1:])],
            *wrapped(f"to {', '.join(outs)}.", 4)[:1],
            '    """',
        ]

    def _axes(self, i: int) -> str:
        return self.axes.shape(self.arrays[i]) if i in self.arrays else "?"

    def _size_lines(self) -> list[str]:
        """``b, s, _ = x.shape`` for the sizes that are used."""
        by_input: dict[int, dict[int, str]] = {}
        for symbol in self.used_sizes:
            if "." in symbol:
                p, d = map(int, symbol.split("."))
                by_input.setdefault(p, {})[d] = self.size_names[symbol]
        lines = []
        for p, dims in sorted(by_input.items()):
            rank = len(self.arrays[self.part.enters[p]].axes)
            if len(dims) == 1 and rank > 1:
                ((d, name),) = dims.items()
                lines.append(f"    {name} = {self.inputs[p]}.shape[{d}]")
            else:
                names = [dims.get(d, "_") for d in range(rank)]
                lines.append(f"    {', '.join(names)}{',' if rank == 1 else ''} = {self.inputs[p]}.shape")
        return lines

    def _copies(self) -> list[str]:
        """Constants that the code writes into are copied first: they must be the same in the next run."""
        found = []
        written = {old for line in self.part.lines() for old, _ in line.call.writes}
        for i in sorted(written):
            a = self.arrays.get(i)
            if self.root and a is not None and a.hidden and self.parts.own(self.part, i) is None:
                text = written_out(self.program.diagram, a) or self.spell(Ref(i))
                found.append(f"    {self.namer.give(i, 'c')} = {text}.clone()")
        return found

    # ---------------------------------------------------------------- nesting
    def _nested(self) -> tuple[list[Node], dict[int, Node]]:
        """The statements: what is read once, right after it was made, stands where it is read."""
        count = Counter(i for item in self.part.items for i in _reads(item))
        count.update(self.part.leaves)
        stack: list[Node] = []
        for item in runs(self.parts, self.part):
            node = Node(item)
            if not isinstance(item, Run):
                self._take(stack, node, node.direct, count)
            stack.append(node)
        final: dict[int, Node] = {}
        ends = Node(Part("", "", enters=list(self.part.leaves)))
        self._take(stack, ends, tuple(self.part.leaves), count)
        final = ends.inner
        return stack, final

    def _take(self, stack: list[Node], node: Node, reads: Sequence[int], count: Counter[int]) -> None:
        ends = isinstance(node.item, Part) and not node.item.items
        while stack:
            top = stack[-1]
            made = top.makes
            if len(made) != 1 or made[0] not in reads or count[made[0]] != 1 or isinstance(top.item, Run):
                return
            if self._cast(top) != (() if ends else self._cast(node)):
                return
            if not _pure(top.item) or (ends and len(reads) > 1):
                return
            trial = Node(node.item, {**node.inner, made[0]: top})
            calls = trial.calls() - ends
            size = self._width(top) if ends else self._width(trial)
            if ends and top.calls() <= 1:
                size = 0
            if calls > NESTED or size > WIDTH - 10:
                return
            node.inner[made[0]] = stack.pop()

    def _width(self, node: Node) -> int:
        """About how long a statement is."""
        return len(self._expression(node, self._about))

    def _about(self, i: int) -> str:
        """About what an array will be called."""
        if i in self.namer:
            return self.namer[i]
        hidden = i in self.arrays and self.arrays[i].hidden
        return self.name(i) if hidden else self.parts.role(i)

    def _last_uses(self, nodes: Sequence[Node], final: dict[int, Node]) -> list[set[int]]:
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
        for i in self.part.leaves:
            last[i] = len(nodes)
        dead: list[set[int]] = [set() for _ in range(len(nodes) + 1)]
        for i, k in last.items():
            dead[k].add(i)
        for i in self.part.enters:
            if i not in last and nodes:
                dead[0].add(i)
        return dead

    # ---------------------------------------------------------------- one statement
    def _lively(self, base: str, dead: set[int]) -> str:
        """``y`` beside an ``x`` that is still needed."""
        taken = [i for i in self.namer.users.get("x", ()) if i not in dead]
        return "y" if base == "x" and taken else base

    def _statement(self, node: Node, dead: set[int]) -> list[str]:
        if isinstance(node.item, Run):
            return self._loop(node.item, dead)
        base = self._lively(self.hint(node), dead)
        if isinstance(node.item, Part):
            text = self._expression(node, self.name)
            self.namer.free(i for i in dead if i not in node.makes)
            names = self._give(node.makes, base, dead)
            lines = wrapped(f"{', '.join(names)} = {text}", 4, self._comment(node, node.makes, names))
            self.namer.free(dead)
            return lines
        return self._line(node, base, dead)

    def _give(self, made: Sequence[int], base: str, dead: set[int]) -> list[str]:
        hints = [base] if len(made) == 1 else [self._lively(self.role(i), dead) for i in made]
        return [self.namer.give(i, h) for i, h in zip(made, hints, strict=True)]

    def _line(self, node: Node, base: str, dead: set[int]) -> list[str]:
        line = node.item
        assert isinstance(line, Line)
        call = self.worded(line)
        before = {i: self.name(i) for i in node.direct if i not in node.inner}

        def spell(x: Any) -> str:
            if isinstance(x, Ref):
                return before[x.id] if x.id in before else self._expression(node.inner[x.id], self.name)
            return self.spell(x)

        inner = self._ready(node, spell)
        new = {fresh: old for old, fresh in call.writes}
        for fresh, old in new.items():
            self.namer.share(fresh, self.namer[old] if old in self.namer else self.spell(Ref(old)))
        made = [i for i in dict.fromkeys(refs(call.out)) if i not in new]
        kept = [i for i in made if i in self._read]
        self.namer.free(i for i in dead if i not in made)
        names = [self.parts.asked(i) or n for i, n in zip(made, several(base, len(made), line.function), strict=True)]
        for i, name in zip(made, names, strict=True):
            if i in kept:
                self.namer.give(i, name)
        left = ""
        if kept or any(i in new for i in refs(call.out)):
            left = self._pattern(call.out, set(kept) | set(new))
        if left and not kept and not left.isidentifier():
            left = ""
        if isinstance(call.out, dict) and kept:
            lines = wrapped(f"results = {expression(call, inner)}", 4)
            lines += [f"    {self.namer[r.id]} = results[{k!r}]" for k, r in call.out.items() if r and r.id in kept]
        else:
            lines = wrapped(statement(call, inner, left), 4, self._comment(node, kept, [self.namer[i] for i in kept]))
        self.namer.free(dead)
        return lines

    def _ready(self, node: Node, spell: Any) -> Any:
        """Spelling that writes every operand once: naming the result must not change it."""
        found = {i: spell(Ref(i)) for i in dict.fromkeys(node.direct)}
        return lambda x: found[x.id] if isinstance(x, Ref) else spell(x)

    def _pattern(self, out: Any, kept: set[int]) -> str:
        if isinstance(out, Ref):
            return self.namer[out.id] if out.id in kept else "_"
        if isinstance(out, (tuple, list)):
            inner = [self._pattern(x, kept) if x is not None else "_" for x in out]
            nested = [f"({p})" if isinstance(x, (tuple, list)) else p for p, x in zip(inner, out, strict=True)]
            return ", ".join(nested) + ("," if len(nested) == 1 else "")
        return "_"

    def _comment(self, node: Node, made: Sequence[int], names: Sequence[str]) -> str:
        """The axes of what is made, where they are not those that the name had before, or that an operand has."""
        if isinstance(node.item, Line) and node.item.call.name.startswith("einops."):
            self.shown.update({name: self._axes(i) for i, name in zip(made, names, strict=True)})
            return ""
        known = {self._axes(i) for i in node.direct if i in self.arrays and not self.arrays[i].hidden}
        said = []
        for i, name in zip(made, names, strict=True):
            axes = self._axes(i) if i in self.arrays else ""
            if axes and self.shown.get(name) != axes and (axes not in known or len(made) > 1):
                said.append(axes)
            self.shown[name] = axes
        return ", ".join(dict.fromkeys(said)) if len(set(said)) < 4 else ""

    # ---------------------------------------------------------------- loops
    def _loop(self, run: Run, dead: set[int]) -> list[str]:
        lines: list[str] = []
        first, last = run.turns[0], run.turns[-1]
        hints = [self.role(i) for i in first.leaves]
        carried = run.carried
        names: dict[int, str] = {}
        kept: dict[int, str] = {}
        for j, i in enumerate(first.enters):
            if j not in carried:
                kept[i] = self.name(i)
        for j, k in carried.items():
            old = first.enters[j]
            if old in dead and old in self.namer and old not in kept and self.namer[old] not in names.values():
                names[k] = self.namer[old]
                self.namer.free([old])
                self.namer.share(first.leaves[k], names[k])
            else:
                names[k] = self.namer.give(first.leaves[k], hints[k])
                lines.append(f"    {names[k]} = {self.name(old)}")
        for k, i in enumerate(first.leaves):
            if k not in names:
                names[k] = self.namer.give(i, hints[k])
        words: dict[int, str] = {i: names[carried[j]] for j, i in enumerate(first.enters) if j in carried}
        head, module = self._turns(run)
        text = self._call(first, lambda i: words.get(i) or kept[i], module)
        self.shown.update({names[k]: self._axes(i) for k, i in enumerate(first.leaves)})
        lines.append(f"    {head}")
        lines += wrapped(f"{', '.join(names[k] for k in range(len(first.leaves)))} = {text}", 8)
        for k, i in enumerate(last.leaves):
            self.namer.share(i, names[k])
            if last is not first:
                self.namer.free([first.leaves[k]])
        self.namer.free(dead)
        return lines

    def _turns(self, run: Run) -> tuple[str, str]:
        """The head of a loop over blocks, and what the block of a turn is called in it."""
        if run.container is None:
            module = self._block(run.turns[0])
            return f"for _ in range({len(run.turns)}):", module
        owned = self.parts.owned
        name = singular(run.container.split(".")[-1], {*(g.name for g in self.parts.groups), *self.namer.users})
        inside = under(run.container, self.part.at)
        assert inside is not None
        text = owned.spelled(self.module, self.part.at, inside)
        start, stop, length = run.start, run.start + len(run.turns), run.length
        if (start, stop) != (0, length):
            text += f"[{start or ''}:{'' if stop == length else stop}]"
        each = owned.spelled(name, f"{run.container}.{start}", run.rest) if run.rest else name
        return f"for {name} in {text}:", each

    def _block(self, part: Part) -> str:
        inside = under(part.at, self.part.at)
        return (
            self.module if inside is None or not inside else self.parts.owned.spelled(self.module, self.part.at, inside)
        )

    def _call(self, part: Part, name: Any, module: str | None = None) -> str:
        """The call of a block's function."""
        assert part.group is not None
        words = [module or self._block(part)] if part.owns else []
        words += [name(i) for i in part.enters]
        words += [self.size(s) for s in part.group.first.sizes]
        start = self.places[part]
        for parameter, places in part.group.varying:
            mine = self.parameters.get(start + places[0])
            words.append(f"{identifier(parameter)}={mine or self.spell(part.literals[places[0]])}")
        return f"{part.group.name}({', '.join(words)})"

    # ---------------------------------------------------------------- text
    def _expression(self, node: Node, name: Any) -> str:
        item = node.item

        def operand(i: int) -> str:
            return self._expression(node.inner[i], name) if i in node.inner else name(i)

        if isinstance(item, Part):
            if not item.items:
                return ", ".join(operand(i) for i in item.enters)
            return self._call(item, operand)
        assert isinstance(item, Line)

        def spell(x: Any) -> str:
            if isinstance(x, Ref):
                hidden = x.id in self.arrays and self.arrays[x.id].hidden and x.id not in self.namer
                return self.spell(x) if hidden and x.id not in node.inner else operand(x.id)
            return self.spell(x)

        return expression(self.worded(item), spell)

    def worded(self, line: Line) -> Call:
        """The call as it is written: without defaults, patterns as text, numbers that vary as parameters."""
        call, at = line.call, self.places[line]
        count = iter(range(at, at + 10**9))

        def number(x: Any) -> Any:
            if is_literal(x):
                name = self.parameters.get(next(count))
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
            for i, name in zip(self.part.enters, self.inputs, strict=True):
                if i in self.arrays and not self.arrays[i].hidden:
                    return k, Text(f"{name}.device")
        return k, v

    def _tokens(self, pattern: Pattern) -> dict[str, str]:
        names: dict[str, str] = {}
        for side in (*pattern.ins, *pattern.outs):
            for t in (t for d in side for t in d):
                if t not in names:
                    name, n = self.axes.token(t), 1
                    while name in names.values():
                        n += 1
                        name = f"{self.axes.token(t)}{n}"
                    names[t] = name
        return names

    def spell(self, x: Any) -> str:
        if isinstance(x, Text):
            return x.text
        if isinstance(x, Size):
            return self.size(x.value)
        if isinstance(x, ShapeOf):
            return f"{self.spell(Ref(x.id))}.shape"
        if isinstance(x, Name):
            return f'constants["{x.text}"]' if x.text.startswith("#") else x.text
        if isinstance(x, Ref):
            return self.name(x.id)
        raise CheckError(f"no text for {x!r}", doing="writing code")

    def size(self, value: Any) -> str:
        """A number, or a formula in the sizes of this function's inputs."""
        if isinstance(value, float) or is_number(value):
            return repr(value) if isinstance(value, float) else str(int(value))

        def name(symbol: Any) -> str:
            self.used_sizes.add(symbol.name)
            return self.size_names[symbol.name]

        return integer(self.parts.local(self.part, value), name)

    def name(self, i: int) -> str:
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

    def _returned(self, final: dict[int, Node]) -> str:
        outs = [self._expression(final[i], self.name) if i in final else self.name(i) for i in self.part.leaves]
        if self.root:
            return structured(self.program.diagram, outs)
        return ", ".join(outs)

    # ---------------------------------------------------------------- names
    @property
    def _read(self) -> set[int]:
        if not hasattr(self, "_reads"):
            self._reads = {i for item in self.part.items for i in _reads(item)} | set(self.part.leaves)
        return self._reads

    def hint(self, node: Node) -> str:
        if len(node.makes) == 1 and (name := self.parts.asked(node.makes[0])):
            return name
        if not isinstance(node.item, Line):
            return self.role(node.makes[0]) if node.makes else "x"

        def base(i: int) -> str:
            if i in node.inner:
                return self.hint(node.inner[i])
            return plain(self.namer[i]) if i in self.namer and self.namer[i].isidentifier() else ""

        return hint(node.item, self.arrays, base)

    def role(self, i: int) -> str:
        """What an array made by a block is called: ``x`` where it is what the block was given."""
        item = self.maker.get(i)
        return "x" if isinstance(item, Part) and len(item.leaves) == 1 else self.parts.role(i)


def autocast(cast: tuple[str, ...]) -> str:
    return f'torch.autocast("{cast[0]}", dtype=torch.{cast[1]})'


def _makes(item: Line | Part) -> tuple[int, ...]:
    return item.makes if isinstance(item, Line) else tuple(item.leaves)


def _reads(item: Line | Part) -> tuple[int, ...]:
    if isinstance(item, Part):
        return tuple(item.enters)
    return (*item.reads, *(old for old, _ in item.call.writes))


def _pure(item: Line | Part | Run) -> bool:
    if isinstance(item, Line):
        return item.pure and isinstance(item.call.out, Ref)
    return isinstance(item, Part) and all(line.pure for line in item.lines())


def is_literal(x: Any) -> bool:
    """Whether it is a number that another block may have another of."""
    if isinstance(x, Size):
        return isinstance(x.value, float) or is_number(x.value)
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def numbers(call: Call) -> Iterator[Any]:
    """The numbers of a call in the order in which a signature lists them."""
    for x in leaves((call.args, tuple(v for _, v in call.kwargs))):
        if isinstance(x, Pattern):
            yield from (s for _, s in x.sizes if is_literal(s))
        elif is_literal(x):
            yield x


def _sizes(line: Line) -> Iterator[Any]:
    for x in leaves((line.call.args, tuple(v for _, v in line.call.kwargs))):
        if isinstance(x, Size):
            yield x.value
        elif isinstance(x, Pattern):
            yield from (s.value for _, s in x.sizes)


def pattern_text(pattern: Pattern, names: dict[str, str]) -> str:
    """``b s (h k) -> b h s k``."""

    def dim(d: tuple[str, ...]) -> str:
        words = [names[t] for t in d]
        return words[0] if len(words) == 1 else f"({' '.join(words)})" if words else "1"

    def side(arrays: Any) -> str:
        return ", ".join(" ".join(map(dim, dims)) for dims in arrays)

    return f"{side(pattern.ins)} -> {side(pattern.outs)}"


def structured(diagram: Any, outs: Sequence[str]) -> str:
    """The outputs as the model gives them, where that is a tuple, a list or a dict."""
    from torch.utils._pytree import TreeSpec, tree_unflatten

    from ncd.emit.binding import is_part

    spec = diagram.source.output_spec
    if isinstance(spec, TreeSpec) and spec.num_leaves == len(outs) and not is_part(diagram):
        whole = tree_unflatten(list(map(Text, outs)), spec)

        def text(x: Any) -> str | None:
            if isinstance(x, Text):
                return x.text
            if type(x) in (tuple, list):
                inner = [text(y) for y in x]
                if None in inner:
                    return None
                joined = ", ".join(w for w in inner if w is not None)
                joined += "," if len(inner) == 1 and type(x) is tuple else ""
                return f"[{joined}]" if type(x) is list else joined if x is whole else f"({joined})"
            if type(x) is dict and all(isinstance(k, str) for k in x):
                pairs = [(k, text(v)) for k, v in x.items()]
                return (
                    None if any(v is None for _, v in pairs) else "{" + ", ".join(f'"{k}": {v}' for k, v in pairs) + "}"
                )
            return None

        found = text(whole)
        if found is not None:
            return found
    return outs[0] if len(outs) == 1 else ", ".join(outs) if outs else "()"
