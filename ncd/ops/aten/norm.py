"""Normalisations: which axes the statistics run over, and which have a learned scale."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family()


@family("native_layer_norm _fused_rms_norm rms_norm layer_norm")
def over_last(call: AtenCall) -> Text:
    """Layer and RMS norm: statistics over the last dimensions, scales along them."""
    x, k = call.ins[0], len(call.args["normalized_shape"])
    rest = [f"a{i}" for i in range(x.ndim - k)]
    last = [f"[c{i}]" for i in range(k)]
    stats = [[*rest, *["1"] * (o.ndim - len(rest))] for o in call.outs[1:]]
    return _join([rest + last, *[last] * (len(call.ins) - 1)], [rest + last, *stats])


@family(
    "native_batch_norm _native_batch_norm_legit* cudnn_batch_norm miopen_batch_norm"
    " _batch_norm_with_update* _batch_norm_no_update _batch_norm_no_training* batch_norm"
)
def over_batch(call: AtenCall) -> Text:
    """Batch norm: in training statistics over everything but the channel, else pointwise with fixed ones."""
    x = call.ins[0]
    frozen = "no_training" in call.name or "no_update" in call.name
    training = call.args.get("training", call.args.get("train", not frozen))
    if len(call.ins) < 3 and not frozen and call.args.get("running_mean") is None:
        training = True
    tile = "[{}]" if training else "{}"
    rest = [tile.format("b"), "c", *(tile.format(f"s{i}") for i in range(x.ndim - 2))]
    stats = [["c"] if o.shape == x.shape[1:2] else ["?"] for o in call.outs[1:]]
    return _join([rest, *[["c"]] * (len(call.ins) - 1)], [rest, *stats])


@family("native_group_norm group_norm")
def over_groups(call: AtenCall) -> Text:
    x, g = call.ins[0], call.args["group"]
    scale = ["(g [c])"]
    rest = ["b", *scale, *(f"[s{i}]" for i in range(x.ndim - 2))]
    text = _join([rest, *[scale] * (len(call.ins) - 1)], [rest, *[["b", "g"]] * (len(call.outs) - 1)])
    return text, {"g": g, "c": x.shape[1] // g}


@family("renorm")
def renorm(call: AtenCall) -> Text:
    """Each slice along ``dim`` is shortened on its own."""
    d = call.dim()
    row = [f"a{i}" if i == d else f"[a{i}]" for i in range(call.ins[0].ndim)]
    return _join([row], [row])


@family("_weight_norm_interface")
def weight_norm(call: AtenCall) -> Text:
    v, d = call.ins[0], call.dim()
    row = [f"a{i}" if i == d else f"[a{i}]" for i in range(v.ndim)]
    scale = [f"a{i}" if i == d else "1" for i in range(v.ndim)]
    return _join([row, scale], [row, scale])


def _join(ins: list[list[str]], outs: list[list[str]]) -> str:
    return ", ".join(map(" ".join, ins)) + " -> " + ", ".join(map(" ".join, outs))
