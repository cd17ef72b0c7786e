"""Concatenation, padding, repetition, reversal: forms that reach beyond an operand or run backwards."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family()


def _names(n: int) -> list[str]:
    return [f"a{i}" for i in range(n)]


def _shift(var: str, by: int) -> str:
    return f"{var}{by:+d}" if by else var


@family("cat concat concatenate")
def cat(call: AtenCall) -> Text:
    """Each operand is read at the output's index less what comes before it.

    Empty operands do not count: a cache that starts with one has no say over the other dimensions.
    """
    out, before, rows = call.outs[0], 0, []
    d, names = call.dim(of=out.ndim), _names(out.ndim)
    for t in call.ins:
        if t.empty and not out.empty:
            rows.append(" ".join(["1"] * t.ndim))
            continue
        rows.append(" ".join(_shift(v, -before) if i == d else v for i, v in enumerate(names)))
        before += t.shape[d]
    return ", ".join(rows) + " -> " + " ".join(names), dict(zip(names, out.shape, strict=True))


@family("stack")
def stack(call: AtenCall) -> Text:
    n = call.outs[0].ndim
    d = call.dim(of=n)
    row = [f"[a{i}]" if i == d else f"a{i}" for i in range(n)]
    return ", ".join([" ".join(row[:d] + row[d + 1 :])] * len(call.ins)) + " -> " + " ".join(row)


@family("flip")
def flip(call: AtenCall) -> Text:
    shape, dims, names = call.ins[0].shape, call.dims("dims") or (), _names(call.ins[0].ndim)
    row = [f"-{v}+{n - 1}" if i in dims and n > 1 else v for i, (v, n) in enumerate(zip(names, shape, strict=True))]
    return " ".join(row) + " -> " + " ".join(names), dict(zip(names, shape, strict=True))


@family("rot90")
def quarter_turns(call: AtenCall) -> Text:
    """Two axes exchanged, one of them, or both, or none reversed."""
    x, k = call.ins[0], call.args["k"] % 4
    i, j = call.dims("dims") or (0, 1)
    sizes = dict(zip(names := _names(x.ndim), x.shape, strict=True))

    def back(d: int) -> str:
        return f"-{names[d]}+{x.shape[d] - 1}" if x.shape[d] > 1 else names[d]

    row, out = list(names), list(names)
    if k % 2:
        out[i], out[j] = names[j], names[i]
    for d in {0: (), 1: (j,), 2: (i, j), 3: (i,)}[k]:
        row[d] = back(d)
    return " ".join(row) + " -> " + " ".join(out), sizes


@family("constant_pad_nd")
def pad(call: AtenCall) -> Text:
    """Positions that the form puts outside the operand hold the constant.

    Of a dimension of size 1 the operand has no index to say so by: then all positions are made here.
    """
    shape, made, amounts = call.ins[0].shape, call.outs[0].shape, list(call.args["pad"])
    n = len(shape)
    names = _names(n)
    low = [0] * n
    for j in range(len(amounts) // 2):
        low[n - 1 - j] = amounts[2 * j]
    alone = [a == 1 != b for a, b in zip(shape, made, strict=True)]
    row = ["1" if one else _shift(v, -p) for v, p, one in zip(names, low, alone, strict=True)]
    out = [f"[{v}]" if one else v for v, one in zip(names, alone, strict=True)]
    return " ".join(row) + " -> " + " ".join(out), dict(zip(names, made, strict=True))


@family("repeat")
def repeat(call: AtenCall) -> Text:
    x, times = call.ins[0], list(call.args["repeats"])
    new, names = len(times) - x.ndim, _names(x.ndim)
    sizes = {f"r{i}": n for i, n in enumerate(times)} | dict(zip(names, x.shape, strict=True))
    out = [f"r{i}" for i in range(new)] + [f"(r{i + new} {v})" for i, v in enumerate(names)]
    return " ".join(names) + " -> " + " ".join(out), sizes


@family("pixel_shuffle pixel_unshuffle")
def pixels(call: AtenCall) -> Text:
    up = call.name == "pixel_shuffle"
    r = call.args["upscale_factor" if up else "downscale_factor"]
    deep, wide = (call.ins[0], call.outs[0]) if up else (call.outs[0], call.ins[0])
    sizes = {"c": wide.shape[-3], "i": r, "j": r, "h": deep.shape[-2], "w": deep.shape[-1]}
    few, many = "* (c i j) h w", "* c (h i) (w j)"
    return (f"{few} -> {many}" if up else f"{many} -> {few}"), sizes


@family("channel_shuffle native_channel_shuffle")
def channels(call: AtenCall) -> Text:
    x, g = call.ins[0], call.args["groups"]
    rest = " ".join(f"s{i}" for i in range(x.ndim - 2))
    return f"b (g c) {rest} -> b (c g) {rest}", {"g": g, "c": x.shape[1] // g}


@family("diag_embed")
def diag_embed(call: AtenCall) -> Text:
    """Zero off the diagonal: a value moves with both indices at once, so the axis is no loop."""
    x, o, off = call.ins[0], call.outs[0], call.args.get("offset", 0)
    places = ("[d]", "[d]") if not off else ("[p]", "[q]")
    i, j = call.dim("dim1", -2, o.ndim), call.dim("dim2", -1, o.ndim)
    names = _names(x.ndim - 1)
    rest = iter(names)
    out = [places[0] if q == i else places[1] if q == j else next(rest) for q in range(o.ndim)]
    return " ".join([*names, "[d]"]) + " -> " + " ".join(out)
