"""What a function returns, in the tuples, lists and dicts in which the model gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils._pytree import TreeSpec, tree_unflatten

from ncd.emit.binding import is_part
from ncd.emit.spelling import Text


def structured(diagram: Any, outs: Sequence[str]) -> str:
    """The outputs as the model gives them, where that is a tuple, a list or a dict."""
    spec = diagram.source.output_spec
    if isinstance(spec, TreeSpec) and spec.num_leaves == len(outs) and not is_part(diagram):
        whole = tree_unflatten(list(map(Text, outs)), spec)

        def text(x: Any) -> str | None:
            if isinstance(x, Text):
                return x.text
            if type(x) in (tuple, list):
                inner = [text(y) for y in x]
                if None in inner:
                    return None
                joined = ", ".join(w for w in inner if w is not None)
                joined += "," if len(inner) == 1 and type(x) is tuple else ""
                return f"[{joined}]" if type(x) is list else joined if x is whole else f"({joined})"
            if type(x) is dict and all(isinstance(k, str) for k in x):
                pairs = [(k, text(v)) for k, v in x.items()]
                return (
                    None if any(v is None for _, v in pairs) else "{" + ", ".join(f'"{k}": {v}' for k, v in pairs) + "}"
                )
            return None

        found = text(whole)
        if found is not None:
            return found
    return outs[0] if len(outs) == 1 else ", ".join(outs) if outs else "()"
