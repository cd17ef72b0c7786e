"""Parts of a body that a picture frames: one turn of a loop over time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

ENTER: ContextVar[Callable[[str], AbstractContextManager[object]]] = ContextVar("ENTER", default=nullcontext)
"""Says that what follows belongs to one part; set while a body is recorded."""


def part(title: str) -> AbstractContextManager[object]:
    return ENTER.get()(title)
