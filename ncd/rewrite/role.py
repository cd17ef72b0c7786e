"""Which learned map is which: L^Q by what it feeds, the rest by name or by number; a table used twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ncd.circuit.diagram import Array, Diagram, Ref
from ncd.rewrite.alike import said
from ncd.rewrite.learned import SLICED
from ncd.rewrite.net import Net, Node

ROLES = {
    "q": "Q", "query": "Q", "q_proj": "Q", "to_q": "Q",
    "k": "K", "key": "K", "k_proj": "K", "to_k": "K",
    "v": "V", "value": "V", "v_proj": "V", "to_v": "V",
    "o": "O", "out_proj": "O", "o_proj": "O",
    "to_test": "{test}", "to_cue": "{CS}", "to_outcome": "{US}",
    "gate_proj": "g", "up_proj": "u", "down_proj": "d", "gate": "g", "router": "r",
}  # fmt: skip


def roles(net: Net) -> None:
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
    tables = _tables(net)
    rest: dict[str, list[Node]] = {}
    for node in net.ordered():
        if node.symbol != "linear":
            continue
        if tied := _tied(net, node, tables):
            node.label = tied
            continue
        if "^" in node.label:  # as it was called by who made it
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


def _tied(net: Net, node: Node, tables: dict[int, str]) -> str:
    """``E^⊤`` where a map is a table that is looked up elsewhere, read along its rows."""
    for a, row in zip(node.ins, node.itok, strict=True):
        if a.id in tables and len(a.wires) == 2:
            others = {t for b, other in zip(node.ins, node.itok, strict=True) if not net.hidden(b) for t in other}
            base, _, above = tables[a.id].partition("^")
            turned = above.strip("{}") + ("⊤" if row[-1] in others else "")
            return f"{base}^{{{turned}}}" if turned else base
    return ""


def _tables(net: Net) -> dict[int, str]:
    """What tables that are looked up are called; several that nothing else tells apart are numbered."""
    nodes: dict[int, list[Node]] = {}
    for node in net.ordered():
        if node.symbol == "embed":
            for a in node.ins:
                if a.kind == "parameter":
                    nodes.setdefault(a.id, []).append(node)
    plain = [i for i, found in nodes.items() if all(n.label == "E" for n in found)]
    for k, i in enumerate(plain if len(plain) > 1 else (), 1):
        for node in nodes[i]:
            node.label = f"E^{k}"
    return {i: found[0].label for i, found in nodes.items()}


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
    """The products an array enters, through ops with one data input that are no learned maps."""
    for reader in net.reading(a):
        if reader.symbol == "einsum" and reader.contracted:
            yield reader, next(i for i, x in enumerate(reader.ins) if x.id == a.id)
        elif (
            depth < 4
            and reader.symbol != "linear"
            and len(reader.outs) == 1
            and sum(not net.hidden(x) for x in reader.ins) == 1
        ):
            yield from _fed(net, reader.outs[0], depth + 1)


def numbered(diagram: Diagram) -> Diagram:
    """Learned maps that share a block as it is drawn are numbered there, where nothing else tells them apart.

    The same map in several places bears the same number.
    """
    places: dict[tuple[str, ...], list[int]] = {}
    taken: dict[str, set[int]] = {}
    for k, op in enumerate(diagram.ops):
        if op.symbol != "linear":
            continue
        _, _, above = op.label.partition("^")
        if above.isdigit():
            taken.setdefault(op.path, set()).add(int(above))
        elif not above and op.params and SLICED not in op.evidence:
            places.setdefault(tuple(p.name for p in op.params), []).append(k)
    several = [found for found in places.values() if len(found) > 1]
    number = {k: n for n, found in enumerate(several, 1) for k in found}
    rest: dict[str, list[int]] = {}
    for found in places.values():
        if len(found) == 1:
            rest.setdefault(diagram.ops[found[0]].path, []).append(found[0])
    for path, alone in rest.items():
        known = taken.get(path, set()) | {n for k, n in number.items() if diagram.ops[k].path == path}
        if 1 < len(known) + len(alone) < 10:
            number |= zip(alone, (n for n in range(1, 20) if n not in known), strict=False)
    ops = (replace(op, label=f"{op.label}^{number[k]}") if k in number else op for k, op in enumerate(diagram.ops))
    return replace(diagram, ops=tuple(ops)) if number else diagram
