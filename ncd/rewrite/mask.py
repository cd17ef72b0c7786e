"""Masks: additions of 0 and minus infinity, and fills with minus infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import Sample

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
        allowed = _allowed(net, sample, node, constant[0], data[0])
        if allowed is None:
            continue
        value = sample.value(node.ins[constant[0]].id)
        assert value is not None
        node.kind, node.name, node.symbol = "along", "mask", "mask"
        node.label = "causal" if is_causal(allowed) else "mask"
        node.targets = varying(value, node.ins[constant[0]], node.itok[constant[0]])
        node.evidence += ("forbids entries and changes no other",)


def _allowed(net: Net, sample: Sample, node: Node, constant: int, data: int) -> Tensor | None:
    """Which entries a node lets through, or None if it does anything but mask."""
    import torch

    value = sample.value(node.ins[constant].id)
    if value is None:
        return None
    name = node.name.rstrip("_")
    if name == "add" and value.is_floating_point() and not node.literals:
        return allows(value) if forbids(value) else None
    fills = list(node.literals)
    for a in node.ins:
        if net.constant(a) and not a.wires:
            scalar = sample.value(a.id)
            fills += [] if scalar is None else [float(scalar)]
    if value.dtype != torch.bool or not any(f <= FORBIDDEN for f in fills):
        return None
    if name == "masked_fill":
        return ~value
    # where(mask, x, -inf) keeps x; where(mask, -inf, x) would forbid where the mask is true.
    return (value if constant < data else None) if name == "where" else None


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
