"""Convolutions, pooling, and their ways back to more places."""

from __future__ import annotations

from ncd.dsl.nodes import Atom, Relation
from ncd.dsl.patterns import Pattern, read
from ncd.dsl.symbol import differing, made, relations
from ncd.dsl.term import Term
from ncd.errors import DSLError

__all__ = ["avg_pool", "conv", "max_pool", "upconv", "upsample"]


def conv(
    pattern: str,
    kernel: int = 3,
    stride: int = 1,
    name: str = "",
    bias: bool = False,
    groups: int = 1,
    dilation: int = 1,
) -> Term:
    """A convolution: ``"c y x -> d y x"``, channels first; padded so that a stride of 1 keeps the size.

    With a larger stride the axes of its output are others and have other names.  Of several ``groups`` of channels
    each is made from one.  What the kernel reads lies ``dilation`` apart.
    """
    p = read(pattern, f"n.conv({pattern!r})")
    ok = len(p.ins) == len(p.outs) == 1 and 2 <= len(p.ins[0]) <= 4 and len(p.ins[0]) == len(p.outs[0]) and kernel % 2
    before, after = p.ins[0], p.outs[0]
    if not ok or any((a == b) != (stride == 1) for a, b in zip(before[1:], after[1:], strict=False)):
        raise DSLError(
            f"{pattern!r} with a kernel of {kernel} and a stride of {stride} is no convolution",
            doing="making n.conv",
            fix="'c x -> d x', 'c y x -> d y x' or one more, with an odd kernel; with a stride, 'c x -> d x2'",
        )
    moved = tuple(Relation(b, "stride", (a,), stride) for a, b in zip(before[1:], after[1:], strict=True) if a != b)
    if type(groups) is not int or groups < 1:
        raise DSLError(f"{groups} groups", doing="making n.conv", fix="a number that divides the channels")
    if type(dilation) is not int or dilation < 1:
        raise DSLError(f"a dilation of {dilation}", doing="making n.conv", fix="1, or a larger number")
    if groups > 1:
        own, each = f"{before[0]}_g", f"{after[0]}_g"
        moved += (Relation(before[0], "product", (own,), groups),)
        moved += (Relation(after[0], "product", (each,), groups),) if after[0] != before[0] else ()
        channels = (after[0], own)
    else:
        channels = (after[0], before[0] if before[0] != after[0] else f"{before[0]}'")
    said = {"kernel": kernel, "stride": stride, "name": name, "bias": bias, "groups": groups}
    plain = {"kernel": 3, "stride": 1, "name": "", "bias": False, "groups": 1, "dilation": 1}
    kwargs = differing({**said, "dilation": dilation}, plain)
    weights = (("weight", (*channels, *(str(kernel) for _ in before[1:]))), *((("bias", after[:1]),) if bias else ()))
    return Term(
        Atom("conv", (str(p),), tuple(kwargs.items()), p.ins, p.outs, (*relations(p), *moved), weights), p.sizes
    )


def upconv(pattern: str, stride: int = 2, name: str = "", bias: bool = False) -> Term:
    """A transposed convolution: ``"c y x -> d y2 x2"``, channels first; every number becomes ``stride`` along each."""
    p = read(pattern, f"n.upconv({pattern!r})")
    widened = _moved("upconv", p, "product", stride, 1)
    before, after = p.ins[0], p.outs[0]
    channels = (before[0], after[0] if before[0] != after[0] else f"{after[0]}'")
    weights = (("weight", (*channels, *(str(stride) for _ in before[1:]))), *((("bias", after[:1]),) if bias else ()))
    said = differing({"stride": stride, "name": name, "bias": bias}, {"stride": 2, "name": "", "bias": False})
    return Term(Atom("upconv", (str(p),), tuple(said.items()), p.ins, p.outs, widened, weights), p.sizes)


def max_pool(pattern: str, size: int = 2, stride: int = 0) -> Term:
    """The largest of every window: ``"y x -> y2 x2"``; windows do not overlap unless ``size`` is odd and larger.

    A last window that is not full counts.
    """
    return _pooled("max_pool", pattern, size, stride)


def avg_pool(pattern: str, size: int = 2, stride: int = 0) -> Term:
    """The mean of every window: ``"y x -> y2 x2"``; see ``max_pool``."""
    return _pooled("avg_pool", pattern, size, stride)


def upsample(pattern: str, by: int = 2) -> Term:
    """Every number so many times along these axes: ``"y x -> y2 x2"``."""
    p = read(pattern, f"n.upsample({pattern!r})")
    return made("upsample", p, *_moved("upsample", p, "product", by, 0), **differing({"by": by}, {"by": 2}))


def _pooled(kind: str, pattern: str, size: int, stride: int) -> Term:
    p = read(pattern, f"n.{kind}({pattern!r})")
    step = stride or size
    if size != step and (size < step or size % 2 == 0):
        raise DSLError(
            f"windows of {size} cannot be {step} apart",
            doing=f"making n.{kind}",
            fix="as far apart as they are long, or of odd size and overlapping",
        )
    kept = differing({"size": size, "stride": stride}, {"size": 2, "stride": 0})
    return made(kind, p, *_moved(kind, p, "stride", step, 0), **kept)


def _moved(kind: str, p: Pattern, how: str, number: int, first: int) -> tuple[Relation, ...]:
    """How many places there are along the axes from the first on.  Raises DSLError."""
    ok = len(p.ins) == len(p.outs) == 1 and 1 <= len(p.ins[0]) - first <= 3 and len(p.ins[0]) == len(p.outs[0])
    ok = ok and type(number) is int and number >= 1 and not p.parts
    if not ok or any((a == b) != (number == 1) for a, b in zip(p.ins[0][first:], p.outs[0][first:], strict=True)):
        plain = "'c y x -> d y2 x2'" if first else "'y x -> y2 x2'"
        raise DSLError(
            f"{str(p)!r} with steps of {number}",
            doing=f"making n.{kind}",
            fix=f"{plain}: one to three axes of places, with other names where their number is another",
        )
    return tuple(
        Relation(b, how, (a,), number) for a, b in zip(p.ins[0][first:], p.outs[0][first:], strict=True) if a != b
    )
