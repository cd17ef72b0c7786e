"""A recorded program run again call by call, each where the model's own code made it."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from ncd.circuit.diagram import Diagram, Op
from ncd.emit.binding import arguments, ending, is_part, opened_out, target_of, tensors_by_name
from ncd.emit.calls import step
from ncd.errors import NCDError
from ncd.tracing.program import Program, running
from ncd.tracing.record import Activation, Recorder


class Replay(Program):
    """The recorded calls of a diagram as a program; what a subclass ``run``s otherwise is another program.

    It holds for the sizes that were traced, since literals are as they were recorded.
    """

    def __init__(self, exact: Diagram) -> None:
        if is_part(exact):
            raise NCDError("a part of a diagram is no program", fix="take all of it")
        self.exact, self.module, self.title = exact, exact.source.module, exact.title
        self.__name__ = exact.title
        target = target_of(exact)
        try:
            self.__signature__ = inspect.signature(getattr(target, "forward", target))
        except (TypeError, ValueError):  # a builtin
            self.__signature__ = inspect.Signature()

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        exact, recorder = self.exact, running()
        owned = tensors_by_name(self.module) if self.module is not None else {}
        env = {a.id: x for a, x in zip(exact.inputs, arguments(exact, args, kwargs), strict=True)}
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
            step(call, env, self.exact.source.functions)


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
