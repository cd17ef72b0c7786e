"""A body recorded on the arrays of the op it opens, and turned into ops over that op's axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ncd.circuit.axis import Atom, Axis, Dim, leaves, unify
from ncd.circuit.diagram import Array, Diagram, Op, Ref
from ncd.emit.calls import filled
from ncd.rewrite.bodies.turns import ENTER
from ncd.rewrite.net import every_op
from ncd.rewrite.refine import Finer, refined_array
from ncd.tracing.callables import short
from ncd.tracing.infer import Woven, infer
from ncd.tracing.inputs import ENLARGED
from ncd.tracing.name import assign
from ncd.tracing.record import recording
from ncd.tracing.recording import Activation, Recorded, Value
from ncd.tracing.seal import Sealer, live
from ncd.tracing.tracer import quiet, start

Body = Callable[..., Any]


@dataclass(frozen=True)
class Take:
    """One recording: the calls, all values, and those of the op's own arrays (see ``own``)."""

    calls: list[Recorded]
    values: list[Value]
    known: list[Value]


def own(op: Op) -> dict[int, Array]:
    """The arrays of an op by id, each once: inputs, then outputs."""
    return {a.id: a for a in (*op.inputs, *op.outputs)}


def take(body: Body, op: Op, functions: list[Any], enlarge: bool) -> Take:
    """The calls that ``body`` makes on fakes of the op's arguments; what it raises is raised."""
    (call,) = op.body
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    tensors: dict[int, torch.Tensor] = {}
    with fakes:
        for a in op.inputs:
            shape = [_extent(axis, enlarge) for axis in a.axes]
            tensors.setdefault(a.id, torch.empty(shape, dtype=getattr(torch, a.dtype)))
    recorder = start(None, fakes, real=False, places=False)
    known = {a.id: recorder.value(tensors[a.id], a.kind, a.name) for a in op.inputs}

    @contextmanager
    def part(title: str) -> Iterator[None]:
        outer = recorder.here
        name = title.lower().replace(" ", "")
        number = 1 + sum(a.parent is outer and a.cls == title for a in recorder.activations)
        recorder.here = Activation(None, name if number == 1 else f"{name}#{number}", title, outer)
        recorder.activations.append(recorder.here)
        try:
            yield
        finally:
            recorder.here = outer

    token = ENTER.set(part)
    try:
        with quiet(), recording(recorder):
            result = body(
                *filled(call.args, tensors, functions), **{k: filled(v, tensors, functions) for k, v in call.kwargs}
            )
    finally:
        ENTER.reset(token)
    given = set(known.values())
    for i, t in _results(call.out, result):
        v = recorder.value(t)
        if v in given or v in known.values():
            raise NotImplementedError("it returns an array that it was given, or one array twice")
        known[i] = v
    return Take(recorder.calls, recorder.values, [known[i] for i in own(op)])


def _extent(axis: Axis, enlarge: bool) -> int:
    n = 1
    for leaf in axis.leaves:
        n *= ENLARGED if enlarge and leaf.size == 1 else leaf.size
    return n


def _results(shape: Any, result: Any) -> Iterator[tuple[int, torch.Tensor]]:
    if isinstance(shape, Ref):
        yield shape.id, result
    elif isinstance(shape, (tuple, list)):
        for inner, x in zip(shape, result, strict=True):
            yield from _results(inner, x)


def copied(found: Take, root: Activation) -> Take:
    """The same recording with values of its own, in a block of its own: for one op of several that are alike."""
    twins = {v: Value(v.id, v.shape, v.dtype, v.kind, v.name, v.data) for v in found.values}
    places: dict[Activation, Activation] = {}

    def place(a: Activation) -> Activation:
        if a.parent is None:
            return root
        if a not in places:
            above = place(a.parent)
            places[a] = Activation(None, f"{above.path}.{a.path}", a.cls, above)
        return places[a]

    def walk(x: Any) -> Any:
        if isinstance(x, Value):
            return twins[x]
        if type(x) in (tuple, list):
            return type(x)(map(walk, x))
        if type(x) is dict:
            return {k: walk(y) for k, y in x.items()}
        return x

    calls = [
        replace(
            c,
            args=walk(c.args),
            kwargs=walk(c.kwargs),
            out=walk(c.out),
            ins=walk(c.ins),
            outs=walk(c.outs),
            writes=walk(c.writes),
            where=place(c.where),
        )
        for c in found.calls
    ]
    return Take(calls, list(twins.values()), [twins[v] for v in found.known])


@dataclass(frozen=True)
class Opened:
    """One op to be opened: its place in the diagram and its body with inferred axes."""

    at: int
    op: Op
    path: str
    woven: list[Woven]
    found: Take
    literal: list[Recorded]
    evidence: str


