"""Passes on weights: which are inside a symbol, which stand for themselves."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net, Node
from ncd.text import subscript

PARTS = frozenset("getitem index index_select slice narrow".split())
PRODUCTS = frozenset("linear addmm matmul einsum mm bmm baddbmm mv dot inner tensordot bilinear".split())
SLICED = "rows of one weight, read slice by slice"
"""The evidence that a learned map is one slice of a larger one."""


def weight_views(net: Net) -> None:
    """A product with a view or a slice of a weight is a product with that weight.

    What the view cut away is touched at the reader: part of the learned map, and no shared index.
    """
    for node in net.ordered():
        if node.kind != "rearrange" or len(node.ins) != 1 or len(node.outs) != 1 or not net.hidden(node.ins[0]):
            continue
        weight, out = node.ins[0], node.outs[0]
        readers = net.reading(out)
        kept = {t: k for k, t in enumerate(node.itok[0]) if t not in node.targets}
        fits = all(r.name in PRODUCTS or r.kind == "rearrange" for r in readers)
        if (
            weight.kind != "parameter"
            or net.is_output(out)
            or not fits
            or len(kept) < len(node.itok[0]) - len(node.targets)
        ):
            continue
        wires = [kept.get(t) for t in node.otok[0]]
        for r in readers:
            for a, row in zip(r.ins, r.itok, strict=True):
                if a.id == out.id:
                    r.targets.update(t for t, w in zip(row, wires, strict=True) if w is None)
        net.drop(node)
        net.read_from(out, weight, wires)
        for r in readers:
            for i, a in enumerate(r.ins):
                if a.id == weight.id:
                    r.itok[i] = [t or f"cut{weight.id}.{k}" for k, t in enumerate(r.itok[i])]
                    r.targets.update(t for t in r.itok[i] if t.startswith("cut"))


def learned(net: Net) -> None:
    """Products with a weight are learned maps; weights in elementwise ops become sources."""
    for node in net.ordered():
        if node not in net.nodes or node.symbol in ("norm", "mask") or node.kind == "source":
            continue
        hidden = [i for i, a in enumerate(node.ins) if net.hidden(a)]
        shown = [i for i in range(len(node.ins)) if i not in hidden]
        if not hidden:
            continue
        weights = [i for i in hidden if node.ins[i].kind == "parameter"]
        if node.name in PRODUCTS and len(shown) == 1 and weights:
            vectors = [i for i in weights if len(node.ins[i].shape) == 1]
            node.symbol, node.kind = "linear", "contraction"
            _, mark, said = node.label.partition("^")
            node.label = ("L_+" if vectors and len(weights) > 1 else "L") + mark + said
        elif (node.pointwise or node.kind == "join") and shown:
            if node.pointwise and len(shown) == 1 and _adds_bias(net, node, shown[0], hidden):
                continue
            if all(not node.ins[i].wires for i in hidden):
                continue
            for i in hidden:
                # A constant that is one number everywhere is written as that number.
                if node.ins[i].wires and (node.kind == "join" or not set(node.itok[i]) <= node.targets):
                    source(net, node, i)
        elif not shown and weights and (node.view or node.name in PARTS):
            # A part of a weight, chosen by nothing that enters: a weight itself.
            weight = node.ins[weights[0]]
            node.kind, node.symbol, node.label, node.view = "source", "parameter", weight_label(weight), False
        elif not shown and node.kind == "map":
            for i in weights:  # a function of a weight
                source(net, node, i)


def _adds_bias(net: Net, node: Node, data: int, hidden: list[int]) -> bool:
    """A bias added by hand to a learned map belongs to it."""
    maker = net.maker.get(node.ins[data].id)
    biases = [node.ins[i] for i in hidden]
    if maker is None or maker.symbol != "linear" or len(net.reading(node.ins[data])) != 1:
        return False
    if net.is_output(node.ins[data]):
        return False
    if node.name.rstrip("_") != "add" or not all(b.kind == "parameter" and b.wires for b in biases):
        return False
    names = {t: f"n{t}" for t in {*node.read, *node.made}}
    at = dict(zip(node.itok[data], maker.otok[0], strict=True))
    own = {t for a, row in zip(maker.ins, maker.itok, strict=True) if net.hidden(a) for t in row}
    if any(len(b.shape) > 1 for b in biases) and not {at.get(t) for i in hidden for t in node.itok[i]} <= own:
        return False
    tokens = {t: at.get(t, names[t]) for t in names}
    net.merge(
        [maker, node],
        maker,
        ins=[*maker.ins, *biases],
        itok=[*maker.itok, *([tokens[t] for t in node.itok[i]] for i in hidden)],
        outs=node.outs,
        otok=[[tokens[t] for t in node.otok[0]]],
        label=maker.label.replace("L", "L_+") if "_+" not in maker.label else maker.label,
        order=node.order,
        evidence=(*maker.evidence, "a bias added by hand"),
    )
    return True


def source(net: Net, node: Node, i: int) -> None:
    """Let a weight or constant that is an operand of an elementwise op be drawn by itself."""
    weight = node.ins[i]
    made = net.invent(weight)
    made = net.arrays[made.id] = replace(made, name=weight.name)
    net.define(made, "torch.clone", weight, order=node.order - 0.5)
    row = [f"s{k}" for k in range(len(weight.wires))]
    net.add(
        Node(
            "source",
            "parameter" if weight.kind == "parameter" else "constant",
            [weight],
            [made],
            [row],
            [list(row)],
            set(row),
            node.path,
            node.place,
            node.order - 0.5,
            (),
            symbol="parameter" if weight.kind == "parameter" else "source",
            label=opened_label(node, weight) or weight_label(weight) if weight.kind == "parameter" else "c",
            evidence=("the array itself",),
        )
    )
    for out in node.outs:
        net.rebase(out, weight, made, node.ins, keep=True)
    net.readers[weight.id].pop(node, None)
    node.ins[i] = made
    if any(a.id == weight.id for a in node.ins):
        net.readers[weight.id][node] = None
    net.readers.setdefault(made.id, {})[node] = None


def opened_label(node: Node, weight: Array) -> str:
    """γ and β where a norm was opened, whose module's name says nothing."""
    word = weight.name.split(".")[-1]
    return {"weight": "γ", "bias": "β"}.get(word, "") if node.op is not None and node.op.evidence else ""


