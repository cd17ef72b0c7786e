"""What a page can say about the ids on marks, as plain data, and a sentence about the whole figure."""

from __future__ import annotations

from collections.abc import Mapping

from ncd.circuit.diagram import Array, Block, Diagram, Op
from ncd.circuit.reads import Read, path_taken, sentences
from ncd.layout.net import title_of

Facts = Mapping[str, Mapping[str, Mapping[str, object]]]


def facts(diagram: Diagram) -> Facts:
    of: dict[int, list[Read]] = {}
    for r in diagram.reads:
        if r.op is not None:
            of.setdefault(r.op, []).append(r)
    asked = {i: {"decided": "; ".join(sentences(reads))} for i, reads in of.items()}
    return {
        "op": {str(i): _op(op) | asked.get(i, {}) for i, op in enumerate(diagram.ops)},
        "axis": {str(w.id): {"name": w.name, "size": w.size} for a in diagram.arrays for w in a.wires},
        "array": {str(a.id): _array(a) for a in diagram.arrays},
        "block": {
            b.path: {"title": title_of(b), "cls": b.cls, "repeat": b.repeat, "turns": turns(b, diagram)}
            for b in diagram.blocks
        },
    }


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


def _op(op: Op) -> dict[str, object]:
    return {
        "name": op.name,
        "path": op.path,
        "weave": str(op.weave),
        "source": str(op.source) if op.source else "",
        "label": op.label,
        "shapes": " → ".join(", ".join(_shape(a) for a in side) or "()" for side in (op.inputs, op.outputs)),
    }


def _shape(a: Array) -> str:
    return "[" + ", ".join(map(str, a.shape)) + "]"


def _array(a: Array) -> dict[str, object]:
    return {"name": a.name, "shape": list(a.shape), "dtype": a.dtype, "axes": [w.id for w in a.wires]}


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
            f"{a.name or 'an array'} with axes {' '.join(w.name for w in a.wires) or '(none)'}" for a in found
        )

    count = f"{len(diagram.ops)} operation{'s' * (len(diagram.ops) != 1)}"
    text = f"Neural circuit diagram of {diagram.title or 'a computation'}: {count}"
    text += f" from {arrays(diagram.inputs)}" if diagram.inputs else ""
    text += f" to {arrays(diagram.outputs)}" if diagram.outputs else ""
    blocks = dict.fromkeys(title_of(b) + (f", {turns(b, diagram)}" if b.repeat > 1 else "") for b in diagram.blocks)
    text += "." + (f" Blocks: {'; '.join(blocks)}." if blocks else "")
    return text + (f" It is {path_taken(diagram.reads)}." if diagram.reads else "")
