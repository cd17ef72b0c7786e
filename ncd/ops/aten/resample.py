"""Resizing: adaptive pooling, interpolation, padding by the array's own values."""

from __future__ import annotations

import re

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
grid_sampler_2d: b c [h] [w], b i j [xy] -> b c i j
grid_sampler_3d: b c [h] [w] [l], b i j k [xy] -> b c i j k
affine_grid_generator: b [i] [j] -> b [h] [w] [xy]
""")


@family(
    "_adaptive_avg_pool* adaptive_avg_pool* adaptive_max_pool* upsample_* _upsample_* reflection_pad* replication_pad*"
    " fractional_max_pool* max_unpool*"
)
def spatial(call: AtenCall) -> Text:
    """Every output position may read any position of its own channel.

    Pooled to size 1 the index vanishes from the output: a plain reduction.
    """
    named = re.search(r"(\d)d", call.name)
    k = int(named.group(1)) if named else call.ins[0].ndim - 2
    same = 2 if "unpool" in call.name else 1
    row = "* " + " ".join(f"[x{j}]" for j in range(k))
    ins = [row] * same + ["?"] * (len(call.ins) - same)
    out = "* " + " ".join(f"[y{j}]" for j in range(k))
    return ", ".join(ins) + " -> " + ", ".join([out] * len(call.outs))
