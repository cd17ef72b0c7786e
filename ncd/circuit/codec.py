"""Diagrams as JSON: versioned, deterministic, and equal after the round trip.

Axes, arrays and file names stand once each in tables and are referred to by their place in them;
fields that have their default value are left out.  In the literals of calls every JSON object has
one key, a tag that says what Python value it stands for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Block, Call, Diagram, Name, Op, Place, Ref
from ncd.circuit.packed import unpacked
from ncd.circuit.reads import Read
from ncd.circuit.weave import Form, Weave
from ncd.errors import NCDError

VERSION = 2
"""Version 1 had closed and opened blocks neither of their own; it is read as it is."""
Json = Any
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A literal that JSON could not hold; what is left of it is how it printed."""

    text: str

    def __repr__(self) -> str:
        return self.text


def to_json(diagram: Diagram) -> str:
    """The diagram as text; equal diagrams give equal text."""
    return json.dumps(encode(diagram), sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Diagram:
    """The diagram in ``text``, bare or inside the document that a notebook cell shows.

    Raises NCDError on anything that is not a diagram of a version this ncd can read.
    """
    try:
        data = json.loads(text)
    except (ValueError, TypeError, RecursionError) as e:
        raise _unreadable(f"this is not JSON ({e})") from e
    return decode(data)


def _unreadable(cause: str) -> NCDError:
    return NCDError(cause, doing="reading a diagram from JSON", fix='write it with diagram.save("x.json") or to_json()')


# --------------------------------------------------------------------------------------------- writing


def encode(diagram: Diagram) -> dict[str, Json]:
    """The diagram as plain dicts, lists, strings and numbers."""
    return _Writer().diagram(diagram)


def _sparse(thing: Any, **encoded: Json) -> dict[str, Json]:
    """The fields in ``encoded`` whose values are not the defaults of ``thing``'s class."""
    default = _defaults(type(thing))  # type: ignore[arg-type]  # a class is hashable
    return {k: v for k, v in encoded.items() if default[k] is MISSING or getattr(thing, k) != default[k]}


@lru_cache(None)
def _defaults(kind: type) -> dict[str, Any]:
    return {f.name: f.default for f in fields(kind)}


class _Writer:
    """Collects the tables while the diagram is written."""

    def __init__(self) -> None:
        self.axis_rows: list[Json] = []
        self.array_rows: list[Json] = []
        self.axis_at: dict[Axis, int] = {}
        self.array_at: dict[Array, int] = {}
        self.file_at: dict[str, int] = {}

    def diagram(self, d: Diagram) -> dict[str, Json]:
        body = _sparse(
            d,
            title=d.title,
            inputs=[self.array(a) for a in d.inputs],
            ops=[self.op(op) for op in d.ops],
            outputs=[self.array(a) for a in d.outputs],
            blocks=[self.block(b) for b in d.blocks],
            reads=[_sparse(r, op=r.op, what=r.what, source=self.place(r.source), value=r.value) for r in d.reads],
            outer=list(d.outer),
            bundles=[list(pair) for pair in d.bundles],
            options=[[k, literal(v)] for k, v in d.options],
        )
        tables = {"axes": self.axis_rows, "arrays": self.array_rows, "files": list(self.file_at)}
        return {"ncd": VERSION, **tables, **body}

    def axis(self, axis: Axis) -> int:
        if axis not in self.axis_at:
            row = _sparse(
                axis,
                id=axis.id,
                name=axis.name,
                size=axis.size,
                factors=[self.axis(f) for f in axis.factors],
                shown=axis.shown,
                turns=[list(pair) for pair in axis.turns],
            )
            self.axis_at[axis] = len(self.axis_rows)
            self.axis_rows.append(row)
        return self.axis_at[axis]

    def array(self, array: Array) -> int:
        if array not in self.array_at:
            axes = [self.axis(a) for a in array.axes]
            self.array_at[array] = len(self.array_rows)
            self.array_rows.append(
                _sparse(array, id=array.id, axes=axes, dtype=array.dtype, kind=array.kind, name=array.name)
            )
        return self.array_at[array]

    def place(self, place: Place | None) -> Json:
        if place is None:
            return None
        file = self.file_at.setdefault(place.file, len(self.file_at))
        return [file, place.line, place.column, place.end_line, place.end_column, place.function]

    def op(self, op: Op) -> Json:
        return _sparse(
            op,
            kind=op.kind,
            name=op.name,
            inputs=[self.array(a) for a in op.inputs],
            outputs=[self.array(a) for a in op.outputs],
            weave=_weave(op.weave),
            path=op.path,
            source=self.place(op.source),
            body=[_call(c) for c in op.body],
            symbol=op.symbol,
            label=op.label,
            covers=list(op.covers),
            evidence=list(op.evidence),
            block=op.block,
            inside=[self.op(o) for o in op.inside],
            work=None if op.work is None else [list(p) for p in op.work],
        )

    def block(self, b: Block) -> Json:
        plain = {f.name: _plain(getattr(b, f.name)) for f in fields(b) if f.name != "op"}
        return _sparse(b, **plain, op=None if b.op is None else self.op(b.op))


def _plain(value: Any) -> Json:
    return list(value) if isinstance(value, tuple) else value


def _weave(w: Weave) -> Json:
    def side(arrays: Sequence[Sequence[Form]]) -> Json:
        return [[[form.const, *([c, v] for c, v in form.terms)] for form in array] for array in arrays]

    return {
        "ins": side(w.ins),
        "outs": side(w.outs),
        "sizes": dict(w.sizes),
        "targets": sorted(w.targets),
        **({"rest": [_weave(r) for r in w.rest]} if w.rest else {}),
    }


def _call(call: Call) -> Json:
    return _sparse(
        call,
        name=call.name,
        args=[literal(a) for a in call.args],
        kwargs=[[k, literal(v)] for k, v in call.kwargs],
        out=literal(call.out),
        writes=[list(pair) for pair in call.writes],
        autocast=list(call.autocast),
    )


def literal(value: Any) -> Json:
    """A literal of a call as JSON."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    match value:
        case Ref(id):
            return {"ref": id}
        case Name(text):
            return {"name": text}
        case list():
            return [literal(v) for v in value]
        case tuple():
            return {"tuple": [literal(v) for v in value]}
        case dict():
            return {"dict": [[literal(k), literal(v)] for k, v in value.items()]}
        case slice():
            return {"slice": [literal(value.start), literal(value.stop), literal(value.step)]}
        case complex():
            return {"complex": [literal(value.real), literal(value.imag)]}
    return {"ellipsis": True} if value is ... else {"opaque": repr(value)}


# --------------------------------------------------------------------------------------------- reading


def decode(data: Json) -> Diagram:
    """The diagram in what ``encode`` gave, or in a document that has it under ``diagram``, packed or not."""
    if isinstance(data, dict) and isinstance(data.get("diagram"), dict):
        data = data["diagram"]
    elif isinstance(data, dict) and isinstance(data.get("diagram"), str):
        try:
            data = json.loads(unpacked(data["diagram"]))
        except (ValueError, RecursionError) as e:
            raise _unreadable(f"the packed diagram is damaged ({e})") from e
    if not isinstance(data, dict) or "ncd" not in data:
        raise _unreadable("this JSON holds no diagram: there is no field 'ncd' with the version")
    if type(data["ncd"]) is not int or not 1 <= data["ncd"] <= VERSION:
        raise NCDError(
            f"the diagram has version {data['ncd']!r}, this ncd reads versions 1 to {VERSION}",
            doing="reading a diagram from JSON",
            fix="write it anew from the model, or read it with the ncd that wrote it",
        )
    try:
        return _Reader(data).diagram()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise _unreadable(f"the diagram is damaged ({type(e).__name__}: {e})") from e


class _Reader:
    """Resolves places in the tables to what stands there."""

    def __init__(self, data: dict[str, Json]) -> None:
        self.data, self.files = data, list(map(str, data["files"]))
        self.axes: list[Axis] = []
        for row in data["axes"]:
            parts, turns = self._all(self.axes, row.get("factors", ())), _tupled(row.get("turns", ()))
            self.axes.append(Axis(**{**row, "factors": parts, "turns": turns}))
        self.arrays = [Array(**{**row, "axes": self._all(self.axes, row["axes"])}) for row in data["arrays"]]

    @staticmethod
    def _all(table: Sequence[T], places: Sequence[int]) -> tuple[T, ...]:
        if any(type(i) is not int or i < 0 for i in places):
            raise ValueError(f"no such places: {places}")
        return tuple(table[i] for i in places)

    def diagram(self) -> Diagram:
        data = self.data
        return Diagram(
            title=data["title"],
            ops=tuple(map(self.op, data["ops"])),
            inputs=self._all(self.arrays, data["inputs"]),
            outputs=self._all(self.arrays, data["outputs"]),
            blocks=tuple(map(self.block, data.get("blocks", ()))),
            reads=tuple(Read(**{**r, "source": self.place(r.get("source"))}) for r in data.get("reads", ())),
            outer=tuple(data.get("outer", ())),
            bundles=tuple((a, b) for a, b in data.get("bundles", ())),
            options=tuple((k, value(v)) for k, v in data.get("options", ())),
        )

    def place(self, row: Json) -> Place | None:
        if row is None:
            return None
        (file,) = self._all(self.files, row[:1])
        return Place(file, *row[1:])

    def op(self, row: dict[str, Json]) -> Op:
        return Op(
            **{
                **row,
                "inputs": self._all(self.arrays, row["inputs"]),
                "outputs": self._all(self.arrays, row["outputs"]),
                "weave": _read_weave(row["weave"]),
                "source": self.place(row.get("source")),
                "body": tuple(map(_read_call, row.get("body", ()))),
                "covers": tuple(row.get("covers", ())),
                "evidence": tuple(row.get("evidence", ())),
                "inside": tuple(map(self.op, row.get("inside", ()))),
                "work": None if row.get("work") is None else tuple(map(tuple, row["work"])),
            }
        )

    def block(self, row: dict[str, Json]) -> Block:
        op = self.op(row["op"]) if row.get("op") is not None else None
        return Block(**{**{k: _tupled(v) for k, v in row.items()}, "op": op})


def _tupled(v: Json) -> Any:
    return tuple(map(_tupled, v)) if isinstance(v, (list, tuple)) else v


def _read_weave(row: dict[str, Json]) -> Weave:
    def side(arrays: Json) -> tuple[tuple[Form, ...], ...]:
        return tuple(tuple(Form(tuple((c, v) for c, v in terms), const) for const, *terms in array) for array in arrays)

    rest = tuple(map(_read_weave, row.get("rest", ())))
    return Weave(side(row["ins"]), side(row["outs"]), dict(row["sizes"]), frozenset(row["targets"]), rest)


def _read_call(row: dict[str, Json]) -> Call:
    return Call(
        row["name"],
        tuple(value(v) for v in row.get("args", ())),
        tuple((k, value(v)) for k, v in row.get("kwargs", ())),
        value(row.get("out")),
        tuple((a, b) for a, b in row.get("writes", ())),
        tuple(row.get("autocast", ())),
    )


def value(data: Json) -> Any:
    """The literal that ``literal`` wrote."""
    if isinstance(data, list):
        return [value(v) for v in data]
    if not isinstance(data, dict):
        return data
    ((tag, inside),) = data.items()
    match tag:
        case "ref":
            return Ref(inside)
        case "name":
            return Name(inside)
        case "tuple":
            return tuple(value(v) for v in inside)
        case "dict":
            return {value(k): value(v) for k, v in inside}
        case "slice":
            return slice(*(value(v) for v in inside))
        case "complex":
            return complex(*(value(v) for v in inside))
        case "float":
            return math.nan if inside == "nan" else float(inside)
        case "ellipsis":
            return ...
        case "opaque":
            return Unreadable(inside)
    raise ValueError(f"no such kind of literal: {tag!r}")
