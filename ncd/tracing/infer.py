"""From recorded calls to axis relations: one derivation per distinct signature, then identity.

Every tensor dimension is a tuple of atoms.  Each call's weave is derived once per signature and
pushed over the atoms of its operands; merges and cuts act everywhere at once, so the axes of a
weight are refined by a view of the product it made.  Equal sizes are never evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch

from ncd.circuit.axis import Dim, fresh, leaves, size, unify
from ncd.circuit.weave import Form, Side, Weave, plain
from ncd.ops.calls import is_window
from ncd.tracing.anysize import general, resized, sizes_aside
from ncd.tracing.bind import Laid
from ncd.tracing.callables import dotted, short
from ncd.tracing.derive import Derived, derive, derive_real
from ncd.tracing.recording import Recorded, Value

_SIGNATURES: dict[object, Derived] = {}
_AT_ANY_SIZE: dict[object, Derived] = {}
_LIMIT = 20_000


def forget() -> None:
    """Let every signature be derived anew."""
    _SIGNATURES.clear()
    _AT_ANY_SIZE.clear()


@dataclass(eq=False)
class Woven:
    """A recorded call with its weave and, per weave, what each variable is bound to."""

    call: Recorded
    derived: Derived
    bindings: list[dict[str, Dim]]
    opaque: bool


Known: TypeAlias = dict[object, tuple[Derived, list[Laid]]]
"""By the kind of a call: its weave, and over the shapes of its arrays."""


def signature(call: Recorded, tensors: Mapping[Value, torch.Tensor]) -> tuple[object, ...]:
    """What the weave of a call depends on."""
    strided = "as_strided" in short(call.fn)

    def key(x: Any) -> object:
        if isinstance(x, Value):
            place = tensors[x].stride() if strided and x in tensors else ()
            return ("T", x.shape, x.dtype, *place)
        if isinstance(x, (tuple, list)):
            return (type(x).__name__, *map(key, x))
        if isinstance(x, dict):
            return ("dict", *((k, key(v)) for k, v in x.items()))
        return (callable(x) and dotted(x)) or repr(x)

    return (call.fn if not hasattr(call.fn, "__self__") else repr(call.fn), key(call.args), key(call.kwargs))


def derived(call: Recorded, tensors: Mapping[Value, torch.Tensor], outs: list[Value]) -> Derived:
    """The weave of a call, from its signature or, where meta tensors do not do, from real values.

    The latter is good for these values alone.
    """
    key = signature(call, tensors)
    known = _SIGNATURES.get(key)
    if known is None:
        if len(_SIGNATURES) > _LIMIT:
            forget()
        aside = sizes_aside(call, outs)
        like = _AT_ANY_SIZE.get(aside)
        known = resized(like, call.ins, outs) if like is not None else None
        if known is None:
            known = _derive(call, tensors)
            if aside is not None and general(known):
                _AT_ANY_SIZE[aside] = known
        # A function is named by its place in memory, where another may come to lie.
        if not (known.real or " at 0x" in repr(key[1:])):
            _SIGNATURES[key] = known
    return known


def _derive(call: Recorded, tensors: Mapping[Value, torch.Tensor]) -> Derived:
    def meta(v: Value) -> torch.Tensor:
        t = tensors.get(v)
        if t is not None and (t.layout is not torch.strided or "as_strided" in short(call.fn)):
            return t
        return torch.empty(v.shape, dtype=v.dtype, device="meta")

    try:
        return derive(call.fn, _filled(call.args, meta), _filled(call.kwargs, meta))
    except Exception as error:
        failure = error
    if all(v in tensors for v in call.ins):
        # The tensors it was called with: weights may be fakes, but what it read has values.
        try:
            return derive_real(
                call.fn, _filled(call.args, tensors.__getitem__), _filled(call.kwargs, tensors.__getitem__)
            )
        except Exception as error:
            failure = error
    return Derived(Weave((), (), {}), (f"{short(call.fn)}: {type(failure).__name__}",), "none")


def _filled(x: Any, tensor: Callable[[Value], torch.Tensor]) -> Any:
    """Literals with tensors for values."""
    if isinstance(x, Value):
        return tensor(x)
    if isinstance(x, (tuple, list)):
        return type(x)([_filled(y, tensor) for y in x])
    if isinstance(x, dict):
        return {k: _filled(y, tensor) for k, y in x.items()}
    return x


def coarse(weave: Weave, call: Recorded, outs: list[Value]) -> Weave:
    """A windowed operation with each windowed dimension as one whole target.

    A stride-2 pool reads at ``2y+[i]``, which enumerates the axis; taken as a factorisation it
    would cut the pixel axis everywhere.  Touching more is sound.
    """
    sizes, targets = dict(weave.sizes), set(weave.targets)

    def whole(form: Form, name: str, n: int) -> Form:
        if len(form.terms) < 2 and not form.const:
            return form
        sizes[name] = n
        targets.add(name)
        return plain(name)

    def side(arrays: Side, values: list[Value], mark: str) -> Side:
        return tuple(
            tuple(whole(f, f"{mark}{i}.{k}", n) for k, (f, n) in enumerate(zip(dims, v.shape, strict=True)))
            for i, (dims, v) in enumerate(zip(arrays, values, strict=True))
        )

    ins, made = side(weave.ins, call.ins, "@i"), side(weave.outs, outs, "@o")
    return replace(weave, ins=ins, outs=made, sizes=sizes, targets=frozenset(targets))


def infer(
    calls: list[Recorded],
    values: list[Value],
    tensors: Mapping[Value, torch.Tensor],
    alike: Iterable[tuple[Value, Value]] = (),
) -> list[Woven]:
    """Give every value its dimensions, in execution order.  ``alike`` are pairs with the same ones."""
    for v in values:
        if v.kind != "value" and v.dims is None:
            v.dims = fresh(v.shape)
    known: Known = {}
    woven = [weave_call(c, tensors, known) for c in calls]
    for pair in alike:
        for a, b in zip(*map(dims, pair), strict=True):
            unify(leaves(a), leaves(b))
    return woven


def dims(v: Value) -> tuple[Dim, ...]:
    if v.dims is None:
        v.dims = fresh(v.shape)
    return v.dims


def produced(call: Recorded) -> list[Value]:
    """The values a call's weave speaks of: its results, or what it wrote if it returns nothing."""
    if call.outs:
        return call.outs
    new = dict(call.writes)
    return [new[v] for v in dict.fromkeys(call.ins) if v in new]


