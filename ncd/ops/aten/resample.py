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
    kept = [_untouched(call, j, k) for j in range(k)]
    row = "* " + " ".join(f"x{j}" if whole else f"[x{j}]" for j, whole in enumerate(kept))
    # The fractions that say where the windows lie are drawn for each channel.
    rest = "* [r]" if "fractional" in call.name else "?"
    ins = [row] * same + [rest] * (len(call.ins) - same)
    out = "* " + " ".join(f"x{j}" if whole else f"[y{j}]" for j, whole in enumerate(kept))
    return ", ".join(ins) + " -> " + ", ".join([out] * len(call.outs))


def _untouched(call: AtenCall, j: int, k: int) -> bool:
    """Whether a dimension is resized, or averaged, to the size that it has: then nothing is done along it."""
    if "upsample" not in call.name and "adaptive_avg" not in call.name:
        return False
    scales = call.args.get("scale_factors") or [
        call.args.get(s) for s in ("scales", "scales_d", "scales_h", "scales_w")
    ]
    return call.ins[0].shape[j - k] == call.outs[0].shape[j - k] and all(s in (None, 1.0) for s in scales)
