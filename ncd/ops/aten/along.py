"""Ops that mix along a dimension and keep it: softmax, cumsum, sort, topk, fft, roll, ..."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
tril triu: * [i] [j] -> * [i] [j]
multinomial: * [n] -> * [k]
bincount: [n] -> [m]
bincount.weights: [n], [n] -> [m]
histc: ? -> [m]
""")


def weave(call: AtenCall) -> Text | None:
    """The rule of any op of one operand with ``dim`` or ``dims`` that leaves the other dimensions alone."""
    if len(call.ins) != 1 or not call.outs:
        return None
    x = call.ins[0]
    mixed = call.dims("dim") if call.args.get("dim") is not None else call.dims("dims")
    if mixed is None:
        if "dim" not in call.args and "dims" not in call.args:
            return None
        mixed = tuple(range(x.ndim))
    kept = [i for i in range(x.ndim) if i not in mixed]
    if any(o.ndim != x.ndim or any(o.shape[i] != x.shape[i] for i in kept) for o in call.outs):
        return None
    row = [f"a{i}" if i in kept else f"[a{i}]" for i in range(x.ndim)]
    outs = []
    for q, o in enumerate(call.outs):
        outs.append(" ".join(v if o.shape[i] == x.shape[i] else f"[y{q}x{i}]" for i, v in enumerate(row)))
    return " ".join(row) + " -> " + ", ".join(outs)


@family("roll")
def roll(call: AtenCall) -> Text:
    """A turn by the whole length is none; without ``dims`` all elements move as one row."""
    x, shifts = call.ins[0], call.args["shifts"]
    turns = dict(zip(call.dims("dims") or (), shifts, strict=False))
    turned = [bool(turns.get(i, 0) % n) if turns else any(shifts) for i, n in enumerate(x.shape)]
    row = " ".join(f"[a{i}]" if t else f"a{i}" for i, t in enumerate(turned))
    return f"{row} -> {row}"


@family("cross linalg_cross")
def cross(call: AtenCall) -> Text:
    n = call.outs[0].ndim
    d = call.dim(default=-1, of=n)
    row = [f"[a{i}]" if i == d else f"a{i}" for i in range(n)]
    ins = ", ".join(" ".join(row[n - t.ndim :]) for t in call.ins)
    return f"{ins} -> {' '.join(row)}"
