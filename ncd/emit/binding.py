"""Which tensor stands where: a call's arguments, a module's parameters, a diagram's constants."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ncd.circuit.diagram import Array, Call, Diagram, Op
from ncd.emit.calls import execute
from ncd.emit.shaped import without_pattern
from ncd.errors import CheckError
from ncd.tracing.containers import map_leaves
from ncd.tracing.inputs import parameter_names

_PLAIN = (bool, int, float, complex, str, type(None))


def target_of(diagram: Diagram) -> Any:
    """What was traced: a module, or the function or method that was called."""
    return diagram.source.target if diagram.source.target is not None else diagram.source.module


def owner(diagram: Diagram, module: nn.Module | None = None) -> nn.Module | None:
    """The module whose parameters a diagram uses: the traced one, or the one given.

    Raises CheckError when the diagram needs parameters and there is no module.
    """
    if module is not None or diagram.source.module is not None:
        return module if module is not None else diagram.source.module
    for array in diagram.arrays:
        if array.kind in ("parameter", "buffer") and array.id not in diagram.source.tensors:
            raise CheckError(
                f"the {array.kind} {array.name!r} is in no module: a diagram read from a file holds no weights",
                doing=f"running {diagram.title!r}",
                fix="give the model it was traced from, module=...",
            )
    return None


def leaves(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a call's arguments by dotted name, as the target's own parameters call them.

    So an argument means the same given by position and by keyword, and left out or given as its default.
    """
    found: dict[str, Any] = {}
    call = target.forward if isinstance(target, nn.Module) else target
    named = dict(zip(parameter_names(call, len(args)), args, strict=True)) | dict(kwargs)
    map_leaves({**_defaults(call, named), **named}, found.__setitem__)
    return found


def _defaults(call: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in given}


def arguments(diagram: Diagram, args: Sequence[Any], kwargs: Mapping[str, Any], any_size: bool = False) -> list[Tensor]:
    """The tensor for each input of a diagram; with ``any_size`` of any shape with as many dimensions.

    Raises CheckError, naming the input, its axes and sizes, when one is missing, has another shape
    or sort of dtype, was not there when tracing, or when a plain value is not the traced one.
    """
    given = leaves(target_of(diagram), args, kwargs)
    tensors = {name: x for name, x in given.items() if isinstance(x, Tensor)}
    names = [a.name for a in diagram.inputs]
    if len(set(names)) == len(names) and set(names) <= set(tensors):
        chosen = [tensors[name] for name in names]
        _only_known(diagram, given, tensors)
    elif len(tensors) == len(names):
        chosen = list(tensors.values())
    else:
        missing = [a for a in diagram.inputs if a.name not in tensors]
        raise CheckError(
            f"{len(tensors)} tensors were given for {len(names)} inputs",
            doing=f"running {diagram.title!r}",
            fix="give "
            + ", ".join(map(_described, diagram.inputs))
            + (f"; missing {missing[0].name!r}" if tensors and missing and missing[0].name else ""),
        )
    for array, x in zip(diagram.inputs, chosen, strict=True):
        if not any_size or x.dim() != len(array.axes):
            _fits(diagram, array, x)
    return chosen


def _described(array: Array) -> str:
    return f"{array.name or 'a tensor'} of [{' '.join(str(a) for a in array.axes)}]"


def _fits(diagram: Diagram, array: Array, x: Tensor) -> None:
    cause = ""
    if tuple(x.shape) != array.shape:
        cause = f"the input {array.name or array.id!r} has the shape {tuple(x.shape)}, not {array.shape}"
    elif _sort(x.dtype) != _sort(getattr(torch, array.dtype.removeprefix("torch."))):
        cause = f"the input {array.name or array.id!r} is {x.dtype}, not {array.dtype}"
    if cause:
        raise CheckError(
            cause,
            doing=f"running {diagram.title!r}",
            sizes={a.name: a.size for a in array.axes},
            fix=f"give {_described(array)}; for other sizes, trace again",
        )


def _sort(dtype: torch.dtype) -> str:
    if dtype.is_floating_point:
        return "real"
    return "complex" if dtype.is_complex else "bool" if dtype is torch.bool else "integer"


