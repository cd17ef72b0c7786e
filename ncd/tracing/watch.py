"""Watching a call's aten ops: dimensions are pushed through each, and what acts on an axis is noted.

The axes on which any op inside acts are targets of the whole call; so are those that a window, a
slice or a position goes into, those that one intermediate array has twice, and those of arrays
whose values depend on the position (``arange``) or come from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ncd.circuit.axis import Atom, Dim, fresh, leaves, size, unify
from ncd.circuit.weave import Form, Weave
from ncd.ops.aten import AtenCall, Operand, lookup, opaque
from ncd.ops.aten import weave as rule_of
from ncd.ops.aten.work import work
from ncd.tracing import custom
from ncd.tracing.bind import Dims, bind
from ncd.tracing.plain import aten_call, facts, flat, tensors
from ncd.tracing.reads import Reads

_MERELY_ASKS = ("_assert", "_linalg_check_errors", "sym_", "is_", "prim", "_has_", "dense_dim", "sparse_dim")
"""Ops without a tensor result that read no values worth knowing: checks and questions about the layout."""

_ASKING = frozenset(["sized by values", "reads values"])
_POSITIONS = "_with_indices"
_FOLLOWED = frozenset(["flex_attention"])
"""Operators that take functions, and do the same whatever the values: their plain kernels are watched instead."""


@lru_cache(None)
def _decompositions() -> dict[Any, Callable[..., Any]]:
    from torch._decomp import decomposition_table

    return decomposition_table


@lru_cache(None)
def _composite(func: Any) -> bool:
    """Whether torch makes an op of others, with no gradient of its own, and we have no rule for it either."""
    if not isinstance(func, torch._ops.OpOverload) or lookup(facts(func).name, facts(func).overload) is not None:
        return False
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


def _followed(func: Any) -> Callable[..., Any] | None:
    """A kernel that does on every device what it does here, in operators that can be watched, or None."""
    key = torch._C.DispatchKey.CompositeExplicitAutograd
    if str(func) in _FOLLOWED:
        return cast(Callable[..., Any], func.py_kernels.get(key))
    if isinstance(func, torch._ops.OpOverload) and facts(func).name.startswith("_foreach_"):
        return partial(func._op_dk, key) if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key) else None
    return None


class Watch(TorchDispatchMode):
    supports_higher_order_operators = True

    def __init__(self, real: bool = False) -> None:
        super().__init__()
        self.real = real
        """Whether the tensors have values, so that a kernel may fill memory that no op is seen to write."""
        self.dims: dict[int, Dims] = {}
        self.targets: set[Atom] = set()
        self.missing: list[str] = []
        self.ops: list[str] = []
        self.random = False
        self.asks = False
        """Whether some op looked at values to make its result, or to say how large it is."""
        self.peeked = False
        """Whether numbers were read off a tensor: what is done to positions may be another thing with others."""
        self.reads = Reads()
        self.single: tuple[Weave, list[Tensor], list[Tensor]] | None = None
        self.used: set[int] = set()
        self.work: list[Dim] | None = []
        """Axes whose sizes multiply to multiply-adds, a product each; None where an op's are not known."""
        self._positions: dict[int, list[Dim]] = {}
        self._unwritten: set[int] = set()
        # Ids are only good while the objects live.
        self._keep: list[Tensor] = []

    def introduce(self, x: Tensor) -> Dims:
        """A tensor of the call's own arguments: fresh axes that nothing acts on yet."""
        return self.place(x, fresh(x.shape))

    def place(self, x: Tensor, dims: Dims) -> Dims:
        self.dims[id(x)] = dims
        self._keep.append(x)
        return dims

    def known(self, x: Tensor) -> Dims:
        """The dimensions of a tensor; one that was made neither here nor given has positions that matter."""
        if id(x) not in self.dims:
            self.act_on(self.place(x, fresh(x.shape)))
        return self.dims[id(x)]

    def act_on(self, dims: Iterable[Iterable[Atom]]) -> None:
        for dim in dims:
            self.targets.update(leaves(dim))

    def settle(self, outs: Iterable[Dims]) -> set[Atom]:
        """The target atoms after all merges and cuts, for a call with these outputs."""
        targets = {leaf for a in self.targets for leaf in leaves((a,))}
        return self.reads.settle(targets, (a for dims in outs for dim in dims for a in leaves(dim)), self.peeked)

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        ins = flat((args, kwargs))
        self.used.update(map(id, ins))
        before = [self.known(x) for x in ins]
        body = _followed(func)
        if body:
            out, inner = self._within(body, args, kwargs)
            self.missing += inner.missing
            self._adopt(inner, tensors(out))
            return out
        if str(func) == "cond" and (out := self._either(*args)) is not None:
            return out
        if str(func) == "map_impl" and (out := self._each(func, *args)) is not None:
            return out
        if not hasattr(func, "_schema"):
            for dims in before:
                self.act_on(dims)
            self.missing.append(str(func))
            self.work = None
            return func(*args, **kwargs)
        known, made = self._in_python(func, args, kwargs, ins)
        if known:
            return made
        self.asks |= not _ASKING.isdisjoint(facts(func).tags)
        # An op that reshapes its operand in place has to be looked at while the old shape stands.
        early = self._rule(func, args, kwargs, None) if facts(func).reshapes else None
        out = func(*args, **kwargs)
        outs = flat(out)
        if not outs:
            if not facts(func).name.startswith(_MERELY_ASKS):
                self.peeked = True
                for dims in before:
                    self.act_on(dims)
            return out
        self.random |= "random" in facts(func).tags
        if self.real:
            self._follow_memory(func, ins, outs)
        # Where torch's own composites are not yet taken apart, it is for us to do so.
        rule = early or (None if _composite(func) else self._rule(func, args, kwargs, out))
        if rule is None and self._decomposed(func, args, kwargs, outs):
            return out
        rule = rule or (self._rule(func, args, kwargs, out) if _composite(func) else None)
        self.ops.append(facts(func).name)
        if rule is None:
            self.missing.append(str(func))
            rule = opaque(AtenCall("", "", {}, tuple(map(_bare, ins)), tuple(map(_bare, outs))))
        self.single = (rule, ins, outs)
        self._count(facts(func).name, rule, self._push(rule, before, outs), bool(self.missing))
        if facts(func).name.endswith(_POSITIONS) and len(outs) == 2:
            self._positions[id(outs[1])] = [
                d for d, f in zip(self.known(outs[1]), rule.ins[0], strict=True) if _sliding(f)
            ]
        elif "view" in facts(func).tags and id(ins[0]) in self._positions:
            self._positions.update({id(o): self._positions[id(ins[0])] for o in outs})
        else:
            self.use_positions(ins)
        return out

    def _follow_memory(self, func: Any, ins: list[Tensor], outs: list[Tensor]) -> None:
        """Memory that was peeked for and never seen written is read: something unseen has filled it."""
        if "empty" in facts(func).name:
            self._unwritten.update(map(_storage, outs))
        elif func._schema.is_mutable:
            self._unwritten.difference_update(map(_storage, ins))
        elif "view" not in facts(func).tags:
            self.unseen(ins)

    def unseen(self, xs: Iterable[Tensor]) -> None:
        """Of tensors whose contents nobody is seen to make, every position matters."""
        for x in xs:
            if _storage(x) in self._unwritten:
                self.act_on(self.known(x))

    def _rule(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> Weave | None:
        call = aten_call(func, args, kwargs, out)
        if not call.outs:
            return None
        if call.name.endswith(_POSITIONS) and len(call.outs) == 2:
            rule = rule_of(replace(call, outs=call.outs[:1]))
            rule = None if rule is None else replace(rule, outs=rule.outs * 2)
        else:
            rule = rule_of(call)
        return rule if rule is None or len(rule.ins) == len(flat((args, kwargs))) else None

    def use_positions(self, xs: Iterable[Tensor]) -> bool:
        """Pooling makes positions in the image beside the maxima: only who uses them depends on the place."""
        used = [self._positions[id(x)] for x in xs if id(x) in self._positions]
        for dims in used:
            self.act_on(dims)
        return bool(used)

    def _count(self, name: str, rule: Weave, env: Mapping[str, Dim], missing: bool) -> None:
        """Note the multiply-adds of an op by the axes that its indices stand for."""
        found = None if missing else work(name, rule)
        if found is None or self.work is None:
            self.work = None
            return
        for product in found:
            # An index that no dimension stands for is one of the op's own: it counts with its extent.
            dims = [env[v] if v in env else fresh([rule.sizes[v]])[0] for v in product]
            self.work.append(tuple(a for dim in dims for a in dim))

    def _push(self, rule: Weave, before: list[Dims], outs: list[Tensor]) -> Mapping[str, Dim]:
        """Give the outputs their dimensions; what the indices of the rule (of its first weave) stand for."""
        env: Mapping[str, Dim] = {}
        groups = [(rule, outs)] if not rule.rest else [(r, [o]) for r, o in zip((rule, *rule.rest), outs, strict=True)]
        for part, made in groups:
            bound = bind(part, before, [o.shape for o in made])
            env = env or bound.env
            self.act_on(bound.env[v] for v in part.targets if v in bound.env)
            for dim, form in bound.derived:
                self._read(dim, form, bound.env)
            for atom, form in bound.fresh:
                self._read((atom,), form, bound.env)
            if not bound.ok:
                for dims in (*before, *bound.outs):
                    self.act_on(dims)
            for o, dims in zip(made, bound.outs, strict=True):
                self.place(o, dims)
                self.act_on([twice(dims)])
        return env

    def _read(self, dim: Dim, form: Form, env: Mapping[str, Dim]) -> None:
        atoms = leaves(dim)
        if len(atoms) == 1:
            self.reads.take(atoms[0], form, env)
        else:
            self.act_on([dim, *(env[v] for v in form.variables if v in env)])

    def _in_python(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], ins: list[Tensor]) -> tuple[bool, Any]:
        """Follow the kernel of a custom operator, where it is written in torch's operators alone; what it returned."""
        body = custom.kernel(func)
        if body is None or self.real or not custom.is_meta(ins):
            return False, None
        try:
            with custom.nothing_unseen():
                out, inner = self._within(body, args, kwargs)
        except Exception:
            return False, None
        if inner.missing or not flat(out) or custom.left_open(inner.ops):
            return False, None
        self._adopt(inner, flat(out))
        self.random |= inner.random
        return True, out

    def _either(self, chosen: Any, yes: Callable[..., Any], no: Callable[..., Any], given: Sequence[Any]) -> Any:
        """Follow both branches: what is true of each is true whichever is taken.  None if they do not match."""
        (out, first), (other, second) = self._within(yes, given, {}), self._within(no, given, {})
        pairs = list(zip(tensors(out), tensors(other), strict=True))
        if any(a.shape != b.shape for a, b in pairs):
            return None
        if first.work or second.work:
            first.work = None  # which branch will be taken is not known
        for inner, made in ((first, [a for a, _ in pairs]), (second, [b for _, b in pairs])):
            self.missing += inner.missing
            self._adopt(inner, made)
        for a, b in pairs:
            dims = []
            for x, y in zip(self.known(a), self.known(b), strict=True):
                if leaves(x) == leaves(y):
                    dims.append(x)
                else:  # one axis or the other: a new one
                    dims += fresh([size(x)])
                    self.act_on([x, y, dims[-1]])
            self.place(a, tuple(dims))
        return out

    def _each(self, func: Any, body: Callable[..., Any], xs: Sequence[Any], given: Sequence[Any]) -> Any:
        """Follow what is done to one row: the same is done to each, whatever their order."""
        rows = [x.select(0, 0) for x in xs]
        over: Dim = ()
        for x, row in zip(xs, rows, strict=True):
            first, *rest = self.known(x)
            over = over or first
            if not unify(over, first):
                return None
            self.place(row, tuple(rest))
        made, inner = self._within(body, [*rows, *given], {})
        out = func(body, xs, given)
        if inner.missing or inner.random or len(tensors(made)) != len(tensors(out)):
            return None
        inner.work = None if inner.work is None else [(*over, *product) for product in inner.work]
        self._adopt(inner, tensors(made))
        for whole, row in zip(tensors(out), tensors(made), strict=True):
            self.place(whole, (over, *self.known(row)))
            self.act_on([twice(self.known(whole))])
        return out

    def _decomposed(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], outs: list[Tensor]) -> bool:
        """Follow torch's own decomposition of an op without a rule, if it gives the same shapes."""
        body = func.decompose if _composite(func) else _decompositions().get(func)
        if body is None:
            return False
        try:
            again, inner = self._within(body, args, kwargs)
        except Exception:
            return False
        made = tensors(again)
        if inner.missing or [a.shape for a in made] != [b.shape for b in outs]:
            return False
        for o, m in zip(outs, made, strict=True):
            self.place(o, inner.known(m))
        self._adopt(inner, made)
        return True

    def _within(self, body: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Watch]:
        """What ``body`` makes of tensors known here, and who watched it."""
        inner = Watch(self.real)
        inner._unwritten = self._unwritten
        inner.dims, inner.reads = dict(self.dims), self.reads
        inner._keep, inner._positions = self._keep, self._positions
        with inner:
            return body(*args, **kwargs), inner

    def _adopt(self, inner: Watch, made: Iterable[Tensor]) -> None:
        """Take over what was seen within, and the tensors made there."""
        for x in made:
            self.place(x, inner.known(x))
        self.targets |= inner.targets
        self.peeked |= inner.peeked
        self.asks |= inner.asks
        self.used |= inner.used
        self.work = None if self.work is None or inner.work is None else self.work + inner.work
        self.ops += ["decomposed", *inner.ops]


def _storage(x: Tensor) -> int:
    return x.untyped_storage()._cdata if x.layout is torch.strided else id(x)


def _sliding(form: Form) -> bool:
    return len(form.terms) > 1 or form.const != 0 or any(c != 1 for c, _ in form.terms)


def twice(dims: Dims) -> list[Atom]:
    """Atoms that one array has on more than one wire."""
    flat = [a for dim in dims for a in leaves(dim)]
    return [a for a in set(flat) if flat.count(a) > 1]


def _bare(x: Tensor) -> Operand:
    return Operand(tuple(x.shape))
