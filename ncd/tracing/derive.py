"""The weave of any call of torch functions, derived from what it does.

The call is repeated on meta tensors (no values, no memory).  If it only re-indexes its one tensor,
the strides of the result say how.  Otherwise fresh axes are pushed through the aten ops that it
emits; where they end up, and which of them some op acts on, is the weave.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ncd.circuit.axis import Atom, Dim, leaves
from ncd.circuit.weave import Form, Weave
from ncd.ops.aten import view
from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.work import RECURRENT, work
from ncd.tracing.bind import Dims
from ncd.tracing.plain import on_meta, operand, tensors
from ncd.tracing.watch import Watch, twice

Function = Callable[..., Any]


@dataclass(frozen=True)
class Derived:
    """``missing``: inner ops that no rule covers; if there are any, everything is target.

    ``how``: "view", "row" (one aten op, its own rule) or "composite".  ``ops`` are the aten ops seen.
    ``random``: the result depends on the generator, so re-indexing cannot be tested.  ``asks``: values
    decided the shape of the result, or what was done.  ``real``: found on values, and perhaps another
    on others.  ``work``: its multiply-adds as products of extents, each an index of the weave or, where the
    axis is none of the operands', a plain number; None where they are not known.
    """

    weave: Weave
    missing: tuple[str, ...] = ()
    how: str = "composite"
    ops: tuple[str, ...] = ()
    random: bool = False
    asks: bool = False
    real: bool = False
    work: tuple[tuple[str | int, ...], ...] | None = None


def derive(
    fn: Function,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    real: Callable[[], tuple[Sequence[Any], Mapping[str, Any]]] | None = None,
) -> Derived:
    """The weave of ``fn(*args, **kwargs)``, found without running it on values.

    Inputs are the tensors of (args, kwargs), outputs those of the result, in pytree order; where
    nothing is returned, the arguments written.  ``real`` gives the arguments with values, asked for
    if ``fn`` fails without; else what ``fn`` raises on meta tensors is raised.
    """
    # The one op whose meaning depends on how its operand lies in memory.
    strided = "as_strided" in getattr(fn, "__name__", "")

    def fake(x: Any) -> Any:
        if isinstance(x, Tensor):
            # One tensor a place, even where the caller passes one twice: self-attention has three inputs.
            return on_meta(x) if not strided else torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
        if isinstance(x, torch.Generator):
            return None  # those of this device cannot be used there, and none is to be drawn from
        return torch.device("meta") if isinstance(x, torch.device) else x

    given = (tuple(args), dict(kwargs or {}))
    try:
        with undisturbed():
            found = None if strided else _as_view(fn, *tree_map(fake, given))
            return found or _watched(fn, *tree_map(fake, given))
    except Exception:
        if real is None:
            raise
    return derive_real(fn, *real())


def derive_real(fn: Function, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Derived:
    """``derive`` on copies of the given tensors: for calls that look at values.

    What the call reads behind torch's back is not seen: an argument no op touched is all target.
    """

    def copy(x: Any) -> Any:
        if isinstance(x, torch.Generator):
            return x.clone_state()
        return x.detach().clone() if isinstance(x, Tensor) else x

    given = tree_map(copy, (tuple(args), dict(kwargs or {})))
    with undisturbed():
        return replace(_watched(fn, given[0], given[1], real=True), real=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without gradients, with the generator left as it was, and no warning said a second time."""
    state = torch.get_rng_state()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_rng_state(state)


