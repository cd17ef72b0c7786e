"""Tensors out of nothing: constant ones are tiled over every axis, positional ones over none."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

UNIFORM = frozenset(
    [
        *("zeros", "ones", "full", "scalar_tensor", "rand", "randn", "randint"),
        *("empty", "empty_strided", "empty_permuted"),
    ]
)
"""Factories whose result does not depend on the position (random ones by decree)."""

family = Family()


def weave(call: AtenCall) -> Text | None:
    if call.ins:
        return None
    token = "y{}x{}" if call.name in UNIFORM else "[y{}x{}]"
    return " -> " + ", ".join(" ".join(token.format(q, i) for i in range(o.ndim)) for q, o in enumerate(call.outs))


@family("linspace logspace arange range")
def ruler(call: AtenCall) -> Text:
    """Positions between two ends, which may be tensors of one number."""
    return ", ".join(" ".join("1" for _ in t.shape) for t in call.ins) + " -> [n]"


@family("new_zeros new_ones new_empty new_full new_empty_strided")
def like_nothing(call: AtenCall) -> Text:
    """The operand lends its dtype and device only: no index of its own reaches the result."""
    ins = ", ".join(" ".join(f"x{q}x{i}" for i in range(t.ndim)) for q, t in enumerate(call.ins))
    return f"{ins} -> " + ", ".join(" ".join(f"y{q}x{i}" for i in range(o.ndim)) for q, o in enumerate(call.outs))
