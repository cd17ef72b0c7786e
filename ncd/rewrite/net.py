"""The working graph of a simplification: what a diagram is while its ops are being rewritten.

An operand is an array and one index per wire (per atomic axis); permuting, splitting and merging
axes is then a mere renaming.  Arrays keep the ids they have in the exact diagram.  What computes
an array is looked up in ``steps``, so that every node can be run whatever was done to it: its
body is the slice of calls between its inputs and its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Call, Diagram, Name, Op, Place, Ref
from ncd.circuit.reading import Dimensions, Reading
from ncd.circuit.weave import UNIT, Form, Weave, mixed, plain
from ncd.emit.shaped import without_pattern
from ncd.rewrite.tree import by_output, followed

ORDER = attrgetter("order")


@dataclass(eq=False, slots=True)
class Node:
    """One operation: operands with an index per wire, the indices it acts on, and how it is drawn."""

    kind: str
    name: str
    ins: list[Array]
    outs: list[Array]
    itok: list[list[str]]
    otok: list[list[str]]
    targets: set[str]
    path: str
    place: Place | None
    order: float
    covers: tuple[int, ...]
    symbol: str = ""
    label: str = ""
    evidence: tuple[str, ...] = ()
    literals: list[float] = field(default_factory=list)
    view: bool = False
    worded: bool = False
    """Whether a plain argument is a word (``rounding_mode="floor"``): then it may be another function."""
    op: Op | None = None
    """The recorded op it began as."""

    def operands(self) -> Iterator[tuple[Array, list[str]]]:
        yield from zip(self.ins, self.itok, strict=True)
        yield from zip(self.outs, self.otok, strict=True)

    @property
    def read(self) -> set[str]:
        return set().union(*self.itok)

    @property
    def made(self) -> set[str]:
        return set().union(*self.otok)

    @property
    def contracted(self) -> bool:
        """Whether it only multiplies and sums: all it acts on are indices that vanish."""
        return self.kind == "contraction" and self.targets <= self.read - self.made

    @property
    def pointwise(self) -> bool:
        return self.kind == "map" and not self.view and not self.targets & self.made


@dataclass(eq=False, slots=True)
class Step:
    """What computes some arrays: calls, the arrays they read, and their place in the program."""

    calls: tuple[Call, ...]
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    order: float


class Net:
    """Nodes in execution order, who reads what, and how every array is computed."""

    def __init__(self, exact: Diagram) -> None:
        self.exact = exact
        self.nodes: dict[Node, None] = {}
        self.readers: dict[int, dict[Node, None]] = {}
        self.maker: dict[int, Node] = {}
        self.steps: dict[int, Step] = {}
        self.arrays: dict[int, Array] = {a.id: a for a in exact.inputs}
        self.constants: set[int] = set()
        self._sizes: dict[str, int] = {}
        self._weaves: dict[object, tuple[tuple[Dimensions, ...], Weave]] = {}
        """Those of frozen nodes, by what they depend on; axes go by identity, and so are kept."""
        self._parents = {b.path: b.parent for b in exact.blocks}
        self.inputs: list[Array] = list(exact.inputs)
        self.outputs: list[Array] = list(exact.outputs)
        self._leaving = {a.id for a in exact.outputs}
        writes = [c.writes for op in _opened(exact) for c in op.body]
        self.overwritten = {old for pairs in writes for old, _ in pairs}
        """Arrays whose memory is written later."""
        self.shared = {old for pairs in writes if len(pairs) > 1 for old, _ in pairs}
        """Those of them that have other names by then."""
        self.exposed: set[int] = set()
        """What no input reaches and is drawn all the same."""
        arrays = [a for op in _opened(exact) for a in (*op.inputs, *op.outputs)]
        used = [a.id for a in (*arrays, *exact.inputs, *exact.outputs)]
        self.fresh = 1 + max([*used, *(new for pairs in writes for _, new in pairs)], default=0)
        for order, (position, op) in enumerate(_with_positions(exact)):
            self.add_op(op, position, float(order))

    def add_op(self, op: Op, position: int, order: float) -> None:
        op = without_pattern(op)
        reads, makes = tuple([a.id for a in op.inputs]), tuple([a.id for a in op.outputs])
        step = Step(tuple(map(_reshaping, op.body)), reads, makes, order)
        for a in (*op.inputs, *op.outputs):
            self.arrays.setdefault(a.id, a)
        for i in makes:
            self.steps[i] = step
        said = [x for c in op.body for x in (*c.args, *(v for _, v in c.kwargs))]
        literals = list(_plain_numbers(said))
        worded = any(isinstance(x, str) for x in said)
        view = op.kind == "rearrange" and len(op.inputs) == 1 and not op.weave.targets
        # The same bits read as another dtype are other values.
        view = view and not any(c.writes for c in op.body) and all(op.inputs[0].dtype == o.dtype for o in op.outputs)
        for part in by_output(op):
            read = part.reading
            self.add(
                Node(
                    op.kind,
                    op.name,
                    list(op.inputs),
                    list(part.outputs),
                    list(map(list, read.ins)),
                    list(map(list, read.outs)),
                    {*read.touched, *read.shifted},
                    op.path,
                    op.source,
                    order,
                    (position,),
                    op.symbol,
                    op.label,
                    op.evidence,
                    literals=list(literals),
                    view=view,
                    worded=worded,
                    op=op,
                )
            )

    # ---------------------------------------------------------------- the graph
    def add(self, node: Node) -> Node:
        self.nodes[node] = None
        for a in node.ins:
            self.readers.setdefault(a.id, {})[node] = None
        for a in node.outs:
            self.maker[a.id] = node
        return node

    def drop(self, node: Node) -> None:
        del self.nodes[node]
        for a in node.ins:
            self.readers[a.id].pop(node, None)
        for a in node.outs:
            if self.maker.get(a.id) is node:
                del self.maker[a.id]

    def drop_keeping_makers(self, node: Node) -> None:
        """Drop a node whose outputs another node makes by now."""
        del self.nodes[node]
        for a in node.ins:
            self.readers[a.id].pop(node, None)

    def ordered(self) -> list[Node]:
        return sorted(self.nodes, key=ORDER)

    def reading(self, a: Array) -> list[Node]:
        return list(self.readers.get(a.id, ()))

    def is_output(self, a: Array) -> bool:
        return a.id in self._leaving

    def hidden(self, a: Array) -> bool:
        """Whether no input reaches the array and nothing draws it: a weight or a constant."""
        return a.id not in self.maker and (a.hidden or a.id in self.constants)

    def constant(self, a: Array) -> bool:
        """Whether the array is the same for all inputs and all weights."""
        return a.id not in self.maker and (a.kind in ("constant", "buffer") or a.id in self.constants)

    def read_from(self, old: Array, new: Array, wires: list[int | None]) -> None:
        """Let everything that reads ``old`` read ``new``: wire k of ``old`` is wire ``wires[k]`` of ``new``.

        None is a broadcast: the wire is dropped at the reader.
        """
        for node in self.reading(old):
            for i, a in enumerate(node.ins):
                if a.id == old.id:
                    row = [""] * len(new.wires)
                    for k, w in enumerate(wires):
                        if w is not None:
                            row[w] = node.itok[i][k]
                    node.ins[i], node.itok[i] = new, row
            self.readers[old.id].pop(node, None)
            self.readers.setdefault(new.id, {})[node] = None
        if self.is_output(old):
            self.outputs = [new if o.id == old.id else o for o in self.outputs]
            self._leaving = {o.id for o in self.outputs}

    def merge(self, nodes: Iterable[Node], like: Node, **changes: Any) -> Node:
        """One node instead of several; it stands where the last of them stood."""
        gone = sorted(nodes, key=ORDER)
        new = replace(like, **changes)
        new.covers = tuple(sorted({c for n in gone for c in n.covers}))
        for n in gone:
            self.drop(n)
        return self.add(new)

    def block_of(self, node: Node) -> str:
        """The smallest block around a node that holds more than this one op."""
        counts: dict[str, int] = {}
        parents = self._parents
        if not self._sizes:
            for n in self.nodes:
                here: str | None = n.path
                while here is not None:
                    counts[here] = counts.get(here, 0) + 1
                    here = parents.get(here)
            self._sizes = counts
        at: str | None = node.path
        while at is not None and self._sizes.get(at, 0) < 2:
            at = parents.get(at)
        return at or ""

    # ---------------------------------------------------------------- running
    def slice(self, outs: Iterable[int], stop: Iterable[int]) -> list[Step]:
        """The steps from ``stop`` (and hidden arrays) to ``outs``, in program order."""
        seen: dict[Step, None] = {}
        done, todo = set(stop), list(outs)
        while todo:
            i = todo.pop()
            if i not in done:
                done.add(i)
                step = self.steps.get(i)
                if step is not None and step not in seen:
                    seen[step] = None
                    todo.extend(step.reads)
        return sorted(seen, key=ORDER)

    def body(self, node: Node) -> tuple[Call, ...]:
        steps = self.slice([a.id for a in node.outs], [a.id for a in node.ins])
        return tuple([c for s in steps for c in s.calls])

    def invent(self, like: Array, axes: tuple[Axis, ...] | None = None) -> Array:
        """A new array that no recorded call made."""
        new = Array(self.fresh, like.axes if axes is None else axes, like.dtype)
        self.fresh += 1
        self.arrays[new.id] = new
        return new

    def rebase(self, target: Array, old: Array, new: Array, stop: Iterable[Array], keep: bool = False) -> Array:
        """The array that ``target`` would be if its calls, as far back as ``stop``, read ``new`` for ``old``.

        ``keep``: it is ``target`` itself that is computed this way from now on.
        """
        swap = {old.id: new.id}
        for step in self.slice((target.id,), {old.id, *(a.id for a in stop)}):
            if not any(i in swap for i in step.reads):
                continue
            made = {i: target if keep and i == target.id else self.invent(self.arrays[i]) for i in step.makes}
            swap |= {i: a.id for i, a in made.items()}
            twin = Step(
                tuple(substituted(c, swap) for c in step.calls),
                tuple(swap.get(i, i) for i in step.reads),
                tuple(a.id for a in made.values()),
                step.order,
            )
            for a in made.values():
                self.steps[a.id] = twin
        return self.arrays[swap.get(target.id, target.id)]

    def define(self, array: Array, name: str, *args: Any, order: float, **kwargs: Any) -> None:
        """Say how an array is computed, by one call on arrays and plain literals."""

        def literal(x: Any) -> Any:
            return Ref(x.id) if isinstance(x, Array) else x

        call = Call(name, tuple(map(literal, args)), tuple((k, literal(v)) for k, v in kwargs.items()), Ref(array.id))
        reads = tuple(x.id for x in (*args, *kwargs.values()) if isinstance(x, Array))
        self.steps[array.id] = Step((call,), reads, (array.id,), order)

    # ---------------------------------------------------------------- back to a diagram
    def freeze(self, digests: dict[int, str]) -> Diagram:
        kept = [self.op(n) for n in self.ordered()]
        tail = [
            c for s in self.slice((a.id for a in self.exact.outputs), (a.id for a in self.outputs)) for c in s.calls
        ]
        returns = tuple(a.id for a in self.exact.outputs)
        source = replace(
            self.exact.source, exact=self.exact, opened={}, tail=tuple(tail), returns=returns, digests=digests
        )
        used = {op.path for op in every_op(kept)}
        parents = {b.path: b.parent for b in self.exact.blocks}
        keep: set[str] = set()
        for path in used:
            here: str | None = path
            while here is not None and here not in keep:
                keep.add(here)
                here = parents.get(here)
        blocks = tuple(b for b in self.exact.blocks if b.path in keep)
        return replace(
            self.exact,
            ops=tuple(kept),
            outputs=tuple(self.outputs),
            blocks=blocks,
            source=source,
            reads=followed(self.exact, kept),
        )

    def op(self, n: Node) -> Op:
        ins = tuple(self.sealed(a) for a in n.ins)
        weave = self.weave(n)
        outs, body = tuple(n.outs), self.body(n)
        how = (n.symbol, n.label, n.covers, n.evidence)
        closed = (n.op.block, n.op.inside) if n.op is not None and n.symbol == "block" else ("", ())
        return Op(n.kind, n.name, ins, outs, weave, n.path, n.place, body, *how, *closed)

    def sealed(self, a: Array) -> Array:
        """A folded constant says that it is one."""
        return replace(a, kind="constant") if self.constant(a) and not a.hidden else a

    def weave(self, n: Node) -> Weave:
        """The node's weave over its operands' dimensions; one for all nodes that read the same axes alike."""
        number: dict[str, int] = {}
        pattern = tuple([number.setdefault(t, len(number)) for rows in (n.itok, n.otok) for row in rows for t in row])
        targets = frozenset([number[t] for t in n.targets if t in number])
        axes = tuple([a.axes for a in (*n.ins, *n.outs)])
        key = (len(n.ins), tuple(map(id, axes)), pattern, targets)
        if key not in self._weaves:
            self._weaves[key] = axes, woven(n, axes)
        return self._weaves[key][1]


def woven(n: Node, axes: tuple[Dimensions, ...]) -> Weave:
    """A node's weave, indices named after the axes of its operands."""
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    whole = True

    def row(a: Array, tokens: list[str]) -> tuple[str, ...]:
        nonlocal whole
        out = []
        for axis, token in zip(a.wires, tokens, strict=True):
            name = names.get(token)
            if name is None:
                name = axis.name
                while name in sizes:
                    name += "'"
                names[token] = name
                sizes[name] = axis.size
            whole = whole and sizes[name] == axis.size
            out.append(name)
        return tuple(out)

    ins = tuple([row(a, tokens) for a, tokens in zip(n.ins, n.itok, strict=True)])
    outs = tuple([row(a, tokens) for a, tokens in zip(n.outs, n.otok, strict=True)])
    targets = frozenset([names[t] for t in n.targets if t in names])
    single = {name: plain(name) for name in sizes}
    forms = [tuple(_forms(x, r, sizes, single)) for x, r in zip(axes, (*ins, *outs), strict=True)]
    weave = Weave(tuple(forms[: len(ins)]), tuple(forms[len(ins) :]), sizes, targets)
    if whole:
        weave.read_as(Reading(axes, ins, outs, targets, frozenset()))
    return weave


