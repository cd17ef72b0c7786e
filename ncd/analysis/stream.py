"""An axis streamed in tiles: through softmax and the contraction after it, with a running maximum and sum.

Softmax over x and a contraction of what it makes over x need no array of x whole: a tile of x at a time
is enough, where what was summed so far is scaled anew whenever a larger score is met (Milakov and
Gimelshein 2018, "Online normalizer calculation for softmax"; Rabe and Staats 2021; Dao et al. 2022,
"FlashAttention").  ``streamed`` writes a diagram so; ``transfer`` says what then goes between a large slow
memory and a small fast one, read off the axes of what is loaded.  That such costs can be read off a
diagram whose axes are partitioned into groups and streams is the subject of Abbott and Zardini's
"FlashAttention on a Napkin" (2024); the formulas here are our own, and tests count loads to hold them.
Where no attention is along the axis, products that are summed over it are streamed (``products``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from ncd.analysis.products import Product, moved, partial_sums, products
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.errors import AxisError, NCDError

if TYPE_CHECKING:
    from torch import Tensor

Tiles = Callable[["Tensor", int], tuple["Tensor", ...]]
"""The tiles of an array along one of its dimensions."""
Place = tuple[str, ...]
"""The indices that enumerate one dimension of an op's operand."""


@dataclass(frozen=True)
class Region:
    """A softmax and the contraction after it, with what makes the scores; ``sources`` are all that these read.

    Each source has, for every dimension, the dimension of the weights that it is: an integer, or None.
    """

    scores: tuple[Op, ...]
    softmax: Op
    mix: Op
    along: int
    """The dimension of the weights that is streamed."""
    sources: Mapping[int, tuple[int | None, ...]]

    @property
    def weights(self) -> Array:
        return self.softmax.outputs[0]

    @property
    def size(self) -> int:
        return self.weights.axes[self.along].size


def regions(diagram: Diagram, axis: str) -> list[Region]:
    """Every softmax along an axis of this name that is mixed over it next, in the recorded ops."""
    readers: dict[int, list[Op]] = {}
    makers: dict[int, Op] = {}
    for op in diagram.ops:
        for a in op.inputs:
            readers.setdefault(a.id, []).append(op)
        makers.update((a.id, op) for a in op.outputs)
    kept = {a.id for a in diagram.outputs}
    found = (_region(op, axis, readers, makers, kept) for op in diagram.ops if op.name == "softmax")
    return [r for r in found if r is not None]


def _places(op: Op, k: int) -> list[Place]:
    return [f.variables for f in op.weave.ins[k]]


def _region(
    softmax: Op, axis: str, readers: Mapping[int, list[Op]], makers: Mapping[int, Op], kept: set[int]
) -> Region | None:
    weights = softmax.outputs[0]
    made = [f.variables for f in softmax.weave.outs[0]]
    along = [k for k, p in enumerate(made) if p and set(p) <= softmax.weave.targets]
    if len(along) != 1 or weights.axes[along[0]].name != axis or weights.id in kept:
        return None
    mixes = readers.get(weights.id, [])
    if len(mixes) != 1 or len(mixes[0].inputs) != 2 or mixes[0].kind != "contraction":
        return None
    mix = mixes[0]
    at = next(k for k, a in enumerate(mix.inputs) if a.id == weights.id)
    places = _places(mix, at)
    out = [f.variables for f in mix.weave.outs[0]]
    rest = [p for k, p in enumerate(places) if k != along[0]]
    if places[along[0]] in out or any(p not in out for p in rest):
        return None
    other = mix.inputs[1 - at]
    sources = {other.id: tuple(_which(p, places) for p in _places(mix, 1 - at))}
    if along[0] not in sources[other.id]:
        return None
    scores: list[Op] = []
    todo: list[tuple[Array, tuple[int | None, ...]]] = [(softmax.inputs[0], tuple(range(len(made))))]
    while todo:
        a, dims = todo.pop()
        op = makers.get(a.id)
        inner = op is not None and a.id not in kept and len(readers[a.id]) == 1 and along[0] in dims
        if op is None or not inner or not (op.kind in ("map", "contraction") or op.symbol == "mask"):
            sources[a.id] = dims
            continue
        mine = dict(zip((f.variables for f in op.weave.outs[0]), dims, strict=True))
        streamed = next(p for p, d in mine.items() if d == along[0])
        if set(streamed) & op.weave.targets or len(op.outputs) != 1:
            sources[a.id] = dims
            continue
        scores.append(op)
        for k, b in enumerate(op.inputs):
            before = tuple(mine.get(p) for p in _places(op, k))
            if op.kind == "contraction":
                sources[b.id] = before
            else:
                todo.append((b, before))
    order = {id(op): n for n, op in enumerate(makers.values())}
    return Region(tuple(sorted(scores, key=lambda o: order[id(o)])), softmax, mix, along[0], sources)


