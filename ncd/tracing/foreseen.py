"""What a call on fake tensors gives, known from an equal call before.

A fake has no values: what a function of torch's makes of it follows from shapes, strides, dtypes and
literals alone.  The first call of a kind is run; the arrays of those that follow are made at once.
Torch has such a memory too, one level below, for each aten op; asking it takes far longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, in_kernel_invocation_manager

from ncd.tracing.callables import dotted
from ncd.tracing.writes import changed, state

_NATIVE = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
_HOMES = frozenset(["torch.nn.functional", "torch.functional", "torch._tensor", "torch._jit_internal"])
_LITERALS = frozenset([type(None), int, str, type(...), torch.dtype, torch.device, torch.layout, torch.memory_format])
"""Types of which equal arguments are the same argument, and are equal to none of another type."""
_META = torch.device("meta")
_KEEPING = frozenset(
    [F.batch_norm, F.relu, F.gelu, F.silu, F.sigmoid, F.tanh, torch.relu, torch.tanh, torch.sigmoid, Tensor.relu,
     Tensor.tanh, Tensor.sigmoid]
)  # fmt: skip
"""Functions that give an array with the shape of their first operand, dense as that is, whatever its sizes."""
_UNREAD = frozenset([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool])

Plan: TypeAlias = Callable[[Callable[[], Any], list[Tensor]], Any]
"""Makes what a call gives, of the call and its tensors."""


Bodies: TypeAlias = dict[int, tuple[FakeTensor, Tensor]]
"""By id fakes that were made here, kept alive, and the meta tensors in whose memory they are."""


class Unforeseen(Exception):
    """More than the looks of its arguments decides what a call gives."""


class Foreseen:
    """What is known of the calls of one recording."""

    def __init__(self) -> None:
        self.plans: dict[object, tuple[Plan, int | None]] = {}
        """By the kind of a call how to make what it gives, and a number for that kind."""
        self.kept: dict[object, tuple[torch.dtype, dict[str, Any]]] = {}
        """By a call of a function that keeps shapes, sizes aside: the dtype and the attributes of what it gives."""
        self.bodies: Bodies = {}

    def run(
        self, fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tensors: list[Tensor]
    ) -> tuple[Any, list[Tensor], int | None] | None:
        """What a function gives, what it writes of ``tensors``, those in its arguments, and the kind of the call.

        None where nothing can be foreseen: the call is then yet to be made.
        """
        for t in tensors:
            if type(t) is FakeTensor:
                mode = t.fake_mode
                break
        else:
            return None
        if not _follows(fn):
            return None
        try:
            key = _kind(fn, args, kwargs, mode)
        except Unforeseen:
            return None
        plan, kind = self.plans.get(key, (None, None))
        if plan is _run:
            return None

        def call() -> Any:
            return fn(*args, **kwargs)

        any_size = _sizes_aside(fn, args, kwargs) if plan is None and fn in _KEEPING else None
        if any_size in self.kept:
            dtype, attributes = self.kept[any_size]
            looks = [(tensors[0].shape, tensors[0].stride(), dtype)]
            plan, kind = _arrays(looks, None, attributes, self.bodies), len(self.plans)
            self.plans[key] = plan, kind
        if plan is not None:
            return plan(call, tensors), [], kind
        before = [state(t) for t in tensors]
        out = call()
        written = changed(tensors, before)
        plan = _run
        with suppress(Unforeseen):
            if not written and key == _kind(fn, args, kwargs, mode):
                plan = _plan(call, tensors, out, mode, self.bodies)
        kind = len(self.plans) if plan is not _run else None
        self.plans[key] = plan, kind
        if kind is not None and any_size is not None and out.stride() == tensors[0].stride():
            self.kept[any_size] = out.dtype, dict(vars(out))
        return out, written, kind


@lru_cache(None)
def _follows(fn: Any) -> bool:
    """Whether a function is one of torch's own, that changes nothing but what it is given."""
    name = getattr(fn, "__name__", "_")
    if name.endswith("_") and not name.endswith("__"):
        return False
    if isinstance(fn, FunctionType):
        return fn.__module__ in _HOMES
    return isinstance(fn, _NATIVE) and dotted(fn) is not None


def _ambience() -> tuple[object, ...]:
    """What decides beside the arguments.  Raises Unforeseen where a result has more to it than its looks."""
    if torch.is_grad_enabled() or torch.is_inference_mode_enabled() or torch._C._is_any_autocast_enabled():
        raise Unforeseen
    c = torch._C
    attention = c._get_flash_sdp_enabled(), c._get_math_sdp_enabled(), c._get_mem_efficient_sdp_enabled()
    return torch.get_default_dtype(), attention


def _kind(fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any], mode: FakeTensorMode) -> tuple[object, ...]:
    """Equal for calls that give the like.  Raises Unforeseen."""
    named = [(k, _looks(x, mode)) for k, x in kwargs.items()] if kwargs else ()
    return fn, _ambience(), *[_looks(x, mode) for x in args], *named


def _looks(x: Any, mode: FakeTensorMode) -> object:
    """All that a call on fakes can learn of an argument."""
    kind = type(x)
    if kind is FakeTensor:
        if x.fake_mode is not mode or x.constant is not None or x.layout is not torch.strided or x.dtype.is_complex:
            raise Unforeseen
        return x.shape, x.stride(), x.storage_offset(), x.dtype, x.fake_device
    if kind in _LITERALS:
        return x
    if kind is float or kind is bool:
        return kind, x
    if kind is tuple or kind is list or kind is torch.Size:
        return kind, *[_looks(y, mode) for y in x]
    if kind is slice:
        return slice, _looks(x.start, mode), _looks(x.stop, mode), _looks(x.step, mode)
    # Numbers that could be sizes or places are read, and a single one goes for a literal.
    if kind is Tensor and x.is_cpu and x.layout is torch.strided and x.ndim and x.dtype in _UNREAD:
        return Tensor, x.shape, x.stride(), x.storage_offset(), x.dtype
    raise Unforeseen


