"""A recorded program run again call by call, each where the model's own code made it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ncd.circuit.diagram import Diagram, Op
from ncd.emit.binding import arguments, ending, is_part, opened_out, target_of, tensors_by_name
from ncd.emit.calls import step
from ncd.errors import AxisError, NCDError
from ncd.tracing.program import Program, running
from ncd.tracing.record import Recorder
from ncd.tracing.recording import Activation


class Replay(Program):
    """The recorded calls of a diagram as a program; what a subclass ``run``s otherwise is another program.

    At other sizes than those traced, literals are what ``Diagram.sizes`` says that they are there.
    """

    any_size = True

    def __init__(self, exact: Diagram) -> None:
        if is_part(exact):
            raise NCDError("a part of a diagram is no program", fix="take all of it")
        self.exact, self.module, self.title = exact, exact.source.module, exact.title
        self.__name__ = exact.title
        self.sizes: dict[str, int] = {}
        """The sizes of input axes in the call that runs, where they are not those traced."""
        target = target_of(exact)
        try:
            self.__signature__ = inspect.signature(getattr(target, "forward", target))
        except (TypeError, ValueError):  # a builtin
            self.__signature__ = inspect.Signature()

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        exact, recorder = self.exact, running()
        owned = tensors_by_name(self.module) if self.module is not None else {}
        inputs = arguments(exact, args, kwargs, any_size=True)
        self.sizes = _sizes(exact, inputs)
        env = {a.id: x for a, x in zip(exact.inputs, inputs, strict=True)}
        for a in (a for op in opened_out(exact) for a in op.inputs if a.hidden):
            env.setdefault(a.id, owned[a.name] if a.name in owned else exact.source.tensors.get(a.id))
        places = _Places(exact, recorder) if recorder is not None else None
        try:
            for op in opened_out(exact):
                if recorder is not None and places is not None:
                    recorder.at = places[op.path], op.source
                self.run(op, env)
        finally:
            if recorder is not None:
                recorder.at = None
        calls, returned = ending(exact)
        for call in calls:
            step(call, env, exact.source.functions)
        return tuple(env[i] for i in returned)

    def run(self, op: Op, env: dict[int, Tensor]) -> None:
        """One op of the program, in its place."""
        self.call(op, env)

    def call(self, op: Op, env: dict[int, Tensor]) -> None:
        """One op as it was recorded."""
        for call in op.body:
            here = self.exact.sizes().called(call, **self.sizes) if self.sizes else call
            step(here, env, self.exact.source.functions)


def _sizes(exact: Diagram, inputs: Sequence[Tensor]) -> dict[str, int]:
    """The sizes of input axes that are not those traced.  Raises AxisError where they are not sizes of the program."""
    found: dict[str, int] = {}
    for a, x in zip(exact.inputs, inputs, strict=True):
        for axis, n in zip(a.axes, map(int, x.shape), strict=True):
            if found.setdefault(axis.name, n) != n:
                raise AxisError(
                    f"the axis {axis.name!r} has two sizes, {found[axis.name]} and {n}",
                    doing=f"running {exact.title!r} at other sizes",
                )
    was = {axis.name: axis.size for a in exact.inputs for axis in a.axes}
    other = {name: n for name, n in found.items() if n != was[name]}
    if other:
        sizes = exact.sizes()
        sizes.at(**other)
        if sizes.constants:
            raise AxisError(
                "the program reads an array that it has for the sizes traced alone",
                doing=f"running {exact.title!r} at other sizes",
                sizes=other,
                fix="trace at these sizes",
            )
    return other


class _Places(dict[str, Activation]):
    """The module calls of a recording, by path, entered when they are asked for."""

    def __init__(self, exact: Diagram, recorder: Recorder) -> None:
        super().__init__({"": recorder.root})
        self.blocks = {b.path: b for b in exact.blocks}
        self.module, self.recorder = exact.source.module, recorder

    def __missing__(self, path: str) -> Activation:
        block = self.blocks[path]
        try:
            module = self.module.get_submodule(path.split("#")[0]) if self.module is not None else None
        except AttributeError:
            module = None
        self[path] = new = Activation(module, path, block.cls, self[block.parent or ""])
        self.recorder.activations.append(new)
        return new