def _which(place: Place, places: list[Place]) -> int | None:
    return places.index(place) if place and place in places else None


# ---------------------------------------------------------------- the diagram


def streamed(diagram: Diagram, axis: str, tile: int) -> Diagram:
    """The diagram with every attention along ``axis``, or else every product over it, as a loop over tiles of a size.

    Its module takes other sizes, too, with as many tiles as there are then.  Raises AxisError where nothing can be
    streamed along the axis, or the tile is larger than it.
    """
    from ncd.analysis.called import called_as
    from ncd.tracing.tracer import trace

    exact = written_out(diagram)
    found = checked(diagram, exact, axis)
    for size in (r.size for r in found):
        if not 1 <= tile <= size:
            raise AxisError(
                f"the axis {axis!r} of size {size} has no tile of {tile}",
                doing=f"streaming {diagram.title!r}",
                fix=f"give a tile from 1 to {size}",
            )
    args, kwargs = exact.source.example
    names = {a.name: " ".join(x.name if x.name.isidentifier() else "_" for x in a.axes) for a in exact.inputs}
    made = called_as(trace(_program(exact, found, tile, axis), *args, axes=names, **kwargs), exact)
    # Of a model with parts these are what is shown first; of attention alone, the loop is.
    return made if len(exact.blocks) > 1 else replace(made, options=(("depth", 1),))


def written_out(diagram: Diagram) -> Diagram:
    """The recorded diagram, with fused attention as what it is defined by.  Raises NCDError without a program."""
    from ncd.analysis.backward import rewritten
    from ncd.emit.binding import is_part

    exact: Diagram = diagram.source.exact if diagram.source.exact is not None else diagram
    if exact.source.example is None or is_part(diagram):
        raise NCDError(
            "there is no program to write in another way",
            doing=f"streaming {diagram.title!r}",
            fix="trace the model, and stream all of it",
        )
    return rewritten(exact)


def checked(diagram: Diagram, exact: Diagram, axis: str) -> list[Region] | list[Product]:
    found = regions(exact, axis) or products(exact, axis)
    if not found:
        raise AxisError(
            f"no softmax along {axis!r} is followed by a sum over it with another array, nor do two arrays meet in one",
            doing=f"streaming {diagram.title!r}",
            fix="the axes are " + ", ".join(sorted(diagram.axes)),
        )
    return found


def _program(exact: Diagram, found: list[Region] | list[Product], tile: int, axis: str) -> Any:
    from ncd.analysis.replay import Replay

    mixes = {id(r.mix): r for r in found if isinstance(r, Region)}
    inside = {id(op) for r in mixes.values() for op in (*r.scores, r.softmax)}
    alone = {id(p.op): p for p in found if isinstance(p, Product)}

    class Streamed(Replay):
        def run(self, op: Op, env: dict[int, Tensor]) -> None:
            if id(op) in mixes:
                env[op.outputs[0].id] = _loop(self, mixes[id(op)], env, tile, axis)
            elif id(op) in alone:
                tiles = partial(_tiles, tile=tile, axis=axis)
                env[op.outputs[0].id] = partial_sums(self, alone[id(op)], env, tiles)
            elif id(op) not in inside:
                super().run(op, env)

    return Streamed(exact)


