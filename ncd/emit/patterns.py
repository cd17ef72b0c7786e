"""Calls whose weave is an einops pattern: chains of views, products with named axes, reductions."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Ref
from ncd.emit.defaults import with_names
from ncd.emit.lines import Line, Pattern, Program, ShapeOf
from ncd.emit.products import absorb_permutations, alike, product, through_products
from ncd.emit.tidy import drop_dead, uses
from ncd.emit.unpack import equal_parts, unpack
from ncd.emit.views import coarsened, join_views, named, view_chains

REDUCTIONS = {"mean": "mean", "sum": "sum", "amax": "max", "amin": "min", "prod": "prod"}


def with_patterns(program: Program) -> None:
    """Write the lines of a program with einops where that says what they do."""
    count = uses(program)
    chains, inner = view_chains(program, count)
    through_products(program, chains, count, inner)
    join_views(program, chains, inner)
    program.lines = [_said(program, line) for line in program.lines]
    program.lines = [replace(line, call=with_names(line.call)) for line in program.lines]
    unpack(program)
    absorb_permutations(program)
    alike(program)
    drop_dead(program)


def _said(program: Program, line: Line) -> Line:
    return product(program, line) or _reduction(line) or equal_parts(program, line) or _norm(line) or line


def _reduction(line: Line) -> Line | None:
    """A mean or sum over named axes."""
    how = REDUCTIONS.get(line.function)
    if how is None or not line.pure or line.op.kind != "reduce" or len(line.reads) != 1 or line.out is None:
        return None
    if any(k not in ("dim", "keepdim", "axis", "keepdims") for k, _ in line.call.kwargs):
        return None
    rows = named(line)
    if rows is None or len(rows[0]) != 1:
        return None
    ins, outs = rows[0][0], rows[1][0]
    if () in ins:
        return None
    coarse = coarsened([ins, outs])
    left, right = tuple(map(coarse, ins)), tuple(map(coarse, outs))
    if any(len(d) > 1 for d in (*left, *right)):
        return None
    args = (Ref(line.reads[0]), Pattern((left,), (right,)), how)
    return replace(line, call=replace(line.call, name="einops.reduce", args=args, kwargs=()))


def _norm(line: Line) -> Line | None:
    """The shape a layer norm is over is its weight's."""
    weight = dict(line.call.kwargs).get("weight")
    if line.call.name != "torch.nn.functional.layer_norm" or not isinstance(weight, Ref) or len(line.call.args) != 2:
        return None
    return replace(line, call=replace(line.call, args=(line.call.args[0], ShapeOf(weight.id))))
