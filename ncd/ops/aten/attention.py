"""Fused attention kernels; a causal one is position dependent, so neither q nor k is tiled."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family()


@family("_scaled_dot_product_* _fused_sdp_choice")
def attention(call: AtenCall) -> Text | None:
    if len(call.ins) < 3 or not call.outs:
        return None
    q = "[q]" if call.args.get("is_causal") else "q"
    # Only the first operand after q, k, v can be a mask; the rest are states of the generator.
    extra = [f"* {q} [k]", *["?"] * (len(call.ins) - 4)] if len(call.ins) > 3 else []
    rows = ", ".join([f"* {q} [d]", "* [k] [d]", "* [k] v", *extra])
    out = call.outs[0].ndim
    sums = [f"* {q}" if o.ndim == out - 1 else f"* {q} [k]" if o.ndim == out else "?" for o in call.outs[1:]]
    return f"{rows} -> " + ", ".join([f"* {q} v", *sums])
