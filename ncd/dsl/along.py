"""Symbols along axes: softmax and norms, masks, reductions, order."""

from __future__ import annotations

from ncd.dsl.nodes import Atom, Relation
from ncd.dsl.patterns import names, read
from ncd.dsl.symbol import along, one, reduced
from ncd.dsl.term import Term
from ncd.errors import DSLError

__all__ = [
    "argmax", "batch_norm", "causal", "cumsum", "group_norm", "layer_norm", "log_softmax", "mask", "max", "mean",
    "min", "rms_norm", "softmax", "sort", "sum", "topk", "var",
]  # fmt: skip


def softmax(axes: str) -> Term:
    """Exponentials divided by their sum over these axes, jointly."""
    return along("softmax", axes)


def log_softmax(axis: str) -> Term:
    """The logarithm of softmax along this axis."""
    one("log_softmax", axis, {})
    return along("log_softmax", axis)


def layer_norm(axes: str, name: str = "") -> Term:
    """Mean 0 and variance 1 along these axes, then a learned gain and bias."""
    return along("layer_norm", axes, ("weight", "bias"), name)


def rms_norm(axes: str, name: str = "") -> Term:
    """Root mean square 1 along these axes, then a learned gain."""
    return along("rms_norm", axes, ("weight",), name)


def causal(axes: str) -> Term:
    """Scores of what comes later are taken out: ``"q x"`` keeps x up to q."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.causal({axes!r})", sizes)
    if len(found) != 2:
        raise DSLError(f"{len(found)} axes", doing=f"making n.causal({axes!r})", fix="two: who reads, and what is read")
    return Term(Atom("causal", (" ".join(found),), (), (found,), (found,)), sizes)


def mask(axes: str) -> Term:
    """Scores where a second array of these axes is 0 are taken out: ``"q x"``; ``.over("h", 0)`` for every head."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.mask({axes!r})", sizes)
    return Term(Atom("mask", (" ".join(found),), (), (found, found), (found,)), sizes)


def sum(axes: str) -> Term:
    """The sum over these axes."""
    return reduced("sum", axes)


def mean(axes: str) -> Term:
    """The mean over these axes."""
    return reduced("mean", axes)


def max(axes: str) -> Term:
    """The largest along these axes."""
    return reduced("max", axes)


def min(axes: str) -> Term:
    """The smallest along these axes."""
    return reduced("min", axes)


def var(axes: str) -> Term:
    """The variance over these axes: the mean square of the distance from the mean."""
    return reduced("var", axes)


def argmax(axis: str) -> Term:
    """Where along this axis the largest is: integers."""
    one("argmax", axis, {})
    return reduced("argmax", axis)


def batch_norm(axes: str, channel: str, name: str = "") -> Term:
    """Mean 0 and variance 1 over these axes for every ``channel``, then its learned gain and bias.

    ``n.batch_norm("b y x", "c")``: of the numbers at hand, as in training.
    """
    sizes: dict[str, int] = {}
    over = names(axes, f"n.batch_norm({axes!r})", sizes)
    own = one("batch_norm", channel, sizes)
    if own[0] in over:
        raise DSLError(f"{channel!r} is also normalized over", doing="making n.batch_norm", fix="one axis besides")
    said = (("name", name),) if name else ()
    ins = ((*over, *own),)
    weights = (("weight", own), ("bias", own))
    return Term(Atom("batch_norm", (" ".join(over), own[0]), said, ins, ins, weights=weights), sizes)


def group_norm(axes: str, groups: int, name: str = "") -> Term:
    """Mean 0 and variance 1 in every group of channels, then a learned gain and bias: ``"c y x"``, channels first."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.group_norm({axes!r})", sizes)
    if type(groups) is not int or groups < 1 or sizes.get(found[0], groups) % groups:
        raise DSLError(f"{groups} groups", doing=f"making n.group_norm({axes!r})", fix="as many as divide the channels")
    said = (("name", name),) if name else ()
    own = (Relation(found[0], "product", (f"{found[0]}_g",), groups),)
    weights = (("weight", found[:1]), ("bias", found[:1]))
    return Term(Atom("group_norm", (" ".join(found), groups), said, (found,), (found,), own, weights), sizes)


def cumsum(axis: str) -> Term:
    """The sum of all up to each, along this axis."""
    one("cumsum", axis, {})
    return along("cumsum", axis)


def sort(axis: str) -> Term:
    """Two arrays: the numbers in rising order along this axis, and where each was."""
    sizes: dict[str, int] = {}
    found = one("sort", axis, sizes)
    return Term(Atom("sort", found, (), (found,), (found, found)), sizes)


def topk(pattern: str) -> Term:
    """Two arrays: the largest along an axis, and where they were: ``"x -> k=3"``."""
    p = read(pattern, f"n.topk({pattern!r})")
    if len(p.ins) != 1 or len(p.outs) != 1 or len(p.ins[0]) != 1 or len(p.outs[0]) != 1 or p.ins == p.outs or p.parts:
        raise DSLError(f"{pattern!r} chooses nothing", doing="making n.topk", fix="an axis and how many: 'x -> k=3'")
    return Term(Atom("topk", (str(p),), (), p.ins, (p.outs[0], p.outs[0]), uses=p.outs[0]), p.sizes)