def _loop(replay: Any, r: Region, env: dict[int, Tensor], tile: int, axis: str) -> Tensor:
    """Maximum, sum and mixture so far; the larger of two maxima scales down what was summed under the other."""
    import torch

    from ncd.analysis import running

    tiles = {i: _tiles(env[i], dims.index(r.along), tile, axis) for i, dims in r.sources.items() if r.along in dims}
    extents = {k: n for i, dims in r.sources.items() for k, n in zip(dims, env[i].shape, strict=True) if n != 1}
    shape = [1 if k == r.along else extents.get(k, 1) for k in range(len(r.weights.axes))]
    like = next(env[i] for i in tiles if env[i].is_floating_point())
    most = torch.full(shape, torch.finfo(like.dtype).min, dtype=like.dtype, device=like.device)
    total = torch.zeros(shape, dtype=like.dtype, device=like.device)
    mixed = torch.zeros(_mixture(r, env, extents), dtype=like.dtype, device=like.device)
    for n in range(len(next(iter(tiles.values())))):
        here = {i: env[i] for i in r.sources} | {i: parts[n] for i, parts in tiles.items()}
        for op in r.scores:
            replay.call(op, here)
        scores = here[r.softmax.inputs[0].id]
        larger = running.running_maximum(most, scores, r.along)
        fade = running.fading(most, larger)
        weights = here[r.weights.id] = running.weights(scores, larger)
        replay.call(r.mix, here)
        total = running.running_sum(total, fade, weights, r.along)
        mixed = running.running_mixture(mixed, _over(fade, r), here[r.mix.outputs[0].id])
        most = larger
    return mixed / _over(total, r)


def _mixture(r: Region, env: Mapping[int, Tensor], extents: Mapping[int | None, int]) -> list[int]:
    """The shape of what is mixed, from the arrays that are there."""
    at = next(k for k, a in enumerate(r.mix.inputs) if a.id == r.weights.id)
    rows, other = _places(r.mix, at), _places(r.mix, 1 - at)
    there = dict(zip(other, env[r.mix.inputs[1 - at].id].shape, strict=True))
    there |= {p: extents[k] for k, p in enumerate(rows) if k in extents}
    out = r.mix.outputs[0]
    return [there.get(f.variables, n) for f, n in zip(r.mix.weave.outs[0], out.shape, strict=True)]


def _tiles(x: Tensor, dim: int, tile: int, axis: str) -> tuple[Tensor, ...]:
    """The tiles of an array: of the axis x there are n_x, of s_x each; what is left over is the last, r_x."""
    whole, rest = divmod(x.shape[dim], tile)
    full = x.narrow(dim, 0, whole * tile) if rest else x
    parts: tuple[Tensor, ...] = ()
    if whole:
        split = full.unflatten(dim, (-1, tile))
        names = {dim: f"n_{axis}", dim + 1: f"s_{axis}"}
        split.axis_names = tuple(names.get(k, "") for k in range(split.dim()))  # type: ignore[attr-defined]
        parts = split.unbind(dim)
    if rest:
        last = x.narrow(dim, whole * tile, rest) if whole else x
        last.axis_names = tuple(f"r_{axis}" if k == dim else "" for k in range(x.dim()))  # type: ignore[attr-defined]
        parts = (*parts, last)
    return parts


def _over(x: Tensor, r: Region) -> Tensor:
    """What is known of every row of the weights, over the axes of the mixture."""
    at = next(k for k, a in enumerate(r.mix.inputs) if a.id == r.weights.id)
    places = _places(r.mix, at)
    out = [f.variables for f in r.mix.weave.outs[0]]
    order = [places.index(p) for p in out if p in places]
    if [k for k in range(len(places)) if k != r.along] == order and len(out) == len(places) and out[-1] not in places:
        return x if r.along == len(places) - 1 else x.movedim(r.along, -1)
    x = x.squeeze(r.along).permute([k - (k > r.along) for k in order])
    for k, p in enumerate(out):
        if p not in places:
            x = x.unsqueeze(k)
    return x


# ---------------------------------------------------------------- what is moved


@dataclass(frozen=True, repr=False)
class Transfer:
    """Elements that go between two levels of memory; expressions are sympy's, in the names of axes.

    ``loads`` says of every array that is read how often that is, times its size; ``saved`` is what is made;
    ``held`` is what lies in the small memory at once.  ``expr`` is all that is moved.
    """

    loads: Mapping[str, Any]
    saved: Any
    held: Any
    sizes: Mapping[str, int]

    @property
    def expr(self) -> Any:
        return sum(self.loads.values()) + self.saved

    def at(self, **sizes: int) -> int:
        """The number of elements at these sizes of axes and groups, the others as traced."""
        from ncd.analysis.formula import symbol

        return int(self.expr.subs({symbol(n): v for n, v in {**self.sizes, **sizes}.items()}))

    def __str__(self) -> str:
        from ncd.analysis.formula import text

        return text(self.expr)

    __repr__ = __str__


