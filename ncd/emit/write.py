"""One function of emitted code: its statements, and the shapes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ncd.circuit.diagram import Ref
from ncd.emit.calls import refs
from ncd.emit.expression import expression, statement
from ncd.emit.head import autocast, docstring, signature, size_lines
from ncd.emit.lines import Line
from ncd.emit.loops import loop
from ncd.emit.names import hint, plain, several
from ncd.emit.nesting import Node, last_uses, nested
from ncd.emit.owned import written_out
from ncd.emit.parts import Part, reads
from ncd.emit.returned import structured
from ncd.emit.runs import Run
from ncd.emit.scope import Scope
from ncd.emit.spelling import Spelling
from ncd.emit.wrap import wrapped


class Function:
    """Writes one function, in the names of its scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.parts, self.part = scope, scope.parts, scope.part
        self.spelling = Spelling(scope)
        self.arrays, self.namer = scope.arrays, scope.namer
        self._read = {i for item in self.part.items for i in reads(item)} | set(self.part.leaves)

    def text(self, name: str) -> list[str]:
        """The function's lines."""
        copies = self._copies()
        nodes, final = nested(self.parts, self.part, self._width)
        last = last_uses(self.part, nodes, final)
        body: list[str] = []
        for i in self.part.enters if self.scope.root else ():
            if any(i == old for line in self.part.lines() for old, _ in line.call.writes):
                body.append(f"    {self.namer[i]} = {self.namer[i]}.clone()  # it is written into below")
        body += copies
        for i in self.part.enters:
            if i in self.namer and i in self.arrays:
                self.scope.shown[self.namer[i]] = self.scope.shape(i)
        cast: tuple[str, ...] = ()
        for k, node in enumerate(nodes):
            lines, before, cast = self._statement(node, last[k]), cast, node.cast
            if cast:
                body += [f"    with {autocast(cast)}:"] if cast != before else []
                lines = [f"    {line}" for line in lines]
            body += lines
        words = self._returned(final)
        if words:
            body += wrapped(f"return {words}", 4)
        return [*signature(self.scope, name), *docstring(self.scope), *size_lines(self.scope), *body]

    def _copies(self) -> list[str]:
        """Constants that the code writes into are copied first: they must be the same in the next run."""
        found = []
        written = {old for line in self.part.lines() for old, _ in line.call.writes}
        for i in sorted(written):
            a = self.arrays.get(i)
            if self.scope.root and a is not None and a.hidden and self.parts.own(self.part, i) is None:
                text = written_out(self.scope.program.diagram, a) or self.spelling.spell(Ref(i))
                found.append(f"    {self.namer.give(i, 'c')} = {text}.clone()")
        return found

    def _width(self, node: Node) -> int:
        """About how long a statement is."""
        return len(self.spelling.expression(node, self.scope.about))

    # ---------------------------------------------------------------- one statement
    def _lively(self, base: str, dead: set[int]) -> str:
        """``y`` beside an ``x`` that is still needed."""
        taken = [i for i in self.namer.users.get("x", ()) if i not in dead]
        return "y" if base == "x" and taken else base

    def _statement(self, node: Node, dead: set[int]) -> list[str]:
        if isinstance(node.item, Run):
            return loop(self.spelling, node.item, dead)
        base = self._lively(self._hint(node), dead)
        if isinstance(node.item, Part):
            text = self.spelling.expression(node, self.scope.name)
            self.namer.free(i for i in dead if i not in node.makes)
            names = self._give(node.makes, base, dead)
            lines = wrapped(f"{', '.join(names)} = {text}", 4, self._comment(node, node.makes, names))
            self.namer.free(dead)
            return lines
        return self._line(node, base, dead)

    def _give(self, made: Sequence[int], base: str, dead: set[int]) -> list[str]:
        hints = [base] if len(made) == 1 else [self._lively(self.scope.role(i), dead) for i in made]
        return [self.namer.give(i, h) for i, h in zip(made, hints, strict=True)]

    def _line(self, node: Node, base: str, dead: set[int]) -> list[str]:
        line = node.item
        assert isinstance(line, Line)
        call = self.spelling.worded(line)
        before = {i: self.scope.name(i) for i in node.direct if i not in node.inner}

        def spell(x: Any) -> str:
            if isinstance(x, Ref):
                return before[x.id] if x.id in before else self.spelling.expression(node.inner[x.id], self.scope.name)
            return self.spelling.spell(x)

        inner = self._ready(node, spell)
        new = {fresh: old for old, fresh in call.writes}
        for fresh, old in new.items():
            self.namer.share(fresh, self.namer[old] if old in self.namer else self.spelling.spell(Ref(old)))
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
            fenced = [f"({p})" if isinstance(x, (tuple, list)) else p for p, x in zip(inner, out, strict=True)]
            return ", ".join(fenced) + ("," if len(fenced) == 1 else "")
        return "_"

    def _comment(self, node: Node, made: Sequence[int], names: Sequence[str]) -> str:
        """The axes of what is made, where they are not those that the name had before, or that an operand has."""
        if isinstance(node.item, Line) and node.item.call.name.startswith("einops."):
            self.scope.shown.update({name: self.scope.shape(i) for i, name in zip(made, names, strict=True)})
            return ""
        known = {self.scope.shape(i) for i in node.direct if i in self.arrays and not self.arrays[i].hidden}
        said = []
        for i, name in zip(made, names, strict=True):
            axes = self.scope.shape(i) if i in self.arrays else ""
            if axes and self.scope.shown.get(name) != axes and (axes not in known or len(made) > 1):
                said.append(axes)
            self.scope.shown[name] = axes
        return ", ".join(dict.fromkeys(said)) if len(set(said)) < 4 else ""

    def _returned(self, final: dict[int, Node]) -> str:
        outs = [
            self.spelling.expression(final[i], self.scope.name) if i in final else self.scope.name(i)
            for i in self.part.leaves
        ]
        if self.scope.root:
            return structured(self.scope.program.diagram, outs)
        return ", ".join(outs)

    def _hint(self, node: Node) -> str:
        """What to call the result of a statement."""
        if len(node.makes) == 1 and (name := self.parts.asked(node.makes[0])):
            return name
        if not isinstance(node.item, Line):
            return self.scope.role(node.makes[0]) if node.makes else "x"

        def base(i: int) -> str:
            if i in node.inner:
                return self._hint(node.inner[i])
            return plain(self.namer[i]) if i in self.namer and self.namer[i].isidentifier() else ""

        return hint(node.item, self.arrays, base)
