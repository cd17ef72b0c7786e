"""What autograd keeps for the backward pass, found by running every call on shapes and watching what it saves.

A call saves some of its operands and results, and sometimes what only it has seen (the statistics of a
normalisation, where the maxima of a pool were).  Memory that is kept twice is there once; weights and
buffers are there anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from ncd.analysis.amount import Product
from ncd.analysis.work import shape
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.emit.calls import step
from ncd.ops.aten.work import RECURRENT
from ncd.tracing.tracer import quiet

Saved = Mapping[object, tuple[Product, int]]
"""Pieces of memory, told apart by their keys: the axes that span each, and bytes an element."""


@dataclass
class Kept:
    """What every call keeps; ``lost`` are the positions of calls of which it is not known."""

    calls: list[Saved] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def kept(diagram: Diagram, ops: Sequence[Op]) -> Kept:
    """What each of these calls of a diagram keeps, run one after the other without values."""
    run = _Run(diagram)
    found = Kept()
    # Inputs are data, and want no gradient, unless there is nothing else that does.
    weights = any(a.kind == "parameter" for op in ops for a in op.inputs)
    with quiet(), run.fakes, torch.enable_grad():
        for a in (*diagram.inputs, *(a for op in ops for a in op.inputs if a.hidden)):
            run.enter(a, a.kind == "parameter" or (not a.hidden and (not weights or a.kind != "input")))
        for i, op in enumerate(ops):
            saved, ran = run.call(i, op)
            found.calls.append(saved)
            if not ran:
                found.lost.append(i)
    return found


class _Run:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.fakes = FakeTensorMode(allow_non_fake_inputs=True)
        self.env: dict[int, Tensor] = {}
        self.owner: dict[int, Array] = {}
        """Memory -> the first array in it."""
        self.alive: list[Tensor] = []
        """Memory is told by its address, which must not be used again."""

    def enter(self, a: Array, wanted: bool) -> None:
        if a.id in self.env:
            return
        real = self.diagram.source.tensors.get(a.id)
        if isinstance(real, Tensor) and not isinstance(real, FakeTensor) and not real.is_meta and a.kind == "constant":
            x = self.fakes.from_tensor(real.detach())
        else:
            x = torch.empty(a.shape, dtype=getattr(torch, a.dtype))
        if wanted and (x.is_floating_point() or x.is_complex()):
            x.requires_grad_()
        self.own(a, x)

    def own(self, a: Array, x: Tensor) -> None:
        self.env[a.id] = x
        self.alive.append(x)
        self.owner.setdefault(_memory(x), a)

    def call(self, i: int, op: Op) -> tuple[Saved, bool]:
        seen: list[Tensor] = []
        try:
            with torch.autograd.graph.saved_tensors_hooks(lambda x: seen.append(x), lambda x: x):
                for c in op.body:
                    step(c, self.env, self.diagram.source.functions)
            # The steps inside an LSTM are other ones on every device, and so is what they keep.
            ran = op.name not in RECURRENT and all(self.env[a.id].shape == a.shape for a in op.outputs)
        except Exception:
            ran = False
        for a in op.outputs:
            if not ran:
                wanted = any(self.env[b.id].requires_grad for b in op.inputs if b.id in self.env)
                x = torch.empty(a.shape, dtype=getattr(torch, a.dtype))
                self.env[a.id] = x.requires_grad_(wanted and (x.is_floating_point() or x.is_complex()))
            self.own(a, self.env[a.id])
        saved: dict[object, tuple[Product, int]] = {}
        inner: list[Tensor] = []
        for x in seen if ran else ():
            self.alive.append(x)
            if not x.numel():
                continue
            array = self.owner.get(_memory(x))
            if array is None:
                if all(_memory(x) != _memory(y) for y in inner):
                    inner.append(x)
            elif not array.hidden:
                size = x.untyped_storage().nbytes()
                whole = size == prod(array.shape) * x.itemsize
                saved[array.id] = (shape(array), x.itemsize) if whole else ((f"={size}",), 1)
        if inner:
            spans = _spanned(op, inner, self.env, self.diagram.source.functions)
            saved.update({(i, k): (p, x.itemsize) for k, (p, x) in enumerate(zip(spans, inner, strict=True))})
        return saved, ran


def _memory(x: Tensor) -> int:
    return x.untyped_storage()._cdata


def _spanned(op: Op, inner: Sequence[Tensor], env: Mapping[int, Tensor], functions: Sequence[Any]) -> list[Product]:
    """The axes that span what only a call has seen: those with whose sizes it grows when the call is run again.

    Where that does not tell, the number of elements stays a number.
    """
    fixed = {w.name for a in op.inputs if a.hidden for w in a.wires}
    sizes = {w.name: w.size for a in op.inputs for w in a.wires}
    grows: list[dict[str, float]] = [{} for _ in inner]
    same = [[a for a in op.outputs if a.shape == tuple(x.shape)] for x in inner]
    for axis in (a for a in sizes if a not in fixed):
        again = _again(op, {**sizes, axis: 2 * sizes[axis]}, env, functions)
        if again is None or len(again[0]) != len(inner):
            return [(f"={x.numel()}",) for x in inner]
        now, outs = again
        for k, x in enumerate(now):
            grows[k][axis] = x.numel() / inner[k].numel()
            same[k] = [a for a in same[k] if outs[a.id] == tuple(x.shape)]
    found: list[Product] = []
    for k, x in enumerate(inner):
        axes = [a for a, ratio in grows[k].items() if ratio == 2]
        rest, left = divmod(x.numel(), prod(sizes[a] for a in axes))
        if same[k]:
            found.append(shape(same[k][0]))
        elif not left and all(ratio in (1, 2) for ratio in grows[k].values()):
            found.append(tuple(sorted([*axes, *([f"*{rest}"] if rest != 1 else [])])))
        else:
            found.append((f"={x.numel()}",))
    return found


def _again(
    op: Op, sizes: Mapping[str, int], env: Mapping[int, Tensor], functions: Sequence[Any]
) -> tuple[list[Tensor], dict[int, tuple[int, ...]]] | None:
    """What a call saves of its own where axes have other sizes, and the shapes it makes; None where it raises."""
    local: dict[int, Tensor] = {}
    for a in op.inputs:
        dims = [prod(sizes[w.name] for w in axis.leaves) for axis in a.axes]
        local[a.id] = _like(env[a.id], dims).requires_grad_(env[a.id].requires_grad)
    seen: list[Tensor] = []
    try:
        with torch.autograd.graph.saved_tensors_hooks(lambda x: seen.append(x), lambda x: x):
            for c in op.body:
                step(c, local, functions)
    except Exception:
        return None
    known = {_memory(x) for x in local.values()}
    own: dict[int, Tensor] = {}
    for x in seen:
        if x.numel() and _memory(x) not in known:
            own.setdefault(_memory(x), x)
    return list(own.values()), {a.id: tuple(local[a.id].shape) for a in op.outputs if a.id in local}


def _like(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """A tensor of other sizes that lies in memory as this one does: what is not dense may have to be copied."""
    order = sorted(range(x.ndim), key=lambda i: -x.stride(i))
    dense = torch.empty([sizes[i] if x.stride(i) else 1 for i in order], dtype=x.dtype)
    return dense.permute([order.index(i) for i in range(x.ndim)]).expand(*sizes) if sizes else dense


def whole(saved: Iterable[Saved]) -> dict[Product, int]:
    """The bytes of several, every piece of memory once."""
    pieces = {key: piece for one in saved for key, piece in one.items()}
    found: dict[Product, int] = {}
    for product, width in pieces.values():
        found[product] = found.get(product, 0) + width
    return found