def _as_view(fn: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Derived | None:
    """Any chain of views of one tensor, in one step."""
    ins = tensors((args, kwargs))
    if len(ins) != 1 or 0 in ins[0].shape:
        return None
    x, version, shape = ins[0], ins[0]._version, ins[0].shape
    before = operand(x)
    outs = tensors(fn(*args, **kwargs))
    same = x.untyped_storage()._cdata
    if not outs or x._version != version or (x.shape == shape and any(o is x for o in outs) and len(outs) > 1):
        return None
    if any(o.dtype != x.dtype or o.untyped_storage()._cdata != same for o in outs):
        return None
    if any(o.is_conj() != x.is_conj() or o.is_neg() != x.is_neg() for o in outs):
        return None  # other values in the same memory
    found = view.weave(AtenCall("view", "default", {}, (before,), tuple(map(operand, outs)), frozenset(["view"])))
    return None if found is None else Derived(lettered(found)[0], how="view", ops=("view",), work=())


def _watched(fn: Function, args: tuple[Any, ...], kwargs: dict[str, Any], real: bool = False) -> Derived:
    ins = tensors((args, kwargs))
    versions = [x._version for x in ins]
    watch = Watch(real)
    before = [watch.introduce(x) for x in ins]
    with watch:
        outs = tensors(fn(*args, **kwargs))
    if not outs and getattr(fn, "__name__", "") == "__set__":
        watch.place(ins[0], watch.known(ins[1]))  # t.data = y
        outs = ins[:1]
    if not outs:
        outs = [x for x, v in zip(ins, versions, strict=True) if x._version != v]
    random, ops, missing = watch.random, tuple(watch.ops), tuple(dict.fromkeys(watch.missing))
    unseen = [x for x in ins if real and id(x) not in watch.used and not any(x is o for o in outs)]
    watch.peeked |= bool(unseen)
    # Ops that may ask need not: an index may be a mask, or numbers.  On meta tensors none can.
    asks = real and (watch.asks or bool(unseen))
    rule = None if watch.use_positions(outs) or watch.peeked else _single(watch, ins, outs)
    if rule is not None:
        weave, names = lettered(rule)
        own = work(ops[0], rule)
        counted = None if own is None else tuple(tuple(names.get(v, rule.sizes[v]) for v in p) for p in own)
        return Derived(weave, how="row", ops=ops, random=random, asks=asks, work=counted)
    watch.unseen(outs)
    for x, dims in zip(ins, before, strict=True):
        if missing or any(x is u for u in unseen):
            watch.act_on(dims)
    after = [watch.known(o) for o in outs]
    if missing:
        for dims in after:
            watch.act_on(dims)
    for dims in (*before, *after):
        watch.act_on([twice(dims)])
    weave, known = _from_atoms(before, after, watch)
    if getattr(fn, "__name__", "") in RECURRENT:
        weave = in_time(weave)
    counted = None if missing or watch.work is None else tuple(_counted(p, known) for p in watch.work)
    return Derived(weave, missing, "composite", ops, random, asks, work=counted)


def _counted(product: Iterable[Atom], names: Mapping[Atom, str]) -> tuple[str | int, ...]:
    return tuple(names.get(a, a.size) for a in leaves(product) if a.size != 1)


def _single(watch: Watch, ins: list[Tensor], outs: list[Tensor]) -> Weave | None:
    """The rule of the one op seen, if it takes all inputs (in any order) and makes all outputs."""
    if len(watch.ops) != 1 or watch.missing or watch.single is None:
        return None
    rule, used, made = watch.single
    given, found = list(map(id, used)), list(map(id, made))
    if len(set(given)) != len(given) or set(given) != set(map(id, ins)) or not {id(o) for o in outs} <= set(found):
        return None
    if rule.rest:
        return rule if given == list(map(id, ins)) and found == list(map(id, outs)) else None
    return Weave(
        tuple(rule.ins[given.index(id(x))] for x in ins),
        tuple(rule.outs[found.index(id(o))] for o in outs),
        rule.sizes,
        rule.targets,
    )


def _from_atoms(ins: Sequence[Dims], outs: Sequence[Dims], watch: Watch) -> tuple[Weave, dict[Atom, str]]:
    """The weave, and what its indices are called by the atoms they enumerate."""
    targets = watch.settle(outs)
    names: dict[Atom, str] = {}
    letters = _letters()

    def form(dim: Dim) -> Form:
        terms, const = watch.reads.read(dim)
        for _, a in terms:
            if a not in names:
                names[a] = next(letters)
        return Form(tuple((c, names[a]) for c, a in terms if a.size != 1), const)

    sides = [tuple(tuple(form(d) for d in dims) for dims in side) for side in (ins, outs)]
    sizes = {v: a.size for a, v in names.items()}
    return Weave(sides[0], sides[1], sizes, frozenset(v for a, v in names.items() if a in targets)), names


def in_time(weave: Weave) -> Weave:
    """The moments of the answer are those of the input, as positions are in a cumulative sum.

    What such a call emits stacks its steps anew; that they are the same moments is what the call says.
    """
    same = {
        after.variables[0]: before.variables[0]
        for before, after in zip(weave.ins[0][:-1], weave.outs[0][:-1], strict=True)
        if len(before.variables) == len(after.variables) == 1
        and {*before.variables, *after.variables} <= weave.targets
        and weave.sizes[before.variables[0]] == weave.sizes[after.variables[0]]
    }
    return lettered(weave.renamed(same))[0]


def _letters() -> Iterator[str]:
    for round_ in count():
        for letter in ascii_lowercase:
            yield letter + (str(round_) if round_ else "")


def lettered(weave: Weave) -> tuple[Weave, dict[str, str]]:
    """The same weave with its variables called a, b, c, ... in order of appearance, and what each is called now."""
    alone = Weave(weave.ins, weave.outs, weave.sizes, weave.targets)
    names = dict(zip(alone.variables, _letters(), strict=False))
    named = alone.renamed(names)
    used = {v: named.sizes[v] for v in named.variables}
    rest = tuple(lettered(r)[0] for r in weave.rest)
    return Weave(named.ins, named.outs, used, named.targets & used.keys(), rest), names
