"""Opening and closing: one op as the operations it is defined by, a block as one op, and back.

A composite is opened by running its body (``bodies``) on its arrays.  It takes the op's place only if it
gives the same numbers; its axes are the op's own, cut finer where the body does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from ncd.circuit.diagram import Block, Diagram, Op
from ncd.rewrite.net import substituted
from ncd.rewrite.refine import Finer, refined, refined_op

if TYPE_CHECKING:
    from ncd.rewrite.recorded import Opened


def bodies(diagram: Diagram) -> dict[int, Any]:
    """The bodies of the ops that can be opened, by their place in the diagram."""
    from ncd.emit.calls import resolve
    from ncd.errors import CheckError
    from ncd.rewrite.bodies import body_of

    found = {}
    for k, op in enumerate(diagram.ops):
        if op.kind != "opaque" and len(op.body) == 1 and not op.body[0].writes and not op.covers:
            try:
                body = body_of(op.name, resolve(op.body[0].name, diagram.source.functions))
            except CheckError:
                continue
            if body is not None:
                found[k] = body
    return found


def unfolded(diagram: Diagram, places: Iterable[int]) -> tuple[Diagram, dict[int, str]]:
    """The diagram with the ops at these places opened, and why those are not that stay closed.

    What an op was opened into is a block, which remembers the op.
    """
    from ncd.rewrite.equal import compared
    from ncd.rewrite.recorded import Activation, Axes, Opened, Take, copied, modules_around, take

    rows, axes = bodies(diagram), Axes(diagram)
    taken = {b.path for b in diagram.blocks}
    known: dict[object, tuple[Take, Take, str] | str] = {}
    opened: list[Opened] = []
    refused: dict[int, str] = {}
    functions = list(diagram.source.functions)
    for k in places:
        op = diagram.ops[k]
        values = _constants(diagram, op)
        key = _signature(op, values)
        if key not in known:
            try:
                evidence = compared(op, rows[k], functions, values)
                small = take(rows[k], op, functions, enlarge=False)
                known[key] = take(rows[k], op, functions, enlarge=True) if _grows(op) else small, small, evidence
            except Exception as error:
                known[key] = f"{error}" or type(error).__name__
        found = known[key]
        if isinstance(found, str):
            refused[k] = found
            continue
        path = free_path(op, taken)
        root = Activation(None, path, op.name, modules_around(diagram, op.path))
        mine = copied(found[0], root)
        literal = mine if found[0] is found[1] else copied(found[1], root)
        woven = axes.infer(op, mine, literal)
        if woven is None:
            refused[k] = "its results have other axes"
            continue
        opened.append(Opened(k, op, path, woven, mine, literal.calls, found[2]))
    if not opened:
        return diagram, refused
    finer = axes.seal(opened)
    tensors = dict(diagram.source.tensors)
    inner = {o.at: axes.ops(o, finer, functions, tensors) for o in opened}
    return _spliced(diagram, finer, opened, inner, functions, tensors), refused


def _spliced(
    diagram: Diagram,
    finer: Finer,
    opened: list[Opened],
    inner: dict[int, tuple[Op, ...]],
    functions: list[Any],
    tensors: dict[int, Any],
) -> Diagram:
    """The diagram with these ops in place of those at ``inner``'s keys; places in it move along."""
    base = moved(refined(diagram, finer), inner)
    blocks = list(base.blocks)
    paths = {b.path for b in blocks}
    for o in opened:
        above = o.op.path if o.op.path in paths else None
        blocks.append(Block(o.path, o.op.name, above, title=o.op.name.replace("_", " "), op=refined_op(o.op, finer)))
        for c in o.found.calls:
            here = c.where
            while here.path not in paths and here.path != o.path and here.parent is not None:
                paths.add(here.path)
                blocks.append(Block(here.path, here.cls, here.parent.path))
                here = here.parent
    return replace(base, blocks=tuple(blocks), source=replace(base.source, functions=functions, tensors=tensors))


def moved(diagram: Diagram, inner: Mapping[int, tuple[Op, ...]]) -> Diagram:
    """The diagram with these ops in place of those at ``inner``'s keys; what points at places moves along."""
    ops: list[Op] = []
    now: dict[int | None, int] = {}
    for k, op in enumerate(diagram.ops):
        ops.extend(inner.get(k, (op,)))
        now[k] = max(len(ops) - 1, 0)
    into = next((now[k] for k, new in inner.items() if new), 0)
    now |= {k: into for k, new in inner.items() if not new}
    inside = {now[k]: kept for k, kept in diagram.source.opened.items() if k not in inner}
    reads = tuple(replace(r, op=now.get(r.op)) for r in diagram.reads)
    return replace(diagram, ops=tuple(ops), reads=reads, source=replace(diagram.source, opened=inside))


def free_path(op: Op, taken: set[str]) -> str:
    """A path for what an op is opened into, below the module that called it."""
    base = f"{op.path}.{op.name}".lstrip(".")
    path = next(p for p in chain([base], (f"{base}#{n}" for n in count(2))) if p not in taken)
    taken.add(path)
    return path


def _constants(diagram: Diagram, op: Op) -> dict[int, Any]:
    """The operands whose values are the diagram's own."""
    tensors = diagram.source.tensors
    return {a.id: tensors[a.id] for a in op.inputs if a.kind == "constant" and a.id in tensors}


def _grows(op: Op) -> bool:
    """Whether an axis of size 1 has a name: it is traced larger, to be seen to be one."""
    return any(leaf.size == 1 for a in op.inputs for leaf in a.wires)


def _signature(op: Op, constants: Collection[int]) -> object:
    """Equal for ops that one comparison and one recording do for."""
    number = {i: k for k, i in enumerate(dict.fromkeys(a.id for a in (*op.inputs, *op.outputs)))}
    call = substituted(op.body[0], number)
    arrays = tuple(
        (number[a.id], a.shape, a.dtype, a.kind, tuple(w.size == 1 for w in a.wires), a.id in constants and a.id)
        for a in (*op.inputs, *op.outputs)
    )
    return repr(call), arrays
