"""From a finished inference to an immutable diagram."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import torch

from ncd.circuit.axis import ONE, Atom, Axis, Dim, composite, leaves
from ncd.circuit.diagram import Array, Block, Call, Diagram, Name, Op, Origin, Ref
from ncd.circuit.reads import SHAPE, Read
from ncd.circuit.weave import Form, Side, Weave, mixed, plain
from ncd.ops.aten.work import RECURRENT, recurrent
from ncd.ops.calls import Row, describe
from ncd.tracing.callables import dotted, short
from ncd.tracing.infer import Woven, produced
from ncd.tracing.name import Named, assign
from ncd.tracing.recording import Activation, Recorded, Recording, Value

_LITERALS = frozenset([type(None), type(...), bool, int, float, complex, str])
_DTYPES: dict[torch.dtype, str] = {}


def dtype_name(dtype: torch.dtype) -> str:
    if dtype not in _DTYPES:
        _DTYPES[dtype] = str(dtype).removeprefix("torch.")
    return _DTYPES[dtype]


Names: TypeAlias = dict[str, dict[str, int]]
"""For each variable of a weave the indices that it stands for, with their sizes."""


class Sealed(NamedTuple):
    """What a diagram says of a call, but for its arrays."""

    name: str
    row: Row
    weave: Weave
    work: tuple[tuple[str | int, ...], ...] | None


class Sealer:
    """Turns values, calls and atoms into arrays, ops and axes; one instance is one diagram."""

    def __init__(
        self, recording: Recording, woven: list[Woven], sizes: Mapping[Atom, int], literal: list[Recorded]
    ) -> None:
        self.recording, self.woven, self.sizes, self.literal = recording, woven, sizes, literal
        self.origin = Origin()
        self.functions: dict[int, int] = {}
        self.arrays: dict[Value, Array] = {}
        self.axes: dict[Atom, Axis] = {}
        self.laid: dict[tuple[Dim, ...], tuple[Axis, ...]] = {}
        self.same: dict[tuple[Axis, ...], tuple[Axis, ...]] = {}
        """Arrays that lie along the same axes share them."""
        self.known: dict[object, Sealed] = {}
        self.plain: dict[str, Form] = {}

    # ---------------------------------------------------------------- axes and arrays
    def name_axes(self, woven: list[Woven]) -> None:
        r = self.recording
        arrays = {v.dims or (): None for v in r.inputs}
        for w in woven:
            c = w.call
            for v in (*c.ins, *produced(c), *(n for _, n in c.writes)):
                arrays[v.dims or ()] = None
        arrays.update((v.dims or (), None) for v in r.outputs)
        dims = dict.fromkeys(dim for found in arrays for dim in found)
        for w in woven:  # an axis that only the call itself has: a padded one
            for env in w.bindings:
                dims.update(dict.fromkeys(env.values()))
        order = {a: None for dim in dims for a in leaves(dim)}
        names = assign(order, woven, r.inputs, r.outputs, r.root.module)
        for found in {v.dims or (): None for v in r.values}:
            order.update((a, None) for dim in found for a in leaves(dim))
        names |= {a: Named(f"unseen{i}") for i, a in enumerate(order) if a not in names}
        self.axes = {
            a: Axis(i, names[a].name, self.sizes.get(a, a.size), shown=names[a].shown) for i, a in enumerate(order)
        }

    def axis(self, dim: Dim) -> Axis:
        if len(dim) == 1 and dim[0] in self.axes:
            return self.axes[dim[0]]
        parts = [self.axes[a] for a in leaves(dim)]
        whole = composite(parts)
        if len(parts) > 1 and len(dim) == 1 and dim[0].rank == 0 and dim[0].name:
            return replace(whole, name=dim[0].name)
        return whole if parts else ONE

    def array(self, v: Value) -> Array:
        found = self.arrays.get(v)
        if found is None:
            axes = self.laid.get(v.dims)
            if axes is None:
                axes = tuple(map(self.axis, v.dims))
                axes = self.laid[v.dims] = self.same.setdefault(axes, axes)
            found = Array(v.id, axes, dtype_name(v.dtype), v.kind, v.name)
            self.arrays[v] = found
            if v.data is not None and v.kind in ("constant", "parameter", "buffer"):
                self.origin.tensors[v.id] = v.data
        return found

    # ---------------------------------------------------------------- weaves
    def sealed(self, w: Woven, extra: list[tuple[Value, Value]]) -> Sealed:
        """What the diagram says of a call; said once of calls that do the same to the same axes."""
        name = short(w.call.fn)
        if w.opaque or not w.bindings or extra:
            return self.seal(w, name, extra)
        through = tuple([v in w.call.ins for v in produced(w.call)])
        key = (name, id(w.derived), through, *[(*env, *env.values()) for env in w.bindings])
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.seal(w, name, extra)
        return found

    def seal(self, w: Woven, name: str, extra: list[tuple[Value, Value]]) -> Sealed:
        names = self.names(w)
        weave = self.weave(w, names, extra)
        row = Row("opaque", "box", name.replace("_", " ")) if w.opaque else describe(name, weave)
        return Sealed(name, row, weave, self.work(w, names, name, weave))

    def weave(self, w: Woven, names: list[Names], extra: list[tuple[Value, Value]]) -> Weave:
        """The call's weave with one variable per axis, named after it; opaque calls touch everything."""
        outs = made(w.call)
        if w.opaque or not w.bindings:
            return self.all_target(w.call.ins + [old for old, _ in extra], outs + [new for _, new in extra])
        weaves = (w.derived.weave, *w.derived.weave.rest)
        named = [self.expand(weave, own) for weave, own in zip(weaves, names, strict=True)]
        through = [v in w.call.ins for v in produced(w.call)]
        if len(named) > 1:
            named = [n for n, gone in zip(named, through, strict=True) if not gone]
        elif any(through):
            kept = tuple(f for f, gone in zip(named[0].outs, through, strict=True) if not gone)
            named = [replace(named[0], outs=kept)]
        first = replace(named[0], rest=tuple(named[1:])) if len(named) > 1 else named[0]
        if not extra:
            return first
        aliases = self.all_target([old for old, _ in extra], [new for _, new in extra], "~")
        return Weave(
            first.ins + aliases.ins,
            first.outs + aliases.outs,
            {**first.sizes, **aliases.sizes},
            first.targets | aliases.targets,
        )

    def names(self, w: Woven) -> list[Names]:
        """For each weave of a call its variables, and the indices that each stands for with their sizes."""
        used: dict[str, object] = {}
        weaves = (w.derived.weave, *w.derived.weave.rest)
        return [
            {v: self.indices(v, weave.sizes[v], env, used) for v in weave.variables}
            for weave, env in zip(weaves, w.bindings, strict=False)
        ]

    def expand(self, weave: Weave, names: Names) -> Weave:
        sizes: dict[str, int] = {}
        targets: set[str] = set()
        parts: dict[str, Form] = {}
        for v, named in names.items():
            sizes.update(named)
            parts[v] = self.mixed(named, sizes)
            if v in weave.targets:
                targets.update(named)

        def side(arrays: Side) -> Side:
            return tuple([tuple([form(f) for f in dims]) for dims in arrays])

        def form(f: Form) -> Form:
            if len(f.terms) == 1 and f.terms[0][0] == 1 and not f.const:
                return parts[f.terms[0][1]]
            # Coefficients are those of the sizes traced at; a factorisation is written anew, since
            # an axis of size 1 was traced at a larger size.
            if f.radix(_extent(f, weave.sizes), weave.sizes) is not None:
                return mixed([n for v in f.variables for n in parts[v].variables], sizes)
            return Form(tuple((c * k, n) for c, v in f.terms for k, n in parts[v].terms), f.const)

        return Weave(side(weave.ins), side(weave.outs), sizes, frozenset(targets))

    def mixed(self, names: Collection[str], sizes: Mapping[str, int]) -> Form:
        """The form that enumerates these indices; one object for every form of a single index."""
        if len(names) != 1:
            return mixed(names, sizes)
        (name,) = names
        if name not in self.plain:
            self.plain[name] = plain(name)
        return self.plain[name]

    def indices(self, v: str, extent: int, env: Mapping[str, Dim], used: dict[str, object]) -> dict[str, int]:
        """What the parts of an index are called, and their sizes: one for each axis that it enumerates."""
        atoms = leaves(env[v]) if v in env else None
        if atoms is not None and len(atoms) == 1 and atoms[0] in self.axes:
            axis = self.axes[atoms[0]]  # nearly all of them
            return {_unused(axis.name, (v, atoms[0], 0), used): axis.size}
        # A window as long as its stride that stops short of the end is no axis of any array.
        if atoms is None or any(a not in self.axes for a in atoms):
            return {_unused(v if v.isalpha() and len(v) == 1 else "i", (v, None), used): extent}
        return {_unused(self.axes[a].name, (v, a, k), used): self.axes[a].size for k, a in enumerate(atoms)}

    def work(self, w: Woven, names: list[Names], name: str, weave: Weave) -> tuple[tuple[str | int, ...], ...] | None:
        """The multiply-adds of a call, in the indices of its sealed weave."""
        if w.opaque or not w.bindings:
            return None if w.derived.work != () else ()
        if name in RECURRENT:
            return recurrent(weave)
        if w.derived.work is None:
            return None
        if not w.derived.work:
            return ()
        first = names[0]
        found = [
            tuple(n for v in p for n in (first[v] if isinstance(v, str) and v in first else (v,)))
            for p in w.derived.work
        ]
        # Traced at a larger size, what is no axis has another extent than it would have.
        if self.sizes and any(isinstance(n, int) for p in found for n in p):
            return None
        return tuple(found)

    def all_target(self, ins: list[Value], outs: list[Value], mark: str = "") -> Weave:
        sizes: dict[str, int] = {}
        used: dict[str, object] = {}

        def side(values: list[Value], where: str) -> Side:
            made = []
            for i, v in enumerate(values):
                dims = []
                for k, dim in enumerate(v.dims):
                    names = []
                    for j, a in enumerate(leaves(dim)):
                        name = _unused(self.axes[a].name + mark, (where, i, k, j), used)
                        sizes[name] = self.axes[a].size
                        names.append(name)
                    dims.append(mixed(names, sizes))
                made.append(tuple(dims))
            return tuple(made)

        left, right = side(ins, "i"), side(outs, "o")
        return Weave(left, right, sizes, frozenset(sizes))

    # ---------------------------------------------------------------- calls
    def literal_of(self, x: Any) -> Any:
        kind = type(x)
        if kind is Value:
            return Ref(x.id)
        if kind in _LITERALS:
            return x
        if kind is tuple or kind is list:
            return kind([self.literal_of(y) for y in x])
        if kind is dict:
            return {k: self.literal_of(v) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(*map(self.literal_of, (x.start, x.stop, x.step)))
        if isinstance(x, (torch.dtype, torch.layout, torch.memory_format)):
            return Name(str(x))
        if isinstance(x, torch.device):
            return Name(f'torch.device("{x}")')
        if isinstance(x, (int, float)):
            return int(x) if isinstance(x, int) else float(x)
        return Name(self.kept(x))

    def kept(self, thing: Any) -> str:
        if id(thing) not in self.functions:
            self.functions[id(thing)] = len(self.origin.functions)
            self.origin.functions.append(thing)
        return f"#{self.functions[id(thing)]}"

    def call(self, c: Recorded, writes: list[tuple[Value, Value]]) -> Call:
        return Call(
            dotted(c.fn) or self.kept(c.fn),
            self.literal_of(c.args),
            tuple([(k, self.literal_of(v)) for k, v in c.kwargs.items()]),
            self.literal_of(c.out),
            tuple([(old.id, new.id) for old, new in writes]),
            c.autocast,
        )

    def op(self, w: Woven, needed: set[Value], literal: Recorded) -> Op:
        c = w.call
        outs = made(c)
        writes = [(old, new) for old, new in c.writes if new in needed or new in outs]
        extra = [(old, new) for old, new in writes if new not in outs]
        name, row, weave, work = self.sealed(w, extra)
        return Op(
            row.kind,
            name,
            tuple(map(self.array, [*c.ins, *[old for old, _ in extra]])),
            tuple(map(self.array, [*outs, *[new for _, new in extra]])),
            weave,
            c.where.path,
            c.place,
            (self.call(literal, literal.writes),),
            row.symbol,
            row.label,
            work=work,
        )


def made(call: Recorded) -> list[Value]:
    """What a call produced, without the operands that it merely handed back (``broadcast_tensors`` does)."""
    return [v for v in produced(call) if v not in call.ins]


def _extent(f: Form, sizes: Mapping[str, int]) -> int:
    n = 1
    for v in f.variables:
        n *= sizes[v]
    return n


def _unused(name: str, owner: object, used: dict[str, object]) -> str:
    while used.setdefault(name, owner) != owner:
        name += "'"
    return name


def settle(woven: list[Woven]) -> None:
    """Write what the variables of all calls stand for as the atoms that are left, once no more are merged or cut."""
    found: dict[Dim, Dim] = {}
    for w in woven:
        for env in w.bindings:
            for v, dim in env.items():
                if dim not in found:
                    found[dim] = leaves(dim)
                env[v] = found[dim]


def live(woven: list[Woven], outputs: list[Value]) -> tuple[list[int], set[Value]]:
    """Positions of the calls that outputs depend on, and the values needed.

    A call that returned what it was given (dropout in eval, ``to`` the same dtype) did nothing.
    """
    needed = set(outputs)
    kept = []
    for i in range(len(woven) - 1, -1, -1):
        c = woven[i].call
        read = not needed.isdisjoint(c.outs) and any(v in needed and v not in c.ins for v in c.outs)
        if read or (c.writes and any(new in needed for _, new in c.writes)):
            kept.append(i)
            needed.update(c.ins)
            needed.update(old for old, new in c.writes if new in needed)
    return kept[::-1], needed


def blocks(activations: list[Activation], used: set[str]) -> tuple[Block, ...]:
    """The module calls in which something happened, and those around them."""
    keep: set[str] = set()
    for a in activations:
        if a.path in used:
            here: Activation | None = a
            while here is not None and here.path not in keep:
                keep.add(here.path)
                here = here.parent
    return tuple(
        Block(a.path, a.cls, a.parent.path if a.parent is not None else None) for a in activations if a.path in keep
    )


def depends_on_input(woven: list[Woven], inputs: list[Value]) -> set[Value]:
    """Values that an input or a parameter reaches."""
    reached = set(inputs)
    for w in woven:
        c = w.call
        through = not reached.isdisjoint(c.ins) or any(v.kind == "parameter" for v in c.ins)
        if through:
            reached.update(c.outs)
        for old, new in c.writes:
            if through or old in reached or any(v in reached for v in c.ins):
                reached.add(new)
    return reached


def decided(recording: Recording, woven: list[Woven], position: Mapping[int, int]) -> list[Read]:
    """Where the values of inputs or weights decided what was done, in the order it happened.

    What was asked may itself lead to no output (``done.all()``): the op named is then the last one
    before it that does.
    """
    if not recording.reads and not any(w.derived.asks for w in woven):
        return []
    reached = depends_on_input(woven, recording.inputs)
    maker: dict[Value, int] = {}
    for k, w in enumerate(woven):
        for v in (*w.call.outs, *(new for _, new in w.call.writes)):
            maker.setdefault(v, k)

    def upstream(value: Value) -> int | None:
        seen, todo, found = {value}, [value], list[int]()
        while todo:
            k = maker.get(todo.pop())
            if k is None:
                continue
            if k in position:
                found.append(position[k])
            else:
                new = [v for v in woven[k].call.ins if v not in seen]
                seen.update(new)
                todo += new
        return max(found, default=None)

    asked: list[tuple[float, Read]] = []
    for a in recording.reads:
        if a.value in reached:
            asked.append((a.at - 0.5, Read(upstream(a.value), a.what, a.place, a.answer)))
    for k, w in enumerate(woven):
        if w.derived.asks and any(v in reached for v in w.call.ins):
            out = next(iter(w.call.outs), None)
            op = position[k] if k in position else None if out is None else upstream(out)
            asked.append((k, Read(op, SHAPE, w.call.place, str(list(out.shape)) if out is not None else "")))
    return [r for _, r in sorted(asked, key=lambda pair: pair[0])]


def seal(
    recording: Recording,
    woven: list[Woven],
    opened: dict[int, list[Woven]],
    sizes: Mapping[Atom, int],
    literal: Recording,
    title: str,
    module: Any,
) -> Diagram:
    """The diagram of a recording.  ``literal`` is the recording at the sizes given, whose literals
    go into the code; ``sizes`` gives axes that were traced at another size the size they have.
    """
    settle([*woven, *chain(*opened.values())])
    s = Sealer(recording, woven, sizes, literal.calls)
    kept, needed = live(woven, recording.outputs)
    s.name_axes([w for k in kept for w in (*opened.get(k, ()), woven[k])])
    position = {k: i for i, k in enumerate(kept)}
    ops = tuple(s.op(woven[k], needed, literal.calls[k]) for k in kept)
    for k, inner in opened.items():
        if k in position:
            inside, wanted = live(inner, woven[k].call.outs)
            s.origin.opened[position[k]] = tuple(s.op(inner[j], wanted, literal.calls[k].inside[j]) for j in inside)
    reads = decided(recording, woven, position)
    if recording.forced is not None and recording.forced not in [r.source for r in reads]:
        at = next((i for i, op in enumerate(ops) if op.source == recording.forced), None)
        reads.append(Read(at, "value", recording.forced))
    s.origin.module = module
    s.origin.inputs = tuple(map(s.array, recording.inputs))
    s.origin.length = len(literal.calls)
    s.origin.memory = {v.id: v.memory for v in recording.values}
    return Diagram(
        title,
        ops,
        s.origin.inputs,
        tuple(map(s.array, recording.outputs)),
        blocks(recording.activations, {op.path for op in ops}),
        tuple(reads),
        source=s.origin,
    )
