"""A product with something added in one call is two operations: ``baddbmm(m, q, k)`` is ``m + q k``."""

from __future__ import annotations

from dataclasses import replace

from ncd.rewrite.net import Net

PRODUCTS = {"baddbmm": "torch.bmm"}


def addends(net: Net) -> None:
    """Take the sum out of products, where nothing else is said (``beta``, ``alpha``).

    Attention calls it with a mask; drawn as one product the mask would look like a factor.
    """
    for node in net.ordered():
        name = PRODUCTS.get(node.name)
        if name is None or len(node.ins) != 3 or len(node.outs) != 1 or node.literals:
            continue
        result = node.outs[0]
        product = net.invent(result)
        net.define(product, name, *node.ins[1:], order=node.order)
        net.define(result, "torch.add", node.ins[0], product, order=node.order + 0.5)
        row = list(node.otok[0])
        net.drop(node)
        net.add(replace(node, name=name.split(".")[1], ins=node.ins[1:], itok=node.itok[1:], outs=[product]))
        net.add(
            replace(
                node,
                kind="map",
                name="add",
                symbol="",
                ins=[node.ins[0], product],
                itok=[node.itok[0], row],
                targets=set(),
                order=node.order + 0.5,
                op=None,
                evidence=(*node.evidence, f"{node.name} is a product and a sum"),
            )
        )
