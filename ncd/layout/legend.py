"""The legend: the sizes of the axes that are drawn, and how they follow from the number of a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ncd.circuit.diagram import Diagram
from ncd.layout.margin import EDGE, LINE
from ncd.layout.scene import Scene, Text
from ncd.text import width


def explained(scene: Scene, diagram: Diagram) -> Scene:
    """A legend below the figure: every axis that is drawn, and its size."""
    x, y, marks = EDGE, scene.height + 12, list(scene.marks)
    entries = dict.fromkeys(_entries(scene, diagram))
    right = scene.width
    for text in entries:
        room = width(text, "axis")
        if x > EDGE and x + room > scene.width - EDGE:
            x, y = EDGE, y + LINE
        marks.append(Text("axis", x, y, text))
        right = max(right, x + room + EDGE)
        x += room + 26
    return replace(scene, marks=tuple(marks), width=right, height=y + EDGE + 2) if entries else scene


def _entries(scene: Scene, diagram: Diagram) -> Iterator[str]:
    drawn = {m.ids.axis for m in scene.marks if m.ids.axis is not None} | set(diagram.outer)
    pairs = dict(diagram.bundles)
    second = set(pairs.values())
    shown = {w.id: w for a in diagram.arrays for w in a.wires}
    tables: dict[str, dict[int, int]] = {}
    arrays = [a for a in diagram.arrays if not a.hidden]
    for a in arrays:
        for w in a.wires:
            if w.turns and not w.shown[:1].isdigit():
                tables.setdefault(w.shown.partition("_")[0], {}).update(w.turns)
    said = {f"{base}_{n}".replace("-", "−") for base, table in tables.items() for n in table}
    for a in arrays:
        for w in a.wires:
            if w.turns or w.id not in drawn or w.id in second:
                continue
            other = next((v for v in a.wires if pairs.get(w.id) == v.id), None)
            if (other or w).shown not in said:
                size = f"{w.size} × {other.size}" if other else str(w.size)
                yield f"{(other or w).label} = {size}"
    base_of = {i: w.shown.partition("_")[0] for i, w in shown.items()}
    spoken = {base_of[j]: base_of[i] for i, j in pairs.items() if j in base_of}
    for base, table in tables.items():
        if base in spoken.values() and base not in spoken:
            continue  # the first of two image axes: the second speaks for both
        first = tables.get(spoken.get(base, ""), table)
        yield from numbered(base, table) if first == table else (*numbered(base, table), *numbered(spoken[base], first))
    for b in diagram.blocks:
        if b.counts:
            yield f"{b.times} = {', '.join(map(str, b.counts))}"


def numbered(base: str, table: Mapping[int, int]) -> Iterator[str]:
    """The sizes of ``base`` by number: a formula for as many as it is exact for, then the others."""
    start, stop, text = _power(base, table)
    if text:
        yield text
    for n in sorted(table):
        if not start <= n < stop:
            yield f"{base}_{{{n}}} = {table[n]}".replace("{-", "{−")


def _power(base: str, table: Mapping[int, int]) -> tuple[int, int, str]:
    """The numbers, from and to, of the longest geometric stretch of three or more sizes, and its formula."""
    best = (0, 0, "")
    for start in sorted(table):
        if start + 2 not in table or start + 1 not in table:
            continue
        a, b = table[start], table[start + 1]
        stop = start + 1
        while stop in table and table[stop] * a == table[stop - 1] * b:
            stop += 1
        ratio = b // a if b % a == 0 else a // b if a % b == 0 else 0
        if stop - start < 3 or ratio < 2 or stop - start <= best[1] - best[0]:
            continue
        # Counted from 1, as turns are, if that is among them.
        one = 1 if start <= 1 < stop else start
        up = f"λ−{one}" if one > 0 else f"λ+{-one}" if one else "λ"
        down = f"{one}−λ" if one else "−λ"
        best = start, stop, f"{base}_{{λ}} = {table[one]}·{ratio}^{{{up if b > a else down}}}"
    return best
