"""The axis rules of torch's primitive operations (aten), keyed by aten name, free of torch.

``weave(call)`` answers for one call; an op that nothing here knows is None: its caller treats every
axis as a target.  First the rows and functions of the families, then views (their strides say it),
then what the schema shows: pointwise, reduction, along a dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache

from ncd.circuit.weave import Side, Weave
from ncd.errors import AxisError
from ncd.ops.aten import (
    along,
    attention,
    contraction,
    index,
    join,
    linalg,
    loss,
    norm,
    pointwise,
    reduce,
    resample,
    source,
    view,
    window,
)
from ncd.ops.aten.call import AtenCall, Operand
from ncd.ops.aten.spec import Rule, Text, declared, read
from ncd.ops.aten.view import together

__all__ = ["AtenCall", "Operand", "declared", "is_declared", "lookup", "opaque", "table", "weave"]

FAMILIES = (
    contraction, attention, norm, reduce, along, window, resample, index, join, linalg, loss, source,
)  # fmt: skip


KNOW_EMPTY = frozenset(["cat", "linalg_lstsq"])
"""Ops whose rules say what an operand or result without elements means."""


@lru_cache(None)
def table() -> Mapping[str, str | Rule]:
    """Every name that has a row or a function of its own; ``*`` in a name matches anything."""
    found: dict[str, str | Rule] = {}
    for module in FAMILIES:
        for name, rule in module.family.rules.items():
            assert name not in found, f"two rules for {name}"
            found[name] = rule
    return found


@lru_cache(None)
def lookup(name: str, overload: str = "default") -> str | Rule | None:
    """The row or function of an op: its overload's, its own, that of its functional twin, a pattern's."""
    rules = table()
    plain = name.rstrip("_")
    for key in (f"{name}.{overload}", name, f"{plain}.{overload}", plain):
        if key in rules:
            return rules[key]
    for pattern, rule in rules.items():
        if "*" in pattern and fnmatchcase(name, pattern):
            return rule
    return None


def is_declared(name: str, overload: str = "default") -> bool:
    """Whether the op has a row that says it acts on everything."""
    rule = lookup(name, overload)
    return isinstance(rule, str) and declared(rule)


def opaque(call: AtenCall) -> Weave:
    """All target: what can always be said."""
    return read("? -> ?", call.ins, call.outs)


def weave(call: AtenCall) -> Weave | None:
    """The axis relation of one aten call, or None where no rule applies."""
    rule = lookup(call.name, call.overload)
    if call.name not in KNOW_EMPTY and any(o.empty for o in (*call.ins, *call.outs)):
        some = any(o.empty for o in call.outs) and not all(o.empty for o in call.outs)
        return _without_empty(call) if some else opaque(call)
    if rule is not None:
        return _settled(rule, call)
    for family in (source, view, pointwise, reduce, along, loss):
        if family is view and "view" not in call.tags:
            continue
        found = _settled(family.weave, call)
        if found is not None:
            return found
    return None


def _settled(rule: str | Rule, call: AtenCall) -> Weave | None:
    """A rule's text read for these operands; a text that does not fit them is no rule for this call."""
    try:
        said: Text | Weave | None = rule if isinstance(rule, str) else rule(call)
        if said is None or isinstance(said, Weave):
            return said
        text, sizes = (said, {}) if isinstance(said, str) else said
        return read(text, call.ins, call.outs, sizes)
    except (AxisError, KeyError, TypeError, IndexError):
        return None


def _without_empty(call: AtenCall) -> Weave | None:
    """Some kernels return an unused result of no elements beside the real ones; some pieces of a whole have none."""
    full = AtenCall(
        call.name, call.overload, call.args, call.ins, tuple(o for o in call.outs if not o.empty), call.tags
    )
    found = weave(full)
    if found is None:
        return None
    some = [
        read(" -> ?", [], [o]).renamed({f"_y0.{d}": f"_e{i}.{d}" for d in range(o.ndim)}) if o.empty else None
        for i, o in enumerate(call.outs)
    ]
    if found.rest:
        parts, bare = iter((found, *found.rest)), replace(found, rest=())
        return together([next(parts) if e is None else _beside(bare, e.outs, e) for e in some])
    rows = iter(found.outs)
    outs = tuple(next(rows) if e is None else e.outs[0] for e in some)
    for e in some:
        found = _beside(found, outs, e) if e is not None else found
    return found


def _beside(weave: Weave, outs: Side, other: Weave) -> Weave:
    """A weave with these outputs, some of them of another."""
    return replace(weave, outs=outs, sizes={**weave.sizes, **other.sizes}, targets=weave.targets | other.targets)
