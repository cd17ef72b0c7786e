"""The heart: arrays, operations, blocks, and the diagram they make.

A diagram is its inputs, its outputs, and a list of operations in execution order; a wire is an
axis of an array.  A traced diagram (one op a recorded call), a simplified one (fewer ops, each
covering several calls) and one composed by hand are the same type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ncd.circuit.axes import Axes
from ncd.circuit.axis import Axis
from ncd.circuit.reading import Indices, Reading
from ncd.circuit.reads import Read, sentences
from ncd.circuit.verbs import Verbs
from ncd.circuit.weave import Weave
from ncd.errors import NCDError

KINDS = (
    "contraction", "map", "reduce", "along", "rearrange", "window", "gather", "join", "source", "call", "opaque",
)  # fmt: skip
HIDDEN = ("parameter", "buffer", "constant")
"""Kinds of arrays that no input reaches; drawn inside the symbol that uses them."""
TUPLE = "tuple"
"""The kind of an array that stands for several: it has one axis, as long as all of them, drawn as a double wire."""
BACKWARD = "∂"
"""The path of the backward pass, and what stands before the name of a gradient."""


@dataclass(frozen=True)
class Array:
    """One tensor: ``axes`` has one entry per dimension, ``kind`` says where it comes from.

    Kinds: input, parameter, buffer, constant, value; in pictures tuple, for several.  ``name`` is the input's or
    parameter's.
    """

    id: int
    axes: tuple[Axis, ...]
    dtype: str = "float32"
    kind: str = "value"
    name: str = ""

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple([a.size for a in self.axes])

    @cached_property
    def wires(self) -> tuple[Axis, ...]:
        """The atomic axes, major first: what is drawn."""
        return tuple([leaf for a in self.axes for leaf in a.leaves])

    @property
    def hidden(self) -> bool:
        return self.kind in HIDDEN

    def __str__(self) -> str:
        return f"{self.name or f'%{self.id}'}[{' '.join(a.name for a in self.axes)}]"


@dataclass(frozen=True, slots=True)
class Ref:
    """The place of an array in a call's literals, by the array's id."""

    id: int


@dataclass(frozen=True, slots=True)
class Name:
    """A constant of a call by the text that evaluates to it where ``torch`` is known (``torch.float32``).

    ``#n`` is the n-th entry of ``Origin.functions``: a value that no text evaluates to.
    """

    text: str


@dataclass(frozen=True)
class Call:
    """A callable by name with plain literals; ``out`` has the shape of its result.

    ``name`` is importable (``torch.nn.functional.linear``) or ``#n``, the n-th function kept in
    ``Diagram.source``.  ``writes`` are (old, new) ids: the object of ``old`` is from here on ``new``.
    ``autocast`` is the device and dtype of the automatic casts in force, if any.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    out: Any = None
    writes: tuple[tuple[int, int], ...] = ()
    autocast: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's code: lines from 1, columns from 0 as in ``ast``."""

    file: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f" in {self.function}" if self.function else "")


@dataclass(frozen=True)
class Op:
    """One operation.  ``inputs`` include the parameters and constants it uses.

    ``symbol`` and ``label`` say how it is drawn; ``covers`` which recorded calls it stands for
    (positions in the exact diagram's ops), ``evidence`` why that is the same.  ``body`` runs it:
    from the arrays of ``inputs`` to those of ``outputs``.  A closed block has the path of its
    ``block``, and in ``inside`` the ops it stands for.  ``work``: its multiply-adds, a sum of products of
    extents, each an index of the weave or a plain number; None where they are not known or not noted.
    """

    kind: str
    name: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    weave: Weave
    path: str = ""
    source: Place | None = None
    body: tuple[Call, ...] = ()
    symbol: str = ""
    label: str = ""
    covers: tuple[int, ...] = ()
    evidence: tuple[str, ...] = ()
    block: str = ""
    inside: tuple[Op, ...] = ()
    work: tuple[tuple[str | int, ...], ...] | None = None

    @property
    def tiled(self) -> tuple[str, ...]:
        """Names of the indices this operation is broadcast over."""
        return self.weave.tiled

    @property
    def target(self) -> tuple[str, ...]:
        """Names of the indices this operation acts on."""
        return self.weave.target

    @property
    def params(self) -> tuple[Array, ...]:
        return tuple(a for a in self.inputs if a.hidden)

    def indices(self) -> tuple[Indices, Indices]:
        """The index variable on every wire of every input, and of every output.

        A wire of a dimension that is not enumerated one to one (a window, a slice) gets an index
        of its own, named ``@side.operand.wire``: it is a target, and shared with no other wire.
        """
        read = self.reading
        return read.ins, read.outs

    @cached_property
    def reading(self) -> Reading:
        """The indices on its wires, and which of them it acts on."""
        return self.weave.reading(tuple([a.axes for a in (*self.inputs, *self.outputs)]))

    def touches(self, index: str) -> bool:
        """Whether the operation acts on this index (as opposed to being repeated over it)."""
        return index in self.weave.targets or index.startswith("@")

    def __str__(self) -> str:
        return f"{self.path or '.'}  {self.name}  {self.weave}"


