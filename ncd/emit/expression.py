"""One call as a Python expression, the way a person would write it."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch.nn.functional as F

from ncd.circuit.diagram import Call, Name, Ref
from ncd.emit.calls import resolve
from ncd.errors import CheckError

Spell = Callable[[Any], str]
"""How what is no plain literal is written: an array, a size, a function that no text names."""

BINARY = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "truediv": "/", "true_divide": "/", "floordiv": "//", "mod": "%",
    "matmul": "@", "pow": "**", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>", "multiply": "*", "subtract": "-", "divide": "/",
}  # fmt: skip
UNARY = {"__neg__": "-", "neg": "-", "__invert__": "~"}
RANK = {"<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "!=": 1, "|": 2, "^": 3, "&": 4, "<<": 5, ">>": 5,
        "+": 6, "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "@": 7, "**": 9}  # fmt: skip
UNARY_RANK, ATOM = 8, 10


@cache
def rank(text: str) -> int:
    """How tightly an expression's outermost operator binds."""
    node = ast.parse(text.strip(), mode="eval").body
    if isinstance(node, ast.Compare):
        return 1
    if isinstance(node, ast.UnaryOp):
        return UNARY_RANK
    if isinstance(node, ast.BinOp):
        signs = {"Add": 6, "Sub": 6, "Mult": 7, "Div": 7, "FloorDiv": 7, "Mod": 7, "MatMult": 7, "Pow": 9}
        signs |= {"BitOr": 2, "BitXor": 3, "BitAnd": 4, "LShift": 5, "RShift": 5}
        return signs[type(node.op).__name__]
    return ATOM


def fenced(text: str, level: int) -> str:
    """The expression, in parentheses where it binds less tightly than ``level``."""
    return text if rank(text) >= level else f"({text})"


def literal(x: Any, spell: Spell) -> str:
    """A literal of a call as source text."""
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
    if x is None or isinstance(x, (bool, int, float, complex)):
        return repr(x)
    return spell(x)


def index(x: Any, spell: Spell) -> str:
    """What stands between the brackets of ``t[...]``."""
    if isinstance(x, tuple) and x:
        inner = ", ".join(index(y, spell) if isinstance(y, slice) else literal(y, spell) for y in x)
        return inner + "," if len(x) == 1 and x[0] is not None else inner
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
        if method.endswith(".__get__"):
            return f"{_primary(args[0], spell)}.{method.removesuffix('.__get__')}"
        if method == "__getitem__" and len(args) == 2:
            return f"{_primary(args[0], spell)}[{index(args[1], spell)}]"
        if method in UNARY and len(args) == 1 and not call.kwargs:
            return UNARY[method] + fenced(literal(args[0], spell), UNARY_RANK)
    if len(args) == 2 and not call.kwargs:
        pair = _operator(call, method)
        if pair is not None:
            sign, left, right = pair
            return _binary(sign, literal(left, spell), literal(right, spell))
    if method and args and method.isidentifier() and isinstance(args[0], Ref):
        return f"{_primary(args[0], spell)}.{method}({_arguments(args[1:], call, spell)})"
    function = spell(Name(call.name)) if call.name.startswith("#") else _function(call.name)
    return f"{function}({_arguments(args, call, spell)})"


def _operator(call: Call, method: str) -> tuple[str, Any, Any] | None:
    """An arithmetic call as its sign and its operands."""
    left, right = call.args
    name = method or (call.name.removeprefix("torch.") if call.name.startswith("torch.") else "")
    if not isinstance(left, Ref) and not isinstance(right, Ref):
        return None
    if name.startswith("__i") or (name.endswith("_") and not name.endswith("__")) or "." in name:
        return None
    bare = name.strip("_") if name.startswith("__") else name
    if BINARY.get(bare):
        return BINARY[bare], left, right
    if name.startswith("__r") and BINARY.get(bare[1:]):
        return BINARY[bare[1:]], right, left
    return None


def _binary(sign: str, left: str, right: str) -> str:
    level = RANK[sign]
    lower = level + 1 if level == 1 or sign == "**" else level
    # A sum or a product of three needs no parentheses on the right either, but then it is another rounding.
    higher = UNARY_RANK if sign == "**" else level + 1
    a, b = fenced(left, lower), fenced(right, higher)
    if sign == "**":
        return f"{a}**{b}"
    if sign == "+" and b.startswith("-") and not b[1:2].isdigit():
        return f"{a} - {b[1:]}"
    return f"{a} {sign} {fenced(b, UNARY_RANK) if b.startswith('-') and level == 7 else b}"


def _method(call: Call) -> str:
    for prefix in ("torch.Tensor.", "torch._C.TensorBase."):
        if call.name.startswith(prefix) and call.args and isinstance(call.args[0], Ref):
            return call.name.removeprefix(prefix)
    return ""


def _primary(x: Any, spell: Spell) -> str:
    return fenced(literal(x, spell), ATOM)


def _arguments(args: tuple[Any, ...], call: Call, spell: Spell) -> str:
    words = [literal(a, spell) for a in args]
    return ", ".join(words + [f"{k}={literal(v, spell)}" for k, v in call.kwargs])


@cache
def _function(name: str) -> str:
    """The name to call a function by, ``F.gelu`` rather than ``torch._C._nn.gelu`` where that is the same."""
    short = name.split(".")[-1]
    if name.startswith("einops."):
        return short
    try:
        same = getattr(F, short, None) is resolve(name)
    except CheckError:
        same = False
    if same or name == f"torch.nn.functional.{short}":
        return f"F.{short}"
    return name
