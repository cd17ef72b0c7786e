"""Reverse mode: from a diagram to the one that also computes the gradients.

The program is recorded again; then its calls are gone through from the last to the first, and for
each the row of its derivative (``derivatives``) is run on what the call was given and made.  So
the backward pass is recorded as any program is, out of the same arrays: what it keeps of the forward
pass are the wires between the two.  An array that was read several times has the sum of what comes
back (a copy turns into a sum), and one that was broadcast the sum over the axes it did not have.

Reverse accumulation is as old as Linnainmaa (1970) and Speelpenning (1980); that contractions come
back as contractions with the other operands, and what the whole costs, follows from the rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from itertools import count as naturals
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from ncd.analysis.called import called_as
from ncd.analysis.derivatives import ROWS, gradient
from ncd.circuit.diagram import BACKWARD as MARK
from ncd.circuit.diagram import Array, Block, Diagram, Name, Op
from ncd.emit.binding import is_part
from ncd.emit.calls import constant
from ncd.errors import NCDError, TraceError
from ncd.rewrite.bodies import BODIES
from ncd.tracing.callables import short
from ncd.tracing.containers import shown, tensors
from ncd.tracing.infer import produced
from ncd.tracing.inputs import parameter_names
from ncd.tracing.opened import opened_copy
from ncd.tracing.placeholders import Placeholder
from ncd.tracing.program import Program, running
from ncd.tracing.record import Recorder
from ncd.tracing.recording import Activation, Recorded, Value
from ncd.tracing.tracer import trace

Names = bool | Collection[str]
WRITTEN_OUT = ("scaled_dot_product_attention",)
"""Calls that are recorded as what they are defined by, so that what is kept of them is seen."""
LISTED = 4
"""So many gradients, at most, are named in the title of the backward pass."""


def backward(diagram: Diagram, inputs: Names = True, parameters: Names | None = None) -> Diagram:
    """The diagram of the forward pass and of the gradients of some inputs and parameters.

    Its inputs are those of ``diagram`` and a cotangent ∂y for every output y; its outputs those of ``diagram``,
    and a gradient ∂x, of x's axes, for every x asked for: all inputs, unless ``inputs`` names some or is
    False; of parameters, those that ``parameters`` names or, if True, all; left out, all if no input can have one.
    The backward pass is the block "∂": ``d.backward()["∂"]`` is it alone, and has for inputs what is kept.

    Raises NCDError where no program is at hand, and for what has no gradient that could be written down.
    """
    origin = diagram.source
    exact: Diagram = origin.exact if origin.exact is not None else diagram
    program_there = origin.target is not None or origin.module is not None
    if origin.example is None or not program_there or is_part(diagram):
        raise NCDError(
            "there is no program to go through backwards",
            doing=f"taking the gradients of {diagram.title!r}",
            fix='trace the model; of a part, d.backward()["∂.path.of.the.part"] is the gradient',
        )
    target = origin.target if origin.target is not None else origin.module
    program = Backward(target, origin.module, diagram.title, inputs, parameters)
    args, kwargs = origin.example
    known = {a.name for x in exact.inputs for a in x.axes}
    axes = {x.name: " ".join(n or "_" for n in _names(x)) for x in exact.inputs}
    # Where values decide what is done, a cotangent has to have some, too.
    cotangents = {
        name: torch.ones(a.shape, dtype=getattr(torch, a.dtype))
        if diagram.reads
        else Placeholder(_names(a, known), a.shape, getattr(torch, a.dtype))
        for name, a in program.cotangents(exact).items()
    }
    found = trace(program, *args, axes=axes, **kwargs, **cotangents)
    return called_as(_said(found, program), exact)


def _names(array: Array, known: Collection[str] | None = None) -> tuple[str, ...]:
    """What the dimensions of an array are called, "" where by no plain name, or by one that is not ``known``."""
    return tuple(a.name if a.name.isidentifier() and (known is None or a.name in known) else "" for a in array.axes)


class Backward(Program):
    """A target and its gradients as one program; where nothing records it, autograd computes them."""

    def __init__(
        self, target: Any, module: nn.Module | None, title: str, inputs: Names, parameters: Names | None
    ) -> None:
        self.target, self.module, self.title = target, module, title
        self.inputs, self.parameters = inputs, parameters
        self.__name__ = title
        self.names: dict[int, str] = {}
        """What the outputs are called, and the gradients that were asked for, by the number of their array."""
        self.starts: list[str] = []
        """The names of the cotangents, one an output."""
        self.__signature__ = _signature(target)

    def cotangents(self, exact: Diagram) -> dict[str, Array]:
        """The outputs that have a cotangent, by its name: ∂y, or ∂y1, ∂y2 and so on."""
        real = [a for a in exact.outputs if is_real(getattr(torch, a.dtype))]
        self.starts = _called(len(real), [a.name for a in exact.inputs])
        return dict(zip(self.starts, real, strict=True))

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        given = {k: kwargs.pop(k) for k in list(kwargs) if k.startswith(MARK)}
        named = dict(_arguments(self.target, args, kwargs))
        recorder = running()
        if recorder is None:
            return self.by_autograd(named, args, kwargs, given)
        inputs = {name: recorder.value(t) for name, t in named.items() if is_real(t.dtype)}
        first = len(recorder.calls)
        with torch.enable_grad(), Written(recorder) as written:
            out = self.target(*args, **kwargs)
        outputs = [t for _, t in shown(out)]
        calls = [c for i, c in enumerate(recorder.calls[first:], first) if i not in written.still]
        back = Reverse(recorder, calls, written.before)
        found = {v.name: v for c in back.calls for v in c.ins if v.kind == "parameter" and v.name}
        order = {name: k for k, name in enumerate(self.weights())}
        found = {n: found[n] for n in sorted(found, key=lambda n: order.get(n, len(order)))}
        wanted = self.wanted(inputs, found)
        real = [recorder.value(t) for t in outputs if is_real(t.dtype)]
        starts = dict(zip(real, (given[name] for name in self.starts), strict=True))
        with torch.no_grad():
            gradients = back.run(starts, wanted.values())
        explicit = isinstance(self.inputs, bool) and isinstance(self.parameters, bool | None)
        kept = {n: g for (n, v), g in zip(wanted.items(), gradients, strict=True) if g is not None or not explicit}
        zero = [n for n, g in kept.items() if g is None]
        if zero or not kept:
            raise TraceError(
                f"no output depends on {zero[0]!r}" if zero else "no output depends on anything that has a gradient",
                doing=f"taking the gradients of {self.title!r}",
                fix="name others: inputs=[...], parameters=[...]",
            )
        alone = self.alone({n: g for n, g in kept.items() if g is not None}, [*outputs, *given.values()])
        called = zip(real, self.starts, strict=True)
        self.names = {v.id: n.removeprefix(MARK) for v, n in called if v not in inputs.values()}
        self.names |= {recorder.value(g).id: MARK + n for n, g in alone.items()}
        return (*outputs, *alone.values())

    @staticmethod
    def alone(gradients: Mapping[str, Tensor], taken: Iterable[Tensor]) -> dict[str, Tensor]:
        """The gradients as arrays of their own: those of two terms of a sum are one."""
        seen = {id(t) for t in taken}
        found = {}
        for name, g in gradients.items():
            found[name] = g.clone() if id(g) in seen else g
            seen.add(id(g))
        return found

    def weights(self) -> dict[str, Tensor]:
        """The parameters that want a gradient, by name; a tied one by the first of its names."""
        named = {} if self.module is None else dict(self.module.named_parameters())
        return {n: p for n, p in named.items() if p.requires_grad}

    def wanted(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What has its gradient among the results.  Raises NCDError on names of nothing."""
        chosen = dict(_chosen("inputs", self.inputs, inputs, self.title))
        every = not chosen if self.parameters is None else self.parameters
        return chosen | dict(_chosen("parameters", every, parameters, self.title))

    def by_autograd(
        self, named: Mapping[str, Tensor], args: Any, kwargs: Any, given: Mapping[str, Tensor]
    ) -> tuple[Tensor, ...]:
        twins = {id(t): t.detach().clone().requires_grad_() for t in named.values() if is_real(t.dtype)}

        def twin(x: Any) -> Any:
            return twins.get(id(x), x) if isinstance(x, Tensor) else x

        inputs = {name: twins[id(t)] for name, t in named.items() if id(t) in twins}
        wanted = self.wanted(inputs, self.weights())
        with torch.enable_grad():
            args, kwargs = tree_map(twin, (args, kwargs))
            outputs = [t for _, t in shown(self.target(*args, **kwargs))]
            real = [t for t in outputs if is_real(t.dtype)]
            starts = [given[name] for name in self.starts]
            pairs = [(t, g) for t, g in zip(real, starts, strict=True) if t.requires_grad]
            found = torch.autograd.grad(
                [t for t, _ in pairs], list(wanted.values()), [g for _, g in pairs], allow_unused=True
            )
        return (*(t.detach() for t in outputs), *(g for g in found if g is not None))


