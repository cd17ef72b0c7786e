"""Recording a forward pass: torch-level calls, the modules they were made in, and the source lines.

Two modes are on the stack.  ``Recorder`` sees torch functions and keeps each whole; ``Gaps`` below
it sees the aten ops and records one as a call of its own only when no torch-level call is open
(vmap bodies, scripted modules, C++ code).  So every aten op runs inside exactly one recorded call.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch._C import _get_dispatch_stack_at, _len_torch_dispatch_stack, _len_torch_function_stack
from torch._C import _pop_torch_dispatch_stack as _pop_mode
from torch._C import _push_on_torch_dispatch_stack as _push_mode
from torch._C._functorch import peek_interpreter_stack
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ncd.circuit.diagram import Place
from ncd.tracing.captured import operands
from ncd.tracing.foreseen import Foreseen
from ncd.tracing.opened import opened_copy
from ncd.tracing.recording import Activation, Asked, Recorded, Value
from ncd.tracing.source import Stack
from ncd.tracing.writes import (
    apart,
    assigned,
    autocast,
    changed,
    declared_writes,
    first_only,
    onto_itself,
    same_memory,
    state,
    wrapped,
)

# Calls that only ask about a tensor.  The list is for speed: a call that returns no tensor and
# writes nothing is dropped anyway.
QUESTIONS = frozenset(
    "size dim numel stride is_floating_point is_complex element_size __len__ is_contiguous data_ptr get_device "
    "__hash__ __repr__ __format__ storage_offset untyped_storage is_tensor ndimension nelement "
    "requires_grad_ is_inference".split()
)
ATTRIBUTES = frozenset("shape dtype device ndim layout requires_grad is_cuda is_meta is_sparse is_leaf".split())
"""Those of a tensor that say nothing of its values."""
SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]
BACKWARD = frozenset([torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward])
"""Calls that walk the graph of gradients."""
READS = frozenset(
    "item tolist __bool__ __int__ __float__ __index__ __contains__ numpy equal allclose is_nonzero".split()
)
ANSWER = 40
"""A longer answer to a question about values is cut short, characters."""


class Recorder(TorchFunctionMode):
    """Records torch-level calls; one instance is one recording."""

    def __init__(
        self, root: Activation, names: dict[int, str], owned: dict[int, tuple[str, str]], places: bool = True
    ) -> None:
        super().__init__()
        self.places = places
        """Whether modules and lines of code are recorded too, and not only the calls."""
        self.names = names
        """Module id -> dotted name."""
        self.owned = owned
        """Tensor id -> (kind, dotted name) for parameters and buffers."""
        self.foreign: set[int] = set()
        """Ids of weights that the target does not own: they are kept with the diagram."""
        self.root = self.here = root
        self.activations = [root]
        self.entered: dict[str, int] = {}
        self.by_frame: dict[FrameType, Activation | None] = {}
        self.methods: set[Activation] = set()
        """Calls of methods other than forward."""
        self.entered_from: dict[Activation, FrameType] = {}
        """The innermost frame of the user's around each module call: further out nothing is to be learned."""
        self.calls: list[Recorded] = []
        self.body = self.calls
        self.values: list[Value] = []
        self.known: dict[int, Value] = {}
        self.alive: dict[int, torch.Tensor] = {}
        self.aliases: dict[int, list[int]] = {}
        self.memory: dict[int, int] = {}
        """Storage -> the id of the first value in it."""
        self.reads: list[Asked] = []
        self.generators: dict[int, tuple[torch.Generator, torch.Tensor]] = {}
        self.at: tuple[Activation, Place | None] | None = None
        """Module and line, where the program being run says it itself."""
        self.alike: list[tuple[Value, Value]] = []
        """Values that the program being run says have the same axes."""
        self.failed: tuple[Exception, Recorded] | None = None
        """The last call that raised, if any did."""
        self.foreseen = Foreseen()
        self.stack = Stack()
        self.busy = False
        self.counter = itertools.count()

    # ---------------------------------------------------------------- values
    def value(self, t: torch.Tensor, kind: str = "constant", name: str = "") -> Value:
        """The value a tensor has now.  The tensor is kept alive: Python reuses ids."""
        known = self.known.get(id(t))
        if known is not None:
            return known
        if kind == "constant":
            kind, name = self.owned.get(id(t), (kind, name))
            if kind == "constant" and isinstance(t, torch.nn.Parameter):
                kind = "parameter"
            again = self.seen_again(t) if kind == "constant" else None
            if again is not None:
                return again
        v = Value(next(self.counter), tuple(t.shape), t.dtype, kind, name)
        if kind == "constant":
            v.data = t if isinstance(t, FakeTensor) else t.detach().clone()
        elif kind in ("parameter", "buffer") and (not name or id(t) in self.foreign):
            v.data = t
        self.values.append(v)
        self.known[id(t)] = v
        self.alive[id(t)] = t
        storage = _storage(t)
        if storage >= 0:
            self.aliases.setdefault(storage, []).append(id(t))
        v.memory = self.memory.setdefault(storage, v.id)
        return v

    def seen_again(self, t: torch.Tensor) -> Value | None:
        """The value of a tensor that is new as an object only: autograd gives what it saved back as another."""
        if t.layout is not torch.strided:
            return None
        for i in self.aliases.get(_storage(t), ()):
            known = self.known.get(i)
            if known is None or known.kind == "constant" or known.dtype != t.dtype:
                continue
            if same_memory(self.alive[i], t):
                v = known
            else:
                v = Value(next(self.counter), tuple(t.shape), t.dtype, "value")
                v.memory = known.memory
                where = (t.shape, t.stride(), t.storage_offset())
                args = (known, *map(tuple, where[:2]), where[2])
                self.body.append(Recorded(torch.as_strided, args, {}, v, [known], [v], [], self.here, None))
                self.values.append(v)
            self.known[id(t)] = v
            self.alive[id(t)] = t
            self.aliases[_storage(t)].append(id(t))
            return v
        return None

    def refer(self, x: Any, found: list[Value], tensors: list[torch.Tensor]) -> Any:
        """A structure with values for tensors; both are collected in order."""
        if isinstance(x, torch.Tensor):
            v = self.value(x)
            found.append(v)
            tensors.append(x)
            return v
        kind = type(x)
        if kind is int or kind is str or x is None:
            return x
        if kind in (tuple, list, torch.Size):
            if kind is torch.Size:
                return tuple(x)
            return kind([self.refer(y, found, tensors) for y in x])
        if kind is dict:
            return {k: self.refer(y, found, tensors) for k, y in x.items()}
        if kind is torch.Generator:
            return self.generator(x)
        if isinstance(x, slice):
            if not any(isinstance(y, torch.Tensor) for y in (x.start, x.stop, x.step)):
                return x
            return slice(*(int(y) if isinstance(y, torch.Tensor) else y for y in (x.start, x.stop, x.step)))
        return x

    def generator(self, g: torch.Generator) -> torch.Generator:
        """A generator as it is now; it is set back to what it was at first when recording ends."""
        if g is torch.default_generator:
            return g
        self.generators.setdefault(id(g), (g, g.get_state()))
        return g.clone_state()

    def result(self, x: Any, found: list[Value]) -> Any:
        if isinstance(x, torch.Tensor):
            v = self.value(x, "value")
            found.append(v)
            return v
        if isinstance(x, (tuple, list)):
            return tuple(self.result(y, found) for y in x)
        if isinstance(x, dict):
            return {k: self.result(y, found) for k, y in x.items()}
        return None

    # ---------------------------------------------------------------- calls
    def __torch_function__(self, fn: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(fn, "__name__", "")
        if name in QUESTIONS or (name == "__get__" and getattr(fn.__self__, "__name__", "") in ATTRIBUTES):
            return fn(*args, **kwargs)
        if name == "__set__" and fn != SET_DATA:
            return fn(*args, **kwargs)
        if peek_interpreter_stack() is not None or fn in BACKWARD or wrapped(args) or (kwargs and wrapped(kwargs)):
            # Under vmap or grad the tensors must not be kept, and what a gradient is was decided by
            # earlier calls, not by its arguments: Gaps records the aten ops below instead.
            return fn(*args, **kwargs)
        return self.call(fn, name, args, kwargs)

    def call(self, fn: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Run ``fn`` and record it; while it runs, what Gaps sees belongs to it."""
        outer, self.busy = self.busy, True
        try:
            return self.record(fn, name, args, kwargs)
        finally:
            self.busy = outer

    def record(self, fn: Any, name: str, args: Any, kwargs: Any) -> Any:
        if name == "__setitem__" and onto_itself(*args):
            return None
        ins: list[Value] = []
        tensors: list[torch.Tensor] = []
        seen_args = tuple([self.refer(a, ins, tensors) for a in operands(fn, args)])
        seen_kwargs = {k: self.refer(a, ins, tensors) for k, a in kwargs.items()}
        frames = self.stack.frames(3, self.entered_from.get(self.here)) if self.places else []
        inside: list[Recorded] = []
        again = opened_copy(fn)
        kind = None
        try:
            if again is None:
                out, written, kind = self.run(fn, args, kwargs, tensors)
            else:
                before = [state(t) for t in tensors]
                out = self.open(again, args, kwargs, inside)
                written = changed(tensors, before)
        except Exception as error:
            where = self.at[0] if self.at is not None else self.locate(frames)
            self.failed = error, Recorded(fn, seen_args, seen_kwargs, None, ins, [], [], where, self.place(frames))
            raise
        if written and first_only(fn):
            # Views of one memory count their writes together.
            written = [t for t in written if t is args[0]]
        written += declared_writes(fn, args, kwargs, written)
        touched = [assigned(*args[:2])] if written and name == "__setitem__" else written
        outs: list[Value] = []
        shape = self.result(out, outs) if not written else None
        writes = self.moved(args[0]) if name == "__set__" else self.rewrite(touched) if written else []
        if not outs and not writes and not _has_tensor(out):
            if tensors and name in READS:
                self.reads.append(Asked(len(self.calls), name, self.place(frames), ins[0], _answer(out)))
            return out
        if written:
            shape = self.result(out, outs)
        record = Recorded(
            fn,
            seen_args,
            seen_kwargs,
            shape,
            ins,
            outs,
            writes,
            self.at[0] if self.at is not None else self.locate(frames),
            self.place(frames),
            inside,
            autocast(),
            kind,
        )
        self.body.append(record)
        return out

    def run(
        self, fn: Callable[..., Any], args: Any, kwargs: Any, tensors: list[torch.Tensor]
    ) -> tuple[Any, list[torch.Tensor], int | None]:
        """What ``fn`` gives, what it wrote of ``tensors``, those in its arguments, and its kind if that is known.

        Gaps is out of the way meanwhile: it would let each aten op pass, and take as long as the op itself.
        """
        depth = _len_torch_dispatch_stack()
        top = _get_dispatch_stack_at(depth - 1) if depth else None
        # With no other mode on the stacks nobody but us sees what a call does.
        alone = depth == 1 and type(top) is Gaps and not _len_torch_function_stack()
        if type(top) is Gaps:
            _pop_mode(None)
        try:
            if alone and (found := self.foreseen.run(fn, args, kwargs, tensors)) is not None:
                return found
            before = [state(t) for t in tensors]
            out = fn(*args, **kwargs)
            return out, changed(tensors, before), None
        finally:
            if type(top) is Gaps:
                _push_mode(top)

    def open(self, again: Callable[..., Any], args: Any, kwargs: Any, inside: list[Recorded]) -> Any:
        """Run a Python composite with its own calls recorded one level below."""
        outer, self.body, self.busy = self.body, inside, False
        try:
            with self:
                return again(*args, **kwargs)
        finally:
            self.body, self.busy = outer, True

    def rewrite(self, written: list[torch.Tensor]) -> list[tuple[Value, Value]]:
        """What is written gives a new value to every live tensor that has a number of it."""
        done: list[tuple[Value, Value]] = []
        for storage in dict.fromkeys(_storage(t) for t in written):
            here = [t for t in written if _storage(t) == storage]
            for i in dict.fromkeys(self.aliases.get(storage, ())):
                if all(apart(t, self.alive[i]) for t in here):
                    continue
                old = self.known.pop(i)
                done.append((old, self.value(self.alive[i], "value")))
            self.aliases[storage] = list(dict.fromkeys(self.aliases[storage]))
        return done

    def moved(self, t: torch.Tensor) -> list[tuple[Value, Value]]:
        """A tensor was given other memory (``t.data = y``): it has a new value, and other aliases."""
        for ids in self.aliases.values():
            if id(t) in ids:
                ids.remove(id(t))
        old = self.known.pop(id(t))
        return [(old, self.value(t, "value"))]

    # ---------------------------------------------------------------- modules
    def let_go(self) -> None:
        """Forget the frames, which hold everything that was local to the model's methods."""
        for g, found in self.generators.values():
            g.set_state(found)
        self.generators.clear()
        self.by_frame.clear()
        self.entered_from.clear()

    def place(self, frames: list[FrameType]) -> Place | None:
        """The line of the user's code that is running."""
        if self.at is not None:
            return self.at[1]
        return self.stack.place(frames[0]) if frames else None

    def locate(self, frames: list[FrameType]) -> Activation:
        """The innermost module call this line is in; a method other than forward counts as one."""
        here = self.here
        for frame in reversed(frames):
            code = frame.f_code
            if code.co_argcount == 0 or code.co_name in ("forward", "__call__") or code.co_varnames[0] != "self":
                continue
            if frame in self.by_frame:
                known = self.by_frame[frame]
            else:
                owner = frame.f_locals.get("self")
                ours = isinstance(owner, torch.nn.Module) and id(owner) in self.names
                known = None
                if ours and all(a.module is not owner for a in _upward(here)):
                    known = self.activate(owner, here)
                    self.methods.add(known)
                self.by_frame[frame] = known
            if known is not None and known.parent is here:
                here = known
        return here

    def activate(self, module: torch.nn.Module, parent: Activation) -> Activation:
        cls = type(module).__name__
        name = self.names.get(id(module))
        if name is None:
            name = self.adopt(module, parent)
        count = self.entered[name] = self.entered.get(name, 0) + 1
        new = Activation(module, name if count == 1 else f"{name}#{count}", cls, parent)
        self.activations.append(new)
        return new

    def adopt(self, module: torch.nn.Module, parent: Activation) -> str:
        """A module the target does not own (a closure's): named after its class."""
        base = type(module).__name__.lower()
        taken = set(self.names.values())
        name = next(n for n in itertools.chain([base], (f"{base}{i}" for i in itertools.count(2))) if n not in taken)
        for sub, m in module.named_modules():
            self.names.setdefault(id(m), f"{name}.{sub}" if sub else name)
        for kind, owned in (("parameter", module.named_parameters()), ("buffer", module.named_buffers())):
            for sub, t in owned:
                if self.owned.setdefault(id(t), (kind, f"{name}.{sub}"))[1] == f"{name}.{sub}":
                    self.foreign.add(id(t))
        return name

    def enter(self, module: torch.nn.Module, _: Any) -> None:
        if module is self.root.module and self.here is self.root and "" not in self.entered:
            self.entered[""] = 1
            return
        frames = self.stack.frames(1, self.entered_from.get(self.here))
        self.here = self.activate(module, self.locate(frames))
        if frames:
            self.entered_from[self.here] = frames[0]

    def leave(self, module: torch.nn.Module, _: Any, __: Any) -> None:
        here: Activation | None = self.here
        while here is not None and here.module is not module:
            here = here.parent
        if here is not None and here is not self.root:
            assert here.parent is not None
            self.here = here.parent
            while self.here.parent is not None and self.here in self.methods:
                self.here = self.here.parent


class Gaps(TorchDispatchMode):
    """Records the aten ops that run outside every recorded torch-level call."""

    supports_higher_order_operators = True

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        r = self.recorder
        if r.busy:
            return func(*args, **(kwargs or {}))
        return r.call(func, getattr(func, "__name__", str(func)), args, kwargs or {})


def _upward(a: Activation | None) -> Iterator[Activation]:
    while a is not None:
        yield a
        a = a.parent


def _storage(t: torch.Tensor) -> int:
    return t.untyped_storage()._cdata if t.layout is torch.strided else -id(t)


def _answer(x: Any) -> str:
    """What was read, in a few characters."""
    text = " ".join((repr(x) if not isinstance(x, float) else f"{x:.4g}").split())
    return text if len(text) <= ANSWER else text[: ANSWER - 1] + "…"


def _has_tensor(x: Any) -> bool:
    if isinstance(x, torch.Tensor):
        return True
    if isinstance(x, (tuple, list)):
        return any(map(_has_tensor, x))
    return isinstance(x, dict) and any(map(_has_tensor, x.values()))


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Within, everything torch does on this thread goes into the recorder."""
    hooks = (
        [
            register_module_forward_pre_hook(recorder.enter),
            register_module_forward_hook(recorder.leave, always_call=True),
        ]
        if recorder.places
        else []
    )
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"), Gaps(recorder), recorder:
            yield
    finally:
        recorder.let_go()
        for hook in hooks:
            hook.remove()
