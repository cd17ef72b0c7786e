"""What a page says of the values at the wires of a picture: words, and a small image of each."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

from ncd.circuit.diagram import Diagram, Op
from ncd.emit.image import laid_out, png
from ncd.emit.summary import CELLS, Heat, Summary
from ncd.emit.values import Values
from ncd.errors import CheckError

MANY = 48
"""With more wires than this the image of each becomes smaller."""
ATTENTION = 4096
"""So many cells has what leaves a softmax."""


def payload(values: Values, drawn: Diagram, turn: int = 0) -> dict[str, dict[str, Any]]:
    """By the id of each array that is drawn, in the form that ``js/src/document.ts`` calls ``Values``.

    Where one block is drawn for several, it is of the block number ``turn``; what leaves one that is
    drawn closed is of the last.  Nothing is said of an array that the run did not make.
    """
    simple = values.diagram if values.diagram.source.exact is not None else values.other or values.diagram
    wires = {a.id: a for a in drawn.arrays if not a.hidden}
    found = {a.id: (a.id, "") for a in drawn.inputs}
    find = finder(simple, turn)
    softmax = set()
    for op in drawn.ops:
        for k, a in enumerate(op.outputs):
            if op.name == "copy" and not op.body and op.inputs[0].id in found:
                found[a.id] = found[op.inputs[0].id]  # folding keeps apart by a copy what enters a loop twice
            elif (at := find(op, k)) is not None:
                found[a.id] = at
                if op.symbol == "softmax":
                    softmax.add(a.id)
    cells = CELLS * MANY // max(MANY, len(found))
    out = {}
    for i in wires.keys() & found.keys():
        mine, where = found[i]
        try:
            summary = values.summary(mine)
            heat = summary.heat
            if heat is not None and (i in softmax or cells < CELLS):
                heat = _again(values, mine, ATTENTION if i in softmax else cells) or heat
        except CheckError:
            continue
        out[str(i)] = {"stats": stats(summary) | ({"of": where} if where else {})}
        if heat is not None:
            out[str(i)]["heat"] = image(heat)
    return out


def _again(values: Values, i: int, cells: int) -> Heat | None:
    try:
        return values.heat(i, cells)
    except CheckError:
        return None  # not kept


def stats(s: Summary) -> dict[str, Any]:
    """A summary as what is said, in order."""

    def short(x: float) -> str:
        return f"{x:.3g}".replace("-", "−")

    if math.isnan(s.mean):
        return {"not finite": s.nonfinite}
    said: dict[str, Any] = {"value": short(s.mean)}
    if s.axes:
        said = {"mean": short(s.mean), "std": short(s.std), "range": f"{short(s.min)} … {short(s.max)}"}
    said |= {"zeros": f"{s.zeros:.0%}"} if s.axes and s.zeros >= 0.005 else {}
    return said | ({"not finite": s.nonfinite} if s.nonfinite else {})


def image(heat: Heat) -> dict[str, Any]:
    """An image of a pixel a cell, and in words where its axes run and what its colours mean."""
    height, width = laid_out(heat.codes).shape
    data = base64.b64encode(png(heat)).decode()
    words = {"caption": heat.caption, "scale": heat.scale}
    return {"image": f"data:image/png;base64,{data}", "width": width, "height": height, **words}


def finder(simple: Diagram, turn: int) -> Callable[[Op, int], tuple[int, str] | None]:
    """From a drawn op's output to the id of the array that it shows, and in words which one that is of several.

    A folded op covers what the ops of all turns cover, turn after turn: that leads to each of them.
    """
    makers = {a.id: op for op in simple.ops for a in op.outputs}
    alike: dict[tuple[int, ...], list[Op]] = {}
    for op in simple.ops:
        alike.setdefault(op.covers, []).append(op)

    def of(op: Op, k: int, turn: int) -> tuple[int, str] | None:
        first = makers.get(op.outputs[k].id)
        if first is None or (first.name, first.body, first.source) != (op.name, op.body, op.source):
            return None  # another diagram's, or one whose numbers mean something else
        place = next((j for j, a in enumerate(first.outputs) if a.id == op.outputs[k].id), -1)
        each = len(first.covers)
        count = len(op.covers) // each if each else 1
        if count < 2 or place < 0:
            return op.outputs[k].id, ""
        n = min(turn, count - 1) if turn >= 0 else count + turn
        covered = op.covers[n * each : (n + 1) * each]
        rank = next(j for j, o in enumerate(alike[first.covers]) if o is first)
        there = alike.get(covered, [])
        if op.covers[:each] != first.covers or rank >= len(there) or there[rank].name != first.name:
            return None
        at = there[rank]
        return at.outputs[place].id, f"{at.path or at.name}, number {n + 1} of {count}"

    def found(op: Op, k: int) -> tuple[int, str] | None:
        if op.block and not op.body:
            for inner in op.inside:
                for j, a in enumerate(inner.outputs):
                    if a.id == op.outputs[k].id:
                        return of(inner, j, -1)
            return None
        return of(op, k, turn)

    return found
