"""Tensors that a function holds in its closure, as arguments of the call that it is given to.

``flex_attention`` takes functions that change or mask a score.  What they hold is an operand like any
other: the operator has places for it (``score_mod_other_buffers``), which Python code leaves empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CellType, FunctionType
from typing import Any

import torch
from torch import Tensor

_FLEX = getattr(torch.ops.higher_order, "flex_attention", None)


class Open:
    """A function whose captured tensors, ``count`` of them, come as its last arguments."""

    def __init__(self, fn: FunctionType, captured: list[Tensor]) -> None:
        self.plan = _plan(fn, captured)
        self.count = len(captured)

    def __call__(self, *args: Any) -> Any:
        n = len(args) - self.count
        return _filled(self.plan, args[n:])(*args[:n])


Plan = tuple[FunctionType, list[Any]]
"""A function, and what stands in each cell of its closure: the number of a tensor, another plan, or None to keep it."""


def _plan(fn: FunctionType, captured: list[Tensor], within: tuple[FunctionType, ...] = ()) -> Plan:
    """The plan of a function; the tensors that it holds are added to ``captured``.

    A function that holds itself is left as it is there.
    """
    within = (*within, fn)
    cells: list[Any] = []
    for cell in fn.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:
            held = None
        if isinstance(held, Tensor):
            cells.append(len(captured))
            captured.append(held)
        else:
            inner = isinstance(held, FunctionType) and held not in within
            cells.append(_plan(held, captured, within) if inner else None)
    # The tensors are not kept here: those of a recording have no values.
    pairs = zip(fn.__closure__ or (), cells, strict=True)
    return _again(fn, tuple(c if p is None else CellType() for c, p in pairs)), cells


def _again(fn: FunctionType, closure: tuple[CellType, ...]) -> FunctionType:
    twin = FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, closure)
    twin.__kwdefaults__ = fn.__kwdefaults__
    return twin


def _filled(plan: Plan, tensors: Sequence[Any]) -> FunctionType:
    fn, cells = plan
    closure = tuple(
        CellType(tensors[p]) if isinstance(p, int) else CellType(_filled(p, tensors)) if isinstance(p, tuple) else c
        for c, p in zip(fn.__closure__ or (), cells, strict=True)
    )
    return _again(fn, closure)


def opened(fn: Any) -> tuple[Any, tuple[Tensor, ...]]:
    """A function and the tensors of its closure: an ``Open`` one if there are any."""
    if not isinstance(fn, FunctionType):
        return fn, ()
    held: list[Tensor] = []
    made = Open(fn, held)
    return (made, tuple(held)) if held else (fn, ())


def operands(fn: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a call with the tensors that its functions hold among them."""
    if fn is not _FLEX or len(args) < 7 or any(args[7:]):
        return args
    q, k, v, score, block, *rest = args
    score, scored = opened(score)
    mask, masked = opened(block[-1])
    return (q, k, v, score, (*block[:-1], mask), *rest[:2], scored, masked)
