"""A product with something added in one call is several operations: ``baddbmm(m, q, k, alpha=a)`` is ``m + a q k``."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node

PRODUCTS = {"baddbmm": "torch.bmm"}


def addends(net: Net) -> None:
    """Take the sum out of products, and the factor ``alpha``; ``beta`` is left where it is not 1.

    Attention calls it with a mask; drawn as one product the mask would look like a factor.
    """
    for node in net.ordered():
        name = PRODUCTS.get(node.name)
        if name is None or len(node.ins) != 3 or len(node.outs) != 1 or node.op is None:
            continue
        call = node.op.body[0]
        said = dict(call.kwargs)
        alpha, beta = said.pop("alpha", 1), said.pop("beta", 1)
        if (
            beta != 1
            or not isinstance(alpha, (int, float))
            or ("input", "batch1", "batch2")[len(call.args) :] != (*said,)
        ):
            continue
        result = node.outs[0]
        net.drop(node)
        product = net.invent(result)
        net.define(product, name, *node.ins[1:], order=node.order)
        part = replace(node, name=name.split(".")[1], ins=node.ins[1:], itok=node.itok[1:], outs=[product])
        net.add(replace(part, literals=[]))
        if alpha != 1:
            scaled = net.invent(result)
            net.define(scaled, "torch.mul", product, alpha, order=node.order + 0.25)
            net.add(_pointwise(node, "mul", [product], scaled, 0.25, [float(alpha)]))
            product = scaled
        net.define(result, "torch.add", node.ins[0], product, order=node.order + 0.5)
        net.add(_pointwise(node, "add", [node.ins[0], product], result, 0.5, []))


def _pointwise(node: Node, name: str, ins: list[Array], out: Array, later: float, literals: list[float]) -> Node:
    """A part of the call that treats every number of the product alike; the addend comes before the product."""
    row = list(node.otok[0])
    return replace(
        node,
        kind="map",
        name=name,
        symbol="",
        ins=ins,
        itok=[row] if len(ins) == 1 else [node.itok[0], row],
        outs=[out],
        targets=set(),
        order=node.order + later,
        literals=literals,
        op=None,
        evidence=(*node.evidence, f"{node.name} is a product and a sum"),
    )
