"""The nesting of a diagram's blocks as lists of ops and blocks, in order of execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.circuit.reads import Read


@dataclass(eq=False)
class Branch:
    """A block with what is in it; ``repeat`` > 1 after folding."""

    block: Block
    children: list[Branch | Op] = field(default_factory=list)
    repeat: int = 1
    also: tuple[str, ...] = ()

    def ops(self) -> Iterator[Op]:
        for child in self.children:
            if isinstance(child, Op):
                yield child
            else:
                yield from child.ops()

    def branches(self) -> Iterator[Branch]:
        for child in self.children:
            if isinstance(child, Branch):
                yield child
                yield from child.branches()


Child = Branch | Op


def grow(diagram: Diagram) -> Branch:
    """The tree of a diagram; its root is the whole."""
    blocks = {b.path: b for b in diagram.blocks}
    root = Branch(Block("", diagram.title))
    made: dict[str, Branch] = {}

    def branch(path: str) -> Branch:
        if path not in blocks:
            return root
        if path not in made:
            block = blocks[path]
            made[path] = Branch(block, repeat=block.repeat, also=block.also)
            above = root if block.parent is None else branch(block.parent)
            above.children.append(made[path])
        return made[path]

    for op in diagram.ops:
        branch(op.path).children.append(op)
    return root


def flat(diagram: Diagram, root: Branch, seen: Callable[[Op], Op] = lambda op: op) -> Diagram:
    """The diagram of what is left of a tree, each op as ``seen`` says it reads by now."""
    ops: list[Op] = []
    blocks: list[Block] = []

    def visit(branch: Branch, parent: str | None) -> None:
        path = None
        if branch is not root:
            block = branch.block
            path = block.path
            if (block.parent, block.repeat, block.also) != (parent, branch.repeat, branch.also):
                block = replace(block, parent=parent, repeat=branch.repeat, also=branch.also)
            blocks.append(block)
        for child in branch.children:
            if isinstance(child, Branch):
                visit(child, path)
            else:
                op = seen(child)
                ops.append(op if op.path == (path or "") else replace(op, path=path or ""))

    visit(root, None)
    return replace(diagram, ops=tuple(ops), blocks=tuple(blocks), reads=followed(diagram, ops))


def followed(diagram: Diagram, ops: Sequence[Op]) -> tuple[Read, ...]:
    """The reads of a diagram whose ops are by now ``ops``.

    A read stays with the op that covers the one it was of; where that became no op (a view), with the last
    one before it.
    """
    if not diagram.reads:
        return ()
    exact = not any(op.covers for op in diagram.ops)
    at = {c: k for k, op in reversed(list(enumerate(ops))) for c in op.covers}
    maker = {a.id: i for i, op in enumerate(diagram.ops) for a in op.outputs}

    def now(i: int | None) -> int | None:
        seen, todo, found = {i}, [i], list[int]()
        while todo:
            here = todo.pop()
            if here is None:
                continue
            covers = (here,) if exact else diagram.ops[here].covers
            new = next((at[c] for c in covers if c in at), None)
            if new is not None:
                found.append(new)
                continue
            before = {maker[a.id] for a in diagram.ops[here].inputs if a.id in maker} - seen
            seen |= before
            todo += before
        return max(found, default=None)

    known: dict[int | None, int | None] = {}
    for r in diagram.reads:
        if r.op not in known:
            known[r.op] = now(r.op)
    return tuple(replace(r, op=known[r.op]) for r in diagram.reads)


def by_output(op: Op) -> Iterator[Op]:
    """An op whose outputs re-index its inputs each in its own way (split, unbind), output by output."""
    if not op.weave.rest:
        yield op
        return
    for weave, out in zip((op.weave, *op.weave.rest), op.outputs, strict=True):
        yield replace(op, outputs=(out,), weave=replace(weave, rest=()))


def hidden_arrays(diagram_ops: list[Op]) -> set[int]:
    """Arrays drawn inside the symbols that use them: weights and constants that no op makes."""
    made = {a.id for op in diagram_ops for a in op.outputs}
    return {a.id for op in diagram_ops for a in op.inputs if a.hidden and a.id not in made}


def drawn_operands(op: Op, hidden: set[int]) -> Iterator[tuple[Array, tuple[str, ...], bool]]:
    """(array, index per wire, is output) of every operand that has wires in the picture.

    What a source reads (``zeros_like(x)``) it reads for its shape alone.
    """
    ins, outs = op.indices()
    for a, row in zip(op.inputs, ins, strict=True):
        if a.id not in hidden and op.kind != "source":
            yield a, row, False
    for a, row in zip(op.outputs, outs, strict=True):
        yield a, row, True


def drawn_targets(op: Op, hidden: set[int]) -> set[str]:
    """The indices a symbol touches: the weave's targets, and whatever its hidden weights vary over.

    A norm touches only the axes of its statistics; that its gain varies along an axis is part of
    the learned symbol.
    """
    touched = set(op.reading.touched)
    if op.symbol != "norm":
        for a, row in zip(op.inputs, op.indices()[0], strict=True):
            if a.id in hidden:
                touched.update(row)
    return touched
