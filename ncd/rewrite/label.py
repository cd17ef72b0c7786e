"""What is written on the symbols: L^Q by what it feeds, ★3 by its kernel, ×k^{-½} by its number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ncd.circuit.diagram import Array, Call, Ref
from ncd.rewrite.alike import said
from ncd.rewrite.learned import SLICED
from ncd.rewrite.mask import FORBIDDEN
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import Sample

SIGNS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "truediv": "÷", "maximum": "max", "minimum": "min", "and": "∧",
    "or": "∨", "bitwise_and": "∧", "logical_and": "∧", "bitwise_or": "∨", "logical_or": "∨", "eq": "=", "ne": "≠",
    "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "where": "where", "masked_fill": "fill", "pow": "pow", "rsub": "−",
    "xor": "⊕",
}  # fmt: skip
ROLES = {
    "q": "Q", "query": "Q", "q_proj": "Q", "to_q": "Q",
    "k": "K", "key": "K", "k_proj": "K", "to_k": "K",
    "v": "V", "value": "V", "v_proj": "V", "to_v": "V",
    "o": "O", "out_proj": "O", "o_proj": "O",
    "gate_proj": "g", "up_proj": "u", "down_proj": "d", "gate": "g", "router": "g",
}  # fmt: skip


def labels(net: Net, sample: Sample) -> None:
    """Symbols and labels of everything left, then the roles of learned maps."""
    for node in net.ordered():
        _label(net, node, sample)
    _roles(net)


def _label(net: Net, node: Node, sample: Sample) -> None:
    name = node.name.strip("_")
    if node.symbol == "scale":
        node.label = _scale_label(net, node)
    elif node.symbol == "norm" and not node.targets & node.made:
        # In eval mode a batch norm scales each channel by recorded numbers: no axis is mixed.
        node.symbol, node.label = "map", {"": "BN", "I": "IN"}.get(node.label, node.label)
    elif node.symbol in ("source", "mask", "norm", "softmax", "linear"):
        pass
    elif node.pointwise:
        shown = [a for a in node.ins if not net.hidden(a)]
        if len(shown) < 2:
            node.symbol, node.label = "map", _map_label(net, node, name, sample)
        elif name in ("mul", "imul") and len(node.ins) == 2:
            node.symbol, node.label = "einsum", ""
        else:
            node.symbol, node.label = "add", _sign(node, name)
    elif node.symbol in ("conv", "upconv") and name.startswith("conv"):
        node.label = "★" + _kernel(net, node)
    elif node.symbol == "index":
        node.label = _index(node)
    elif node.name == "unbind" and node.op is not None and len(node.outs) == 1:
        node.symbol, node.label = "index", f"[{[a.id for a in node.op.outputs].index(node.outs[0].id)}]"
    elif node.name == "embedding":
        node.label = _table_label(net, node)


def _table_label(net: Net, node: Node) -> str:
    """E looks up what enters; P what does not: positions, or a type that is always the same."""
    table = next((a for a in node.ins if a.kind == "parameter"), None)
    looked_up = [a for a in node.ins if a is not table]
    if not looked_up or not all(net.constant(a) for a in looked_up):
        return "E"
    return "T" if table is not None and "type" in table.name else "P"


def _sign(node: Node, name: str) -> str:
    """The sign between two arrays; what makes it another function is said too."""
    if node.label == "mask" or _forbids(node):
        return "mask"
    if node.worded or name in ("floordiv", "floor_divide"):
        return "⌊÷⌋" if "div" in name else name.replace("_", " ")
    sign = SIGNS.get(name, name.replace("_", " "))
    weight = node.literals[0] if name in ("add", "sub") and len(node.literals) == 1 else 1
    return sign if weight == 1 else f"{sign}{weight:.3g}·"


def _forbids(node: Node) -> bool:
    """Whether a fill only takes scores out of a softmax."""
    return node.name.startswith("masked_fill") and bool(node.literals) and max(node.literals) <= FORBIDDEN


def _scale_label(net: Net, node: Node) -> str:
    """``×k^{-½}`` if the number is the inverse root of the contracted axes, else the number."""
    c = node.literals[0]
    maker = net.maker.get(node.ins[0].id)
    if maker is not None and maker.contracted:
        gone: dict[str, Any] = {}
        for a, row in zip(maker.ins, maker.itok, strict=True):
            gone.update({t: axis for axis, t in zip(a.wires, row, strict=True) if t not in maker.made})
        n = math.prod(axis.size for axis in gone.values())
        if gone and abs(c - n**-0.5) < 1e-6:
            return "×" + "".join(axis.label for axis in gone.values()) + "^{-½}"
    return f"×{c:.3g}".replace("-", "−")


def _number(x: float) -> str:
    """``0.5``, ``10^{−5}``, ``1.5·10^{−6}``: three digits that tell."""
    mantissa, e, exponent = f"{x:.3g}".partition("e")
    text = mantissa
    if e:
        text = ("" if mantissa == "1" else f"{mantissa}·") + f"10^{{{int(exponent)}}}"
    return text.replace("-", "−")


def _map_label(net: Net, node: Node, name: str, sample: Sample) -> str:
    numbers = list(node.literals)
    for a, row in zip(node.ins, node.itok, strict=True):
        if net.constant(a) and set(row) <= node.targets:
            value = sample.value(a.id)
            numbers += [] if value is None or value.numel() == 0 else [float(value.reshape(-1)[0])]
    n = _number(numbers[0]) if len(numbers) == 1 else ""
    if name == "rsub":
        return f"{n or 'c'}−·"
    if node.worded:
        return name.replace("_", " ")
    if name in ("add", "sub", "mul", "div", "truediv", "eq", "ne", "lt", "le", "gt", "ge") and n:
        return f"{SIGNS[name]}{n}"
    if name == "pow" and n:
        return f"·^{{{n}}}"
    if node.label and node.symbol == "map" and node.label != name:
        return node.label
    known = {
        "relu": "R",
        "sigmoid": "σ",
        "neg": "−",
        "square": "·^{2}",
        "reciprocal": "·^{−1}",
        "rsqrt": "·^{−½}",
        "sqrt": "√",
        "logical_not": "¬",
        "bitwise_not": "¬",
        "invert": "¬",
    }
    return known.get(name, SIGNS.get(name, name.replace("_", " ")))


def _kernel(net: Net, node: Node) -> str:
    """Kernel size; the stride, dilation and groups where they are not 1: ``3``, ``3/2``, ``3×1``, ``3_{d=2}^{g=4}``."""
    weight = next((a for a in node.ins if a.kind == "parameter" and len(a.shape) > 2), None)
    if weight is None:
        return ""
    sizes = weight.shape[2:]
    text = str(sizes[0]) if len(set(sizes)) == 1 else "×".join(map(str, sizes))
    if node.op is None:
        return text
    call, late = node.op.body[0], "transpose" in node.name
    stride, dilation = _steps(call, "stride", 3), _steps(call, "dilation", 7 if late else 5)
    groups = _steps(call, "groups", 6)
    text += f"/{stride}" if stride else ""
    text += f"_{{d={dilation}}}" if dilation else ""
    return text + (f"^{{g={groups}}}" if groups else "")


def _steps(call: Call, name: str, position: int) -> str:
    """A whole number or one a dimension, among a call's arguments; nothing if it is 1."""
    said = dict(call.kwargs).get(name, call.args[position] if len(call.args) > position else 1)
    steps = tuple(said) if isinstance(said, (tuple, list)) else (said,)
    return "" if set(steps) <= {1} else "×".join(map(str, steps if len(set(steps)) > 1 else steps[:1]))


