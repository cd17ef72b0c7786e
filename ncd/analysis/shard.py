"""Sharding marks: which wires are split over which axis of a mesh of devices, and where these must talk.

What an op is repeated over may stay split, for every device does its own part.  A sum over a split axis is
partial on every device: an all-reduce stands behind it.  Whatever else acts on an axis needs the whole of it:
an all-gather stands before it.  An operand that is whole where another is split is cut where it is, which
costs nothing.  These are the rules by which torch's DTensor propagates placements, and tests hold them to it;
which of several possible places for a collective is cheapest is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ncd.circuit.axis import Axis, composite
from ncd.circuit.diagram import Array, Call, Diagram, Op, Ref
from ncd.errors import AxisError
from ncd.rewrite.memory import same

SUMS = ("sum", "mean", "amax", "amin")
"""Reductions whose parts are put together by an all-reduce."""
Split = dict[int, str]
"""The mesh axis by which each wire of an array is split, by the wire's position."""


def shard(diagram: Diagram, axes: Mapping[str, str] | None = None) -> Diagram:
    """What is drawn of a diagram, with marks on split wires and an op for every collective.

    ``axes`` are mesh axes by the names of axes; every array has them split until something gathers it.  Left out,
    the placements of the module's parameters that are DTensors say which are split, and how.  Raises AxisError on names
    of no axis, and where there is nothing to say what is split.
    """
    drawn = diagram.simplify()
    if axes is not None:
        unknown = [n for n in axes if n not in drawn.axes]
        if unknown:
            raise AxisError(
                f"no axis is called {unknown[0]!r}",
                doing=f"sharding {diagram.title!r}",
                fix="the axes are " + ", ".join(sorted(drawn.axes)),
            )
    placed = _placed(drawn) if axes is None else None
    if placed is not None and not placed:
        raise AxisError(
            "no parameter is a DTensor that is split where it is used",
            doing=f"sharding {diagram.title!r}",
            fix='say which axes are split: d.shard({"b": "dp", "h": "tp"})',
        )
    return _Sharding(drawn, axes or {}, placed or {}).run()


def _placed(diagram: Diagram) -> dict[str, Split]:
    """The splits of the parameters that are DTensors, by name; not what FSDP gathers before it is used."""
    module = diagram.source.module
    found: dict[str, Split] = {}
    between = _between_uses(module)
    named = dict(module.named_parameters()) if module is not None else {}
    for a in diagram.arrays:
        p = named.get(a.name) if a.kind == "parameter" else None
        if p is None or not hasattr(p, "placements"):
            continue
        names = p.device_mesh.mesh_dim_names or [f"mesh{k}" for k in range(p.device_mesh.ndim)]
        for mesh, placement in zip(names, p.placements, strict=True):
            if placement.is_shard() and mesh not in between:
                first = sum(len(x.leaves) for x in a.axes[: placement.dim])
                found.setdefault(a.name, {})[first] = mesh  # the outermost part of the dimension
    return found


def _between_uses(module: Any) -> set[str]:
    """The axes of the mesh over which FSDP splits weights while they are not used."""
    found: set[str] = set()
    for m in module.modules() if module is not None else ():
        if hasattr(m, "_get_fsdp_state"):
            for group in m._get_fsdp_state()._fsdp_param_groups:
                found.update(group.mesh_info.mesh.mesh_dim_names or ())
    return found