def _sizes_aside(fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
    """Equal for calls on dense arrays that differ in sizes, but not in which sizes are equal; None for others."""
    numbers: dict[int, int] = {}
    said: list[object] = [fn, _ambience(), tuple(kwargs)]
    for x in (*args, *kwargs.values()):
        if isinstance(x, Tensor):
            if not x.is_contiguous() or 0 in x.shape or 1 in x.shape:
                return None
            sizes = [numbers.setdefault(n, len(numbers)) for n in x.shape]
            said.append((type(x), tuple(sizes), x.dtype, x.device))
        elif type(x) is bool or type(x) is float or type(x) in _LITERALS:
            said.append((type(x), x))
        else:
            return None
    return tuple(said)


# ------------------------------------------------------------------------------------------- plans
def _run(call: Callable[[], Any], tensors: list[Tensor]) -> Any:
    return call()


def _plan(call: Callable[[], Any], tensors: list[Tensor], out: Any, mode: FakeTensorMode, bodies: Bodies) -> Plan:
    """How to make what a call gave, or how to make it anew each time: by calling."""
    many = type(out) in (tuple, list)
    outs = list(out) if many else [out]
    if not outs or any(type(o) is not FakeTensor or o.layout is not torch.strided or o.requires_grad for o in outs):
        return _run
    given = [next((i for i, t in enumerate(tensors) if t is o), None) for o in outs]
    if not many and given[0] is not None:
        return _handed_back(given[0])
    places = {t.untyped_storage()._cdata for t in tensors}
    viewed = [o.untyped_storage()._cdata in places for o in outs]
    attributes = dict(vars(outs[0]))
    if any(o.fake_device != outs[0].fake_device or o.constant is not None for o in outs):
        return _run
    if all(viewed) and all(type(t) is FakeTensor for t in tensors):
        one = len(tensors) == 1 and all(i is None for i in given) and all(o.dtype == tensors[0].dtype for o in outs)
        places_in = [(o.shape, o.stride(), o.storage_offset()) for o in outs] if one else []
        plan = _views(places_in, type(out) if many else None, mode, attributes, bodies)
    elif any(viewed):
        return _run
    else:
        looks = [(o.shape, o.stride(), o.dtype) for o in outs]
        plan = _arrays(looks, type(out) if many else None, attributes, bodies)
    again = plan(call, tensors)
    same = type(again) is type(out) and all(map(_alike, again if many else [again], outs))
    return plan if same else _run


def _alike(a: FakeTensor, b: FakeTensor) -> bool:
    """Whether nothing tells one result from another."""
    mine, other = a.untyped_storage(), b.untyped_storage()
    return (
        _looks(a, b.fake_mode) == _looks(b, b.fake_mode)
        and torch._C._dispatch_keys(a) == torch._C._dispatch_keys(b)
        and mine.nbytes() == other.nbytes()
    )


def _handed_back(i: int) -> Plan:
    return lambda call, tensors: tensors[i]


def _arrays(looks: list[Any], kind: Any, attributes: dict[str, Any], bodies: Bodies) -> Plan:
    """New arrays."""

    def make(shape: Any, strides: Any, dtype: Any) -> FakeTensor:
        return _kept(torch.empty_strided(shape, strides, dtype=dtype, device=_META), attributes, bodies)

    if kind is None:
        ((shape, strides, dtype),) = looks
        return lambda call, tensors: make(shape, strides, dtype)
    return lambda call, tensors: kind([make(*x) for x in looks])


def _views(looks: list[Any], kind: Any, mode: FakeTensorMode, attributes: dict[str, Any], bodies: Bodies) -> Plan:
    """Other views of what is given, in the memory of the fakes, as meta tensors.

    Where they lie in the memory of a single tensor (``looks``) is known; else torch is asked, which takes longer.
    """

    def make(call: Callable[[], Any], tensors: list[Tensor]) -> Any:
        x, body = bodies.get(id(tensors[0]), (None, None)) if looks else (None, None)
        # A tensor can be given other memory.
        if x is not None and body is not None and _memory(x) == _memory(body):
            made = [_kept(body.as_strided(*look), attributes, bodies) for look in looks]
            return made[0] if kind is None else kind(made)
        with in_kernel_invocation_manager(mode):
            out = call()
        if isinstance(out, Tensor):
            return _kept(out, attributes, bodies)
        return type(out)([_kept(o, attributes, bodies) for o in out])

    return make


def _memory(t: Tensor) -> int:
    return t.untyped_storage()._cdata


def _kept(x: Tensor, attributes: Mapping[str, Any], bodies: Bodies) -> FakeTensor:
    """A fake in the memory of ``x``, and a note of that."""
    made = fake(x, attributes)
    if made is not x:
        bodies[id(made)] = made, x
    return made


def fake(x: Tensor, attributes: Mapping[str, Any]) -> FakeTensor:
    """A fake in the memory of ``x``, a meta tensor, with these attributes; they count their writes together."""
    if type(x) is FakeTensor:
        return x
    t: FakeTensor = Tensor._make_subclass(  # type: ignore[attr-defined]
        FakeTensor, x, x.requires_grad, dispatch_device=True, device_for_backend_keys=attributes["_fake_device"]
    )
    torch._C._set_throw_on_mutable_data_ptr(t)  # type: ignore[attr-defined]
    vars(t).update(attributes)
    return t
