"""Memory: an array that is read far from where it is made is saved there, and loaded where it is read.

The same array, drawn twice.  ``save`` makes nothing; what ``load`` makes is what was saved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.circuit.reads import Read
from ncd.circuit.weave import Form, Weave, mixed

LETTERS = "CMSRUVW"
"""What is saved is called by the first of these that nothing else in the picture is called by."""


def remembered(diagram: Diagram, reads: Collection[tuple[int, int]]) -> Diagram:
    """The diagram with the arrays of some reads, each (array id, op), saved and loaded.

    What is saved is so in the innermost block around all of these; one load serves all that read in a block.
    """
    far: dict[int, set[int]] = {}
    for array, reader in reads:
        far.setdefault(array, set()).add(reader)
    places = {i: _around(diagram, i, readers) for i, readers in far.items()}
    names = dict(zip(far_in_order(diagram, far), called(diagram, len(far)), strict=True))
    fresh = 1 + max((a.id for a in diagram.arrays), default=0)
    loaded: dict[tuple[int, str], Array] = {}
    ops: list[Op] = []
    for a in diagram.inputs:
        ops += [save(a, names[a.id], places[a.id])] if a.id in far else []
    for k, op in enumerate(diagram.ops):
        inputs = list(op.inputs)
        for j, a in enumerate(inputs):
            if k in far.get(a.id, ()):
                if (a.id, op.path) not in loaded:
                    made = loaded[a.id, op.path] = replace(a, id=fresh, kind="value", name="")
                    fresh += 1
                    ops.append(load(a, made, names[a.id], op.path))
                inputs[j] = loaded[a.id, op.path]
        ops.append(replace(op, inputs=tuple(inputs)))
        ops += [save(a, names[a.id], places[a.id]) for a in op.outputs if a.id in far]
    return replace(diagram, ops=tuple(ops), reads=_moved(diagram, ops))


def far_in_order(diagram: Diagram, far: Collection[int]) -> list[int]:
    """The ids of the arrays among ``far``, as they are made."""
    return [a.id for a in diagram.arrays if a.id in far]


def called(diagram: Diagram, count: int) -> list[str]:
    """Names for so many arrays: ``C``, or ``C_1``, ``C_2`` and so on."""
    taken = {op.label.partition("_")[0] for op in diagram.ops if op.symbol in ("save", "load")}
    letter = next((c for c in LETTERS if c not in taken), "C'")
    return [letter] if count == 1 else [f"{letter}_{{{k}}}" for k in range(1, count + 1)]


def save(a: Array, name: str, path: str) -> Op:
    """What writes an array to memory."""
    return replace(same("save", a, a, name, path), outputs=(), weave=Weave((_rows(a)[0],), (), _rows(a)[1]))


def load(a: Array, made: Array, name: str, path: str, like: Array | None = None) -> Op:
    """What reads an array from memory, as another array that is equal to it, of the sizes that ``like`` has."""
    return same("load", replace(a, axes=like.axes) if like else a, made, name, path)


def same(symbol: str, a: Array, made: Array, label: str, path: str) -> Op:
    """An op whose output is its input."""
    forms, sizes = _rows(a)
    weave = Weave((forms,), (forms,), sizes)
    return Op("rearrange", symbol, (a,), (made,), weave, path, symbol=symbol, label=label)


def _rows(a: Array) -> tuple[tuple[Form, ...], dict[str, int]]:
    """An index for every wire of an array."""
    sizes: dict[str, int] = {}

    def form(axis: Axis) -> Form:
        names = [f"i{len(sizes) + k}" for k in range(len(axis.leaves))]
        sizes.update({n: w.size for n, w in zip(names, axis.leaves, strict=True)})
        return mixed(names, sizes)

    return tuple(map(form, a.axes)), sizes


def _around(diagram: Diagram, array: int, readers: Collection[int]) -> str:
    """The path of the innermost block around what makes an array and some that read it."""
    parents = {b.path: b.parent for b in diagram.blocks}

    def above(path: str | None) -> Iterator[str]:
        while path in parents and path is not None:
            yield path
            path = parents[path]

    made = next((op.path for op in diagram.ops if any(a.id == array for a in op.outputs)), None)
    others = [set(above(diagram.ops[k].path)) for k in readers]
    return next((p for p in above(made) if all(p in o for o in others)), "")


def _moved(diagram: Diagram, ops: list[Op]) -> tuple[Read, ...]:
    """The reads of a diagram, whose ops are by now among ``ops``."""
    at = [k for k, op in enumerate(ops) if op.symbol not in ("save", "load")]
    old = [k for k, op in enumerate(diagram.ops) if op.symbol not in ("save", "load")]
    now = dict(zip(old, at, strict=True))
    return tuple(replace(r, op=None if r.op is None else now.get(r.op)) for r in diagram.reads)
