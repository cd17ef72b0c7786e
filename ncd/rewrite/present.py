"""What a picture shows: repeats folded, small frames dissolved, deep blocks closed.

The result is a diagram ready for layout.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ncd.circuit.diagram import BACKWARD, Array, Block, Diagram, Op, no_block
from ncd.circuit.weave import Form, Weave, mixed
from ncd.rewrite.alike import once, signature
from ncd.rewrite.bundle import bundle
from ncd.rewrite.classes import Classes
from ncd.rewrite.fold import fold
from ncd.rewrite.frames import dissolve
from ncd.rewrite.outer import outer
from ncd.rewrite.role import numbered as told_apart
from ncd.rewrite.stages import stages
from ncd.rewrite.titles import CONTAINERS, SAME, attribute, pretty
from ncd.rewrite.together import together
from ncd.rewrite.tree import Branch, by_output, drawn_operands, drawn_targets, flat, grow, hidden_arrays


def prepared(diagram: Diagram, *, numbered: bool = True) -> Diagram:
    """Folded, with outer axes, bundles and titles; what every depth starts from.  ``numbered``: stages too."""
    drawn = outer(without_unread(diagram)).outer
    folded = fold(bundle(replace(diagram, outer=drawn)))
    # Of a stage that is drawn once for all its turns, the backward pass reads what each of them kept.
    back = any(b.path == BACKWARD for b in diagram.blocks)
    folded = without_unread(stages(folded) if numbered and not back else folded)
    root = grow(folded)
    dissolve(root, hidden_arrays(list(folded.ops)))
    model = next((b.cls for b in diagram.blocks if b.path == ""), diagram.title)
    for branch in root.branches():
        if not branch.block.title:
            branch.block = replace(branch.block, title=_title(branch, model))
    return told_apart(flat(folded, root))


def without_unread(diagram: Diagram) -> Diagram:
    """Outputs that nothing reads (an LSTM's last state) are not drawn, unless they are all there is."""
    read = {a.id for op in diagram.ops for a in op.inputs} | {a.id for a in diagram.outputs}
    read |= {made for b in diagram.blocks for _, made in b.carried}

    def seen(op: Op) -> Op:
        kept = [k for k, a in enumerate(op.outputs) if a.id in read]
        if not kept or len(kept) == len(op.outputs) or op.weave.rest:
            return op
        weave = replace(op.weave, outs=tuple(op.weave.outs[k] for k in kept))
        return replace(op, outputs=tuple(op.outputs[k] for k in kept), weave=weave)

    return replace(diagram, ops=tuple(map(seen, diagram.ops)))


def retitled(diagram: Diagram, titles: Mapping[str, str]) -> Diagram:
    """With other titles, by path, else by class; ``""`` is the whole.  Raises NCDError on a name no block has."""
    known = {"", *(p for b in diagram.blocks for p in (b.path, b.cls, *b.also))}
    for name in titles:
        if name not in known:
            raise no_block(name, known)

    def titled(b: Block) -> Block:
        found = next((titles[n] for n in (b.path, *b.also, b.cls) if n and n in titles), b.title)
        return replace(b, title=found)

    return replace(diagram, title=titles.get("", diagram.title), blocks=tuple(map(titled, diagram.blocks)))


def depths(diagram: Diagram) -> int:
    """How many levels of blocks there are to open."""
    parents = {b.path: b.parent for b in diagram.blocks}

    def level(path: str | None) -> int:
        return 0 if path is None else 1 + level(parents.get(path))

    return max((level(b.path) for b in diagram.blocks), default=0)


def present(
    diagram: Diagram, *, depth: int | None = None, expand: Collection[str] = (), collapse: Collection[str] = ()
) -> Diagram:
    """A prepared diagram with blocks deeper than ``depth`` closed.

    ``expand`` and ``collapse`` name blocks by path or class, and go before ``depth``.  Of blocks
    that are alike only the first is open.  Raises NCDError on a name no block has.
    """
    known = {name for b in diagram.blocks for name in called(b)}
    for name in (*expand, *collapse):
        if name not in known:
            raise no_block(name, known)
    root = grow(diagram)
    hidden = hidden_arrays(list(diagram.ops))
    seen: set[str] = set()
    before = _presented(diagram)

    def named(b: Block, names: Collection[str]) -> bool:
        return any(name in names for name in called(b))

    def leads_to(branch: Branch) -> bool:
        return any(named(b.block, expand) for b in branch.branches())

    def visit(branch: Branch, level: int) -> None:
        for i, child in enumerate(branch.children):
            if isinstance(child, Op):
                continue
            asked = any(b.block.op is not None for b in (child, *child.branches()))
            closed = depth is not None and level >= depth and not asked
            if not closed and child.block.op is None:
                path = child.block.path
                if path not in before.signatures:
                    before.signatures[path] = signature([child], diagram.source.digests)
                closed = before.signatures[path] in seen
                seen.add(before.signatures[path])
            if named(child.block, expand) or leads_to(child):
                closed = False
            if named(child.block, collapse):
                closed = True
            if closed:
                path = child.block.path
                if path not in before.closed:
                    kept = list(_take_saves(child))
                    before.closed[path] = closed_block(diagram, child, hidden), kept
                branch.children[i], saved[path] = before.closed[path]
            else:
                visit(child, level + 1)
        if saved:
            branch.children = [
                x for c in branch.children for x in (c, *(saved.get(c.block, ()) if isinstance(c, Op) else ()))
            ]

    saved: dict[str, list[Op]] = {}
    visit(root, 0)
    return together(flat(diagram, root))


@dataclass(frozen=True)
class _Presented:
    """What is known of the blocks of a diagram, by path, from when it was presented before."""

    signatures: dict[str, str] = field(default_factory=dict)
    closed: dict[str, tuple[Op, list[Op]]] = field(default_factory=dict)
    """Each as one op, and what it saves to memory."""


@once
def _presented(diagram: Diagram) -> _Presented:
    return _Presented()


def _take_saves(branch: Branch) -> Iterator[Op]:
    """Take out of a block what saves to memory: that is drawn beside it."""
    for child in list(branch.children):
        if isinstance(child, Branch):
            yield from _take_saves(child)
        elif child.symbol == "save":
            branch.children.remove(child)
            yield child


def called(b: Block) -> tuple[str, ...]:
    """What a block may be called: by path, by class, by the composite that was opened into it."""
    return b.path, b.cls, *b.also, *((b.op.name,) if b.op is not None else ())


def closed_block(diagram: Diagram, branch: Branch, hidden: set[int]) -> Op:
    """A block as one op: a wire is tiled iff nothing inside acts on, makes or ends its index.

    Arrays in ``hidden`` are not among its operands.
    """
    ops = list(branch.ops())
    inside = {id(op) for op in ops}
    made = {a.id: a for op in ops for a in op.outputs}
    outside = {a.id for a in diagram.outputs} | {a.id for op in diagram.ops if id(op) not in inside for a in op.inputs}
    parts = list(itertools.chain.from_iterable(map(by_output, ops)))
    entering = {a.id: a for op in parts for a, _, out in drawn_operands(op, hidden) if not out and a.id not in made}
    leaving = [a for i, a in made.items() if i in outside]
    classes = Classes()
    for op in parts:
        ins, outs = op.indices()
        at: dict[str, int] = {}
        classes.tie(((a, row) for a, row, _ in drawn_operands(op, hidden)), at)
        gone = {t for row in ins for t in row} ^ {t for row in outs for t in row}
        classes.touch(at[t] for t in drawn_targets(op, hidden) | gone if t in at)
    # What is handed on from turn to turn goes through the same wires again.
    for b in (branch.block, *(inner.block for inner in branch.branches())):
        for start, end in b.carried:
            if end in made:
                count = len(made[end].wires)
                for x, y in zip(classes.wires(start, count), classes.wires(end, count), strict=True):
                    classes.join(x, y)
    acted_on = classes.touched()
    names: dict[object, str] = {}
    sizes: dict[str, int] = {}
    targets: set[str] = set()

    def named(wire: str) -> str:
        while wire in sizes:
            wire += "'"
        return wire

    def forms(a: Array, side: str) -> tuple[Form, ...]:
        row = []
        for k, (wire, r) in enumerate(zip(a.wires, classes.of(a), strict=True)):
            key: object = (side, a.id, k) if r in acted_on else r
            name = names[key] = names.get(key) or named(wire.name)
            sizes[name] = wire.size
            if r in acted_on:
                targets.add(name)
            row.append(name)
        out, at = [], 0
        for axis in a.axes:
            n = len(axis.leaves)
            out.append(mixed(row[at : at + n], sizes))
            at += n
        return tuple(out)

    ins_forms = tuple(forms(a, "i") for a in entering.values())
    outs_forms = tuple(forms(a, "o") for a in leaving)
    block = branch.block
    title = (block.title or block.cls) + (f" ×{block.times}".replace("_{λ}", "(λ)") if branch.repeat > 1 else "")
    return Op(
        "call",
        block.cls,
        tuple(entering.values()),
        tuple(leaving),
        Weave(ins_forms, outs_forms, sizes, frozenset(targets)),
        block.parent or "",
        next((op.source for op in ops if op.source), None),
        (),
        "block",
        title,
        tuple(sorted({c for op in ops for c in op.covers})),
        block=block.path,
        inside=tuple(ops),
    )


def _title(branch: Branch, model: str) -> str:
    """What is written over a block, or on it; attention that sees no later positions is called masked."""
    block = branch.block
    title = pretty(block.cls, model)
    if block.path and (block.cls in CONTAINERS or title in SAME):
        title = attribute(block.path)
    masked = title.endswith("Attention") and any(o.symbol == "mask" and o.label == "causal" for o in branch.ops())
    return f"Masked {title}" if masked else title
