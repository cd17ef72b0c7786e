"""Axes cut, joined, renamed and repeated; parts of arrays, and what is looked up."""

from __future__ import annotations

from ncd.dsl.nodes import Atom, Relation
from ncd.dsl.patterns import Axes, Pattern, names, read
from ncd.dsl.symbol import along, differing, made, one
from ncd.dsl.term import Term
from ncd.errors import DSLError

__all__ = [
    "chunk", "concat", "expand", "flip", "gather", "index", "merge", "one_hot", "pad", "rearrange", "rename", "roll",
    "scatter", "slice", "split", "stack", "unbind",
]  # fmt: skip


def split(pattern: str) -> Term:
    """One axis cut into several, the first the slowest: ``"m -> h k"``."""
    p = read(pattern, f"n.split({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) != 1 or len(p.outs) != 1 or len(p.outs[0]) < 2 or p.parts:
        raise DSLError(f"{pattern!r} splits nothing", doing="making n.split", fix="one axis into several: 'm -> h k'")
    return made("split", p, Relation(p.ins[0][0], "product", p.outs[0]))


def merge(pattern: str) -> Term:
    """Several axes laid out as one, the first the slowest: ``"h k -> m"``."""
    p = read(pattern, f"n.merge({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) < 2 or len(p.outs) != 1 or len(p.outs[0]) != 1 or p.parts:
        raise DSLError(f"{pattern!r} merges nothing", doing="making n.merge", fix="several axes into one: 'h k -> m'")
    return made("merge", p, Relation(p.outs[0][0], "product", p.ins[0]))


def rearrange(pattern: str) -> Term:
    """Axes in another order, composed and taken apart as einops writes it: ``"q (h k) -> h q k"``.

    A composed axis is called by what it is made of, ``(h k)``.
    """
    p = read(pattern, f"n.rearrange({pattern!r})")
    left, right = ([b for a in side for b in p.parts.get(a, (a,))] for side in (p.ins[0], p.outs[0]))
    if len(p.ins) != 1 or len(p.outs) != 1 or sorted(left) != sorted(right):
        raise DSLError(f"{pattern!r} loses or makes axes", doing="making n.rearrange", fix="the same on both sides")
    return made("rearrange", p)


def rename(pattern: str) -> Term:
    """The same array, an axis of which has another name: ``"x -> y"``."""
    p = read(pattern, f"n.rename({pattern!r})")
    if len(p.ins) != 1 or len(p.outs) != 1 or len(p.ins[0]) != len(p.outs[0]) or p.parts:
        raise DSLError(f"{pattern!r} is no renaming", doing="making n.rename", fix="as many names as before: 'x -> y'")
    same = [Relation(b, "product", (a,)) for a, b in zip(p.ins[0], p.outs[0], strict=True) if a != b]
    return made("rename", p, *same)


def expand(axes: str) -> Term:
    """The array repeated along new axes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.expand({axes!r})", sizes)
    return Term(Atom("expand", (" ".join(found),), (), ((),), (found,), uses=found), sizes)


def concat(pattern: str) -> Term:
    """Arrays laid end to end along one axis: ``"a, b -> c"``; the size of c is that of a and b together."""
    p = read(pattern, f"n.concat({pattern!r})")
    if len(p.ins) < 2 or any(len(axes) != 1 for axes in (*p.ins, *p.outs)) or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} joins nothing", doing="making n.concat", fix="one axis of each: 'a, b -> c'")
    return made("concat", p, Relation(p.outs[0][0], "sum", tuple(axes[0] for axes in p.ins)))


def chunk(pattern: str) -> Term:
    """One axis cut into pieces that are arrays of their own: ``"c -> a, b"``."""
    p = read(pattern, f"n.chunk({pattern!r})")
    if len(p.outs) < 2 or any(len(axes) != 1 for axes in (*p.ins, *p.outs)) or len(p.ins) != 1:
        raise DSLError(f"{pattern!r} cuts nothing", doing="making n.chunk", fix="one axis into several: 'c -> a, b'")
    return made("chunk", p, Relation(p.ins[0][0], "sum", tuple(axes[0] for axes in p.outs)))


def gather(axis: str) -> Term:
    """Entries of the first array along an axis, at the integers of the second; each its own along axes of both."""
    sizes: dict[str, int] = {}
    found = names(axis, f"n.gather({axis!r})", sizes)
    if len(found) != 1:
        raise DSLError(f"{len(found)} axes", doing=f"making n.gather({axis!r})", fix="the axis that is looked along")
    return Term(Atom("gather", found, (), (found, ()), ((),), whole=(1,), uses=found), sizes)


def index(**at: int) -> Term:
    """One entry along an axis: ``n.index(x=0)``."""
    if len(at) != 1 or type(next(iter(at.values()))) is not int:
        raise DSLError(f"{at} is no index", doing="making n.index", fix="one axis and a number: n.index(x=0)")
    return Term(Atom("index", (), tuple(at.items()), (tuple(at),), ((),)))


def stack(axis: str, count: int = 2) -> Term:
    """So many arrays along a new axis."""
    found, sizes = _counted("stack", axis, count)
    said = (("count", count),) if count != 2 else ()
    return Term(Atom("stack", found, said, ((),) * count, (found,)), sizes)


def unbind(axis: str, count: int = 2) -> Term:
    """Every entry along an axis as an array of its own, so many."""
    found, sizes = _counted("unbind", axis, count)
    said = (("count", count),) if count != 2 else ()
    return Term(Atom("unbind", found, said, (found,), ((),) * count), sizes)


def slice(pattern: str, start: int = 0, stop: int | None = None) -> Term:
    """A part of an axis, as Python counts: ``n.slice("x -> y", start=1)``, ``n.slice("x -> y", stop=-1)``."""
    p = _single("slice", pattern)
    size: tuple[Relation, ...] = ()
    if stop is None or stop < 0:
        if start >= 0:
            size = (Relation(p.ins[0][0], "shift", p.outs[0], start - (stop or 0)),)
        else:
            _says(p, (stop or 0) - start, f"n.slice({pattern!r})")
    elif start >= 0 and stop is not None:
        _says(p, stop - start, f"n.slice({pattern!r})")
    else:
        raise DSLError(f"from {start} to {stop}", doing="making n.slice", fix="count both from the same end")
    return made("slice", p, *size, **differing({"start": start, "stop": stop}, {"start": 0, "stop": None}))


def pad(pattern: str, before: int = 0, after: int = 0) -> Term:
    """Zeros before and behind: ``n.pad("x -> y", before=2)``."""
    p = _single("pad", pattern)
    if before < 0 or after < 0:
        raise DSLError(f"{before} before and {after} behind", doing="making n.pad", fix="n.slice takes a part")
    size = Relation(p.outs[0][0], "shift", p.ins[0], before + after)
    return made("pad", p, size, **differing({"before": before, "after": after}, {"before": 0, "after": 0}))


def flip(axes: str) -> Term:
    """The array in the reverse order along these axes."""
    return along("flip", axes)


def roll(axis: str, by: int = 1) -> Term:
    """The array moved on along an axis by so many places; what leaves it at the end comes in at its beginning."""
    sizes: dict[str, int] = {}
    found = one("roll", axis, sizes)
    return Term(Atom("roll", found, (("by", by),) if by != 1 else (), (found,), (found,)), sizes)


def scatter(pattern: str) -> Term:
    """Numbers added up at the places that integers say, both along j: ``"j -> x"``."""
    p = _single("scatter", pattern)
    return Term(Atom("scatter", (str(p),), (), (p.ins[0], p.ins[0]), p.outs, whole=(0,), uses=p.outs[0]), p.sizes)


def one_hot(axis: str) -> Term:
    """A new axis of zeros with a 1 at the place that an integer says."""
    sizes: dict[str, int] = {}
    found = one("one_hot", axis, sizes)
    return Term(Atom("one_hot", found, (), ((),), (found,), whole=(0,), uses=found), sizes)


def _counted(kind: str, axis: str, count: int) -> tuple[Axes, dict[str, int]]:
    sizes: dict[str, int] = {}
    found = one(kind, axis, sizes)
    if type(count) is not int or count < 1 or sizes.setdefault(found[0], count) != count:
        raise DSLError(f"{axis!r} and {count} arrays", doing=f"making n.{kind}", fix="as many as the axis is long")
    return found, sizes


def _single(kind: str, pattern: str) -> Pattern:
    """One axis that becomes another."""
    p = read(pattern, f"n.{kind}({pattern!r})")
    if [len(axes) for axes in (*p.ins, *p.outs)] != [1, 1] or len(p.ins) != 1 or p.ins == p.outs or p.parts:
        raise DSLError(f"{pattern!r}", doing=f"making n.{kind}", fix="one axis becomes another: 'x -> y'")
    return p


def _says(p: Pattern, n: int, what: str) -> None:
    """Note the size of what comes out."""
    (axis,) = p.outs[0]
    if n < 1 or dict(p.sizes).setdefault(axis, n) != n:
        raise DSLError(f"{axis!r} would have the size {n}", doing=f"making {what}", sizes=dict(p.sizes))
    p.sizes[axis] = n  # type: ignore[index]
