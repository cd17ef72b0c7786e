"""The axis rules of torch's primitive operations (aten), keyed by aten name, free of torch.

``weave(call)`` answers for one call; an op that nothing here knows is None: its caller treats every
axis as a target.  First the rows and functions of the families, then views (their strides say it),
then what the schema shows: pointwise, reduction, along a dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from ncd.circuit.weave import UNIT, Weave
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

__all__ = ["AtenCall", "Operand", "declared", "is_declared", "lookup", "opaque", "table", "weave"]

FAMILIES = (
    contraction, attention, norm, reduce, along, window, resample, index, join, linalg, loss, source,
)  # fmt: skip


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
    if any(o.empty for o in call.outs) and not all(o.empty for o in call.outs):
        return _without_empty(call)
    rule = lookup(call.name, call.overload)
    if any(o.empty for o in (*call.ins, *call.outs)) and call.name != "cat":
        return opaque(call)
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
    """Some kernels return an unused result of no elements beside the real ones."""
    full = AtenCall(
        call.name, call.overload, call.args, call.ins, tuple(o for o in call.outs if not o.empty), call.tags
    )
    found = weave(full)
    if found is None or found.rest:
        return None
    rows = iter(found.outs)
    outs = tuple((UNIT,) * o.ndim if o.empty else next(rows) for o in call.outs)
    return Weave(found.ins, outs, found.sizes, found.targets)
