"""What a front end is given: pictures with what is known of them, and the code of their operations.

The form is that of ``Document`` in ``js/src/document.ts``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ncd.analysis.cost import Ledger, drawn, ledger
from ncd.circuit.codec import VERSION
from ncd.circuit.diagram import Diagram, Op, Place
from ncd.circuit.packed import packed
from ncd.errors import NCDError
from ncd.sources import sources

if TYPE_CHECKING:
    from ncd.layout.scene import Facts
    from ncd.show import Picture

MOST = 8
"""So many insides of closed blocks are held at most."""
LARGEST = 120
"""At most so many ops in one of them."""
BYTES = 150_000
"""So long are they together, packed, at most."""
KEPT = ("theme", "width", "labels", "axis_order")
"""The options of the whole that a part is drawn with, too; others may name what is not in it."""


def document(pictures: Sequence[Picture], paths: Sequence[str] = ()) -> dict[str, Any]:
    """The first of the pictures as it is, the others packed: they are the insides of the blocks of these paths."""
    ops = [op for p in pictures for op in p.drawn.ops]
    code, at = sources([_written(op) for op in ops])
    scenes: list[dict[str, Any]] = []
    books: dict[int, Ledger] = {}
    start = 0
    for p, path in zip(pictures, ("", *paths), strict=True):
        exact = p.drawn.source.exact or p.drawn
        costs = with_costs(p, books.setdefault(id(exact), ledger(exact)))
        known = dict(costs.get("op", {}))
        for i, op in enumerate(p.drawn.ops):
            if (place := at.get(start + i)) is not None:
                known[str(i)] = {**known.get(str(i), {}), "at": place[:1] if op.block else place}
        start += len(p.drawn.ops)
        facts = {**costs, "op": known}
        scene = {"svg": str(p.svg), "width": p.scene.width, "height": p.scene.height, "facts": facts}
        text = {"title": p.drawn.title, **scene}
        scenes.append({"path": path, "packed": packed(json.dumps(text, separators=(",", ":")))} if path else scene)
    return {"ncd": VERSION, "title": pictures[0].drawn.title, "scenes": scenes, "sources": code}


def with_costs(shown: Picture, book: Ledger) -> Facts:
    """What is known of a picture, with the FLOPs of every op and block that takes any, all turns together, and
    their share in those of the whole model."""
    ops, blocks, whole = drawn(shown.drawn, book)

    def priced(kind: str, found: Mapping[Any, int]) -> dict[str, Mapping[str, object]]:
        said = {str(k): {"flops": n, "share": f"{100 * n / whole:.3g}% of all FLOPs"} for k, n in found.items() if n}
        return {k: {**fact, **said.get(k, {})} for k, fact in shown.scene.facts.get(kind, {}).items()}

    return {**shown.scene.facts, "op": priced("op", ops), "block": priced("block", blocks)}


def with_insides(diagram: Diagram, shown: Picture, draw: Callable[..., Picture]) -> dict[str, Any]:
    """The document of a picture, with the insides of its closed blocks for where nobody can be asked to open them.

    ``insides`` says which scene that is, by the path of the block; blocks that are alike share one.
    """
    from ncd.rewrite.alike import signature

    options = {k: v for k, v in diagram.options if k in KEPT} | {"theme": "auto"}
    pictures, paths = [shown], []
    number: dict[str, int] = {}
    insides: dict[str, int] = {}
    room = BYTES
    for picture in pictures:  # grows: what is inside of an inside is looked at, too
        for op in picture.drawn.ops:
            if not op.block or op.body:
                continue
            alike = op.name + signature(op.inside, diagram.source.digests)
            if alike not in number:
                number[alike] = -1
                inner = _inside(shown.simple, op.block, options, draw) if len(pictures) <= MOST else None
                if inner is None:
                    continue
                room -= len(packed(inner.svg)) * 2  # what is known of it is as long
                if room < 0:
                    continue
                number[alike] = len(pictures)
                pictures.append(inner)
                paths.append(op.block)
            if number[alike] > 0:
                insides[op.block] = number[alike]
    return {**document(pictures, paths), "insides": insides}


def _inside(simple: Diagram, path: str, options: dict[str, Any], draw: Callable[..., Picture]) -> Picture | None:
    """A block by itself; None if it is no block of the diagram's, or too large to be carried along unasked."""
    try:
        part = replace(simple[path], options=())
    except NCDError:
        return None
    return draw(part, **options, depth=1) if len(part.ops) <= LARGEST else None


def _written(op: Op) -> Place | None:
    """Where an operation was written; of a closed block, some place in its own function."""
    if not op.block:
        return op.source
    return next((inner.source for inner in op.inside if inner.path == op.block and inner.source), None)
