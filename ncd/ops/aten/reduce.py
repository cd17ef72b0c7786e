"""Reductions: the dimensions named by ``dim`` (all where none is) are folded away."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
linalg_vector_norm.scalar: ? ->
trace: [n] [m] ->
equal: ?, ? ->
""")

NAMES = frozenset(
    [
        *("sum", "nansum", "mean", "nanmean", "prod", "max", "min", "amax", "amin", "aminmax", "argmax", "argmin"),
        *("any", "all", "std", "var", "std_mean", "var_mean", "norm", "linalg_vector_norm", "logsumexp"),
        *("median", "nanmedian", "mode", "kthvalue", "count_nonzero", "hash_tensor"),
    ]
)


def weave(call: AtenCall) -> Text | None:
    """The rule of any reduction of one operand, from the names of its arguments."""
    named = "dim" in call.args and "keepdim" in call.args
    if not ("reduction" in call.tags or named or call.name in NAMES) or len(call.ins) != 1:
        return None
    x = call.ins[0]
    n, given = x.ndim, call.dims()
    folded = set(range(n)) if not given else set(given)
    row = [f"[a{i}]" if i in folded else f"a{i}" for i in range(n)]
    outs = []
    for o in call.outs:
        if o.ndim == n:
            outs.append(" ".join("1" if i in folded else v for i, v in enumerate(row)))
        elif o.ndim == n - len(folded):
            outs.append(" ".join(v for i, v in enumerate(row) if i not in folded))
        else:
            return None
        if o.ndim == n and any(o.shape[i] != 1 for i in folded):
            return None
    return " ".join(row) + " -> " + ", ".join(outs)
