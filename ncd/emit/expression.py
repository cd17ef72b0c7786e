"""One recorded call as a Python expression, the way a person would write it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch.nn.functional as F

from ncd.circuit.diagram import Call, Name, Ref
from ncd.emit.calls import resolve
from ncd.errors import CheckError

Spell = Callable[[Any], str]
"""How a Ref, or a Name that no text evaluates to, is written."""

BINARY = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "truediv": "/", "true_divide": "/", "floordiv": "//", "mod": "%",
    "matmul": "@", "pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
UNARY = {"__neg__": "-", "neg": "-", "__invert__": "~"}


def literal(x: Any, spell: Spell) -> str:
    """A literal of a call as source text."""
    if isinstance(x, (Ref, Name)):
        return spell(x)
    if isinstance(x, float) and not math.isfinite(x):
        return f'float("{x}")'
    if isinstance(x, slice):
        return f"slice({', '.join(literal(p, spell) for p in (x.start, x.stop, x.step))})"
    if x is Ellipsis:
        return "..."
    if isinstance(x, tuple):
        inner = ", ".join(literal(y, spell) for y in x)
        return f"({inner},)" if len(x) == 1 else f"({inner})"
    if isinstance(x, list):
        return f"[{', '.join(literal(y, spell) for y in x)}]"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k!r}: {literal(y, spell)}" for k, y in x.items()) + "}"
    if isinstance(x, str):
        return '"' + repr(x)[1:-1].replace('"', '\\"') + '"' if "'" not in x else repr(x)
    return repr(x)


def index(x: Any, spell: Spell) -> str:
    """What stands between the brackets of ``t[...]``."""
    if isinstance(x, tuple) and x:
        inner = ", ".join(index(y, spell) if isinstance(y, slice) else literal(y, spell) for y in x)
        return inner + "," if len(x) == 1 else inner
    if isinstance(x, slice):
        start, stop, step = ("" if p is None else literal(p, spell) for p in (x.start, x.stop, x.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return literal(x, spell)


def statement(call: Call, spell: Spell, result: str) -> str:
    """The line that runs a call; ``result`` is the assignment's left side, empty when nothing is kept."""
    method = _method(call)
    if method == "__setitem__" and not result:
        target, at, value = call.args
        return f"{_primary(target, spell)}[{index(at, spell)}] = {literal(value, spell)}"
    sign = BINARY.get(method[3:-2]) if method.startswith("__i") else None
    if sign and len(call.args) == 2 and not call.kwargs and result == literal(call.args[0], spell):
        return f"{result} {sign}= {literal(call.args[1], spell)}"
    text = expression(call, spell)
    in_place = method.isidentifier() and method.endswith("_") and not method.startswith("_")
    if not result or (in_place and result == literal(call.args[0], spell)):
        return text
    return f"{result} = {text}"


def expression(call: Call, spell: Spell) -> str:
    """The call as an expression: an operator, a method, an attribute, or a function."""
    method, args = _method(call), call.args
    if method and args:
        bare = method.strip("_") if method.startswith("__") else method
        if method.endswith(".__get__"):
            return f"{_primary(args[0], spell)}.{method.removesuffix('.__get__')}"
        if method == "__getitem__" and len(args) == 2:
            return f"{_primary(args[0], spell)}[{index(args[1], spell)}]"
        if method in UNARY and len(args) == 1 and not call.kwargs:
            return UNARY[method] + _primary(args[0], spell)
        if len(args) == 2 and not call.kwargs and not method.startswith("__i"):
            if bare in BINARY:
                return f"{_operand(args[0], spell)} {BINARY[bare]} {_operand(args[1], spell)}"
            if method.startswith("__r") and bare[1:] in BINARY and bare not in BINARY:
                return f"{_operand(args[1], spell)} {BINARY[bare[1:]]} {_operand(args[0], spell)}"
        if method.isidentifier() and isinstance(args[0], Ref):
            return f"{spell(args[0])}.{method}({_arguments(args[1:], call, spell)})"
    function = spell(Name(call.name)) if call.name.startswith("#") else _function(call.name)
    return f"{function}({_arguments(args, call, spell)})"


def _method(call: Call) -> str:
    for prefix in ("torch.Tensor.", "torch._C.TensorBase."):
        if call.name.startswith(prefix) and call.args and isinstance(call.args[0], Ref):
            return call.name.removeprefix(prefix)
    return ""


def _primary(x: Any, spell: Spell) -> str:
    text = literal(x, spell)
    return text if isinstance(x, Ref) else f"({text})"


def _operand(x: Any, spell: Spell) -> str:
    text = literal(x, spell)
    return f"({text})" if text.startswith("-") else text


def _arguments(args: tuple[Any, ...], call: Call, spell: Spell) -> str:
    words = [literal(a, spell) for a in args]
    return ", ".join(words + [f"{k}={literal(v, spell)}" for k, v in call.kwargs])


@cache
def _function(name: str) -> str:
    """The name to call a function by, ``F.gelu`` rather than ``torch._C._nn.gelu`` where that is the same."""
    short = name.split(".")[-1]
    try:
        same = getattr(F, short, None) is resolve(name)
    except CheckError:
        same = False
    if same or name == f"torch.nn.functional.{short}":
        return f"F.{short}"
    return name
