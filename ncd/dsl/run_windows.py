"""What convolutions and pooling compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ncd.dsl.named import Named, Sizes, Weights
from ncd.dsl.nodes import Atom
from ncd.dsl.patterns import Axes


def _places(atom: Atom, first: int) -> tuple[int, int]:
    """How many axes of places there are, and the step along them."""
    return len(atom.ins[0]) - first, dict(atom.kwargs).get("stride", 0)


def _conv(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = _whole(xs[0], atom)
    count, stride = _places(atom, 1)
    kernel = weights["weight"].shape[-1]
    fn = (F.conv1d, F.conv2d, F.conv3d)[count - 1]
    said = dict(atom.kwargs)
    apart = said.get("dilation", 1)
    how = {"stride": stride or 1, "padding": kernel // 2 * apart, "dilation": apart, "groups": said.get("groups", 1)}
    return _apart(fn(data, weights["weight"], weights.get("bias"), **how), batch)


def _upconv(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = _whole(xs[0], atom)
    count, stride = _places(atom, 1)
    fn = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[count - 1]
    return _apart(fn(data, weights["weight"], weights.get("bias"), stride=stride or 2), batch)


def _pool(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = _whole(xs[0], atom, 1)
    count, stride = _places(atom, 0)
    size = dict(atom.kwargs).get("size", 2)
    pools: Any = {
        "max_pool": (F.max_pool1d, F.max_pool2d, F.max_pool3d),
        "avg_pool": (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
    }
    full = size == (stride or size)
    said = {} if atom.name == "max_pool" else {"count_include_pad": False}
    y = pools[atom.name][count - 1](data, size, stride or size, 0 if full else size // 2, ceil_mode=full, **said)
    return _apart(y, batch)


def _upsample(atom: Atom, weights: Weights, xs: list[Named], outs: list[Axes], sizes: Sizes) -> Tensor:
    data, batch = _whole(xs[0], atom, 1)
    alone = data.dim() == len(atom.ins[0]) + 1  # only pooling and convolution know what has no batch
    y = F.interpolate(data.unsqueeze(0) if alone else data, scale_factor=float(dict(atom.kwargs).get("by", 2)))
    y = y.squeeze(0) if alone else y
    return _apart(y, batch)


def _whole(x: Named, atom: Atom, channels: int = 0) -> tuple[Tensor, Sequence[int]]:
    """What a window slides over, behind at most one dimension; ``channels``: with one more where there is none."""
    over = [a for a in x.axes if a not in atom.ins[0]]
    data = x.put((*over, *atom.ins[0]))
    keep = channels + 1
    if len(over) > keep:
        return data.flatten(0, len(over) - keep), data.shape[: len(over) - keep + 1]
    return (data, ()) if len(over) >= channels else (data.unsqueeze(0), (-1,))


def _apart(y: Tensor, batch: Sequence[int]) -> Tensor:
    return y.squeeze(0) if batch == (-1,) else y.unflatten(0, batch) if batch else y


RUNS: Mapping[str, Callable[..., Tensor | list[Tensor]]] = {
    "conv": _conv, "upconv": _upconv, "max_pool": _pool, "avg_pool": _pool, "upsample": _upsample,
}  # fmt: skip