def transfer(diagram: Diagram, axis: str, tile: int | str, groups: Mapping[str, int | str]) -> Transfer:
    """What attention along ``axis`` (or else products over it) moves where the axis is streamed in tiles, and others
    are partitioned in groups.

    Every group of a partition, and every index of the other axes of the weights, or of the product, is worked
    through by itself: it loads what has no such axis once more.  The groups must divide their axes.
    Raises AxisError on axes that these do not have.
    """
    import sympy

    from ncd.analysis.formula import symbol

    exact = written_out(diagram)
    loads: dict[str, Any] = {}
    saved, held, sizes = sympy.Integer(0), sympy.Integer(0), dict[str, int]()

    def amount(n: int | str) -> Any:
        return sympy.Integer(n) if isinstance(n, int) else symbol(n)

    for r in checked(diagram, exact, axis):
        if isinstance(r, Product):
            made = r.op.outputs[0]
            of = _grouped(diagram, f"the product over {axis!r}", dict(enumerate(x.name for x in made.axes)), groups)
            often, most = moved(r, {k: amount(g) for k, g in of.items()}, amount(tile), _extent)
            for a, times in zip(r.op.inputs, often, strict=True):
                loads[_said(a, exact)] = loads.get(_said(a, exact), 0) + _size(a.wires) * times
            saved, held = saved + _size(made.wires), held + most
            sizes |= {w.name: w.size for a in (*r.op.inputs, made) for w in a.wires}
            continue
        outer = [k for k in range(len(r.weights.axes)) if k != r.along]
        names = {k: r.weights.axes[k].name for k in outer}
        of = _grouped(diagram, f"attention along {axis!r}", names, groups)
        grouped = {k: amount(g) for k, g in of.items()}
        arrays = {a.id: a for op in (*r.scores, r.mix) for a in op.inputs}
        for i, dims in r.sources.items():
            a = arrays.get(i, r.softmax.inputs[0])
            again = prod((_extent(r.weights.axes[k]) / grouped.get(k, 1) for k in outer if k not in dims), start=1)
            name = _said(a, exact)
            loads[name] = loads.get(name, 0) + _size(a.wires) * again
            held += _part(a, dims, r, grouped, amount(tile))
        saved += _size(r.mix.outputs[0].wires)
        rows = prod((grouped.get(k, sympy.Integer(1)) for k in outer), start=sympy.Integer(1))
        sizes |= {w.name: w.size for a in (*arrays.values(), r.weights, r.mix.outputs[0]) for w in a.wires}
        out = zip(r.mix.outputs[0].axes, r.mix.weave.outs[0], strict=True)
        rest = [x for x, f in out if f.variables not in _rows(r)]
        held += rows * (amount(tile) + 2 + prod((_extent(x) for x in rest), start=sympy.Integer(1)))
    return Transfer(loads, saved, sympy.expand(held), sizes)


def _grouped(
    diagram: Diagram, what: str, names: Mapping[int, str], groups: Mapping[str, int | str]
) -> dict[int, int | str]:
    """The groups by the dimensions that they partition.  Raises AxisError on axes that are not there."""
    unknown = sorted(set(groups) - set(names.values()))
    if unknown:
        raise AxisError(
            f"{what} has no axis {unknown[0]!r} to partition",
            doing=f"counting what {diagram.title!r} moves",
            fix="its axes are " + ", ".join(names.values()),
        )
    # Of two axes of one name (self-attention) the one of the queries is the last.
    return {max(k for k in names if names[k] == n): g for n, g in groups.items()}


def _said(a: Array, exact: Diagram) -> str:
    """What an array is called, by itself or by what makes it."""
    return a.name or next((op.path or op.name for op in exact.ops if a in op.outputs), f"%{a.id}")


def _rows(r: Region) -> list[Place]:
    return _places(r.mix, next(k for k, a in enumerate(r.mix.inputs) if a.id == r.weights.id))


def _part(a: Array, dims: tuple[int | None, ...], r: Region, grouped: Mapping[int, Any], tile: Any) -> Any:
    """How much of a source lies in the small memory at once."""
    import sympy

    def one(axis: Any, k: int | None) -> Any:
        return _extent(axis) if k is None else tile if k == r.along else grouped.get(k, sympy.Integer(1))

    return prod((one(x, k) for x, k in zip(a.axes, dims, strict=True)), start=sympy.Integer(1))


def _size(wires: Any) -> Any:
    from ncd.analysis.formula import symbol

    return prod((symbol(w.name) for w in wires), start=1)


def _extent(axis: Any) -> Any:
    return _size(axis.leaves)
