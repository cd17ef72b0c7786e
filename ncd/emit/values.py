"""Running a diagram: the value of every array on given inputs, with values replaced on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Array, Call, Diagram, Op
from ncd.emit.binding import apart, arguments, ending, folded, hidden, owner, program, written
from ncd.emit.calls import Environment, results, step
from ncd.errors import CheckError

Key: TypeAlias = Op | Array | int | str
Replacement: TypeAlias = Any
"""A tensor, a number, a function of the old tensor, or {index: value}."""


class Values(Mapping[Key, Any]):
    """What every array of a diagram held, each at its own moment: later writes do not show in it.

    Ask by array or its id, by op (its output; a tuple if several), by the name of an input or
    parameter, or by module path (what the last op of that block made).  Iterates over array ids.
    """

    def __init__(self, diagram: Diagram, by_id: Mapping[int, Tensor]) -> None:
        self.diagram = diagram
        self._by_id = by_id

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(self._by_id[i] for i in ending(self.diagram)[1])

    def __getitem__(self, key: Key) -> Any:
        if isinstance(key, int) and key in self._by_id:
            return self._by_id[key]
        ids = located(self.diagram, key)
        found = tuple(self._by_id[i] for i in ids)
        return found[0] if len(found) == 1 else found

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        outs = ", ".join(f"{a} {tuple(a.shape)}" for a in self.diagram.outputs)
        return f"<Values of {self.diagram.title}: {len(self)} arrays; outputs {outs}>"


def located(diagram: Diagram, key: Key) -> tuple[int, ...]:
    """The ids of the arrays a key speaks of.  Raises CheckError when there are none."""
    if isinstance(key, Op):
        return tuple(a.id for a in key.outputs)
    if isinstance(key, Array):
        return (key.id,)
    if isinstance(key, int):
        if any(a.id == key for a in diagram.arrays):
            return (key,)
        raise CheckError(f"there is no array %{key} in {diagram.title!r}", fix="use op.outputs[0] or diagram.inputs[0]")
    named = [a.id for a in diagram.arrays if a.name == key or f"%{a.id}" == key]
    if named:
        return tuple(named[:1])
    paths = diagram.inside(key) if any(b.path == key or key in b.also for b in diagram.blocks) else {key}
    inner = [op for op in diagram.ops if op.path in paths and op.outputs]
    if not inner:
        known = [a.name for a in diagram.inputs if a.name] + [b.path for b in diagram.blocks if b.path]
        raise CheckError(
            f"{diagram.title!r} has no array, parameter or block {key!r}",
            doing="looking up a value",
            fix="one of " + ", ".join(known[:8]) if known else "use an op or an array of the diagram",
        )
    return tuple(a.id for a in inner[-1].outputs)


def environment(
    diagram: Diagram, args: Sequence[Any], kwargs: Mapping[str, Any], module: nn.Module | None = None
) -> dict[int, Tensor]:
    """The tensors a diagram starts from; those it writes into are copies, so nothing outside changes."""
    inputs = arguments(diagram, args, kwargs)
    module = owner(diagram, module)
    env = hidden(diagram, module, folded(diagram, module))
    env |= {a.id: x for a, x in zip(diagram.inputs, inputs, strict=True)}
    # Running statistics are written by calls that do not say so, where nothing reads them later.
    buffers = {a.id for a in diagram.arrays if a.kind == "buffer"}
    return apart(env, buffers | written(program(diagram)))


def run(
    diagram: Diagram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    patch: Mapping[Key, Replacement] | None = None,
    module: nn.Module | None = None,
) -> Values:
    """Every array's value on these inputs, without gradients; the model and the inputs stay as they are.

    ``patch`` replaces arrays as soon as they are made, before anything reads them.  A key is an
    array, its id, an op (its first output), an input's name or a block's path; a value is a tensor
    or number, a function of the old tensor, or ``{index: value}``, where an index is an int, a
    ``range``, ``...`` or a tuple of them.  A patched array is a tensor of its own: views of the
    old one keep the old values.

    ``module`` is for a diagram read from a file.  Raises CheckError on inputs that do not fit.
    """
    kwargs = dict(kwargs or {})
    if module is None and diagram.source.module is None and isinstance(kwargs.get("module"), nn.Module):
        module = kwargs.pop("module")
    replaced = {located(diagram, key)[0]: value for key, value in (patch or {}).items()}
    with torch.no_grad():
        env: Environment = environment(diagram, args, kwargs, module)
        for i in replaced.keys() & env.keys():
            env[i] = _replace(diagram, i, env[i], replaced[i])
        before: dict[int, Tensor] = {}
        for call in program(diagram):
            keep_overwritten(call, env, before)
            step(call, env, diagram.source.functions)
            for i in results(call):
                if i in replaced and i in env:
                    env[i] = _replace(diagram, i, env[i], replaced[i])
    return Values(diagram, {**env, **before})


def keep_overwritten(call: Call, env: Environment, before: dict[int, Tensor]) -> None:
    """Copy what a call is about to write over, in every array that shares its memory."""
    touched = {_memory(env[old]) for old, _ in call.writes if old in env}
    if touched:
        for i, x in env.items():
            if i not in before and _memory(x) in touched:
                before[i] = x.clone()


def _memory(x: Any) -> int:
    return x.untyped_storage()._cdata if isinstance(x, Tensor) and x.layout is torch.strided else id(x)


def _replace(diagram: Diagram, array: int, old: Tensor, new: Replacement) -> Tensor:
    if isinstance(new, Mapping):
        twin = old.clone()
        for index, value in new.items():
            parts = index if isinstance(index, tuple) else (index,)
            at = tuple(slice(p.start, p.stop, p.step) if isinstance(p, range) else p for p in parts)
            twin[at] = value
        return twin
    value = new(old.clone()) if callable(new) and not isinstance(new, Tensor) else new
    twin = torch.as_tensor(value, dtype=old.dtype, device=old.device)
    try:
        return twin.expand(old.shape).clone()
    except RuntimeError:
        raise CheckError(
            f"the patch of %{array} has the shape {tuple(twin.shape)}, the array {tuple(old.shape)}",
            doing=f"running {diagram.title!r}",
        ) from None
