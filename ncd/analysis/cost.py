"""What a diagram costs: FLOPs, parameters, bytes moved and kept; per op, per block and in total.

All of it follows from the weaves and the shapes, so it is known as soon as the diagram is.  FLOPs are
those of sums of products over shared axes (contractions, convolutions, attention), two for each
multiply-add, as they would be done in full: nothing is saved by a causal mask.  Elementwise maps,
reductions and normalisations count as none; what they cost is memory traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from ncd.analysis.amount import Amount, Largest, Product, Scale
from ncd.analysis.memory import Span, places, spans, traffic
from ncd.analysis.work import Terms, calls, multiplied, shape, shared_out
from ncd.circuit.diagram import Array, Diagram, Op

if TYPE_CHECKING:
    from ncd.analysis.decode import Step
    from ncd.analysis.kept import Kept
    from ncd.analysis.table import Table


@dataclass(frozen=True)
class Ledger:
    """What is known of every recorded call of a diagram, found once and read by all parts of it."""

    exact: Diagram
    """The recorded ops."""
    scale: Scale

    @cached_property
    def calls(self) -> tuple[range, ...]:
        """For every recorded op the positions of the calls it consists of, more than one where its inside is known."""
        ends = [0, *accumulate(map(len, calls(self.exact)))]
        return tuple(range(a, b) for a, b in pairwise(ends))

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """Every call as an op."""
        return tuple(op for inner in calls(self.exact) for op in inner)

    @cached_property
    def work(self) -> list[Terms | None]:
        return list(map(multiplied, self.ops))

    @cached_property
    def memory(self) -> Mapping[int, int]:
        return places(self.exact)

    @cached_property
    def traffic(self) -> list[dict[Product, int]]:
        return [traffic(op, self.memory) for op in self.ops]

    @cached_property
    def spans(self) -> list[Span]:
        return spans(self.exact, self.ops, self.memory)

    @cached_property
    def kept(self) -> Kept:
        from ncd.analysis.kept import kept

        return kept(self.exact, self.ops)

    def of(self, ops: Iterable[int]) -> list[int]:
        """The positions of the calls of these recorded ops."""
        return [c for i in ops for c in self.calls[i]]


@dataclass(frozen=True)
class Part:
    """The cost of some recorded calls, by their positions: of an op, a block, or the whole."""

    name: str
    ledger: Ledger = field(repr=False)
    calls: Sequence[int] = field(repr=False)
    own: Terms | None = field(default=None, repr=False)
    """The multiply-adds, where they are not those of the calls: of an op that stands for a part of a call."""
    share: int | Fraction = field(default=1, repr=False)
    """The part of the calls that is its own."""

    def _amount(self, terms: Iterable[Terms | None], times: int | Fraction = 1) -> Amount:
        found: dict[Product, Any] = {}
        for part in terms:
            for p, n in (part or {}).items():
                found[p] = found.get(p, 0) + times * n
        return Amount(self.ledger.scale, found)

    def _work(self) -> list[Terms | None]:
        return [self.ledger.work[i] for i in self.calls] if self.own is None else [self.own]

    @property
    def macs(self) -> Amount:
        """Multiply-adds."""
        return self._amount(self._work())

    @property
    def flops(self) -> Amount:
        """Two for each multiply-add."""
        return self._amount(self._work(), 2)

    @cached_property
    def unknown(self) -> tuple[Op, ...]:
        """The ops whose FLOPs are not known; they are in no sum."""
        return tuple(self.ledger.ops[i] for i in self.calls if self.ledger.work[i] is None)

    @cached_property
    def weights(self) -> tuple[Array, ...]:
        """The parameters that are read, each once."""
        ops = (self.ledger.ops[i] for i in self.calls)
        found = {a.id: a for op in ops for a in op.inputs if a.kind == "parameter"}
        return tuple(found.values())

    @property
    def params(self) -> Amount:
        """Elements of the parameters that are read; one that is shared counts once."""
        return self._amount(({shape(a): 1} for a in self.weights), self.share)

    @property
    def traffic(self) -> Amount:
        """Bytes read and written, every op by itself: its operands and its results once, views not at all."""
        return self._amount((self.ledger.traffic[i] for i in self.calls), self.share)

    @property
    def activation(self) -> Amount:
        """Bytes that autograd keeps for the backward pass, of a forward pass in the mode that was traced.

        Found by running every call on shapes.  Each piece of memory counts once, weights and buffers not.
        Inputs want no gradient where there are parameters that do.  Not counted is what ``unkept`` lists.
        """
        from ncd.analysis.kept import whole

        return self._amount([whole(self.ledger.kept.calls[i] for i in self.calls)], self.share)

    @property
    def unkept(self) -> tuple[Op, ...]:
        """The ops of which it is not known what they keep: LSTMs, and those that do not run without values."""
        return tuple(self.ledger.ops[i] for i in self.ledger.kept.lost if i in self.calls)

    @property
    def intensity(self) -> float:
        """FLOPs for each byte of traffic; 0 where nothing moves."""
        moved = int(self.traffic)
        return int(self.flops) / moved if moved else 0.0

    @property
    def peak(self) -> Amount:
        """The most bytes of arrays that are there at once while it runs, weights and buffers not counted.

        An array is there from the op that makes it to the last one that reads it.
        """
        window = range(min(self.calls), max(self.calls) + 1) if self.calls else range(0)
        return Largest(self.ledger.scale, self.ledger.spans, window)


class Cost:
    """What a diagram costs.

    ``total`` is of all of it, ``cost["h.0.attn"]`` of one module call, ``ops`` has one entry for every op of the
    diagram, ``blocks`` one for every module call.  Each has ``flops``, ``macs``, ``params``, ``traffic`` and
    ``peak`` as amounts (``int(...)``, ``.at(s=4096)``, ``.expr``), and ``intensity``.  ``unknown`` lists ops
    whose FLOPs are not known.  ``at(s=4096)`` is the same cost at other sizes.
    """

    def __init__(self, diagram: Diagram, ledger: Ledger, part: str = "") -> None:
        self.diagram, self._ledger, self._part = diagram, ledger, part

    @cached_property
    def total(self) -> Part:
        inside = self.blocks[self._part].calls if self._part else range(len(self._ledger.ops))
        return Part(self.diagram.title, self._ledger, inside)

    @property
    def unknown(self) -> tuple[Op, ...]:
        return self.total.unknown

    @cached_property
    def ops(self) -> tuple[Part, ...]:
        """The cost of every op of the diagram, in its order."""
        return parts(self.diagram.ops, self._ledger)

    @cached_property
    def blocks(self) -> Mapping[str, Part]:
        """The cost of every module call by its path, with all that is called from it."""
        exact = self._ledger.exact
        above = {b.path: b.parent for b in exact.blocks}
        inside: dict[str, list[int]] = {b.path: [] for b in exact.blocks}
        for i, op in enumerate(exact.ops):
            here: str | None = op.path
            while here is not None:
                if here in inside:
                    inside[here] += self._ledger.calls[i]
                here = above.get(here)
        return {path: Part(path, self._ledger, found) for path, found in inside.items()}

    def own(self, path: str) -> list[Part]:
        """What a module call computes itself, not in those that it makes: one entry for every name of an op."""
        found: dict[str, list[int]] = {}
        for i, op in enumerate(self._ledger.exact.ops):
            if op.path == path:
                found.setdefault(op.name, []).extend(self._ledger.calls[i])
        return [Part(name, self._ledger, calls) for name, calls in found.items()]

    def __getitem__(self, path: str) -> Part:
        """The cost of one module call.  Raises NCDError on a path of none."""
        if path in self.blocks:
            return self.blocks[path]
        return self.blocks[self._ledger.exact.block(path).path]

    def at(self, **sizes: int) -> Cost:
        """The same with these sizes of input axes, the others as they are; ``at()`` is this cost.

        Raises AxisError as ``Amount.at`` does.
        """
        scale = self._ledger.scale.at(sizes)
        return Cost(self.diagram, _with(self._ledger, scale), self._part) if sizes else self

    def decode(self, axis: str) -> Step:
        """What one more token along this axis costs a causal model, and the size of the cache of keys and values.

        The context is as long as the axis: ``cost.decode("s").cache.at(s=4096)``.  Raises NCDError where
        attention along the axis has no causal mask, or something else mixes positions.
        """
        from ncd.analysis.decode import decode

        return decode(self, axis)

    @property
    def calls(self) -> tuple[Op, ...]:
        """Every recorded call as an op, in order."""
        return self._ledger.ops

    @property
    def memory(self) -> Mapping[int, int]:
        """The memory that every array lies in, by the id of the first array there."""
        return self._ledger.memory

    @property
    def scale(self) -> Scale:
        return self._ledger.scale

    @property
    def recorded(self) -> Diagram:
        """The recorded calls that the cost is of, where the diagram is what is drawn of them."""
        return self._ledger.exact

    @property
    def part(self) -> str:
        """The path of the block that the diagram is, where it is a part of what is drawn."""
        return self._part

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of all axes at which the amounts are read as numbers."""
        return self._ledger.scale.sizes

    def __iter__(self) -> Iterator[Part]:
        return iter(self.ops)

    def table(self, *columns: str) -> Table:
        """The blocks in lines, with FLOPs, their share, and ``params``, ``traffic``, ``intensity``, ``activation``
        (what is kept for the backward pass) or ``peak``: the first three if none are named."""
        from ncd.analysis.table import USUAL, table

        return table(self, columns or USUAL)

    def plot(self, axis: str, sizes: Sequence[int] = (), what: str = "flops") -> Any:
        """The total against the size of an input axis, and each power of it by itself; needs matplotlib.

        ``sizes``: from a quarter of the size of now to sixty-four times, if none are given.  Returns the axes drawn in.
        """
        from ncd.analysis.plot import plot

        return plot(self, axis, sizes, what)

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _with(ledger: Ledger, scale: Scale) -> Ledger:
    """The same ledger at another scale, with what was found."""
    other = Ledger(ledger.exact, scale)
    other.__dict__.update({k: v for k, v in ledger.__dict__.items() if k != "scale"})
    return other


