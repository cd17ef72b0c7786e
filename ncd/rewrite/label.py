"""What is written on the symbols: L^Q by what it feeds, ★3 by its kernel, ×k^{-½} by its number."""

from __future__ import annotations

import math
from typing import Any

from ncd.circuit.diagram import BACKWARD
from ncd.rewrite.learned import is_relative_bias, weight_label
from ncd.rewrite.mask import FORBIDDEN
from ncd.rewrite.net import Net, Node
from ncd.rewrite.parts import argument, constant_label, moved, window
from ncd.rewrite.role import roles
from ncd.rewrite.sample import Sample
from ncd.symbols.norms import ARCS, PLAIN

SIGNS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "truediv": "÷", "maximum": "max", "minimum": "min", "and": "∧",
    "or": "∨", "bitwise_and": "∧", "logical_and": "∧", "bitwise_or": "∨", "logical_or": "∨", "eq": "=", "ne": "≠",
    "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "where": "where", "masked_fill": "fill", "pow": "pow", "rsub": "−",
    "xor": "⊕", "remainder": "mod",
}  # fmt: skip


FUNCTIONS = {
    "relu": "R", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU", "selu": "SELU",
    "celu": "CELU", "gelu": "GELU", "gelu_tanh": "GELU", "quick_gelu": "QuickGELU", "silu": "SiLU", "mish": "Mish",
    "hardswish": "HardSwish", "hardsigmoid": "HardSigmoid", "hardtanh": "HardTanh", "logsigmoid": "log σ",
    "sigmoid": "σ", "neg": "−x", "square": "x^2", "squared_relu": "R^2", "reciprocal": "x^{−1}", "rsqrt": "x^{−½}",
    "sqrt": "√x", "abs": "|x|", "absolute": "|x|", "logical_not": "¬", "bitwise_not": "¬", "invert": "¬", "exp": "exp",
    "exp2": "2^x", "floor": "⌊x⌋", "ceil": "⌈x⌉", "ones_like": "1", "zeros_like": "0",
}  # fmt: skip
"""How functions of one number are written."""


def labels(net: Net, sample: Sample) -> None:
    """Symbols and labels of everything left, then the roles of learned maps."""
    for node in net.ordered():
        _label(net, node, sample)
    roles(net)
    _turned_round(net)


def _label(net: Net, node: Node, sample: Sample) -> None:
    name = node.name.strip("_")
    weighted = any(a.kind == "parameter" and net.hidden(a) for a in node.ins)
    if node.symbol == "scale":
        node.label = _scale_label(net, node)
    elif node.symbol == "norm":
        if "batch_norm" in name or "instance_norm" in name:
            # A gain, or statistics that were recorded, for every channel.
            along = any(net.hidden(a) and a.wires for a in node.ins)
            node.symbol = "channelnorm" if along else "norm"
            node.label += ARCS if along and node.targets & node.made else ""
        node.label += "" if weighted else PLAIN
    elif node.symbol == "linear":
        _linear(net, node)
    elif node.symbol == "source" and node.name == "constant":
        node.label = constant_label(node.ins[0], sample)
    elif node.symbol in ("source", "parameter", "mask", "softmax"):
        pass
    elif node.pointwise:
        shown = [a for a in node.ins if not net.hidden(a)]
        if len(shown) < 2:
            node.symbol, node.label = "map", _map_label(net, node, name, sample)
        elif name in ("mul", "imul") and len(node.ins) == 2:
            node.symbol, node.label = "einsum", ""
        else:
            node.symbol, node.label = "add", _sign(node, name)
    elif node.op is not None and node.op.body and node.kind == "window":
        node.symbol, node.label = window(node, node.op)
    elif node.name == "embedding":
        node.label = _table_label(net, node)
        if all(net.hidden(a) for a in node.ins):
            node.symbol = "parameter"  # rows that are always the same
    else:
        part = moved(net, node)
        node.symbol, node.label = part or (node.symbol, node.label)


