"""When two ops, or two stretches of ops, draw and compute alike, but for their weights and where they read.

Two stretches are alike if they have the same signature: arrays and indices by number, sizes as they are,
constants by their values, and the plain arguments of every call that is more than a view or a cast.
Which element of an axis an index takes is left out: turns of a loop differ in that (see ``places``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from typing import TypeVar

from ncd.circuit.diagram import Call, Diagram, Op, Ref
from ncd.ops.calls import Row, row
from ncd.rewrite.alias import DROPOUTS
from ncd.rewrite.tree import Branch, Child

WEIGHTS = ("parameter", "buffer")
ROLES = {"parameter": "weight", "buffer": "weight", "constant": "constant"}
"""As what an operand counts, by its kind."""
_NAMED = re.compile(r"×[^\d−.].*\^\{-½\}")
_NUMBERED = re.compile(r"\^\d$")
NUMBER = re.compile(r"(?<![\w.])[−-]?\d+(?![\w.])")
"""A whole number in the label of an index."""


S = TypeVar("S", Op, Diagram)
T = TypeVar("T")


def once(of: Callable[[S], T]) -> Callable[[S], T]:
    """The same function, asked once of every op or diagram."""
    name = f"_{of.__module__}.{of.__name__}"

    @wraps(of)
    def found(what: S) -> T:
        known = what.__dict__
        if name not in known:
            known[name] = of(what)
        value: T = known[name]
        return value

    return found


def signature(part: Sequence[Child], digests: Mapping[int, str]) -> str:
    """Equal for stretches that are alike, which elements they take included."""
    arrays: dict[int, int] = {}
    rows: list[object] = []

    def visit(child: Child, depth: int) -> None:
        if isinstance(child, Branch):
            rows.append((depth, child.block.cls, child.repeat))
            for c in child.children:
                visit(c, depth + 1)
            return
        operands = [*child.inputs, *child.outputs]
        numbers = tuple(-1 if a.hidden else arrays.setdefault(a.id, len(arrays)) for a in operands)
        rows.append((alone(child, digests), numbers, places(child)))

    for child in part:
        visit(child, 0)
    return repr(rows)


class Keys:
    """Numbers of children, equal for those that may be the same one in different turns, whatever they read."""

    def __init__(self, digests: Mapping[int, str]) -> None:
        self.digests = digests
        self._numbers: dict[object, int] = {}
        self._of: dict[int, int] = {}

    def __call__(self, child: Child) -> int:
        """As the child is when it is first asked for: what is in it may be folded later on."""
        if id(child) not in self._of:
            what = (
                alone(child, self.digests)
                if not isinstance(child, Branch)
                else (child.block.cls, child.repeat, tuple(map(self, child.children)))
            )
            self._of[id(child)] = self._numbers.setdefault(what, len(self._numbers))
        return self._of[id(child)]


def alone(op: Op, digests: Mapping[int, str]) -> object:
    """All about an op but which arrays it reads, and which element of an axis."""
    constants = tuple(digests.get(a.id, a.id) for a in (*op.inputs, *op.outputs) if a.kind == "constant")
    return _itself(op), constants


@once
def _itself(op: Op) -> object:
    calls = tuple([said(c) for c in op.body if computes(c)])
    return op.symbol, op.kind, plain_label(op), calls, parts(op), op.reading.sizes, len(places(op))


def parts(op: Op) -> object:
    """What the operands are, and which wires of theirs are one index, or acted on."""
    ins, outs = (tuple([ROLES.get(a.kind, "") for a in arrays]) for arrays in (op.inputs, op.outputs))
    return ins, outs, op.reading.pattern


@once
def places(op: Op) -> tuple[tuple[int, bool], ...]:
    """The whole numbers in the views an op takes: which element, from where to where, which of several pieces.

    Each with whether it is a weight that is viewed.  A view that vanished beside a single op took all there was.
    """
    found: list[tuple[int, bool]] = []
    learned = {a.id for a in op.inputs if a.kind in WEIGHTS}

    def visit(x: object) -> None:
        if isinstance(x, bool):
            return
        if isinstance(x, int):
            found.append((x, of_weight))
        elif isinstance(x, (tuple, list)):
            for y in x:
                visit(y)
        elif isinstance(x, slice):
            visit((x.start, x.stop, x.step))

    of_weight = False
    for call in op.body:
        known = _row(call.name)
        if known is None or known.kind != "rearrange" or known.symbol not in ("index", "split"):
            continue
        source = call.args[0] if call.args else None
        of_weight = isinstance(source, Ref) and source.id in learned
        if of_weight and isinstance(call.out, Ref):
            learned.add(call.out.id)
        if not of_weight and op.symbol != "index" and len(op.covers) < 2:
            continue
        visit([*call.args, *(v for _, v in call.kwargs)])
        if isinstance(call.out, (tuple, list)):
            found += [(k, of_weight) for k, r in enumerate(call.out) if isinstance(r, Ref) and r.id == op.outputs[0].id]
    return tuple(found)


def plain_label(op: Op) -> str:
    """The label without what differs from turn to turn: an axis by name, a number in a block, an element."""
    if _NAMED.fullmatch(op.label):
        return "×root"
    if op.symbol == "linear":
        return _NUMBERED.sub("^n", op.label)
    return NUMBER.sub("n", op.label) if op.symbol == "index" else op.label


@lru_cache(1024)
def _row(name: str) -> Row | None:
    """What is known of a call by its name."""
    last = name.split(".")[-1]
    return row(last) or row(last.strip("_"))


def computes(call: Call) -> bool:
    """Whether a call does more than rename axes, round, or drop out, none of which is drawn."""
    return _computes(call.name)


@lru_cache(1024)
def _computes(name: str) -> bool:
    known = _row(name)
    unseen = name.split(".")[-1] in DROPOUTS or (
        known is not None and (known.kind == "rearrange" or known.label == "cast")
    )
    return not unseen


def said(call: Call) -> object:
    """The name and the plain arguments of a call, without its arrays."""

    def plain(x: object) -> object:
        if isinstance(x, Ref):
            return None
        return tuple(map(plain, x)) if isinstance(x, (tuple, list)) else repr(x)

    return call.name, plain(call.args), tuple((k, plain(v)) for k, v in call.kwargs), call.autocast
