"""Diagrams as JSON: versioned, deterministic, and equal after the round trip.

Axes, arrays and file names stand once each in tables and are referred to by their place in them;
fields that have their default value are left out.  In the literals of calls every JSON object has
one key, a tag that says what Python value it stands for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
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
Write = Callable[[Any], Json]
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
    """The diagram as plain dicts, sequences, strings and numbers."""
    return _Writer().diagram(diagram)


class _Writer:
    """Collects the tables while the diagram is written."""

    def __init__(self) -> None:
        self.axis_rows: list[Json] = []
        self.array_rows: list[Json] = []
        self.axis_at: dict[Axis, int] = {}
        self.array_at: dict[Array, int] = {}
        self.file_at: dict[str, int] = {}
        self.known: dict[int, Json] = {}
        """Axes, arrays and weaves by identity: most are met often, and to hash them takes long."""
        self.forms = {kind: _form(kind, how) for kind, how in self.ways().items()}

    def ways(self) -> dict[type[Any], dict[str, Write]]:
        """How the fields are written that are not plain already."""
        axes, arrays, rows = _each(self.axis), _each(self.array), _each(self.row)
        return {
            Axis: {"factors": axes},
            Array: {"axes": axes},
            Call: {"args": _each(literal), "kwargs": _each(_named), "out": literal},
            Op: {
                **{"inputs": arrays, "outputs": arrays, "weave": self.weave},
                **{"source": self.place, "body": rows, "inside": rows},
            },
            Read: {"source": self.place},
            Block: {"op": self.row},
            Diagram: {
                **{"inputs": arrays, "outputs": arrays, "options": _each(_named)},
                **{"ops": rows, "blocks": rows, "reads": rows},
            },
        }

    def row(self, thing: Any, kind: type[Any] | None = None) -> dict[str, Json]:
        """Its fields by name, but for those that have their default value; ``kind``: only those that this class has."""
        return {
            name: value if write is None else write(value)
            for name, default, write in self.forms[kind or type(thing)]
            if (value := getattr(thing, name)) is not default and value != default
        }

    def diagram(self, d: Diagram) -> dict[str, Json]:
        for a in d.inputs:  # first in the table
            self.array(a)
        body = self.row(d, Diagram)  # one composed by hand is one of a class of its own
        tables = {"axes": self.axis_rows, "arrays": self.array_rows, "files": list(self.file_at)}
        return {"ncd": VERSION, **tables, **body}

    def axis(self, axis: Axis) -> int:
        return self.once(axis, self.axis_at, self.axis_rows)

    def array(self, array: Array) -> int:
        return self.once(array, self.array_at, self.array_rows)

    def once(self, thing: Any, at: dict[Any, int], rows: list[Json]) -> int:
        """The place of its row in a table."""
        if (place := self.known.get(id(thing))) is None:
            if (place := at.get(thing)) is None:
                row = self.row(thing)
                place = at[thing] = len(rows)
                rows.append(row)
            self.known[id(thing)] = place
        return place

    def place(self, place: Place) -> Json:
        file = self.file_at.setdefault(place.file, len(self.file_at))
        return [file, place.line, place.column, place.end_line, place.end_column, place.function]

    def weave(self, w: Weave) -> Json:
        if id(w) not in self.known:
            self.known[id(w)] = _weave(w)
        return self.known[id(w)]


def _form(kind: type[Any], ways: Mapping[str, Write]) -> list[tuple[str, Any, Write | None]]:
    return [(f.name, f.default, ways.get(f.name)) for f in fields(kind) if f.compare]


def _each(write: Write) -> Write:
    return lambda found: list(map(write, found))


def _named(pair: tuple[str, Any]) -> Json:
    return [pair[0], literal(pair[1])]


def _weave(w: Weave) -> Json:
    def side(arrays: Sequence[Sequence[Form]]) -> Json:
        return [[[form.const, *form.terms] for form in array] for array in arrays]

    return {
        "ins": side(w.ins),
        "outs": side(w.outs),
        "sizes": dict(w.sizes),
        "targets": sorted(w.targets),
        **({"rest": [_weave(r) for r in w.rest]} if w.rest else {}),
    }


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