def is_relative_bias(name: str) -> bool:
    return "bias" in name and "rel" in name


def weight_label(weight: Array) -> str:
    """A short name for a free parameter: the last word of its path that says something."""
    path = [w for w in weight.name.split(".") if not w.isdigit()]
    if is_relative_bias(weight.name):
        return "B^{rel}"
    words = [w for w in path if w not in ("weight", "bias")]
    if not words:
        return {"weight": "W", "bias": "B"}.get(path[-1] if path else "", "P")
    last = words[-1]
    if "pos" in last or last == "wpe":
        return "E^{pos}"
    said = [w for w in last.split("_") if w and w not in UNSAYING] or [last]
    return said[0] if len(said[0]) > 1 else subscript("_".join(said))


UNSAYING = frozenset("parameter param layer embedding embeddings token tokens table weight".split())
"""Words in the name of a parameter that any parameter may have."""


def split_projections(net: Net) -> None:
    """One learned map read only through slices of its output is one map per slice.

    Exact because the rows of the weight are independent: every reader must be a slice of an axis
    that the weight alone provides.
    """
    for node in net.ordered():
        if node not in net.nodes or node.symbol != "linear" or len(node.outs) != 1:
            continue
        out = node.outs[0]
        readers = net.reading(out)
        slices = [r for r in readers if r.kind == "rearrange" and len(r.ins) == 1 and len(r.outs) == 1]
        if len(readers) < 2 or len(slices) != len(readers) or net.is_output(out):
            continue
        cuts = [{k for k, t in enumerate(r.itok[0]) if t in r.targets or t not in r.made} for r in readers]
        where = set().union(*cuts)
        weights_only = all(
            node.otok[0][k] not in {t for i, a in enumerate(node.ins) if not net.hidden(a) for t in node.itok[i]}
            for k in where
        )
        if not where or not weights_only:
            continue
        for r in readers:
            at = {t: k for k, t in enumerate(r.itok[0]) if k not in where}
            row = [node.otok[0][at[t]] if t in at else f"cut{r.order}.{k}" for k, t in enumerate(r.otok[0])]
            new = {t for t in row if t.startswith("cut")}
            net.add(
                replace(
                    node,
                    ins=list(node.ins),
                    itok=[list(row_) for row_ in node.itok],
                    outs=list(r.outs),
                    otok=[row],
                    targets=node.targets | new | {node.otok[0][k] for k in where},
                    path=r.path if r.path != node.path and r.path.count(".") < node.path.count(".") else node.path,
                    order=r.order,
                    covers=(*node.covers, *r.covers),
                    evidence=(*node.evidence, SLICED),
                )
            )
            net.drop_keeping_makers(r)
        net.drop(node)
