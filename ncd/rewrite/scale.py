"""Scalings: a number in front of a contraction moves behind it, onto the cup's arrow."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import Sample

TIMES = frozenset("mul div truediv mul_ div_ imul itruediv".split())


def factor(net: Net, node: Node, sample: Sample) -> float | None:
    """The number an op multiplies its one array by, if that is all it does."""
    if node.symbol == "scale":
        return node.literals[0]
    if not node.pointwise or node.worded or node.name not in TIMES:
        return None
    arrays = [a for a in node.ins if not (net.constant(a) and not a.wires)]
    if len(arrays) != 1 or node.ins[0].id != arrays[0].id and node.name.startswith(("div", "truediv")):
        return None
    said = list(node.literals)
    for a in node.ins:
        if a.id != arrays[0].id:
            value = sample.value(a.id)
            said += [] if value is None else [float(value)]
    if len(said) != 1 or said[0] == 0:
        return None
    return said[0] if "mul" in node.name else 1 / said[0]


def scales(net: Net, sample: Sample) -> None:
    """Name scalings, and let ``(c q) k`` be ``c (q k)``: equal by bilinearity, up to rounding."""
    for node in net.ordered():
        if node not in net.nodes:
            continue
        c = factor(net, node, sample)
        if c is None:
            continue
        data = next(i for i, a in enumerate(node.ins) if not (net.constant(a) and not a.wires))
        if node.symbol != "scale":
            node.symbol, node.name, node.literals, node.label = "scale", "scale", [c], ""
        readers = net.reading(node.outs[0])
        if (
            len(readers) == 1
            and not net.is_output(node.outs[0])
            and readers[0].contracted
            and readers[0].symbol == "einsum"
        ):
            _move_behind(net, node, data, readers[0], c)


def _move_behind(net: Net, node: Node, data: int, product: Node, c: float) -> None:
    source, scaled, result = node.ins[data], node.outs[0], product.outs[0]
    if sum(a.id == scaled.id for a in product.ins) != 1 or len(product.outs) != 1:
        return
    i = next(k for k, a in enumerate(product.ins) if a.id == scaled.id)
    before = _unscaled(net, scaled, source)
    if before is None:
        return
    at = dict(zip(node.otok[0], product.itok[i], strict=True))
    plain = net.rebase(result, scaled, before, product.ins)
    # Before whatever reads the product, which may be another scale that was moved behind it.
    after = (product.order + min((n.order for n in net.reading(result)), default=product.order + 0.002)) / 2
    net.define(result, "torch.mul", plain, c, order=after)
    row = [f"m{k}" for k in range(len(result.wires))]
    ins, itok = list(product.ins), [list(r) for r in product.itok]
    ins[i], itok[i] = source, [at[t] for t in node.itok[data]]
    net.merge([product], product, ins=ins, itok=itok, outs=[plain])
    net.drop(node)
    net.add(
        replace(
            node,
            ins=[plain],
            itok=[list(row)],
            outs=[result],
            otok=[list(row)],
            targets=set(),
            path=product.path,
            order=after,
            covers=(*node.covers, *product.covers),
            evidence=(*node.evidence, "moved behind the contraction by bilinearity"),
        )
    )


def _unscaled(net: Net, scaled: Array, source: Array) -> Array | None:
    """What the call that scales is given: the source itself, or a view of it that was not drawn."""
    for i in net.steps[scaled.id].reads:
        if i == source.id or any(source.id in s.reads for s in net.slice((i,), (source.id,))):
            return net.arrays[i] if net.arrays[i].shape == scaled.shape else None
    return None
