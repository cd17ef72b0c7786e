"""``open`` and ``close``: what a name means, in the diagram as recorded and in the one that is drawn."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from ncd.circuit.diagram import Block, Diagram, Op
from ncd.errors import NCDError
from ncd.rewrite import simplify
from ncd.rewrite.opening import bodies, free_path, moved, unfolded
from ncd.rewrite.present import closed_block
from ncd.rewrite.tree import Branch, grow

Which = str | Op


def opened(diagram: Diagram, which: Which) -> Diagram:
    """What ``which`` names, opened.  See ``Diagram.open``."""
    exact = diagram.source.exact
    if exact is None:
        return _opened(diagram, which)
    if any(op.block and _named(op, which) for op in diagram.ops) and not any(op.block for op in exact.ops):
        return _unclosed(diagram, which)
    if isinstance(which, Op) and which in diagram.ops and which.covers:
        places = which.covers
        found = exact
        if len(places) == 1:
            found = _opened(exact, exact.ops[places[0]])
        else:
            found = _as_written(exact, [which])
    else:
        found = _opened(exact, which)
    return _simplified(diagram, found)


def _simplified(before: Diagram, exact: Diagram) -> Diagram:
    """The simplified form of another exact diagram, with the options and the closed blocks of the one before."""
    options = dict(before.options) | dict(exact.options)
    after = simplify(replace(exact, options=()))
    for op in before.ops:
        if op.block and not any(o.block == op.block for o in after.ops):
            after = _closed_blocks(after, op.block)
    return replace(after, options=tuple(sorted(options.items())))


def _opened(diagram: Diagram, which: Which) -> Diagram:
    if any(op.block and _named(op, which) for op in diagram.ops):
        return _unclosed(diagram, which)
    rows = bodies(diagram)
    places = [k for k in rows if _named(diagram.ops[k], which)]
    block = _block(diagram, which)
    if block is not None:
        inside = diagram.inside(block.path)
        held = [k for k in rows if diagram.ops[k].path in inside]
        places = held if len(held) == 1 else [k for k in places if diagram.ops[k].name == which]
    if places:
        found, refused = unfolded(diagram, places)
        if len(refused) == len(places):
            k, why = next(iter(refused.items()))
            raise NCDError(
                f"{diagram.ops[k].name} is not opened: {why}",
                doing=f"opening {_said(which)}",
                path=diagram.ops[k].path,
                source=diagram.ops[k].source,
                fix="it stays closed, for its body would not be what is computed",
            )
        diagram = found
    elif block is None:
        seen = [op for op in simplify(diagram).ops if len(op.covers) > 1 and _named(op, which)]
        if not seen:
            raise _unknown(diagram, which)
        diagram = _as_written(diagram, seen)
    if block is not None:
        kept = dict(diagram.options)
        expand = dict.fromkeys((*kept.get("expand", ()), block.path))
        diagram = replace(diagram, options=tuple(sorted({**kept, "expand": tuple(expand)}.items())))
    return diagram


def _as_written(diagram: Diagram, found: list[Op]) -> Diagram:
    """Regions that are recognised as one function, left as the code spells them."""
    ops, blocks = list(diagram.ops), list(diagram.blocks)
    taken = {b.path for b in blocks}
    for op in found:
        path = free_path(op, taken)
        above = op.path if any(b.path == op.path for b in blocks) else None
        blocks.append(Block(path, op.name, above, title=op.name.replace("_", " "), op=op))
        for k in op.covers:
            ops[k] = replace(ops[k], path=path, evidence=(f"as the code says it; {'; '.join(op.evidence)}",))
    return replace(diagram, ops=tuple(ops), blocks=tuple(blocks))


def closed(diagram: Diagram, which: Which) -> Diagram:
    """What ``which`` names, closed.  See ``Diagram.close``."""
    exact = diagram.source.exact
    composites = [b for b in diagram.blocks if b.op is not None and _names(b, which)]
    if composites and exact is not None:
        return _simplified(diagram, _folded(exact, [b for b in exact.blocks if b.op is not None and _names(b, which)]))
    if composites:
        return _folded(diagram, composites)
    return _closed_blocks(diagram, which)


def _folded(diagram: Diagram, composites: list[Block]) -> Diagram:
    """Opened composites as the ops they were."""
    for b in composites:
        assert b.op is not None
        inside = diagram.inside(b.path)
        places = [k for k, op in enumerate(diagram.ops) if op.path in inside]
        blocks = tuple(x for x in diagram.blocks if x.path not in inside)
        if b.op.covers:
            own = set(places)
            ops = tuple(
                replace(op, path=b.op.path, evidence=()) if k in own else op for k, op in enumerate(diagram.ops)
            )
            diagram = replace(diagram, ops=ops, blocks=blocks)
        else:
            inner: dict[int, tuple[Op, ...]] = dict.fromkeys(places, ())
            inner[places[0]] = (b.op,)
            diagram = replace(moved(diagram, inner), blocks=blocks)
    return diagram


def _closed_blocks(diagram: Diagram, which: Which) -> Diagram:
    """Blocks as one op each, which runs what is inside."""
    chosen: list[Branch] = []

    def visit(branch: Branch) -> None:
        for child in branch.children:
            if isinstance(child, Branch):
                if child.block.path and _names(child.block, which):
                    chosen.append(child)
                else:
                    visit(child)

    visit(grow(diagram))
    if not chosen:
        raise _unknown(diagram, which)
    for branch in chosen:
        inside = {id(op) for op in branch.ops()}
        order = [k for k, op in enumerate(diagram.ops) if id(op) in inside]
        whole = Branch(branch.block, [diagram.ops[k] for k in order])
        op = closed_block(diagram, whole, set())
        op = replace(op, body=tuple(c for inner in op.inside for c in inner.body))
        diagram = _ordered(diagram, order, op)
    return diagram


def _ordered(diagram: Diagram, places: list[int], block: Op) -> Diagram:
    """The diagram with ``block`` for the ops at ``places``, as late as its inputs want and early as its readers do."""
    first, last = places[0], places[-1]
    if last - first + 1 == len(places):
        return moved(diagram, {**dict.fromkeys(places, ()), last: (block,)})
    span = diagram.ops[first : last + 1]
    own = set(places)
    made = {a.id for a in block.outputs}
    waiting = {a.id for a in block.inputs}
    before: list[Op] = []
    after: list[Op] = []
    late: set[int] = set(made)
    for k in range(first, last + 1):
        op = diagram.ops[k]
        if k not in own:
            reads_late = any(a.id in late for a in op.inputs)
            (after if reads_late else before).append(op)
            if reads_late:
                late |= {a.id for a in op.outputs}
    if waiting & (late - made) or any(c.writes for op in span for c in op.body):
        raise NCDError(
            f"the block {block.block!r} is not one op: other ops run between its own and need them",
            doing="closing a block",
            fix="close a block around it",
        )
    inner: dict[int, tuple[Op, ...]] = dict.fromkeys(range(first, last + 1), ())
    inner[first] = (*before, block, *after)
    return moved(diagram, inner)


def _unclosed(diagram: Diagram, which: Which) -> Diagram:
    """Closed blocks as the ops that they stand for."""
    inner = {k: op.inside for k, op in enumerate(diagram.ops) if op.block and _named(op, which)}
    return moved(diagram, inner)


# ---------------------------------------------------------------- names


def _named(op: Op, which: Which) -> bool:
    """Whether an op is meant: itself, or by name, or by the path or a pattern of paths it was called at."""
    if isinstance(which, Op):
        return op is which or op == which
    path = op.block or op.path
    return which in (op.name, path, f"{op.path}.{op.name}".lstrip(".")) or ("*" in which and fnmatchcase(path, which))


def _names(block: Block, which: Which) -> bool:
    if isinstance(which, Op):
        return block.op == which
    around = block.op.path if block.op is not None else block.path
    return which in (block.path, block.cls, around, *block.also) or ("*" in which and fnmatchcase(block.path, which))


def _block(diagram: Diagram, which: Which) -> Block | None:
    """The block of this path, if there is one."""
    return next((b for b in diagram.blocks if b.path == which or which in b.also), None)


def _said(which: Which) -> str:
    return repr(which) if isinstance(which, str) else which.name


def _unknown(diagram: Diagram, which: Which) -> NCDError:
    names = sorted({diagram.ops[k].name for k in bodies(diagram)})
    opened_ = sorted({b.op.name for b in diagram.blocks if b.op is not None})
    paths = [b.path for b in diagram.blocks if b.path][:4]
    fix = [f"{', '.join(names)} can be opened" if names else "nothing here can be opened"]
    fix += [f"{', '.join(opened_)} closed again"] if opened_ else []
    fix += [f"blocks such as {', '.join(paths)}"] if paths else []
    return NCDError(f"nothing here is called {_said(which)}", doing="opening or closing", fix="; ".join(fix))
