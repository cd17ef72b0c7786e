"""What is laid out: wires, the ends they have on items, and three kinds of items.

A *lane* carries an array past a column, an *operation* stands in one, a *container* is a block
with columns of its own, standing in a column of its parent.  Every item shows a left and a right
*face*: ports from top to bottom, each an array with its wires from top to bottom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Block, Op

WORDLESS = ("einsum", "view", "concat", "split", "turn")
"""Symbols whose meaning is in how the wires run; without a target they need no glyph."""
STRETCHED = ("concat", "split", "block", "scan", "box", "gather")
"""Symbols that reach from their first to their last wire, wherever these are."""
Slot = tuple[int, float]
"""A height: a variable of the programme, and what is added to it."""


class Wire:
    """One axis of one value, from where it is made to all its uses; ``axis`` is None for a number's wire."""

    __slots__ = ("axis", "bundle", "label", "value")

    def __init__(self, value: Value, axis: Axis | None, label: str, bundle: bool) -> None:
        self.value, self.axis, self.label, self.bundle = value, axis, label, bundle


class Value:
    """An array as drawn: without outer axes, bundles as one wire, a number as one wire without a name."""

    __slots__ = ("array", "number", "wires")

    def __init__(self, array: Array, number: int) -> None:
        self.array, self.number = array, number
        self.wires: list[Wire] = []


class End:
    """A wire at a face: ``index`` is the operation's name for it.

    ``touched``: whether the symbol touches it; ``mixed``: whether the operation acts along it.
    """

    __slots__ = ("index", "mixed", "place", "port", "slot", "touched", "wire")

    def __init__(self, wire: Wire, place: int, port: Port, index: str = "", touched: bool = False) -> None:
        self.wire, self.place, self.port, self.index, self.touched = wire, place, port, index, touched
        self.mixed = touched
        self.slot: Slot = (0, 0.0)


class Port:
    """An array at a face; the order of ``ends`` is what the search may change.

    ``carried``: at the face of a repeated block, what one turn hands to the next.
    """

    __slots__ = ("carried", "ends", "operand", "value")

    def __init__(self, value: Value, operand: int = 0, carried: bool = False) -> None:
        self.value, self.operand, self.carried = value, operand, carried
        self.ends = [End(w, i, self) for i, w in enumerate(value.wires)]


Face = list[Port]


class Lane:
    """An array that passes a column.

    Beside a block in which rows end it may begin in the last of them (``begins``: an input of the whole),
    or end in the first (``ends``: an output).
    """

    def __init__(self, value: Value) -> None:
        self.port = Port(value)
        self.left: Face = [self.port]
        self.right: Face = self.left
        self.x0 = self.x1 = 0.0
        self.begins = self.ends = False


class Operation:
    """An operation.  Its style follows from roles alone.

    ``box``: something is touched, all else passes above or below.  ``word``: one array passes
    untouched under a word.  ``route``: wires run from left to right, meet in dots, or in cups.
    """

    def __init__(self, op: Op, number: int, left: Face, right: Face) -> None:
        self.op, self.number, self.left, self.right = op, number, left, right
        self.tail: tuple[int, str] | None = None  # an operation drawn on the cup's arrow: its number and label
        self.x0 = self.x1 = 0.0
        self.decided = False  # whether a value it made decided what the program did
        ends = [e for p in (*left, *right) for e in p.ends]
        names: dict[str, str] = {}
        for e in ends:  # numbered, so that equal operations of other axes are equal here
            e.index = names.setdefault(e.index, str(len(names)))
        # Only a contraction sums over what it does not touch; anything else acts on what ends in it.
        lost = {e.index for p in left for e in p.ends if e.wire.axis} - {e.index for p in right for e in p.ends}
        boxed = (bool(lost) and op.symbol != "einsum") or any(e.touched for e in ends) or not left or len(right) != 1
        passing = {e.index for p in left for e in p.ends if not e.touched and e.wire.axis}
        passing &= {e.index for p in right for e in p.ends if not e.touched and e.wire.axis}
        for e in ends if boxed else ():
            e.touched = e.index not in passing
        self.sources: dict[str, list[End]] = {}
        self.sinks: dict[str, list[End]] = {}
        for face, found in ((left, self.sources), (right, self.sinks)):
            for p in face:
                for e in p.ends:
                    if not e.touched:
                        found.setdefault(e.index, []).append(e)
        self.touched_in = [e for p in left for e in p.ends if e.touched]
        self.touched_out = [e for p in right for e in p.ends if e.touched]
        self.tiled = [i for i in self.sources if i in self.sinks]
        self.ended = [i for i in self.sources if i not in self.sinks and self.sources[i][0].wire.axis is not None]
        self.pins: dict[str, bool] = {}
        single = len(left) == 1 and len(self.tiled) == len(left[0].ends) == len(right[0].ends) if not boxed else False
        plain = single and op.symbol not in WORDLESS and not self.ended
        self.style = "box" if boxed else "word" if plain else "route"
        self.above = list(self.tiled) if self.style != "route" else []
        self.below: list[str] = []

    @property
    def text(self) -> str:
        """What is written in or at the symbol; whatever has no symbol of its own is called by its name."""
        unnamed = self.symbol in ("box", "map", "reduce", "gather", "index", "scan", "source", "block")
        return self.op.label or (self.op.name if unnamed else "")

    @property
    def symbol(self) -> str:
        """The glyph; an operation that turned out to touch wires is a box whatever it is called."""
        s = self.op.symbol or "box"
        if self.style == "box":
            if s == "linear" and not self.touched_in:
                return "embed"  # one number enters, by an arrow, not by a wire
            return "box" if s in ("einsum", "add", "map", "scale") else s
        return "map" if self.style == "word" else s

    @property
    def sign(self) -> str:
        """What stands where the wires of a route meet."""
        if self.op.symbol in WORDLESS or len(self.left) < 2:
            return "" if self.op.symbol in WORDLESS else self.op.label or self.op.name
        return self.op.label or ("+" if self.op.symbol == "add" else self.op.name)