def _forms(axes: Dimensions, row: tuple[str, ...], sizes: dict[str, int], single: dict[str, Form]) -> Iterator[Form]:
    at = 0
    for axis in axes:
        count = len(axis.leaves)
        yield single[row[at]] if count == 1 else mixed(row[at : at + count], sizes) if count else UNIT
        at += count


def _with_positions(exact: Diagram) -> Iterator[tuple[int, Op]]:
    """The recorded ops, composites that were opened replaced by what is inside."""
    for i, op in enumerate(exact.ops):
        for inner in exact.source.opened.get(i, (op,)):
            yield i, inner


def _opened(exact: Diagram) -> Iterator[Op]:
    yield from exact.ops
    for inner in exact.source.opened.values():
        yield from inner


def every_op(ops: Iterable[Op]) -> Iterator[Op]:
    """Ops, and those inside closed blocks."""
    for op in ops:
        yield op
        yield from every_op(op.inside)


def numbers(call: Call) -> list[float]:
    """The plain numbers among a call's literals."""
    return list(_plain_numbers([*call.args, *(v for _, v in call.kwargs)]))


def _plain_numbers(said: Sequence[Any]) -> Iterator[float]:
    for x in said:
        if isinstance(x, (int, float)):
            if not isinstance(x, bool):
                yield x
        elif isinstance(x, (tuple, list)):
            yield from _plain_numbers(x)


def _reshaping(call: Call) -> Call:
    """A view asks for strides that the drawn ops before it need not have; reshaping gives a view where it can."""
    if call.name == "torch.Tensor.view" and not any(isinstance(x, Name) for x in call.args):
        return replace(call, name="torch.Tensor.reshape")
    return call


def substituted(call: Call, ids: dict[int, int]) -> Call:
    """The same call on other arrays."""

    def walk(x: Any) -> Any:
        if isinstance(x, Ref):
            return Ref(ids.get(x.id, x.id))
        if isinstance(x, tuple):
            return tuple(map(walk, x))
        if isinstance(x, list):
            return list(map(walk, x))
        if isinstance(x, dict):
            return {k: walk(v) for k, v in x.items()}
        return x

    return replace(
        call,
        args=walk(call.args),
        kwargs=tuple((k, walk(v)) for k, v in call.kwargs),
        out=walk(call.out),
        writes=tuple((ids.get(a, a), ids.get(b, b)) for a, b in call.writes),
    )


Pass = Callable[[Net], None]
