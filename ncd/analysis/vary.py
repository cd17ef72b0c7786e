"""Which input axes of a program can have other sizes, found by trying: the program recorded again at each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Call, Name, Op, Origin, Ref
from ncd.emit.calls import refs
from ncd.tracing.again import Again, Made, again, made
from ncd.tracing.counted import Guard, Tree, plain, tree_of
from ncd.tracing.recording import Recorded, Value

Key = tuple[Made, tuple[Any, ...]]
"""A literal: its call, and the way to it in the call's arguments."""


class Differs(Exception):
    """At these sizes the program does something else."""


@dataclass
class Point:
    """What the sizes and the literals are where the input axes, by id, have these sizes."""

    axes: dict[int, int]
    shapes: Mapping[int, Sequence[int]]
    numbers: dict[Key, Any] = field(default_factory=dict)
    trees: dict[Made, dict[tuple[Any, ...], Tree]] = field(default_factory=dict)
    guards: Sequence[Guard] = ()
    calls: Mapping[Made, Recorded] = field(default_factory=dict)
    constants: Mapping[int, Any] = field(default_factory=dict)


@dataclass
class Varied:
    """The points looked at, the first as traced; why axes are fixed; and of what some must be a multiple."""

    points: list[Point]
    fixed: dict[int, str]
    steps: dict[int, int]

    @property
    def varying(self) -> list[int]:
        return [a for a in self.points[0].axes if a not in self.fixed]


def makes(call: Call) -> Made:
    """What tells a recorded call from all others, as ``made`` does."""
    return "#" if call.name.startswith("#") else call.name, *refs(call.out), *(new for _, new in call.writes)


def numbers(call: Call) -> Iterator[tuple[tuple[Any, ...], int | float]]:
    """The plain numbers among a call's literals, each with the way to it: ``("args", 1, 0)``."""

    def walk(x: Any, way: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], int | float]]:
        if type(x) in (int, float):
            yield way, x
        elif isinstance(x, slice):
            for part in ("start", "stop", "step"):
                yield from walk(getattr(x, part), (*way, part))
        elif isinstance(x, (tuple, list)):
            for i, y in enumerate(x):
                yield from walk(y, (*way, i))
        elif isinstance(x, dict):
            for k, y in x.items():
                yield from walk(y, (*way, k))

    for i, x in enumerate(call.args):
        yield from walk(x, ("args", i))
    for k, x in call.kwargs:
        yield from walk(x, ("kwargs", k))


def replaced(call: Call, found: Mapping[tuple[Any, ...], Any]) -> Call:
    """The call with other numbers at these ways."""

    def walk(x: Any, way: tuple[Any, ...]) -> Any:
        if way in found:
            return found[way]
        if isinstance(x, slice):
            return slice(*(walk(getattr(x, part), (*way, part)) for part in ("start", "stop", "step")))
        if isinstance(x, (tuple, list)):
            return type(x)([walk(y, (*way, i)) for i, y in enumerate(x)])
        return {k: walk(y, (*way, k)) for k, y in x.items()} if isinstance(x, dict) else x

    args = tuple(walk(x, ("args", i)) for i, x in enumerate(call.args))
    return replace(call, args=args, kwargs=tuple((k, walk(x, ("kwargs", k))) for k, x in call.kwargs))


