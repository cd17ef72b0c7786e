"""Which blocks are the same function, and what it is called.

Two blocks are one function when their lines are the same with arrays and axes numbered by first
use, weights by their names below the block, and sizes in terms of the block's own inputs.  Numbers
may differ: they become parameters.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ncd.circuit.diagram import Name, Ref
from ncd.emit.formula import integer, is_number
from ncd.emit.lines import Line, Pattern, ShapeOf, Size
from ncd.emit.names import RESERVED
from ncd.emit.owned import under
from ncd.emit.parts import CONTAINERS, Group, Part, Parts

MANY = 3
"""Blocks that differ in more numbers than these are functions of their own."""


def gather(parts: Parts) -> list[Group]:
    """The functions: every block below the root is in the group of those that are one with it."""
    blocks = [p for p in parts.root.deepest_first() if p is not parts.root]
    for part in (*blocks, parts.root):
        _sign(parts, part, frozenset())
    by_key: dict[str, list[Part]] = defaultdict(list)
    for part in blocks:
        by_key[part.key].append(part)
    split = frozenset(k for k, ps in by_key.items() if len(_varying(ps)) > MANY)
    if split:
        for part in (*blocks, parts.root):
            _sign(parts, part, split)
        by_key.clear()
        for part in blocks:
            by_key[part.key].append(part)
    prefix = _prefix([p.cls for p in blocks], parts.program.diagram.title)
    groups: list[Group] = []
    taken = Counter[str]()
    # A function stands before those that call it in ``by_key``; names are given from the outside in.
    for ps in by_key.values():
        name = _function_name(ps[0].cls, prefix)
        if ps[0].cls in CONTAINERS:
            name = next((w for w in reversed(ps[0].at.split(".")) if w.isidentifier()), name).lower()
        if name in RESERVED:
            name = f"{name}_block"
        taken[name] += 1
        group = Group(name if taken[name] == 1 else f"{name}{taken[name]}", ps, _varying(ps))
        groups.append(group)
        for p in ps:
            p.group = group
    return groups


def _sign(parts: Parts, part: Part, split: frozenset[str]) -> None:
    """Give a block its key and literals; keys in ``split`` tell blocks apart by their literals too."""
    part.literals = []
    numbers: dict[int, int] = {i: k for k, i in enumerate(part.enters)}
    rows: list[Any] = []

    def number(i: int) -> object:
        if i in parts.texts:
            return parts.texts[i]
        own = parts.own(part, i) if i not in numbers else None
        return own if own is not None else numbers.setdefault(i, len(numbers))

    def size(value: Any, hint: str) -> object:
        if isinstance(value, float) or is_number(value):
            part.literals.append(Size(value, hint))
            return "#"
        return integer(parts.local(part, value), lambda s: f"<{s.name}>")

    def leaf(x: Any, hint: str) -> object:
        if isinstance(x, Ref):
            return number(x.id)
        if isinstance(x, ShapeOf):
            return "shape", number(x.id)
        if isinstance(x, Name):
            return x.text
        if isinstance(x, Size):
            return size(x.value, x.hint if x.hint != "n" else hint)
        if isinstance(x, Pattern):
            return pattern(x)
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            return size(x, hint)
        return repr(x)

    def pattern(p: Pattern) -> object:
        names: dict[str, int] = {}
        sides = [[[[names.setdefault(t, len(names)) for t in d] for d in s] for s in side] for side in (p.ins, p.outs)]
        return sides, [(names[t], size(s.value, s.hint)) for t, s in p.sizes]

    def walk(x: Any, hint: str) -> object:
        if isinstance(x, (tuple, list)):
            return [walk(y, hint) for y in x]
        if isinstance(x, dict):
            return {k: walk(y, hint) for k, y in x.items()}
        if isinstance(x, slice):
            return ["slice", walk(x.start, hint), walk(x.stop, hint), walk(x.step, hint)]
        return leaf(x, hint)

    for item in part.items:
        if isinstance(item, Line):
            c = item.call
            rows.append((
                c.name, c.autocast,
                [walk(x, c.name.split(".")[-1].strip("_")) for x in c.args],
                [(k, walk(x, k)) for k, x in c.kwargs],
                _numbered(c.out, number),
                [(number(old), number(new)) for old, new in c.writes],
            ))  # fmt: skip
        else:
            for symbol in item.sizes:
                rows.append(integer(parts.local(part, symbol), lambda s: f"<{s.name}>"))
            rows.append((item.key, under(item.at, part.at), [*map(number, item.enters)], [*map(number, item.leaves)]))
            part.literals += item.literals
            part.owns |= item.owns
    key = repr((part.cls if part is not parts.root else "", rows, [number(i) for i in part.leaves]))
    part.key = f"{key}{[s.value for s in part.literals]}" if key in split else key


def _numbered(out: Any, number: Any) -> object:
    if isinstance(out, Ref):
        return number(out.id)
    if isinstance(out, (tuple, list)):
        return [_numbered(x, number) for x in out]
    if isinstance(out, dict):
        return {k: _numbered(x, number) for k, x in out.items()}
    return None


def _varying(parts: Sequence[Part]) -> list[tuple[str, list[int]]]:
    """The literals in which blocks of one key differ; those that always agree with each other are one."""
    columns: dict[str, list[int]] = {}
    for k, row in enumerate(zip(*(p.literals for p in parts), strict=True)):
        values = [s.value for s in row]
        if any(v != values[0] for v in values):
            columns.setdefault(repr(values), []).append(k)
    found: list[tuple[str, list[int]]] = []
    for places in columns.values():
        hint = re.sub(r"\d+$", "", parts[0].literals[places[0]].hint) or "n"
        taken = {name for name, _ in found}
        name, n = hint, 1
        while name in taken:
            n += 1
            name = f"{hint}{n}"
        found.append((name, places))
    return found


def words(cls: str) -> list[str]:
    """``GPT2Attention`` as GPT2, Attention; ``RMSNorm`` as RMS, Norm."""
    return re.findall(r"[A-Z]+[0-9]*(?![a-z])|[A-Z][a-z]*[0-9]*|[a-z]+[0-9]*", cls) or ["block"]


def _prefix(classes: Sequence[str], title: str) -> list[str]:
    """The words that the model's name and most of its classes begin with."""
    common: list[str] = []
    here = words(title)
    while len(common) < len(here):
        longer = [*common, here[len(common)]]
        if 2 * sum(words(c)[: len(longer)] == longer for c in classes) < len(classes) or not classes:
            break
        common = longer
    return common


def _function_name(cls: str, prefix: Sequence[str]) -> str:
    parts = words(cls)
    if len(parts) > len(prefix) and parts[: len(prefix)] == list(prefix):
        parts = parts[len(prefix) :]
    return "_".join(w.lower() for w in parts)
