"""``trace``: from a module and its inputs to a diagram."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from ncd.circuit.axis import Atom, Dim, leaves
from ncd.circuit.diagram import Diagram
from ncd.errors import TraceError
from ncd.garbage import collecting_later
from ncd.tracing.containers import shown
from ncd.tracing.exported import Exported, load
from ncd.tracing.foreseen import fake
from ncd.tracing.infer import infer
from ncd.tracing.inputs import Inputs, Patterns, prepare
from ncd.tracing.preserve import untouched
from ncd.tracing.program import Program
from ncd.tracing.record import Recorder, recording
from ncd.tracing.recording import Activation, Recording, Value
from ncd.tracing.seal import seal
from ncd.tracing.source import place_of_error
from ncd.tracing.stopped import attach
from ncd.tracing.told import named_by_program


def trace(target: Any, *args: Any, axes: Patterns = None, **kwargs: Any) -> Diagram:
    """The diagram of what ``target`` does on these inputs, with exact axis relations.

    ``target`` is an ``nn.Module``, a bound method, a function of tensors, a
    ``torch.export.ExportedProgram`` or the path of a ``.pt2`` file that holds one; these two need no
    inputs, since they have an example of their own.  Inputs are real tensors, placeholders (``ncd.array``,
    ``ncd.tokens``) or nested containers of them.  ``axes`` names input axes in einops style: one
    pattern, one per input, or a dict by (dotted) input name; the same name is the same axis.

    Weights are neither touched nor copied: parameters are replaced by fakes, so this costs about
    a forward pass on shapes.  Where a value decides what the program does, it is run once on real
    tensors instead, and ``Diagram.reads`` says where.  The model, its hooks, the random state, grad
    mode and train/eval state are left as found.

    Raises AxisError if ``axes`` do not fit the inputs; TraceError if values are needed and there
    are none; any exception of the model itself reaches the caller unchanged, and ``ncd.stopped`` has
    the diagram up to there.
    """
    module, call, title = resolve(target)
    _has_shapes(module)
    settled = isinstance(call, Exported)  # for sizes too: a batch of 1 stays one
    if isinstance(call, Exported) and not args and not kwargs and call.example is not None:
        args, kwargs = call.example

    def broken(error: Exception, recorder: Recorder, taken: Callable[[list[Value]], Taken]) -> None:
        attach(error, recorder, taken, title, module)

    taken = take(module, call, args, kwargs, axes, enlarge=not settled, broken=broken)
    literal, sizes = taken, {}
    if taken.grown:
        # The literals of the code are those of the sizes given; the relations those of the enlarged trace.
        literal = take(module, call, args, kwargs, axes, enlarge=False)
        alike = [c.fn for c in taken.recording.calls] == [c.fn for c in literal.recording.calls]
        if alike:
            sizes = dict.fromkeys(taken.atoms, 1)
            for mine, given in zip(taken.recording.values, literal.recording.values, strict=False):
                given.id = mine.id
                if mine.kind == "constant":
                    mine.data = given.data
        else:
            warnings.warn("the model does something else at a batch of 1; traced at a larger size", stacklevel=2)
            literal = taken
    r = taken.recording
    with collecting_later():
        woven = infer(r.calls, r.values, r.tensors, r.alike)
        named_by_program(r)
        opened = {i: infer(c.inside, [], r.tensors) for i, c in enumerate(r.calls) if c.inside}
        diagram = seal(r, woven, opened, taken.sizes(sizes), literal.recording, title, module)
    diagram.source.target = None if isinstance(target, nn.Module) else call
    diagram.source.example = (args, kwargs)
    return diagram


def resolve(target: Any) -> tuple[nn.Module | None, Callable[..., Any], str]:
    """The module whose parameters are used, what to call, and a title."""
    if isinstance(target, (str, Path)):
        target = load(target)
    if isinstance(target, torch.export.ExportedProgram):
        target = Exported(target)
    if isinstance(target, Program):
        return target.module, target, target.title
    if isinstance(target, nn.Module):
        return target, target, type(target).__name__
    if isinstance(target, MethodType) and isinstance(target.__self__, nn.Module):
        return target.__self__, target, f"{type(target.__self__).__name__}.{target.__name__}"
    if callable(target):
        return None, target, getattr(target, "__name__", type(target).__name__)
    raise TraceError(
        f"cannot trace a {type(target).__name__}", fix="pass an nn.Module, a bound method or a function of tensors"
    )


def _has_shapes(module: nn.Module | None) -> None:
    for name, p in module.named_parameters() if module is not None else ():
        if nn.parameter.is_lazy(p):
            raise TraceError(
                f"the parameter {name!r} has no shape before the first call of its lazy module",
                fix="call the module once on an example, then trace it",
            )


@dataclass
class Taken:
    """One recording with the inputs it was made on."""

    recording: Recording
    inputs: Inputs
    grown: dict[str, int]
    atoms: list[Atom]

    def sizes(self, chosen: dict[Atom, int]) -> dict[Atom, int]:
        return {leaf: n for a, n in chosen.items() for leaf in leaves((a,))}


def take(
    module: nn.Module | None,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    axes: Patterns,
    *,
    enlarge: bool,
    recorder: Callable[..., Recorder] = Recorder,
    broken: Broken | None = None,
) -> Taken:
    """Record once: under fake parameters if that works, else on the real ones.

    ``broken`` is told of an exception of the model's own before it is raised, with the recorder and
    what makes a recording of what there is.  Without ``enlarge`` it is a second recording, of which
    only the calls are of interest.
    """
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    signature = call.forward if isinstance(call, nn.Module) else call
    failure: Exception | None = None
    tell: Callable[[], None] = lambda: None  # noqa: E731
    for real in (False, True):
        if real and module is not None and any(p.device.type == "meta" for p in module.parameters()):
            assert failure is not None
            tell()
            raise TraceError(
                f"the model needs a value that fake parameters do not have: {_first_line(failure)}",
                source=place_of_error(failure),
                fix="give the model real weights: here they are on the meta device",
            ) from failure
        with quiet(), untouched(module), nullcontext() if real else collecting_later():
            inputs, grown = prepare(signature, module, args, kwargs, axes, fakes, enlarge)
            if real and any(type(t).__name__ == "FakeTensor" for t in inputs.tensors()):
                assert failure is not None
                tell()
                raise TraceError(
                    f"the model needs a value that a placeholder does not have: {_first_line(failure)}",
                    source=place_of_error(failure),
                    fix="pass a real tensor instead of ncd.array(...)",
                ) from failure
            here = start(module, fakes, real, enlarge, recorder)
            seeds = [here.value(t, "input", inputs.names[id(t)]) for t in inputs.tensors()]
            try:
                with recording(here):
                    output = call(*inputs.args, **inputs.kwargs)
            except Exception as error:
                if broken is not None:
                    tell = partial(broken, error, here, partial(finish, here, inputs, grown, seeds))
                if real or (module is None and not _has_fakes(inputs)) or isinstance(error, TraceError):
                    tell()
                    raise
                failure = error
                continue
        taken = finish(here, inputs, grown, seeds, returned(here, output))
        taken.recording.forced = place_of_error(failure) if failure is not None else None
        return taken
    raise AssertionError("unreachable")


Broken = Callable[[Exception, Recorder, Callable[[list[Value]], Taken]], None]


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of a run that is not the user's own, and no log of what fakes could not do."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    level = log.level
    try:
        log.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def start(
    module: nn.Module | None,
    fakes: FakeTensorMode,
    real: bool,
    places: bool = True,
    recorder: Callable[..., Recorder] = Recorder,
) -> Recorder:
    """A recorder that knows the module's tensors, with stand-ins for them put in place."""
    names: dict[int, str] = {}
    owned: dict[int, tuple[str, str]] = {}
    if module is not None:
        stand: dict[int, torch.Tensor] = {}
        likes: dict[torch.device, FakeTensor] = {}
        for prefix, m in module.named_modules():
            names.setdefault(id(m), prefix)
            for hooks in () if real else (m._forward_pre_hooks, m._forward_hooks):
                for key in [k for k, hook in hooks.items() if _distributes(hook)]:
                    del hooks[key]
            dot = f"{prefix}." if prefix else ""
            for kind, store in (("parameter", m._parameters), ("buffer", m._buffers)):
                for name, t in list(store.items()):
                    if t is None:
                        continue
                    if id(t) not in stand:
                        stand[id(t)] = _stand_in(t, kind, fakes, real, likes)
                        owned[id(stand[id(t)])] = owned[id(t)] = (kind, dot + name)
                    store[name] = stand[id(t)]  # type: ignore[assignment]
    root = Activation(module, "", type(module).__name__ if module is not None else "")
    return recorder(root, names, owned, places)