def _pairs(was: Any, now: Any, way: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The numbers of a call where those of the first recording were.  Raises Differs if it is another call."""
    if isinstance(was, Ref):
        if not isinstance(now, Value) or now.id != was.id:
            raise Differs
    elif type(was) in (int, float):
        if isinstance(now, bool) or not isinstance(now, (int, float)):
            raise Differs
        yield way, now
    elif isinstance(was, slice):
        if not isinstance(now, slice):
            raise Differs
        for part in ("start", "stop", "step"):
            yield from _pairs(getattr(was, part), getattr(now, part), (*way, part))
    elif isinstance(was, (tuple, list)):
        if not isinstance(now, (tuple, list)) or len(now) != len(was):
            raise Differs
        for i, (a, b) in enumerate(zip(was, now, strict=True)):
            yield from _pairs(a, b, (*way, i))
    elif isinstance(was, dict):
        if not isinstance(now, dict) or list(now) != list(was):
            raise Differs
        for k in was:
            yield from _pairs(was[k], now[k], (*way, k))
    elif isinstance(was, Name):
        if now is None or isinstance(now, (Value, bool, int, float, str, tuple, list, dict)):
            raise Differs
    elif isinstance(now, Value) or not (was is now or was == now):
        raise Differs


def same_program(ops: Sequence[Op], found: Again, point: Point) -> None:
    """Note the literals of every op; raises Differs where another call was made in its stead."""
    for op in ops:
        for call in op.body:
            mine = found.calls.get(makes(call))
            if mine is None or [v.id for v in mine.outs] != list(refs(call.out)):
                raise Differs
            kwargs = dict(call.kwargs)
            if list(mine.kwargs) != list(kwargs):
                raise Differs
            given = [("args", call.args, mine.args), ("kwargs", kwargs, mine.kwargs)]
            for where, was, now in given:
                for way, n in _pairs(was, now, (where,)):
                    key = (made(mine), way)
                    point.numbers[key] = plain(n)
                    if tree_of(n) is not n:
                        point.trees.setdefault(key[0], {})[way] = tree_of(n)


def shape_of(array: Array, sizes: Mapping[int, int]) -> tuple[int, ...]:
    """The shape of an array where its atomic axes, by id, have these sizes."""
    return tuple(prod(sizes.get(leaf.id, leaf.size) for leaf in a.leaves) for a in array.axes)


def vary(origin: Origin, ops: Sequence[Op], arrays: Sequence[Array]) -> Varied:
    """Try other sizes of every input axis: each by itself where not all at once, then together."""
    axes = {leaf.id: leaf for a in origin.inputs for leaf in a.wires}
    base = Point({i: a.size for i, a in axes.items()}, {a.id: a.shape for a in arrays})
    for op in ops:
        for call in op.body:
            base.numbers.update({(makes(call), way): n for way, n in numbers(call)})
    fixed = _tied(axes, arrays)
    varied = Varied([base], fixed, {})
    alone = [(x, a.id, k) for a in arrays for k, x in enumerate(a.axes) if x.id in axes]

    def record(sizes: dict[int, int]) -> Point:
        whole = {**base.axes, **sizes}
        found = again(origin, {a.name: shape_of(a, whole) for a in origin.inputs})
        point = Point(whole, found.shapes, guards=found.guards, calls=found.calls, constants=found.constants)
        try:
            if found.length != origin.length:
                raise Differs
            same_program(ops, found, point)
        except Differs:
            raise Differs(_other_calls(found.length, origin.length)) from None
        for leaf, value, k in alone:
            if leaf.id in sizes and found.shapes[value][k] != sizes[leaf.id]:
                raise Differs(f"the program takes {found.shapes[value][k]} of it at any size")
        return point

    def attempt(sizes: dict[int, int]) -> Exception | None:
        try:
            varied.points.append(record(sizes))
        except Exception as error:
            return error
        return None

    loose = varied.varying
    if not loose:
        return varied
    if attempt(_other(loose, axes, 1.3)) is not None:
        for a in loose:
            reason = _alone(a, axes[a], attempt, varied.steps)
            if reason is not None:
                fixed[a] = reason
        _together(varied, axes, attempt)
    loose = varied.varying
    if loose:
        # Few tokens, small images: where the program does something else when there is little.
        if attempt(_other(loose, axes, 0.2, varied.steps)) is not None:
            attempt(_other(loose, axes, 0.7, varied.steps))
        if attempt(_other(loose, axes, 1.9, varied.steps)) is not None:
            attempt(_other(loose, axes, 0.8, varied.steps))
    return varied


def _alone(
    a: int, axis: Axis, attempt: Callable[[dict[int, int]], Exception | None], steps: dict[int, int]
) -> str | None:
    """Why an axis cannot vary by itself; None if it can, if need be in steps (a multiple of 8 pixels)."""
    taken = {axis.size}
    first = attempt({a: _prime(1.3 * axis.size + 1, taken)})
    if first is None or attempt({a: _prime(0.6 * axis.size, taken)}) is None:
        return None
    if axis.size < 4 or attempt({a: 2 * axis.size}) is not None:
        return str(first) if isinstance(first, Differs) else f"{type(first).__name__}: {_line(first)}"
    step = axis.size
    for p in (p for p in range(2, axis.size + 1) if axis.size % p == 0 and _is_prime(p)):
        while step % p == 0 and attempt({a: step // p * _prime(1.3 * axis.size / (step // p) + 1, {p})}) is None:
            step //= p
    if step > 1:
        steps[a] = step
    return None


def _together(varied: Varied, axes: Mapping[int, Axis], attempt: Callable[[dict[int, int]], Exception | None]) -> None:
    loose = varied.varying
    if len(loose) < 2 or attempt(_other(loose, axes, 1.4, varied.steps)) is None:
        return
    kept: list[int] = []
    for a in loose:
        error = attempt(_other([*kept, a], axes, 1.4, varied.steps))
        if error is None:
            kept.append(a)
        else:
            varied.fixed[a] = f"it cannot vary together with {', '.join(axes[k].name for k in kept)}: {_line(error)}"


def _tied(axes: Mapping[int, Axis], arrays: Sequence[Array]) -> dict[int, str]:
    tied: dict[int, str] = {}
    for a in arrays:
        if a.kind in ("parameter", "buffer"):
            for leaf in a.wires:
                if leaf.id in axes:
                    tied.setdefault(leaf.id, f"it is an axis of the {a.kind} {a.name}")
    return tied


def _other(
    loose: Sequence[int], axes: Mapping[int, Axis], factor: float, steps: Mapping[int, int] | None = None
) -> dict[int, int]:
    """Sizes for some axes, all different, about ``factor`` times what they are."""
    taken = {axes[a].size for a in axes}
    return {
        a: (steps or {}).get(a, 1) * _prime(factor * axes[a].size / (steps or {}).get(a, 1) + 1, taken) for a in loose
    }


def _prime(about: float, taken: set[int]) -> int:
    """The next prime that is not taken; it is then."""
    n = max(2, round(about))
    while n in taken or not _is_prime(n):
        n += 1
    taken.add(n)
    return n


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % p for p in range(2, int(n**0.5) + 1))


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else "no message"


def _other_calls(now: int, was: int) -> str:
    if now == was:
        return "the program makes other calls at another size"
    return f"the program makes {now} calls instead of {was} at another size: it loops over the axis or branches on it"