def _index(node: Node) -> str:
    """The part of an index that is not everything: ``[0]``, ``[1:]``."""
    call = node.op.body[0] if node.op is not None and node.op.body else None
    if call is not None and node.name == "select" and len(call.args) == 3:
        return f"[{call.args[2]}]".replace("-", "−")
    if call is None or node.name != "getitem" or len(call.args) < 2:
        return node.label if node.label not in ("index", "") else node.name.replace("_", " ")
    said = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)

    def one(k: Any) -> str:
        if isinstance(k, slice):
            ends = [("" if e is None else str(e)) for e in (k.start, k.stop)]
            return ":".join(ends) + (f":{k.step}" if k.step not in (None, 1) else "")
        return "…" if k is Ellipsis else "·" if hasattr(k, "id") else str(k)

    words = [one(k) for k in said]
    kept = [w for w in words if w not in (":", "…", "None")]
    return "[" + ",".join(kept).replace("-", "−") + "]"


def _roles(net: Net) -> None:
    """L^Q, L^K, L^V, L^O by what they feed; by parameter name otherwise; the rest numbered by block."""
    score: set[int] = set()
    mixing: set[int] = set()
    for node in net.nodes:
        if node.symbol == "softmax":
            at = node.ins[0]
            while at.id in net.maker and (
                net.maker[at.id].symbol in ("scale", "mask") or net.maker[at.id].label == "mask"
            ):
                at = net.maker[at.id].ins[0]
            if at.id in net.maker:
                score.add(id(net.maker[at.id]))
            mixing.update(id(r) for r in net.reading(node.outs[0]))
    rest: dict[str, list[Node]] = {}
    for node in net.ordered():
        if node.symbol != "linear":
            continue
        role = ""
        for product, i in _fed(net, node.outs[0]):
            if product.symbol == "einsum" and len(product.ins) == 2:
                role = "QK"[i] if id(product) in score else "V" if id(product) in mixing else ""
                if role:
                    break
        shown = [a for a in node.ins if not net.hidden(a)]
        maker = net.maker.get(shown[0].id) if shown else None
        if not role and maker is not None and id(maker) in mixing and maker.symbol == "einsum":
            role = "O"
        if not role:
            weight = next((a for a in node.ins if a.kind == "parameter"), None)
            words = [w for w in weight.name.split(".") if w not in ("weight", "bias")] if weight is not None else []
            role = ROLES.get(words[-1], "") if words else ""
        if role:
            node.label += f"^{role}"
        else:
            rest.setdefault(net.block_of(node), []).append(node)
    for nodes in rest.values():
        # One map is one however often it is applied; of a weight read slice by slice every slice is one.
        maps = [(tuple(a.id for a in n.ins if net.hidden(a)), _slice(net, n)) for n in nodes]
        numbers = {m: k + 1 for k, m in enumerate(dict.fromkeys(maps))}
        if 1 < len(numbers) < 10:
            for node, m in zip(nodes, maps, strict=True):
                node.label += f"^{numbers[m]}"


def _slice(net: Net, node: Node) -> object:
    """Which slice of its weight a learned map is."""
    if SLICED not in node.evidence:
        return ()
    made = node.outs[0].id
    body = net.body(node)
    pieces = [
        k for c in body if isinstance(c.out, tuple) for k, r in enumerate(c.out) if isinstance(r, Ref) and r.id == made
    ]
    return (*map(said, body), *pieces)


def _fed(net: Net, a: Array, depth: int = 0) -> Iterator[tuple[Node, int]]:
    """The products an array enters, through ops with one data input."""
    for reader in net.reading(a):
        if reader.symbol == "einsum" and reader.contracted:
            yield reader, next(i for i, x in enumerate(reader.ins) if x.id == a.id)
        elif depth < 4 and len(reader.outs) == 1 and sum(not net.hidden(x) for x in reader.ins) == 1:
            yield from _fed(net, reader.outs[0], depth + 1)
