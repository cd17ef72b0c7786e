"""The line of code that draws what has a name in the notebook, for a command that inserts it."""

from __future__ import annotations

import inspect
import keyword
from typing import Any

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError


class Line(dict[str, Any]):
    """``code``, and ``sure``: nothing in it is a guess.  Shown as JSON to the page that asked."""

    def _repr_json_(self) -> dict[str, Any]:
        return dict(self)


def suggest(name: str, namespace: dict[str, Any] | None = None) -> Line:
    """How to draw what ``name`` (dotted, perhaps) is in a namespace, by default the notebook's.

    Sizes of inputs are guesses, for a person to correct.  Raises NCDError if it cannot be drawn.
    """
    doing = "drawing what is selected"
    if not name or not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        fix = "select the name of a module, class, function or diagram"
        raise NCDError(f"{name!r} is no name", doing=doing, fix=fix)
    found = _found(name, _user() if namespace is None else namespace, doing)
    if isinstance(found, Diagram):
        return Line(code=name, sure=True)
    return Line(code=_call(name, found, doing), sure=False)


def _user() -> dict[str, Any]:
    from IPython import get_ipython

    ip = get_ipython()
    return ip.user_ns if ip else {}


def _found(name: str, namespace: dict[str, Any], doing: str) -> Any:
    first, *rest = name.split(".")
    if first not in namespace:
        raise NCDError(f"nothing is called {first!r}", doing=doing, fix="run the cell that defines it")
    found = namespace[first]
    for part in rest:
        if not hasattr(found, part):
            raise NCDError(f"{name!r} has no {part!r}", doing=doing)
        found = getattr(found, part)
    return found


def _call(name: str, found: Any, doing: str) -> str:
    from torch import nn

    target, module = name, found
    if isinstance(found, type) and issubclass(found, nn.Module):
        needed = _needed(found)
        target, module = f"{name}({', '.join(f'{p}=...' for p in needed)})", None
        if not needed:
            module = found()
    elif isinstance(found, type) or not callable(found):
        raise NCDError(f"{name!r} is {type(found).__name__}", doing=doing, fix="a module, a function or a diagram")
    forward = getattr(found, "forward", found)
    inputs = [p for p in _needed(forward) if p != "self"]
    first = _first(module) if isinstance(module, nn.Module) else None
    arrays = [first if i == 0 and first else 'ncd.array("b=2 s=16 d=64")' for i, _ in enumerate(inputs)]
    return f"ncd.trace({', '.join([target, *arrays])})"


def _needed(function: Any) -> list[str]:
    """Names of the parameters without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]


def _first(module: Any) -> str | None:
    """An input for the first layer that says what it takes."""
    from torch import nn

    for layer in module.modules():
        match layer:
            case nn.Embedding():
                return 'ncd.tokens("b=2 s=16")'
            case nn.Linear():
                return f'ncd.array("b=2 s=16 d={layer.in_features}")'
            case nn.Conv2d():
                return f'ncd.array("b=2 c={layer.in_channels} y=32 x=32")'
            case nn.Conv1d():
                return f'ncd.array("b=2 c={layer.in_channels} x=32")'
            case nn.MultiheadAttention():
                return f'ncd.array("b=2 s=16 d={layer.embed_dim}")'
    return None