def parts(ops: Sequence[Op], ledger: Ledger) -> tuple[Part, ...]:
    """The cost of every one of these ops, be they recorded, or drawn for recorded ones."""
    if not any(op.covers for op in ops):
        return tuple(Part(op.name, ledger, ledger.calls[i]) for i, op in enumerate(ops))
    own = shared_out(ops, [[ledger.work[c] for c in inner] for inner in ledger.calls], ledger.scale.sizes)
    return tuple(
        Part(op.label or op.name, ledger, ledger.of(op.covers), terms, share)
        for op, (terms, share) in zip(ops, own, strict=True)
    )


def drawn(diagram: Diagram, book: Ledger, what: str = "flops") -> tuple[dict[int, int], dict[str, int], int]:
    """What each op of a picture costs by its place in it, each open block by its path, and all that was recorded."""
    leaves = [(i, leaf) for i, op in enumerate(diagram.ops) for leaf in (op.inside or (op,))]
    above = {b.path: b.parent for b in diagram.blocks}
    ops: dict[int, int] = {}
    blocks: dict[str, int] = {}
    for (i, _), part in zip(leaves, parts([leaf for _, leaf in leaves], book), strict=True):
        n = int(getattr(part, what))
        ops[i] = ops.get(i, 0) + n
        here: str | None = diagram.ops[i].path
        while here is not None and here in above:
            blocks[here] = blocks.get(here, 0) + n
            here = above[here]
    return ops, blocks, int(getattr(Part("", book, range(len(book.ops))), what))


def cost(diagram: Diagram) -> Cost:
    """What a diagram costs, from its weaves and shapes alone; nothing is run."""
    # A part of what is drawn has no root among its blocks.
    part = "" if any(b.path == "" for b in diagram.blocks) else diagram.blocks[0].path if diagram.blocks else ""
    return Cost(diagram, ledger(diagram), part if diagram.source.exact is not None else "")


def ledger(diagram: Diagram) -> Ledger:
    """The recorded calls of a diagram, or of what it is drawn of, with nothing found of them yet."""
    exact = diagram.source.exact if diagram.source.exact is not None else diagram
    return Ledger(exact, _scale(exact, diagram.sizes))


def _scale(diagram: Diagram, find: Callable[[], Any]) -> Scale:
    inner = [op for ops in diagram.source.opened.values() for op in ops]
    arrays = [*diagram.arrays, *(a for op in inner for a in (*op.inputs, *op.outputs))]
    return Scale({w.name: w.size for a in arrays for w in a.wires}, find)
