"""The weave of an operation as a sentence: what it does to which axes, and over which it is repeated."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from ncd.circuit.diagram import Op
from ncd.circuit.weave import Form

_GONE = {"contraction": "contracts", "reduce": "reduces", "gather": "looks up along", "window": "slides over"}
_KEPT = {"along": "acts along", "rearrange": "rearranges", "join": "joins along", "window": "slides over"}


def in_words(op: Op) -> str:
    """``contracts d_k; broadcast over b, h, q``.  Axes are named as in the weave."""
    if op.kind == "opaque":
        return "its axes are not known: taken to act on everything"
    weaves = (op.weave, *op.weave.rest)
    made = _variables(forms for w in weaves for forms in w.outs)
    learned = op.kind != "gather"  # a table is what one looks things up in
    read = _variables(
        forms for w in weaves for a, forms in zip(op.inputs, w.ins, strict=False) if not (a.hidden and learned)
    )
    targets = {v for w in weaves for v in w.targets}
    tiled = [v for v in dict.fromkeys((*read, *made)) if v not in targets]
    parts = [
        (_GONE.get(op.kind, "takes in"), [v for v in read if v in targets and v not in made]),
        (_KEPT.get(op.kind, "acts along"), [v for v in read if v in targets and v in made]),
        ("gives", [v for v in made if v in targets and v not in read]),
        ("broadcast over" if op.inputs else "the same for every", tiled),
    ]
    said = [f"{verb} {', '.join(names)}" for verb, names in parts if names]
    if op.kind == "map" and len(said) == 1 and tiled:
        said.insert(0, "each element by itself")
    return "; ".join(said)


def _variables(arrays: Iterable[tuple[Form, ...]]) -> list[str]:
    return list(dict.fromkeys(v for forms in arrays for form in forms for v in form.variables))


def parameters(op: Op) -> dict[int, int]:
    """The parameters an operation uses, or those inside of a closed block: how many numbers, by the array's id."""
    own = {a.id: prod(a.shape) for a in op.inputs if a.kind == "parameter"}
    return own | {i: n for inner in op.inside for i, n in parameters(inner).items()}