def _signature(target: Any) -> inspect.Signature:
    """The parameters of a target, and any cotangents by name."""
    rest = inspect.Parameter("cotangents", inspect.Parameter.VAR_KEYWORD)
    try:
        found = list(inspect.signature(target.forward if isinstance(target, nn.Module) else target).parameters.values())
    except (TypeError, ValueError):  # a builtin
        found = []
    return inspect.Signature([*(p for p in found if p.kind is not p.VAR_KEYWORD), rest])


class Rewritten(Program):
    """A target with the calls of ``WRITTEN_OUT`` made as what they are defined by."""

    def __init__(self, target: Any, module: nn.Module | None, title: str) -> None:
        self.target, self.module, self.title = target, module, title
        self.__name__, self.__signature__ = title, _signature(target)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = running()
        if recorder is None:
            return self.target(*args, **kwargs)
        with Written(recorder):
            return self.target(*args, **kwargs)


def rewritten(exact: Diagram) -> Diagram:
    """A recorded diagram as it is, or recorded again if calls of ``WRITTEN_OUT`` are in it."""
    if not any(op.name in WRITTEN_OUT or i in exact.source.opened for i, op in enumerate(exact.ops)):
        return exact
    origin = exact.source
    program = Rewritten(origin.target if origin.target is not None else origin.module, origin.module, exact.title)
    args, kwargs = origin.example
    return trace(program, *args, axes={a.name: " ".join(n or "_" for n in _names(a)) for a in exact.inputs}, **kwargs)