@dataclass(frozen=True)
class Block:
    """One call of a module: ``path`` is its name (``h.0.attn``; a second call is ``h.0.attn#2``).

    ``parent`` is the path of the call it was made from, None at the top.  ``repeat`` > 1: this
    block stands for so many equal ones in a row; ``also`` lists the paths of the others.  ``carried`` are
    pairs of array ids: what the first turn starts from, and what every turn makes for the next in its place.
    ``weights``: whether all turns apply the ``same``, or each its ``own``; ``partly`` some, empty none.
    ``numbered``: turns are numbered by λ, and differ in sizes; ``counts`` is how often the block is
    repeated in each turn of a numbered one around it, if that differs.
    A block that holds what one op was opened into has that ``op``.
    """

    path: str
    cls: str
    parent: str | None = None
    repeat: int = 1
    also: tuple[str, ...] = ()
    title: str = ""
    op: Op | None = None
    carried: tuple[tuple[int, int], ...] = ()
    weights: str = ""
    numbered: bool = False
    counts: tuple[int, ...] = ()

    @property
    def times(self) -> str:
        """How often, as it is written."""
        return "n_{λ}" if self.counts else str(self.repeat)


@dataclass
class Origin:
    """What a diagram came from; never compared, never in JSON.

    ``target`` is what was called (None: ``module`` itself), ``example`` its (args, kwargs),
    ``output_spec`` the tree its outputs hang on.  ``functions`` are what ``#n`` names, ``tensors`` the values of
    constants by array id, ``digests`` what tells constants apart by value.  ``exact`` is the
    diagram that a simplified one was made from.  ``inputs`` are those of all of it, also where the
    diagram is a part, ``length`` how many calls were recorded in all; ``sizes`` keeps what is known
    about other sizes of the inputs, once found; ``memory`` says of every array which was the first in its memory.
    """

    module: Any = None
    functions: list[Any] = field(default_factory=list)
    tensors: dict[int, Any] = field(default_factory=dict)
    example: Any = None
    exact: Any = None
    opened: dict[int, tuple[Op, ...]] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    tail: tuple[Call, ...] = ()
    returns: tuple[int, ...] = ()
    target: Any = None
    output_spec: Any = None
    inputs: tuple[Array, ...] = ()
    length: int = 0
    sizes: dict[Any, Any] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagram(Verbs):
    """Operations in execution order between inputs and outputs, and the blocks they sit in.

    ``outer`` are ids of axes everything is repeated over, said once instead of drawn; ``bundles``
    are pairs of axis ids drawn as one double wire; ``options`` are defaults for drawing.
    """

    title: str
    ops: tuple[Op, ...]
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    blocks: tuple[Block, ...] = ()
    reads: tuple[Read, ...] = ()
    outer: tuple[int, ...] = ()
    bundles: tuple[tuple[int, int], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    source: Origin = field(default_factory=Origin, compare=False, repr=False)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Every array, each once, in order of first appearance."""
        seen: dict[int, Array] = {a.id: a for a in self.inputs}
        for op in self.ops:
            for a in (*op.inputs, *op.outputs):
                seen.setdefault(a.id, a)
        for a in self.outputs:
            seen.setdefault(a.id, a)
        return tuple(seen.values())

    @property
    def axes(self) -> Axes:
        """The atomic axes by name, with their sizes as formulas of the input axes."""
        found: dict[str, Axis] = {}
        for array in self.arrays:
            for leaf in array.wires:
                found.setdefault(leaf.name, leaf)
        return Axes(self, found)

    @property
    def opaque(self) -> tuple[Op, ...]:
        """Operations whose axis relation is not known; drawn as boxes that touch everything."""
        return tuple(op for op in self.ops if op.kind == "opaque")

    def block(self, path: str) -> Block:
        for b in self.blocks:
            if b.path == path or path in b.also:
                return b
        near = [b.path for b in self.blocks if path.split(".")[-1] in b.path][:5]
        raise NCDError(
            f"no block {path!r} in {self.title!r}",
            doing="looking up a block",
            fix=("did you mean " + ", ".join(near)) if near else "print(diagram) lists the paths",
        )

    def inside(self, path: str) -> frozenset[str]:
        """The paths of a block and all blocks below it."""
        below: dict[str | None, list[str]] = {}
        for b in self.blocks:
            below.setdefault(b.parent, []).append(b.path)
        found, todo = set(), [self.block(path).path]
        while todo:
            p = todo.pop()
            if p not in found:
                found.add(p)
                todo += below.get(p, [])
        return frozenset(found)

    def __getitem__(self, path: str) -> Diagram:
        """The part of the diagram inside one module call, as a diagram of its own."""
        paths = self.inside(path)
        inside = [i for i, op in enumerate(self.ops) if op.path in paths]
        ops = tuple(self.ops[i] for i in inside)
        position = {i: k for k, i in enumerate(inside)}
        made = {a.id for op in ops for a in op.outputs}
        read_outside = {a.id for op in self.ops if op.path not in paths for a in op.inputs}
        read_outside |= {a.id for a in self.outputs}
        entering = {a.id: a for op in ops for a in op.inputs if a.id not in made and not a.hidden}
        leaving = {a.id: a for op in ops for a in op.outputs if a.id in read_outside}
        top = self.block(path)
        blocks = tuple(replace(b, parent=None) if b.path == top.path else b for b in self.blocks if b.path in paths)
        opened = {position[i]: inner for i, inner in self.source.opened.items() if i in position}
        return replace(
            self,
            title=top.title or f"{top.path}: {top.cls}",
            ops=ops,
            inputs=tuple(entering.values()),
            outputs=tuple(leaving.values()),
            blocks=blocks,
            reads=tuple(replace(r, op=position[r.op]) for r in self.reads if r.op in position),
            outer=(),
            source=replace(self.source, opened=opened),
        )

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def __len__(self) -> int:
        return len(self.ops)

    def __repr__(self) -> str:
        return f"<{self._said()}>"

    def _said(self) -> str:
        ins = ", ".join(map(str, self.inputs))
        outs = ", ".join(map(str, self.outputs))
        return f"Diagram {self.title}: {ins} -> {outs}; {len(self.ops)} ops, {len(self.axes)} axes"

    def __str__(self) -> str:
        path = max((len(op.path) for op in self.ops), default=0)
        name = max((len(op.name) for op in self.ops), default=0)
        lines = [f"{op.path:<{path}}  {op.name:<{name}}  {op.weave}{_unknown(op)}" for op in self.ops]
        taken = ["the path taken when", *(f"  {s}" for s in sentences(self.reads, self.ops))] if self.reads else []
        return "\n".join([self._said(), *lines, *taken])


def no_block(name: str, known: Collection[str]) -> NCDError:
    """The error that no block has this name, with some of those there are."""
    near = get_close_matches(name, known, 6) or sorted(filter(None, known))[:6]
    return NCDError(
        f"no block is called {name!r}",
        doing="choosing what to draw",
        fix="a path or class, such as " + ", ".join(near),
    )


def _unknown(op: Op) -> str:
    """What is said behind the weave of an operation whose axis relation is not known."""
    where = f", {op.source}" if op.source else ""
    return f"   (opaque: its axes are not known{where})" if op.kind == "opaque" else ""