@dataclass
class _Sharding:
    diagram: Diagram
    axes: Mapping[str, str]
    placed: Mapping[str, Split]

    def run(self) -> Diagram:
        self.fresh = 1 + max(
            (a.id for d in (self.diagram, self.diagram.source.exact) if d is not None for a in d.arrays), default=0
        )
        self.split: dict[int, Split] = {}
        self.whole: dict[tuple[int, int], Array] = {}
        """What was gathered, by the array and the position of the wire."""
        ops: list[Op] = []
        for op in self.diagram.ops:
            ops += self.step(op)
        outputs = tuple(map(self.marked, self.diagram.outputs))
        return replace(
            self.diagram, ops=tuple(ops), inputs=tuple(map(self.marked, self.diagram.inputs)), outputs=outputs
        )

    def of(self, a: Array) -> Split:
        """How an array is split that no op made."""
        if a.id not in self.split:
            named = self.placed.get(a.name, {}) if self.placed else {}
            free = a.kind != "value"
            found = {k: self.axes[w.name] for k, w in enumerate(a.wires) if free and w.name in self.axes}
            once: Split = {}
            for k, mesh in found.items():
                if mesh not in once.values():  # a mesh axis splits one wire of an array
                    once[k] = mesh
            self.split[a.id] = once | named
        return self.split[a.id]

    def step(self, op: Op) -> Iterator[Op]:
        """An op between the collectives that it needs."""
        ins, outs = op.indices()
        made = {v for row in outs for v in row}
        sums = op.kind == "contraction" or (op.kind == "reduce" and op.name in SUMS)
        chosen: dict[str, str] = {}
        """Index -> mesh axis."""
        inputs = list(op.inputs)
        gathered: list[Op] = []
        for k, row in enumerate(ins):
            for place, mesh in list(self.of(inputs[k]).items()):
                v = row[place]
                apart = v not in chosen and mesh in chosen.values()
                acted = op.touches(v) and not (sums and v not in made and not v.startswith("@"))
                if apart or acted:
                    a = inputs[k]
                    inputs[k] = self.gathered(a, place, mesh, op.path, gathered)
                else:
                    chosen[v] = mesh
        yield from gathered
        for a, row in zip(op.outputs, outs, strict=True):
            self.split[a.id] = {k: chosen[v] for k, v in enumerate(row) if v in chosen}
        partial = sorted({mesh for v, mesh in chosen.items() if op.touches(v) and v not in made})
        swap = {a.id: b.id for a, b in zip(op.inputs, inputs, strict=True) if a.id != b.id}
        body = tuple(_reading(c, swap) for c in op.body)
        results, behind = list(op.outputs), list[Op]()
        for k, a in enumerate(op.outputs if partial else ()):
            part = results[k] = self.twin(a)
            self.split[part.id] = self.split[a.id]
            body = (*body, Call("torch.clone", (Ref(a.id),), out=Ref(part.id)))
            behind.append(self.collective("all-reduce", partial, part, a, op.path))
        marked, made_now = tuple(map(self.marked, inputs)), tuple(map(self.marked, results))
        yield replace(op, inputs=marked, outputs=made_now, body=body)
        yield from behind

    def gathered(self, a: Array, place: int, mesh: str, path: str, ops: list[Op]) -> Array:
        if (a.id, place) not in self.whole:
            b = self.whole[a.id, place] = self.twin(a)
            self.split[b.id] = {k: m for k, m in self.of(a).items() if k != place}
            ops.append(self.collective("all-gather", [mesh], a, b, path))
        return self.whole[a.id, place]

    def twin(self, a: Array) -> Array:
        self.fresh += 1
        return replace(a, id=self.fresh, kind="value", name="")

    def collective(self, name: str, meshes: list[str], a: Array, b: Array, path: str) -> Op:
        op = same("box", self.marked(a), self.marked(b), f"{name} {', '.join(meshes)}", path)
        called: list[str] = []
        for w in a.wires:
            called.append(w.name + "'" * called.count(w.name))
        op = replace(op, weave=op.weave.renamed(dict(zip(op.indices()[0][0], called, strict=True))))
        body = Call("torch.clone", (Ref(a.id),), out=Ref(b.id))
        targets = frozenset(v for k, v in enumerate(op.indices()[0][0]) if k in self.of(a) and k not in self.of(b))
        weave = replace(op.weave, targets=targets)
        return replace(op, kind="along" if targets else "map", name=name, weave=weave, body=(body,), work=())

    def marked(self, a: Array) -> Array:
        """The array with the mesh axes written on its split wires."""
        split, count = self.of(a), iter(range(len(a.wires)))

        def axis(x: Axis) -> Axis:
            if x.factors:
                whole = composite([axis(f) for f in x.factors])
                return replace(whole, name=x.name)
            if x.id < 0:
                return x
            mesh = split.get(next(count))
            return replace(x, shown=f"{mesh}|{x.shown or x.name}") if mesh else x

        return replace(a, axes=tuple(map(axis, a.axes)))


def _reading(call: Call, ids: Mapping[int, int]) -> Call:
    """A call that reads other arrays."""

    def walk(x: Any) -> Any:
        if isinstance(x, Ref):
            return Ref(ids.get(x.id, x.id))
        if isinstance(x, (tuple, list)):
            return type(x)([walk(y) for y in x])
        return {k: walk(y) for k, y in x.items()} if isinstance(x, dict) else x

    return replace(call, args=walk(call.args), kwargs=tuple((k, walk(x)) for k, x in call.kwargs))