class Axes:
    """The axes of a diagram as growing atoms, shared by all that is opened in it; then sealed again."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        ops = every_op((*diagram.ops, *(b.op for b in diagram.blocks if b.op is not None)))
        arrays = [a for op in ops for a in (*op.inputs, *op.outputs)]
        self.arrays = {a.id: a for a in (*diagram.inputs, *arrays, *diagram.outputs)}
        self.leaves = {leaf.id: leaf for a in self.arrays.values() for leaf in a.wires}
        self.atoms: dict[int, Atom] = {}
        self.fresh = count(1 + max(self.arrays, default=0))
        self.sealed: dict[Atom, Axis] = {}

    def atom(self, leaf: Axis) -> Atom:
        if leaf.id not in self.atoms:
            self.atoms[leaf.id] = Atom(leaf.size if leaf.size != 1 else ENLARGED, leaf.name, 0)
        return self.atoms[leaf.id]

    def dim(self, axis: Axis) -> Dim:
        return tuple(map(self.atom, axis.leaves))

    def infer(self, op: Op, found: Take, literal: Take) -> list[Woven] | None:
        """The body's calls with their weaves, over the op's own axes; None if they do not meet its results."""
        inputs = {a.id for a in op.inputs}
        known = dict(zip(own(op), found.known, strict=True))
        for v in found.values:
            v.id = next(self.fresh)
        for (i, v), a in zip(known.items(), own(op).values(), strict=True):
            v.id = i
            if i in inputs:
                v.dims = tuple(map(self.dim, a.axes))
        for mine, given in zip(found.values, literal.values, strict=True):
            given.id = mine.id
            if mine.kind == "constant":
                mine.data = given.data
        woven = infer(found.calls, found.values, {})
        for a in op.outputs:
            dims = known[a.id].dims
            if dims is None or len(dims) != len(a.axes):
                return None
            if not all(unify(leaves(d), leaves(self.dim(x))) for d, x in zip(dims, a.axes, strict=True)):
                return None
        return woven

    def seal(self, opened: list[Opened]) -> Finer:
        """Names for what is new; what became of the atomic axes there were."""
        for i, atom in sorted(self.atoms.items()):
            for a in leaves((atom,)):
                if a is atom.find() and a not in self.sealed:
                    self.sealed[a] = self.leaves[i]
        woven = [w for o in opened for w in o.woven]
        values = [v for w in woven for v in (*w.call.outs, *w.call.ins)] + [v for o in opened for v in o.found.values]
        dims = [*(d for v in values for d in v.dims or ()), *((atom,) for atom in self.atoms.values())]
        new: dict[Atom, None] = dict.fromkeys(a for d in dims for a in leaves(d))
        names = assign(new, woven)
        taken = {leaf.name for leaf in self.leaves.values()}
        ids, whole = count(1 + max(self.leaves, default=0)), _chunked(woven)
        grown = {a for i, atom in self.atoms.items() if self.leaves[i].size == 1 for a in leaves((atom,))}
        for a in new:
            if a not in self.sealed:
                name, n = names[a].name, 2
                while name in taken:
                    name, n = f"{names[a].name.rstrip('0123456789')}{n}", n + 1
                taken.add(name)
                self.sealed[a] = Axis(next(ids), name, 1 if a in grown else a.size)
        given = {leaf.id for a in self.diagram.inputs for leaf in a.wires}
        for a, (n, part) in whole.items():
            if self.sealed[a].id not in given:
                self.sealed[a] = replace(self.sealed[a], shown=f"{n}{self.sealed[part].name}")
        now = {i: tuple(self.sealed[a] for a in leaves((atom,))) for i, atom in self.atoms.items()}
        return {i: parts for i, parts in now.items() if parts != (self.leaves[i],)}

    def ops(self, o: Opened, finer: Finer, functions: list[Any], tensors: dict[int, Any]) -> tuple[Op, ...]:
        """The ops of one body, their arrays over the sealed axes."""
        s = Sealer(None, o.woven, {}, o.literal)  # type: ignore[arg-type]
        s.axes = self.sealed
        s.origin.functions, s.origin.tensors = functions, tensors
        s.functions = {id(f): k for k, f in enumerate(functions)}
        for v in o.found.known:
            s.arrays[v] = refined_array(self.arrays[v.id], finer)
        results = {a.id for a in o.op.outputs}
        kept, needed = live(o.woven, [v for v in o.found.known if v.id in results])
        made = [s.op(o.woven[k], needed, o.literal[k]) for k in kept]
        return tuple(replace(op, source=o.op.source, evidence=(o.evidence,)) for op in made)


def _chunked(woven: list[Woven]) -> dict[Atom, tuple[int, Atom]]:
    """Axes that are cut into equal parts (the gates of a cell): into how many, and of what axis."""
    found: dict[Atom, tuple[int, Atom]] = {}
    for w in woven:
        if short(w.call.fn) == "chunk":
            for before, after in zip(w.call.ins[0].dims or (), w.call.outs[0].dims or (), strict=True):
                a, b = leaves(before), leaves(after)
                if len(a) == len(b) == 1 and a != b:
                    found[a[0]] = (a[0].size // b[0].size, b[0])
    return found


def modules_around(diagram: Diagram, path: str) -> Activation | None:
    """The modules that a block is inside of, as a recording has them: their attributes name axes."""
    parents: Mapping[str, str | None] = {b.path: b.parent for b in diagram.blocks}
    classes = {b.path: b.cls for b in diagram.blocks}
    top = diagram.source.module
    if path not in parents:
        return None
    above = parents[path]
    module = None
    if top is not None:
        try:
            module = top.get_submodule(path.split("#")[0])
        except AttributeError:
            module = None
    return Activation(module, path, classes[path], None if above is None else modules_around(diagram, above))