def _only_known(diagram: Diagram, given: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """A diagram holds for the arguments it was traced with: others must not be dropped in silence."""
    if diagram.source.example is None:
        return
    traced = leaves(target_of(diagram), *diagram.source.example)
    inputs = {a.name for a in diagram.inputs}
    for name, x in given.items():
        was = traced.get(name)
        if name in tensors:
            unknown = name not in inputs and (was is None or isinstance(was, _PLAIN))
        else:
            unknown = isinstance(x, _PLAIN) and isinstance(was, _PLAIN) and name in traced and x != was
            unknown = unknown and name not in inputs
        if unknown:
            raise CheckError(
                f"the diagram was traced with {name}={was!r} and holds only for that",
                doing=f"running {diagram.title!r}",
                fix=f"trace again with {name}={'...' if name in tensors else repr(x)}",
            )


def opened_out(exact: Diagram) -> Iterator[Op]:
    """The recorded ops, composites that were opened replaced by what is inside them."""
    for i, op in enumerate(exact.ops):
        yield from exact.source.opened.get(i, (op,))


def folded(diagram: Diagram, module: nn.Module | None) -> dict[int, Tensor]:
    """Constants of a simplified diagram that the exact one computes, from no input: masks, positions, tables."""
    exact = diagram.source.exact
    wanted = {a.id for a in diagram.arrays if a.kind == "constant" and a.id not in diagram.source.tensors}
    if exact is None or exact is diagram or not wanted:
        return {}
    needed, slice_ = set(wanted), []
    for op in map(without_pattern, reversed([*opened_out(exact)])):
        if any(a.id in needed for a in op.outputs):
            needed |= {a.id for a in op.inputs}
            slice_.append(op)
    env = hidden(replace(exact, ops=tuple(reversed(slice_)), inputs=(), outputs=()), module)
    calls = [call for op in reversed(slice_) for call in op.body]
    with torch.no_grad():
        env = dict(execute(calls, apart(env, written(calls)), exact.source.functions))
    return {i: env[i] for i in wanted & env.keys()}


def hidden(
    diagram: Diagram, module: nn.Module | None, known: Mapping[int, Tensor] | None = None, fake: bool = False
) -> dict[int, Tensor]:
    """The tensors of all parameters, buffers and constants of a diagram, by array id, not copied.

    ``known`` are those found before (see ``folded``); ``fake`` allows tensors without values, as while tracing.
    Raises CheckError for one that is not there or has no data.
    """
    owned = tensors_by_name(module) if module is not None else {}
    found: dict[int, Tensor] = dict(known or {})
    for array in diagram.arrays:
        if array.id in found:
            continue
        if not array.hidden:
            continue
        x = owned.get(array.name) if array.kind != "constant" else None
        if x is None:
            x = diagram.source.tensors.get(array.id)
        what = f"the {array.kind} {array.name or f'%{array.id}'}"
        if x is None:
            raise CheckError(
                f"{what} is not there",
                doing=f"running {diagram.title!r}",
                fix="trace again: a file does not hold constants"
                if array.kind == "constant"
                else f"give a module that has {array.name!r}",
            )
        if not fake and (isinstance(x, FakeTensor) or x.is_meta):
            raise CheckError(
                f"{what} has a shape but no values",
                doing=f"running {diagram.title!r}",
                sizes={a.name: a.size for a in array.axes},
                fix="load real weights, module=...; drawing needs none",
            )
        if tuple(x.shape) != array.shape:
            raise CheckError(
                f"{what} has the shape {tuple(x.shape)}, not {array.shape}",
                doing=f"running {diagram.title!r}",
                fix="give the module that was traced, or trace again",
            )
        found[array.id] = x
    return found


def tensors_by_name(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by dotted name; a tied one has several names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def is_part(diagram: Diagram) -> bool:
    """Whether this is one module call taken out of a diagram (``d["h.0"]``), not all of it."""
    roots = [b.path for b in diagram.blocks if b.parent is None]
    return any(a.kind != "input" for a in diagram.inputs) or (len(roots) == 1 and roots != [""])


def ending(diagram: Diagram) -> tuple[tuple[Call, ...], tuple[int, ...]]:
    """What is left to do after the last op, and the arrays that are returned.

    Views at the very end are not drawn: a model may return a view of what is drawn as its output.
    """
    if diagram.source.returns and not is_part(diagram):
        return diagram.source.tail, diagram.source.returns
    return (), tuple(a.id for a in diagram.outputs)


def program(diagram: Diagram) -> tuple[Call, ...]:
    """All calls of a diagram, in order."""
    return (*(call for op in diagram.ops for call in op.body), *ending(diagram)[0])


def written(calls: Iterable[Call]) -> frozenset[int]:
    """The arrays that some call writes into."""
    return frozenset(old for call in calls for old, _ in call.writes)


def apart(tensors: Mapping[int, Tensor], ids: Iterable[int]) -> dict[int, Tensor]:
    """The same tensors with those of ``ids`` copied; what was one object stays one object."""
    twins: dict[int, Tensor] = {}
    for i in set(ids) & tensors.keys():
        twins.setdefault(id(tensors[i]), tensors[i].clone())
    return {i: twins.get(id(x), x) for i, x in tensors.items()}