def _distributes(hook: Any) -> bool:
    """Whether torch put it there to share a tensor out over devices: of all these together the program is recorded."""
    return (getattr(hook, "__module__", None) or "").startswith("torch.distributed.")


def _stand_in(
    t: torch.Tensor, kind: str, fakes: FakeTensorMode, real: bool, likes: dict[torch.device, FakeTensor]
) -> torch.Tensor:
    """What a parameter or a buffer is replaced by.  ``likes`` are fakes that were made already, one a device."""
    if kind == "buffer":
        if t.device.type != "meta":
            return t.detach().clone()
        with fakes:
            return torch.empty(t.shape, dtype=t.dtype, device="cpu")
    if real:
        return t
    shared_out = hasattr(t, "device_mesh")  # a DTensor: what it is on all devices together
    if (type(t) not in (torch.Tensor, nn.Parameter) and not shared_out) or t.layout is not torch.strided:
        return fakes.from_tensor(t)
    # What nn.Parameter(fake) gives, without asking the fakes to allocate and detach: there may be hundreds.
    strides = torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device="meta", requires_grad=t.requires_grad)
    device = torch.device("cpu") if t.is_meta else t.device
    if device in likes:
        return fake(strides, vars(likes[device]))
    likes[device] = made = FakeTensor(fakes, strides, device)
    made._is_param = True
    return made


