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
        node.label = "causal" if is_causal(allowed) else "mask"
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


def is_causal(allowed: Tensor) -> bool:
    """Whether exactly the lower triangle of the last two axes is let through, everywhere."""
    import torch

    if allowed.dim() < 2:
        return False
    t = allowed.reshape(-1, *allowed.shape[-2:])
    if t.shape[-2] < 2:
        return False
    lower = torch.ones(t.shape[-2:], dtype=torch.bool).tril(t.shape[-1] - t.shape[-2])
    return bool((t == lower).all())