def _turned_round(net: Net) -> None:
    """A learned map of the backward pass is that of the forward pass the other way round, L^{Q⊤}; so is a scaling."""
    scales = [n for n in net.ordered() if n.symbol == "scale"]
    by_number = {n.literals[0]: n.label for n in scales if not n.path.startswith(BACKWARD)}
    for n in scales:
        if n.path.startswith(BACKWARD):
            n.label = by_number.get(n.literals[0], n.label)
    linear = [n for n in net.ordered() if n.symbol == "linear"]
    weights = {n: next((a.id for a in n.ins if a.kind == "parameter" and len(a.wires) > 1), None) for n in linear}
    forward: dict[int | None, set[str]] = {}
    for n in linear:
        if not n.path.startswith(BACKWARD):
            forward.setdefault(weights[n], set()).add(n.label)
    for n in linear:
        if n.path.startswith(BACKWARD):
            # Of a part that the forward pass is not in, numbers would be others.
            known = forward.get(weights[n], {n.label.rstrip("123456789").rstrip("^")})
            n.label = turned_round(next(iter(known)) if len(known) == 1 else "L")


def turned_round(label: str) -> str:
    """The label of a map the other way round: L^{Q⊤} of L^Q, and E of E^⊤."""
    base, _, role = label.replace("_+", "").partition("^")
    role = role.strip("{}")
    role = role.removesuffix("⊤") if role.endswith("⊤") else f"{role}⊤"
    return f"{base}^{{{role}}}" if role else base


def _linear(net: Net, node: Node) -> None:
    """A product of arrays that are all computed is no learned map, whatever the call is called."""
    weights = [a for a in node.ins if net.hidden(a)]
    vector = node.contracted or node.name != "einsum"  # a vector, on one index; or with a number
    if any(len(a.wires) > (0 if vector else 1) for a in weights):
        if node.name == "bilinear" and len(weights) > 1:
            node.label = "L_+"
    elif not weights and len(node.ins) == 2 + (node.name == "bilinear"):
        node.symbol, node.label = "einsum", ""
    else:
        node.symbol, node.label = "box", node.name


def _table_label(net: Net, node: Node) -> str:
    """E looks up what enters; E^{pos} what does not: positions, or a type that is always the same."""
    table = next((a for a in node.ins if a.kind == "parameter"), None)
    looked_up = [a for a in node.ins if a is not table]
    said = table.name if table is not None else ""
    if table is not None and is_relative_bias(said):
        return weight_label(table)
    if "type" in said:
        return "E^{type}"
    return "E^{pos}" if looked_up and all(net.constant(a) for a in looked_up) else "E"


def _sign(node: Node, name: str) -> str:
    """The sign between two arrays; what makes it another function is said too."""
    if node.label == "mask" or _forbids(node):
        return "mask"
    if node.worded or name in ("floordiv", "floor_divide"):
        return "⌊÷⌋" if "div" in name else name.replace("_", " ")
    sign = SIGNS.get(name) or FUNCTIONS.get(name, name.replace("_", " "))
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
            return "×" + "·".join(axis.label for axis in gone.values()) + "^{-½}"
    if c and math.isfinite(1 / c) and abs(1 / c - round(1 / c)) < 1e-9 and abs(float(f"{c:.3g}") - c) > 1e-9:
        return f"÷{round(1 / c)}".replace("-", "−")
    return f"×{_number(c)}"


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
        return f"{n or 'c'}−x"
    if name.startswith(BACKWARD):
        return f"{FUNCTIONS.get(name[1:], name[1:])}′"
    if node.worded and name not in FUNCTIONS:
        return name.replace("_", " ")
    if name in ("add", "sub", "mul", "div", "truediv", "eq", "ne", "lt", "le", "gt", "ge") and n:
        return f"{SIGNS[name]}{n}"
    if name == "pow" and n:
        return f"x^{{{n}}}"
    if name == "rpow" and n:
        return f"({n})^x" if "^" in n else f"{n}^x"
    if name in ("clamp", "clip") and node.op is not None and node.op.body:
        low, high = (argument(node.op.body[0], k, at) for at, k in enumerate(("min", "max"), 1))
        ends = [(m, _number(e)) for m, e in (("_", low), ("^", high)) if isinstance(e, (int, float))]
        return "clamp" + "".join(f"{m}{{{e}}}" for m, e in ends)
    if node.label and node.symbol == "map" and node.label != name and name not in FUNCTIONS:
        return node.label
    return FUNCTIONS.get(name) or SIGNS.get(name, name.replace("_", " "))