def returned(recorder: Recorder, output: Any) -> list[Value]:
    """The values that a call returned.  Raises TraceError where there are none."""
    results = [recorder.value(t) for _, t in shown(output)]
    if not results:
        raise TraceError("the target returned no tensor", fix="return a tensor, or a container of tensors")
    return results


def finish(
    recorder: Recorder, inputs: Inputs, grown: dict[str, int], seeds: list[Value], results: list[Value]
) -> Taken:
    """The recording, with the user's axis names put on the inputs' dimensions."""
    tensors = {v: recorder.alive[i] for i, v in recorder.known.items()}
    found = Recording(
        recorder.root,
        recorder.activations,
        recorder.calls,
        recorder.values,
        seeds,
        results,
        recorder.reads,
        tensors,
        recorder.alike,
    )
    named: dict[str, Atom] = {}
    enlarged: list[Atom] = []
    for t, v in zip(inputs.tensors(), seeds, strict=True):
        dims: list[Dim] = []
        for word, n in zip(inputs.patterns[id(t)], v.shape, strict=True):
            if n == 1:
                dims.append(())
            elif word:
                if word not in named:
                    named[word] = Atom(n, word, 0)
                    if word in grown:
                        enlarged.append(named[word])
                dims.append((named[word],))
            else:
                dims.append((Atom(n),))
        v.dims = tuple(dims)
    return Taken(found, inputs, grown, enlarged)


def _has_fakes(inputs: Inputs) -> bool:
    return any(type(t).__name__ == "FakeTensor" for t in inputs.tensors())


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
