"""A cost as a table: the blocks of a model, those that cost the same in one line, for print and for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ncd.errors import NCDError

if TYPE_CHECKING:
    from ncd.analysis.cost import Cost, Part

ROWS = 28
"""Levels of blocks are shown as long as there are at most so many lines."""
BAR = 12


@dataclass(frozen=True)
class Row:
    """One line: a block, or ``times`` in a row that cost the same.  ``all``: how many there are in the whole."""

    name: str
    level: int
    part: Part
    times: int = 1
    all: int = 1


def scaled(n: float, units: str = " k M G T P E", unit: str = "") -> str:
    """A number with three digits and a unit: ``7.92 G``."""
    steps = units.split(" ")
    k = 0
    while abs(n) >= 999.5 and k < len(steps) - 1:
        n, k = n / 1000, k + 1
    digits = f"{n:.0f}" if k == 0 and n == int(n) else f"{n:.3g}" if abs(n) < 99.95 else f"{n:.0f}"
    return f"{digits} {steps[k]}{unit}".rstrip()


def byte(n: float) -> str:
    return scaled(n, unit="B")


def rows(cost: Cost, most: int = ROWS) -> list[Row]:
    """The blocks, as many levels of them as fit; of those in a row that cost the same the first stands for all."""
    children: dict[str | None, list[str]] = {}
    classes = {}
    for b in cost.recorded.blocks:
        children.setdefault(b.parent, []).append(b.path)
        classes[b.path] = b.cls
    known = cost.blocks

    def figures(path: str) -> tuple[int, ...]:
        p = known[path]
        return int(p.flops), int(p.params), int(p.traffic), len(p.calls)

    def below(parent: str | None, level: int, depth: int, turns: int = 1) -> Iterator[Row]:
        run: list[str] = []
        for path in [*children.get(parent, ()), None]:
            if run and (path is None or classes[path] != classes[run[0]] or figures(path) != figures(run[0])):
                head = run[0]
                name = _name(head, parent) if len(run) == 1 else f"{_name(head, parent)} … {_name(run[-1], parent)}"
                yield Row(name, level, known[head], len(run), turns * len(run))
                if level < depth:
                    yield from own(head, level + 1, turns * len(run))
                    yield from below(head, level + 1, depth, turns * len(run))
                run = []
            if path is not None:
                run.append(path)

    def own(path: str, level: int, turns: int) -> Iterator[Row]:
        """What a block with others inside computes itself."""
        for part in cost.own(path) if path in children else ():
            if int(part.flops):
                yield Row(part.name, level, part, 1, turns)

    tops = [cost.part] if cost.part else children.get(None, [])
    found: list[Row] = []
    for depth in range(1, 9):
        longer = [r for top in tops for r in below(top, 1, depth)]
        if found and (len(longer) > most or len(longer) == len(found)):
            break
        found = longer
    return found


def _name(path: str, parent: str | None) -> str:
    return path.removeprefix(f"{parent}.") if parent else path


COLUMNS: Mapping[str, tuple[str, Callable[[Part], str]]] = {
    "params": ("parameters", lambda p: scaled(int(p.params)) if int(p.params) else ""),
    "traffic": ("traffic", lambda p: byte(int(p.traffic))),
    "intensity": ("FLOPs/byte", lambda p: f"{p.intensity:.3g}"),
    "activation": ("kept", lambda p: byte(int(p.activation))),
    "peak": ("peak", lambda p: byte(int(p.peak))),
}
"""Columns behind the FLOPs and their share: the words above, and what stands in a line."""
USUAL = ("params", "traffic", "intensity")


@dataclass(frozen=True)
class Table:
    """A cost in lines; ``columns`` are those behind the FLOPs."""

    cost: Cost
    columns: Sequence[str] = USUAL

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


def table(cost: Cost, columns: Sequence[str] = USUAL) -> Table:
    for name in columns:
        if name not in COLUMNS:
            raise NCDError(f"no column {name!r}", doing="making a table of costs", fix="one of " + ", ".join(COLUMNS))
    return Table(cost, tuple(columns))


def _lines(t: Table) -> Iterator[tuple[int, str, str, float, list[str]]]:
    """Level, name, FLOPs, share, and the other cells."""
    cost, whole = t.cost, int(t.cost.total.flops)
    sizes = ", ".join(f"{name}={n}" for name, n in _inputs(cost).items())
    title = cost.diagram.title
    for row in [Row(f"{title} ({sizes})" if sizes else title, 0, cost.total), *rows(cost)]:
        flops = int(row.part.flops)
        name = row.name + (f"  ×{row.times}" if row.times > 1 else "")
        share = row.all * flops / whole if whole else 0.0
        yield row.level, name, scaled(flops), share, [COLUMNS[c][1](row.part) for c in t.columns]


def _head(t: Table) -> list[str]:
    return ["", "FLOPs", "share", *(COLUMNS[c][0] for c in t.columns)]


def said(cost: Cost) -> list[str]:
    """What stands below the table."""
    total = cost.total
    lines = [
        f"{int(total.flops):,} FLOPs (two for each of {int(total.macs):,} multiply-adds), "
        f"{int(total.params):,} parameters, {byte(int(total.traffic))} read and written, at most "
        f"{byte(int(total.peak))} of arrays at once beside the parameters"
    ]
    if cost.unknown:
        names: dict[str, int] = {}
        for op in cost.unknown:
            where = f"{op.name} in {op.path}" if op.path else op.name
            names[where] = names.get(where, 0) + 1
        lines.append("not known, and not in the sums: the FLOPs of " + ", ".join(names))
    return lines


def text(t: Table) -> str:
    """The table as text."""
    lines = [_head(t)]
    for level, name, flops, share, rest in _lines(t):
        bar = "█" * round(BAR * share) or ("▏" if share else "")
        lines.append(["  " * level + name, flops, f"{share:6.1%} {bar:<{BAR}}", *rest])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    made = []
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        made.append("  ".join(cells).rstrip())
    return "\n".join([*made, *said(t.cost)])


def _inputs(cost: Cost) -> dict[str, int]:
    """The input axes at the sizes of the cost."""
    return {w.name: cost.sizes.get(w.name, w.size) for a in cost.diagram.inputs for w in a.wires}


def html(t: Table) -> str:
    """The table for a notebook; it takes the colours of the page."""
    left, right = "text-align:left;white-space:pre", "text-align:right;white-space:nowrap"
    head = "".join(f'<th style="{right if i else left}">{h}</th>' for i, h in enumerate(_head(t)))
    lines = []
    for level, name, flops, share, rest in _lines(t):
        bar = (
            f'<span style="display:inline-block;width:6em;text-align:left"><span style="display:inline-block;'
            f'width:{100 * share:.1f}%;height:.7em;background:#e6842a"></span></span> {share:.1%}'
        )
        cells = "".join(f'<td style="{right}">{c}</td>' for c in (escape(flops), bar, *map(escape, rest)))
        lines.append(f'<tr><td style="{left};padding-left:{0.5 + 1.2 * level:.1f}em">{escape(name)}</td>{cells}</tr>')
    below = "".join(f"<div>{escape(line)}</div>" for line in said(t.cost))
    body = f'<table class="ncd-cost"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f"<div>{body}{below}</div>"
