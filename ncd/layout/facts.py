"""What a page can say about the ids on marks, as plain data, and a sentence about the whole figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import TUPLE, Array, Block, Diagram, Op
from ncd.circuit.reads import Read, path_taken, sentences
from ncd.layout.net import title_of
from ncd.layout.scene import Facts
from ncd.layout.words import in_words, parameters


def facts(diagram: Diagram) -> Facts:
    of: dict[int, list[Read]] = {}
    for r in diagram.reads:
        if r.op is not None:
            of.setdefault(r.op, []).append(r)
    users = Counter(i for op in diagram.ops for i in parameters(op))
    asked = {i: {"decided": "; ".join(sentences(reads))} for i, reads in of.items()}
    return {
        "op": {
            str(i): _op(op) | _shared(op, users) | asked.get(i, {}) | _closed(op) for i, op in enumerate(diagram.ops)
        },
        "axis": _axes(diagram),
        "array": {str(a.id): _array(a) for a in diagram.arrays},
        "block": {b.path: _block(b, diagram) for b in diagram.blocks},
    }


def _axes(diagram: Diagram) -> dict[str, dict[str, object]]:
    """``label`` is what the wires say, where that is not the name: of two image axes on one wire, the second's.

    ``as`` is what it is, if it is no axis: a tuple of arrays.
    """
    met = ((not a.hidden, bool(w.turns), w) for a in diagram.arrays for w in a.wires)
    wires = {w.id: w for *_, w in sorted(met, key=lambda m: m[:2])}  # the last is kept: what is drawn, in its turns
    spoken = {i: wires[j].label for i, j in diagram.bundles if j in wires}
    tuples = {w.id for a in diagram.arrays if a.kind == TUPLE for w in a.wires}

    def axis(w: Axis) -> dict[str, object]:
        label = spoken.get(w.id, w.label)
        known: dict[str, object] = {"name": w.shown, "size": w.extent} if w.turns else {"name": w.name, "size": w.size}
        if label != known["name"]:
            known["label"] = label
        return known | ({"as": "tuple"} if w.id in tuples else {})

    return {str(i): axis(w) for i, w in wires.items()}


WEIGHTS = {"same": "the same weights", "own": "each its own weights", "partly": "some weights the same"}


def turns(b: Block, diagram: Diagram) -> str:
    """What a count means: whose weights, and what one turn hands to the next."""
    if b.repeat < 2:
        return ""
    words = [f"{b.repeat} times", *([WEIGHTS[b.weights]] if b.weights in WEIGHTS else [])]
    if b.carried:
        shapes = {a.id: a for a in diagram.arrays}
        handed = [" ".join(w.name for w in shapes[i].wires) or "a number" for i, _ in b.carried if i in shapes]
        words.append(f"handed on from turn to turn: {', '.join(handed)}")
    return "; ".join(words)


def _block(b: Block, diagram: Diagram) -> dict[str, object]:
    inside = diagram.inside(b.path)
    held = {i: n for op in diagram.ops if op.path in inside for i, n in parameters(op).items()}
    return {
        "title": title_of(b),
        "cls": b.cls,
        "repeat": b.repeat,
        "turns": turns(b, diagram),
        "parameters": sum(held.values()),
    }


def _op(op: Op) -> dict[str, object]:
    """``ins`` and ``outs`` are ids of arrays; all else is words for the reader."""
    return {
        "name": op.name,
        "kind": op.kind,
        "path": op.path,
        "weave": str(op.weave),
        "words": in_words(op),
        "source": str(op.source) if op.source else "",
        "label": op.label,
        "shapes": " → ".join(", ".join(_shape(a) for a in side) or "()" for side in (op.inputs, op.outputs)),
        "parameters": sum(parameters(op).values()),
        "ins": [a.id for a in op.inputs],
        "outs": [a.id for a in op.outputs],
        **_within(op),
    }


def _closed(op: Op) -> dict[str, object]:
    """Which block a closed one is: what a page asks to be opened.

    It has the path of what it is in and the source of its first op; neither says anything about it.
    """
    return {"path": "", "source": "", "block": op.block} if op.block else {}


MOST = 400
"""So many things in one closed block can be searched for at most."""


def _within(op: Op) -> dict[str, list[str]]:
    """What is in a closed block, by the names that `Net` in ``js/src/net.ts`` gives: blocks, operations and axes."""
    seen = {f"axis:{w.name}" for a in (*op.inputs, *op.outputs) for w in a.wires}
    found: dict[str, None] = {}
    for inner in op.inside:
        steps = list(accumulate(inner.path.split("."), "{}.{}".format))
        found |= {f"block:{path}": None for path in steps if path.startswith(f"{op.block}.")}
        found[f"op:{inner.path}/{inner.name}"] = None
        found |= {f"axis:{w.name}": None for a in inner.outputs for w in a.wires if f"axis:{w.name}" not in seen}
    return {"within": list(found)[:MOST]} if found else {}


def _shared(op: Op, users: Mapping[int, int]) -> dict[str, object]:
    """Of how many operations the parameters are, where of more than one: a fused projection is drawn as its parts."""
    most = max((users[i] for i in parameters(op)), default=1)
    return {"shared": f"by {most} operations"} if most > 1 else {}


def _shape(a: Array) -> str:
    return a.axes[0].shown if a.kind == TUPLE else "[" + ", ".join(map(str, a.shape)) + "]"


def _array(a: Array) -> dict[str, object]:
    kind = {"kind": a.kind} if a.hidden else {}
    return {"name": a.name, "shape": list(a.shape), "dtype": a.dtype, "axes": [w.id for w in a.wires], **kind}


def title(diagram: Diagram) -> str:
    """The title, saying over what the whole diagram is repeated."""
    names = {w.id: w.name for a in diagram.arrays for w in a.wires}
    outer = [names[i] for i in diagram.outer if i in names]
    if not outer:
        return diagram.title
    return f"{diagram.title} (for every {', '.join(outer)})".strip()


def description(diagram: Diagram) -> str:
    """A few plain sentences for those who cannot see the figure."""

    def arrays(found: tuple[Array, ...]) -> str:
        return ", ".join(
            a.axes[0].shown
            if a.kind == TUPLE
            else f"{a.name or 'an array'} with axes {' '.join(w.name for w in a.wires) or '(none)'}"
            for a in found
        )

    count = f"{len(diagram.ops)} operation{'s' * (len(diagram.ops) != 1)}"
    text = f"Neural circuit diagram of {diagram.title or 'a computation'}: {count}"
    text += f" from {arrays(diagram.inputs)}" if diagram.inputs else ""
    text += f" to {arrays(diagram.outputs)}" if diagram.outputs else ""
    blocks = dict.fromkeys(title_of(b) + (f", {turns(b, diagram)}" if b.repeat > 1 else "") for b in diagram.blocks)
    text += "." + (f" Blocks: {'; '.join(blocks)}." if blocks else "")
    return text + (f" It is {path_taken(diagram.reads)}." if diagram.reads else "")
