"""Sliding windows: convolution, pooling, patches.  An input is read at ``stride·y + dilation·k - padding``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ncd.circuit.weave import Weave
from ncd.ops.aten.call import AtenCall, Operand, contiguous
from ncd.ops.aten.spec import Family, Text, read
from ncd.ops.aten.view import decode

family = Family("""
col2im: * [a] [l] -> * [c] [h] [w]
""")


def each(value: Any, k: int, default: Sequence[int] | None = None) -> list[int]:
    """One number a dimension; torch writes a single one for all, and an empty list for the default."""
    many = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    many = many or list(default or [])
    return many * k if len(many) == 1 else many


def token(stride: int, y: str, dilation: int, k: str, padding: int) -> str:
    def times(n: int, v: str) -> str:
        return v if n == 1 else f"{n}{v}"

    return f"{times(stride, y)}+{times(dilation, k)}" + (f"{-padding:+d}" if padding else "")


@family("convolution _convolution convolution_overrideable mkldnn_convolution cudnn_convolution")
def convolution(call: AtenCall) -> Text:
    """Channels come in groups; transposed, the window is on the output and every input position spreads."""
    x, w = call.ins[:2]
    k = w.ndim - 2
    back, g = bool(call.args.get("transposed")), call.args.get("groups", 1)
    stride, padding, dilation = (each(call.args[key], k) for key in ("stride", "padding", "dilation"))
    place = [f"[y{j}]" if back else f"y{j}" for j in range(k)]
    taps = [f"[k{j}]" for j in range(k)]
    window = [token(s, y, d, t, p) for s, y, d, t, p in zip(stride, place, dilation, taps, padding, strict=True)]
    batch = ["b"] if x.ndim == k + 2 else []
    into, out = "(g [i])", "(g o)"
    ins = [
        [*batch, into, *(place if back else window)],
        [*((into, "o") if back else (out, "[i]")), *taps],
        *[[out]] * (len(call.ins) - 2),
    ]
    outs = [[*batch, out, *(window if back else place)]]
    y = (x if back else call.outs[0]).shape[-k:]
    channel = -k - 1
    sizes = {"g": g, "i": x.shape[channel] // g, "o": call.outs[0].shape[channel] // g, "b": x.shape[0]}
    sizes |= {f"k{j}": w.shape[2 + j] for j in range(k)} | {f"y{j}": y[j] for j in range(k)}
    return ", ".join(map(" ".join, ins)) + " -> " + ", ".join(map(" ".join, outs)), sizes


@family(
    "avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d"
    " max_pool2d_with_indices max_pool3d_with_indices mkldnn_max_pool2d mkldnn_max_pool3d quantized_max_pool2d"
)
def pool(call: AtenCall) -> Text:
    k = int(call.name.split("pool")[1][0])
    kernel = each(call.args["kernel_size"], k)
    stride = each(call.args.get("stride"), k, kernel)
    padding = each(call.args.get("padding"), k, [0])
    dilation = each(call.args.get("dilation"), k, [1])
    window = [token(stride[j], f"y{j}", dilation[j], f"[k{j}]", padding[j]) for j in range(k)]
    sizes = {f"k{j}": n for j, n in enumerate(kernel)} | {f"y{j}": n for j, n in enumerate(call.outs[0].shape[-k:])}
    # Where the maxima were, counted over the whole image: that does not move with the place.
    mark = "[y{}]" if len(call.outs) > 1 else "y{}"
    window = [w.replace(f"y{j}", mark.format(j)) for j, w in enumerate(window)]
    out = "* " + " ".join(mark.format(j) for j in range(k))
    return f"* {' '.join(window)} -> " + ", ".join([out] * len(call.outs)), sizes


@family("im2col")
def patches(call: AtenCall) -> Text:
    x = call.ins[0]
    kernel, dilation, padding, stride = (
        each(call.args[a], 2) for a in ("kernel_size", "dilation", "padding", "stride")
    )
    windows, sizes = [], {"c": x.shape[-3]}
    for j in range(2):
        n = x.shape[-2 + j] + 2 * padding[j] - dilation[j] * (kernel[j] - 1) - 1
        sizes |= {f"k{j}": kernel[j], f"y{j}": n // stride[j] + 1}
        windows.append(token(stride[j], f"y{j}", dilation[j], f"k{j}", padding[j]))
    return f"* c {' '.join(windows)} -> * (c k0 k1) (y0 y1)", sizes


@family("as_strided as_strided_copy")
def as_strided(call: AtenCall) -> Weave | None:
    """The one view whose meaning depends on the strides of its input: dense ones, in any order of axes."""
    x = call.ins[0]
    order = sorted(range(x.ndim), key=lambda i: (-x.strides[i], i))
    dense = tuple(x.shape[i] for i in order)
    if contiguous(dense) != tuple(x.strides[i] for i in order):
        return None
    size, stride, offset = tuple(call.args["size"]), tuple(call.args["stride"]), call.args.get("storage_offset") or 0
    found = decode(dense, stride, offset, size) or _between(dense, stride, offset, size)
    forms = tuple(found.ins[0][order.index(i)] for i in range(x.ndim))
    return Weave((forms,), found.outs, found.sizes, found.targets)


def _between(shape: tuple[int, ...], stride: tuple[int, ...], offset: int, size: tuple[int, ...]) -> Weave:
    """Windows that run over several dimensions: exact in the outer and inner dimensions they leave whole."""
    steps, lead, trail = contiguous(shape), 0, 0
    least = min(len(shape), len(size))
    while lead < least and (size[lead], stride[lead]) == (shape[lead], steps[lead]):
        reach = offset + sum((n - 1) * s for n, s in zip(size[lead + 1 :], stride[lead + 1 :], strict=True))
        if reach >= steps[lead]:
            break
        lead += 1
    while trail < least - lead and (size[-trail - 1], stride[-trail - 1]) == (shape[-trail - 1], steps[-trail - 1]):
        whole = steps[-trail - 1] * shape[-trail - 1]
        if any(s % whole for s in (*stride[: -trail - 1], offset)):
            break
        trail += 1

    def row(mark: str, n: int) -> str:
        middle = [f"[{mark}{i}]" for i in range(n - lead - trail)]
        return " ".join([*(f"a{i}" for i in range(lead)), *middle, *(f"c{i}" for i in range(trail))])

    return read(f"{row('x', len(shape))} -> {row('y', len(size))}", [Operand(shape)], [Operand(size)])