def laid(found: Derived, call: Recorded, outs: list[Value]) -> list[Laid]:
    """The weaves of a call over the shapes of its arrays; none where they do not fit."""
    weaves = (found.weave, *found.weave.rest)
    groups = [[o] for o in outs] if len(weaves) > 1 else [outs]
    fits = len(found.weave.ins) == len(call.ins) and len(groups) == len(weaves)
    fits = fits and all(
        len(g) == len(w.outs) and all(len(f) == len(o.shape) for f, o in zip(w.outs, g, strict=True))
        for w, g in zip(weaves, groups, strict=True)
    )
    if not fits:
        return []
    shapes, window = [v.shape for v in call.ins], is_window(short(call.fn))
    return [
        Laid(coarse(weave, call, group) if window else weave, shapes, [o.shape for o in group])
        for weave, group in zip(weaves, groups, strict=True)
    ]


def weave_call(call: Recorded, tensors: Mapping[Value, torch.Tensor], known: Known) -> Woven:
    """A call with its weave, its results over the axes of its operands.  ``known`` are kinds of calls seen before."""
    outs = produced(call)
    if call.kind in known:
        found, parts = known[call.kind]
    else:
        found = derived(call, tensors, outs)
        parts = laid(found, call, outs)
        if call.kind is not None:
            known[call.kind] = found, parts
    opaque = bool(found.missing)
    bindings: list[dict[str, Dim]] = []
    fits = bool(parts)
    if fits:
        ins = [dims(v) for v in call.ins]
        groups = [outs] if len(parts) == 1 else [[o] for o in outs]
        for part, group in zip(parts, groups, strict=True):
            bound = part.bind(ins)
            fits = fits and bound.ok
            bindings.append(bound.env)
            for o, d in zip(group, bound.outs, strict=True):
                if tuple(map(size, d)) != o.shape:
                    fits = False
                elif o.dims is None:
                    o.dims = d
    if not fits:
        opaque = True
        bindings = []
    for old, new in call.writes:
        # A write keeps the axes of what was written, whatever the call says about its result.
        if new.dims is None:
            # One that gives it another shape (``resize_``) leaves nothing of them.
            new.dims = dims(old) if old.shape == new.shape else fresh(new.shape)
        elif old.shape == new.shape:
            for a, b in zip(dims(old), new.dims, strict=True):
                unify(leaves(a), leaves(b))
    for o in outs:
        dims(o)
    return Woven(call, found, bindings, opaque)
