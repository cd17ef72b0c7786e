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
_grouped_mm: ?, ?, ? -> ?
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