def is_real(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _called(count: int, taken: Collection[str]) -> list[str]:
    """The cotangents of so many outputs: ∂y, or ∂y1 and so on; ∂z where an input is called y."""

    def of(letter: str) -> list[str]:
        return [letter] if count == 1 else [f"{letter}{k}" for k in range(1, count + 1)]

    letters = chain("yzwuv", map("out{}_".format, naturals()))
    return [MARK + name for name in next(of(c) for c in letters if not {*of(c)} & {*taken})]


def _arguments(target: Any, args: Any, kwargs: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a call's arguments by dotted name, each once."""
    call = target.forward if isinstance(target, nn.Module) else target
    named = dict(zip(parameter_names(call, len(args)), args, strict=True)) | kwargs
    seen: set[int] = set()
    for name, t in tensors(named):
        if id(t) not in seen:
            seen.add(id(t))
            yield name, t


def _chosen(what: str, names: Names, there: Mapping[str, Any], title: str) -> Iterator[tuple[str, Any]]:
    if isinstance(names, bool):
        yield from there.items() if names else ()
        return
    for name in [names] if isinstance(names, str) else names:
        if name not in there:
            raise TraceError(
                f"none of the {what} that can have a gradient is called {name!r}",
                doing=f"taking the gradients of {title!r}",
                fix=f"the {what} are " + (", ".join(there) or "none"),
            )
        yield name, there[name]


class Written(TorchFunctionMode):
    """Stands over a recorder while the forward pass runs.

    It has calls of ``WRITTEN_OUT`` made as what they are defined by, keeps a copy of what is about to be
    written over (``before``, by its value), and notes the calls made without gradients (``still``).
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.before: dict[Value, Tensor] = {}
        self.still: set[int] = set()

    def __torch_function__(self, fn: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, first = getattr(fn, "__name__", ""), len(self.recorder.calls)
        if name in WRITTEN_OUT:
            try:
                with self:
                    return BODIES[name](*args, **kwargs)
            except NotImplementedError:
                pass
        elif (again := opened_copy(fn)) is not None:
            with self:
                return again(*args, **kwargs)
        if (name.endswith("_") and not name.startswith("_")) or name in _IN_PLACE or kwargs.get("inplace"):
            target = args[0]
            if isinstance(target, Tensor) and is_real(target.dtype):
                old = self.recorder.value(target)
                self.before[old] = target.clone()
        out = fn(*args, **kwargs)
        if not torch.is_grad_enabled():
            self.still.update(range(first, len(self.recorder.calls)))
        return out


class Reverse:
    """Going through recorded calls from the last to the first, while the same recorder runs."""

    def __init__(self, recorder: Recorder, calls: list[Recorded], before: Mapping[Value, Tensor]) -> None:
        self.recorder, self.calls = recorder, calls
        self.tensors = {v: recorder.alive[i] for i, v in recorder.known.items()} | dict(before)
        self.pending: dict[Value, Tensor] = {}
        """The cotangents found so far of values that are yet to be reached."""
        self.top = Activation(None, MARK, "Backward", recorder.root)
        self.twins: dict[Activation, Activation] = {recorder.root: self.top}
        recorder.activations.append(self.top)

    def run(self, starts: Mapping[Value, Tensor], wanted: Iterable[Value]) -> list[Tensor | None]:
        """The gradients of these values, from the cotangents of others; None of what does not reach them."""
        wanted = list(wanted)
        active = self.reached(wanted)
        for v, g in starts.items():
            self.recorder.alike.append((v, self.recorder.value(g)))
            self.add(v, g)
        stop = set(wanted)
        try:
            for c in reversed(self.calls):
                self.step(c, active, stop)
        finally:
            self.recorder.at = None
        found = [self.pending.get(v) for v in wanted]
        for v, g in zip(wanted, found, strict=True):
            if g is not None:
                self.alike(v, g)
        return found

    def reached(self, wanted: Iterable[Value]) -> set[Value]:
        """The real values that depend on those wanted."""
        active = set(wanted)
        for c in self.calls:
            if any(v in active for v in c.ins):
                active.update(v for v in (*c.outs, *(new for _, new in c.writes)) if is_real(v.dtype))
        return active

    def alike(self, v: Value, g: Tensor) -> None:
        self.recorder.alike.append((v, self.recorder.value(g)))

    def add(self, v: Value, g: Tensor) -> None:
        self.pending[v] = self.pending[v] + g if v in self.pending else g

    def place(self, a: Activation) -> Activation:
        """The block of the backward pass that stands for a module call of the forward pass."""
        if a not in self.twins:
            above = self.place(a.parent) if a.parent is not None else self.top
            self.twins[a] = Activation(a.module, f"{MARK}.{a.path}", a.cls, above)
            self.recorder.activations.append(self.twins[a])
        return self.twins[a]

    def step(self, c: Recorded, active: set[Value], stop: set[Value]) -> None:
        """What one call hands back to its operands."""
        made = [v for v in produced(c) if v not in c.ins]
        if not any(v in self.pending for v in made):
            self.no_alias(c, made)
            return
        self.recorder.at = self.place(c.where), c.place
        cotangents = [self.pending.get(v) if v in stop else self.pending.pop(v, None) for v in produced(c)]
        self.no_alias(c, made)
        for v, g in zip(produced(c), cotangents, strict=True):
            if g is not None:
                self.alike(v, g)
        operands = [v for v in c.ins if v in active and is_real(v.dtype)]
        if not operands:
            return
        row = ROWS.get(short(c.fn))
        found: list[tuple[Value, Tensor]] | None = None
        if row is not None:
            try:
                found = list(self.by_row(row, c, cotangents, active))
            except NotImplementedError:
                found = None
        if found is None:
            found = self.by_autograd(c, cotangents, active)
        for v, g in found:
            self.add(v, fitted(g, v))

    def no_alias(self, c: Recorded, made: Collection[Value]) -> None:
        """Other arrays in memory that a call wrote into must not be read later: their gradients would be lost."""
        lost = [new for _, new in c.writes if new not in made and new in self.pending]
        if lost:
            raise TraceError(
                f"{short(c.fn)} writes into memory that is read through another array later",
                doing="going backwards",
                path=c.where.path,
                source=c.place,
                fix="write into the array that is read, or make a new one",
            )

    def filled(self, x: Any) -> Any:
        """Literals with tensors for values."""
        if isinstance(x, Value):
            if x not in self.tensors:
                raise TraceError(
                    "an array that a gradient needs was written over",
                    doing="going backwards",
                    fix="make a new array there, as autograd would ask you to",
                )
            return self.tensors[x]
        if isinstance(x, (tuple, list)):
            return type(x)([self.filled(y) for y in x])
        return {k: self.filled(y) for k, y in x.items()} if isinstance(x, dict) else x

    def by_row(
        self, row: Callable[..., Any], c: Recorded, cotangents: list[Tensor | None], active: set[Value]
    ) -> Iterator[tuple[Value, Tensor]]:
        several = isinstance(c.out, (tuple, list)) and not c.writes
        values = [self.tensors.get(v) for v in produced(c)]
        g, y = (cotangents, values) if several else (cotangents[0], values[0])
        thunks = row(g, y, *self.filled(c.args), **self.filled(c.kwargs))
        bound = inspect.signature(row).bind(g, y, *c.args, **c.kwargs)
        operands = [bound.arguments.get(name) for name in list(inspect.signature(row).parameters)[2:]]
        for thunk, operand in zip(thunks, operands, strict=False):
            if isinstance(operand, Value):
                if operand in active and is_real(operand.dtype) and thunk is not None:
                    yield operand, thunk()
            elif isinstance(operand, (tuple, list)) and thunk is not None:
                inner = operand[0] if len(operand) == 1 and isinstance(operand[0], (tuple, list)) else operand
                for k, v in enumerate(inner):
                    if isinstance(v, Value) and v in active and is_real(v.dtype):
                        yield v, thunk(k)

    def by_autograd(
        self, c: Recorded, cotangents: list[Tensor | None], active: set[Value]
    ) -> list[tuple[Value, Tensor]]:
        if short(c.fn) in RANDOM:
            raise TraceError(
                f"{short(c.fn)} draws random numbers, which cannot be drawn again",
                doing="going backwards",
                path=c.where.path,
                source=c.place,
                fix="trace the model in evaluation mode: model.eval()",
            )
        which = [k for k, v in enumerate(c.ins) if v in active and is_real(v.dtype)]
        found = gradient(c.fn, which, cotangents, self.filled(c.args), self.filled(c.kwargs))
        return [(c.ins[k], g) for k, g in zip(which, found, strict=True)]


RANDOM = frozenset("dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout rrelu bernoulli".split())
_IN_PLACE = frozenset(["__setitem__", *(f"__i{op}__" for op in "add sub mul div truediv floordiv pow mod".split())])


def fitted(g: Tensor, v: Value) -> Tensor:
    """Summed over what the operand was broadcast over, in the operand's dtype."""
    if tuple(g.shape) != v.shape:
        lead = g.dim() - len(v.shape)
        if lead:
            g = g.sum(tuple(range(lead)))
        ones = tuple(k for k, n in enumerate(v.shape) if n == 1 and g.shape[k] != 1)
        if ones:
            g = g.sum(ones, keepdim=True)
    return g if g.dtype == v.dtype else g.to(v.dtype)


def _said(diagram: Diagram, program: Backward) -> Diagram:
    """The diagram with its gradients, the boxes of derivatives and the backward pass called what they are."""
    source = diagram.source

    def array(a: Array) -> Array:
        return replace(a, name=program.names[a.id]) if a.id in program.names else a

    def op(o: Op) -> Op:
        o = replace(o, inputs=tuple(map(array, o.inputs)), outputs=tuple(map(array, o.outputs)))
        name = _derived(o, source.functions)
        return replace(o, name=f"{MARK}{name}", label=f"{MARK}{name.replace('_', ' ')}") if name else o

    given = [a.name for a in diagram.inputs if a.name.startswith(MARK)]
    made = [name for name in program.names.values() if name.startswith(MARK)]
    said = f": {', '.join(given)} → {', '.join(made)}" if len(made) <= LISTED else ""

    def block(b: Block) -> Block:
        return replace(b, title=f"Backward{said}") if b.path == MARK else b

    return replace(
        diagram,
        ops=tuple(map(op, diagram.ops)),
        outputs=tuple(map(array, diagram.outputs)),
        blocks=tuple(map(block, diagram.blocks)),
        options=(("skips", "lanes"),),  # what is kept is drawn as wires
    )


def _derived(o: Op, functions: list[Any]) -> str:
    """The name of the call that an op is the derivative of, if it is one; else nothing."""
    (call,) = o.body
    if call.name.endswith("whole.gradient"):
        what = call.args[0]
        return short(constant(what, functions)) if isinstance(what, Name) else str(what)
    return o.name.removeprefix("d_") if call.name.startswith("ncd.analysis.derivatives.") and o.name[:2] == "d_" else ""
