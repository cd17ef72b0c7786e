"""Derivatives of torch's calls, one row a call: a function named like it.

A row is given the cotangent of the result, the result, and the call's own arguments, and answers with
one thunk for each of its operands in turn: what the cotangent of that operand is (None: it has none).
Only those that are asked for are run.  What is too large, where the operand was broadcast, is summed
by the caller.  The formulas are those that follow from the definitions; every row is held to
torch's autograd by tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Thunk = Callable[..., Any] | None
Thunks = tuple[Thunk, ...]
ROWS: dict[str, Callable[..., Thunks]] = {}


def row(*names: str) -> Callable[[Callable[..., Thunks]], Callable[..., Thunks]]:
    """Enter a row under these names, or its own."""

    def enter(fn: Callable[..., Thunks]) -> Callable[..., Thunks]:
        ROWS.update(dict.fromkeys(names or (fn.__name__.strip("_"),), fn))
        return fn

    return enter
