"""Products summed over shared axes."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
mm: m [k], [k] n -> m n
bmm: b m [k], b [k] n -> b m n
mv: m [k], [k] -> m
dot vdot: [k], [k] ->
linear: * [i], o [i], o -> * o
addmm _addmm_activation: ~, m [k], [k] n -> m n
addmv: ~, m [k], [k] -> m
baddbmm: ~, b m [k], b [k] n -> b m n
addbmm: ~, [b] m [k], [b] [k] n -> m n
addr: ~, m, n -> m n
ger outer: m, n -> m n
_cdist_forward _euclidean_dist: * m [d], * n [d] -> * m n
_pdist_forward: [n] [d] -> [m]
_sparse_addmm: ~, m [k], [k] n -> m n
_sparse_mm: m [k], [k] n -> m n
_sparse_mm_reduce_impl: m [k], [k] n -> m n, m n
sparse_sampled_addmm: m n, m [k], [k] n -> m n
""")


@family("_trilinear")
def trilinear(call: AtenCall) -> Text:
    """What ``bilinear`` becomes: three operands with dimensions of size 1 inserted, summed over some."""
    inserted = [set(call.args[f"expand{j}"]) for j in (1, 2, 3)]
    n = max(t.ndim + len(e) for t, e in zip(call.ins, inserted, strict=True))
    summed = set(call.args["sumdim"])
    full = [f"[a{j}]" if j in summed else f"a{j}" for j in range(n)]
    rows = [" ".join(v for j, v in enumerate(full) if j not in e) for e in inserted]
    return ", ".join(rows) + " -> " + " ".join(v for j, v in enumerate(full) if j not in summed)


@family("_scaled_mm _scaled_mm_v2")
def scaled(call: AtenCall) -> Text | None:
    """Scales are one for all, or one a row of the first factor and one a column of the second."""
    m, n = call.outs[0].shape
    rows = {(m, 1): "m 1", (1, n): "1 n", (n,): "n", (1, 1): "1 1", (1,): "1", (): ""}
    if len(call.ins) < 4 or any(t.shape not in rows for t in call.ins[2:]):
        return None
    return ", ".join(["m [k]", "[k] n", *(rows[t.shape] for t in call.ins[2:])]) + " -> m n"


@family("_grouped_mm")
def grouped(call: AtenCall) -> Text | None:
    """A product a group; ``offs`` says where along the rows, the sum or the columns each group ends."""
    a, b = call.ins[:2]
    if len(call.ins) == 2:
        return "g m [k], g [k] n -> g m n" if a.ndim == b.ndim == 3 else None
    rows = {
        (2, 3): "[m] [k], [g] [k] n, [g] -> [m] n",
        (2, 2): "m [k], [k] n, [g] -> [g] m n",
        (3, 2): "[g] m [k], [k] [n], [g] -> m [n]",
    }
    return rows.get((a.ndim, b.ndim)) if len(call.ins) == 3 else None
