"""What composites are made of: one row a composite, a function of the same arguments in plain torch.

A body is named after the call it opens and says where its formula comes from.  Nothing here is
believed: ``opening`` compares every body with the call on values before it takes its place, so a
body may leave out what it does not cover.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ncd.rewrite.bodies import activations, attention, losses, norms, recurrent, similar, softmax
from ncd.tracing.opened import opened_copy

Body = Callable[..., Any]

BODIES: Mapping[str, Body] = {
    fn.__name__: fn
    for family in (activations, attention, losses, norms, recurrent, similar, softmax)
    for fn in family.ROWS
}


def body_of(name: str, fn: Any) -> Body | None:
    """The body of a call by its short name: a row, what the function itself says, or the Python that torch runs."""
    return BODIES.get(name) or getattr(fn, "written_out", None) or opened_copy(fn)
