"""Numbers that remember how they were computed from the sizes of tensors.

``x.shape[1] // 2`` is an int like any other, with the tree ``("//", ("dim", x, 1), 2)`` hanging on it.
Where a program compares such numbers, the comparison and its outcome are kept: what was recorded
after it holds for the sizes with that outcome.  Where it turns one into a plain number (``int``,
``math.sqrt``), so that what it does with it then is out of sight, that is kept too.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

Tree: TypeAlias = Any
"""A number, ``("dim", id of a value, dimension)``, or an operator followed by trees."""
Guard: TypeAlias = tuple[str, Tree, Tree, bool]
"""A comparison, what was compared, and how it came out; or ``LOST`` and the number lost sight of."""

LOST = "lost"


class Guards(list[Guard]):
    """What was asked about sizes, outside of torch's own calls (``closed``)."""

    closed = False

    def note(self, guard: Guard) -> None:
        if not self.closed:
            self.append(guard)


class Count(int):
    """An int with its tree; ``guards`` is where its comparisons are kept."""

    tree: Tree
    guards: Guards

    def __new__(cls, value: int, tree: Tree = None, guards: Guards | None = None) -> Count:
        self = super().__new__(cls, value)
        self.tree = int(value) if tree is None else tree
        self.guards = Guards() if guards is None else guards
        return self

    __hash__ = int.__hash__


class Measure(float):
    """A float with its tree: what is left of sizes after a division or a root."""

    tree: Tree
    guards: Guards

    def __new__(cls, value: float, tree: Tree = None, guards: Guards | None = None) -> Measure:
        self = super().__new__(cls, value)
        self.tree = float(value) if tree is None else tree
        self.guards = Guards() if guards is None else guards
        return self

    __hash__ = float.__hash__


def plain(x: Any) -> Any:
    """The number without its history."""
    return int.__int__(x) if isinstance(x, Count) else float.__float__(x) if isinstance(x, Measure) else x


def tree_of(x: Any) -> Tree:
    return x.tree if isinstance(x, (Count, Measure)) else x


def counted(value: Any, tree: Tree, guards: Guards) -> Any:
    """The number with a history, if it is one."""
    if type(value) is int:
        return Count(value, tree, guards)
    return Measure(value, tree, guards) if type(value) is float else value


def _two(symbol: str, op: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)
        return counted(op(plain(a), plain(b)), (symbol, tree_of(a), tree_of(b)), self.guards)

    return method


def _one(symbol: str, op: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *digits: Any) -> Any:
        if digits and digits[0] is not None:
            return op(plain(self), *digits)
        return counted(op(plain(self)), (symbol, self.tree), self.guards)

    return method


def _compare(symbol: str, op: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        found = op(plain(self), plain(other))
        self.guards.note((symbol, self.tree, tree_of(other), found))
        return found

    return method


def _is_not_zero(self: Any) -> bool:
    found = bool(plain(self))
    self.guards.note(("!=", self.tree, 0, found))
    return found


def _lost(to: type, raw: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        self.guards.note((LOST, self.tree, 0, True))
        return to(raw(self))

    return method


_ARITHMETIC = {
    "add": ("+", operator.add),
    "sub": ("-", operator.sub),
    "mul": ("*", operator.mul),
    "floordiv": ("//", operator.floordiv),
    "truediv": ("/", operator.truediv),
    "mod": ("%", operator.mod),
    "pow": ("**", operator.pow),
}
_ORDER = {
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
}
_UNARY: dict[str, Callable[..., Any]] = {
    "neg": operator.neg,
    "abs": operator.abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}
for _kind in (Count, Measure):
    for _name, (_symbol, _op) in _ARITHMETIC.items():
        setattr(_kind, f"__{_name}__", _two(_symbol, _op, False))
        setattr(_kind, f"__r{_name}__", _two(_symbol, _op, True))
    for _name, (_symbol, _test) in _ORDER.items():
        setattr(_kind, f"__{_name}__", _compare(_symbol, _test))
    for _name, _map in _UNARY.items():
        setattr(_kind, f"__{_name}__", _one(_name, _map))
    setattr(_kind, "__int__", _lost(int, plain))  # noqa: B010
    setattr(_kind, "__float__", _lost(float, plain))  # noqa: B010
    setattr(_kind, "__bool__", _is_not_zero)  # noqa: B010  a method of both
