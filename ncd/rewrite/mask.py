"""Masks: additions of 0 and minus infinity, and fills with minus infinity."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import LARGEST, Sample

if TYPE_CHECKING:
    from torch import Tensor

FORBIDDEN = -1e4
"""At or below this a score is as good as minus infinity."""


def masks(net: Net, sample: Sample) -> None:
    """An elementwise op that only forbids entries is a mask; it touches what the mask varies over."""
    for node in net.ordered():
        if not node.pointwise or len(node.ins) < 2:
            continue
        constant = [i for i, a in enumerate(node.ins) if net.constant(a) and a.wires]
        data = [i for i, a in enumerate(node.ins) if not net.hidden(a)]
        if len(constant) != 1 or len(data) != 1:
            continue
        allowed = _allowed(net, sample, node, node.ins[data[0]])
        if allowed is None:
            continue
        value = sample.value(node.ins[constant[0]].id)
        if value is None:
            continue
        node.kind, node.name, node.symbol = "along", "mask", "mask"
        node.label = pattern(allowed)
        node.targets = varying(value, node.ins[constant[0]], node.itok[constant[0]])
        node.evidence += ("forbids entries and changes no other",)


def _allowed(net: Net, sample: Sample, node: Node, data: Array) -> Tensor | None:
    """Which entries a node lets through, or None if it does anything but mask.

    It is run on two constant inputs: an entry either keeps the number or falls to minus infinity,
    the same entries both times.  So the order of ``where``'s arguments need not be known.
    """
    import torch

    dtype = getattr(torch, data.dtype)
    if node.name.rstrip("_") not in ("add", "masked_fill", "where") or not dtype.is_floating_point:
        return None
    if prod(node.outs[0].shape) > LARGEST or prod(data.shape) > LARGEST:
        return None
    found = []
    for number in (0.0, 2.5):
        got = sample.replay(node.outs[0].id, {data.id: torch.full(data.shape, number, dtype=dtype)})
        if got is None:
            return None
        low = got <= FORBIDDEN
        if not bool(low.any()) or not bool(((got == number) | low).all()):
            return None
        found.append(~low)
    return found[0] if torch.equal(*found) else None


def allows(value: Tensor) -> Tensor:
    """Which entries a mask lets through: what is true, or what is not minus infinity."""
    import torch

    return value if value.dtype == torch.bool else value > FORBIDDEN


def forbids(value: Tensor) -> bool:
    """Whether an array only says which entries count: booleans, or 0 and minus infinity."""
    import torch

    if value.dtype == torch.bool:
        return not bool(value.all())
    low = value <= FORBIDDEN
    return bool(((value == 0) | low).all()) and bool(low.any())


def varying(value: Tensor, array: Array, row: Sequence[str]) -> set[str]:
    """The indices along which the recorded values are not all the same."""
    shape = [w.size for w in array.wires]
    if list(value.shape) != list(array.shape):
        return set(row)
    t = value.reshape(shape)
    return {token for k, token in enumerate(row) if bool((t != t.narrow(k, 0, 1)).any())}


def pattern(allowed: Tensor) -> str:
    """What is let through of the last two axes, everywhere: ``causal`` is exactly the lower triangle.

    A ``window`` is a band around the diagonal; everything else is a ``mask``.
    """
    import torch

    if allowed.dim() < 2 or allowed.shape[-2] < 2:
        return "mask"
    t = allowed.reshape(-1, *allowed.shape[-2:])
    n, m = t.shape[-2:]
    if not bool((t == t[:1]).all()):
        return "mask"
    apart = torch.arange(m) - torch.arange(n)[:, None] - (m - n)  # 0 on the diagonal that ends at the last corner
    there = apart[t[0]]
    low, high = (int(there.min()), int(there.max())) if len(there) else (0, -1)
    band = torch.equal(t[0], (apart >= low) & (apart <= high))
    if not band or high < 0 or low > 0:
        return "mask"
    if high == 0:
        return "causal" if low == int(apart.min()) else "causal window"
    return "window" if low == -high and high < m - 1 else "mask"
