"""A diagram as a module: the same function, on the same parameters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._pytree import TreeSpec, tree_unflatten

from ncd.circuit.diagram import Diagram
from ncd.circuit.reads import path_taken
from ncd.emit.binding import apart, arguments, ending, folded, hidden, is_part, owner, program, written
from ncd.emit.calls import deaths, execute
from ncd.errors import CheckError
from ncd.tracing.program import Program


class DiagramModule(nn.Module):
    """Runs a diagram's calls.

    It shares the tensors of the traced module (same ``parameters()``, same keys in
    ``state_dict()``, also after either is moved or loaded) but none of its code.  What was decided
    while tracing stays decided: sizes, training or evaluation mode, branches that values chose.
    An input that the model writes into is copied first.
    """

    def __init__(self, diagram: Diagram, module: nn.Module | None) -> None:
        super().__init__()
        if module is not None:
            _share(module, self, {})
        self._diagram = diagram
        self._own = module is diagram.source.module and not is_part(diagram)
        self._folded = folded(diagram, module)
        hidden(diagram, module, self._folded)
        self._calls = program(diagram)
        self._returned = ending(diagram)[1]
        self._dead = deaths(self._calls, self._returned)
        self._written = written(self._calls) & {a.id for a in diagram.arrays if a.kind in ("input", "constant")}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        diagram = self._diagram
        try:
            inputs = arguments(diagram, args, kwargs)
        except CheckError:
            whole = diagram.source.target
            if not self._own or not isinstance(whole, Program) or not whole.any_size:
                raise
            return self._structured(list(whole(*args, **kwargs)))
        env = hidden(diagram, self, self._folded, fake=any(isinstance(x, FakeTensor) for x in inputs))
        env |= {a.id: x for a, x in zip(diagram.inputs, inputs, strict=True)}
        env = apart(env, self._written)
        del inputs
        try:
            execute(self._calls, env, diagram.source.functions, self._dead)
        except (IndexError, RuntimeError, ValueError) as error:
            if not diagram.reads:
                raise
            raise CheckError(
                f"{type(error).__name__}: {error}",
                doing=f"running {diagram.title!r} on other inputs than it was traced on",
                fix=f"it is {path_taken(diagram.reads)}; trace it on these inputs if their values choose another",
            ) from error
        return self._structured([env[i] for i in self._returned])

    def _structured(self, outputs: list[Tensor]) -> Any:
        spec = self._diagram.source.output_spec
        if isinstance(spec, TreeSpec) and spec.num_leaves == len(outputs):
            return tree_unflatten(outputs, spec)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def extra_repr(self) -> str:
        return repr(self._diagram)[1:-1]


def _share(source: nn.Module, twin: nn.Module, made: dict[int, nn.Module]) -> None:
    """Give ``twin`` the very dictionaries of parameters and buffers of ``source``, and so all the way down."""
    made[id(source)] = twin
    for name in ("_parameters", "_buffers", "_non_persistent_buffers_set"):
        object.__setattr__(twin, name, getattr(source, name))
    twin.training = source.training
    for name, child in source._modules.items():
        if child is None:
            twin._modules[name] = None
            continue
        if id(child) not in made:
            _share(child, nn.Module(), made)
        twin._modules[name] = made[id(child)]


def to_module(diagram: Diagram, module: nn.Module | None = None) -> nn.Module:
    """A module that computes what the diagram says, on the traced module's parameters.

    ``module`` stands in for a traced one: needed for a diagram read from a file, possible to run
    the diagram on other weights.  Raises CheckError when a parameter or constant is missing.
    """
    return DiagramModule(diagram, owner(diagram, module))