@dataclass(eq=False, repr=False)
class Container:
    """A block, or the whole diagram (``block`` is None): items in columns between two faces of ports."""

    block: Block | None
    parent: Container | None = None
    kids: list[Operation | Container] = field(default_factory=list)
    left: Face = field(default_factory=list)
    right: Face = field(default_factory=list)
    columns: list[list[Item]] = field(default_factory=list)
    column: dict[Operation | Container, int] = field(default_factory=dict)
    late: set[Operation | Container] = field(default_factory=set)
    signature: int = -1
    x0: float = 0.0
    x1: float = 0.0
    enters: dict[int, list[tuple[Item, Port]]] = field(default_factory=dict)
    """Of the whole, by gaps where rows end: what starts the next row, where that is not just what ends the last."""
    leaves: dict[int, Face] = field(default_factory=dict)
    """Of the whole, by gaps where rows end: outputs that end there."""

    @property
    def root(self) -> bool:
        return self.parent is None

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def title(self) -> str:
        return title_of(self.block) if self.block else ""

    @property
    def repeat(self) -> int:
        return self.block.repeat if self.block else 1

    @property
    def numbered(self) -> bool:
        return self.block is not None and self.block.numbered

    def operations(self) -> Iterator[Operation]:
        for kid in self.kids:
            if isinstance(kid, Operation):
                yield kid
            else:
                yield from kid.operations()

    def containers(self) -> Iterator[Container]:
        yield self
        for kid in self.kids:
            if isinstance(kid, Container):
                yield from kid.containers()

    def starts(self, gap: int) -> list[tuple[Item, Port]]:
        """The face at the left of a gap, with whose it is: the container's own are arrays that enter it there."""
        if gap == 0:
            return [(self, p) for p in self.left]
        found = self.enters.get(gap) or [(item, p) for item in self.columns[gap - 1] for p in item.right]
        return [(item, p) for item, p in found if not (isinstance(item, Lane) and item.ends)]

    def goals(self, gap: int) -> list[tuple[Item, Port]]:
        """The face at the right of a gap, with whose it is; its own are arrays that leave the container there."""
        if gap == len(self.columns):
            return [(self, p) for p in self.right]
        return [(i, p) for i in self.columns[gap] if not (isinstance(i, Lane) and i.begins) for p in i.left]

    def leaving(self, gap: int) -> Face:
        """The face at the left of a gap: the entry of the container, or the right sides of a column."""
        return self.left if gap == 0 else [p for item in self.columns[gap - 1] for p in item.right]

    def entering(self, gap: int) -> Face:
        """The face at the right of a gap."""
        if gap == len(self.columns):
            return self.right
        return [p for item in self.columns[gap] for p in item.left]


Item = Lane | Operation | Container


def kept(kid: Operation | Container, symbol: str) -> Iterator[int]:
    """The ids of the arrays that are saved (or loaded: ``symbol``) in an operation or block."""
    for o in kid.operations() if isinstance(kid, Container) else (kid,):
        if o.op.symbol == symbol:
            yield from (p.value.array.id for p in (*o.left, *o.right))


def title_of(block: Block) -> str:
    """What is written over a block: its title, or its class with spaces before capitals."""
    if block.title:
        return block.title
    out = ""
    for i, c in enumerate(block.cls):
        after = block.cls[i + 1 : i + 2]
        if i and c.isupper() and (block.cls[i - 1].islower() or (block.cls[i - 1].isupper() and after.islower())):
            out += " "
        out += c
    return out.replace("_", " ")
