"""What the operations say about axes: heads and keys of attention, channels, kernels, vocabularies, feed-forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ncd.circuit.axis import Atom, Dim, leaves
from ncd.ops.calls import is_window
from ncd.tracing.callables import short
from ncd.tracing.infer import Woven
from ncd.tracing.recording import Activation, Recorded, Value

RECURRENT = frozenset("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split())
CONCATENATIONS = frozenset(["cat", "concat", "concatenate", "hstack", "vstack"])


@dataclass
class Roles:
    """Names by what is done along an axis, and where it was first done.

    ``strong`` go before what an author wrote, ``weak`` after.  ``convolved`` are channels of images, ``filtered`` of
    sequences.  ``sums`` are axes that others were laid end to end on, or cut from; ``before`` is what a window slid
    over to make an axis, ``same`` are such pairs where the size was kept.
    """

    strong: dict[Atom, str] = field(default_factory=dict)
    weak: dict[Atom, str] = field(default_factory=dict)
    spatial: dict[Atom, str] = field(default_factory=dict)
    same: list[tuple[Atom, Atom]] = field(default_factory=list)
    sums: dict[Atom, list[Dim]] = field(default_factory=dict)
    convolved: set[Atom] = field(default_factory=set)
    filtered: set[Atom] = field(default_factory=set)
    before: dict[Atom, Atom] = field(default_factory=dict)
    products: Products = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """A contraction of two operands: which atoms it ends, and which of either reach its result."""

    ended: Dim
    left: Dim
    right: Dim


Products: TypeAlias = dict[Woven, Product]
"""The calls that are contractions of two operands."""


def product(w: Woven) -> Product | None:
    """The contraction a call of two operands is, if it is one."""
    c = w.call
    if w.opaque or len(w.bindings) != 1 or len(c.ins) < 2 or len(c.outs) != 1:
        return None
    weave, env = w.derived.weave, w.bindings[0]
    added = _added(c)
    if len(weave.ended) <= added or not weave.ended[added]:
        return None
    read, made = weave.read[added : added + 2], weave.made

    def atoms(names: Iterable[str]) -> Dim:
        return tuple(a for v in sorted(names) if v in env for a in leaves(env[v]))

    return Product(atoms(weave.ended[added]), atoms((read[0] & made) - read[1]), atoms((read[1] & made) - read[0]))


def _added(c: Recorded) -> int:
    """How many operands are merely added to the product of the next two."""
    return 1 if short(c.fn) in ("addmm", "baddbmm", "addbmm") else 0


def factors(w: Woven) -> list[Value]:
    """The two operands a contraction multiplies."""
    return w.call.ins[_added(w.call) :][:2]


def composite(a: Activation) -> Activation:
    """The nearest module around that is made of parts and has a class of its own."""
    while a.parent is not None and (not getattr(a.module, "_modules", None) or a.cls in ("Sequential", "ModuleList")):
        a = a.parent
    return a


def found(
    woven: list[Woven], inputs: Collection[Value], outputs: Collection[Value], born: dict[Atom, Activation]
) -> Roles:
    """All that the operations say.  ``born`` is where each axis came to be."""
    r = Roles(products={w: p for w in woven if (p := product(w)) is not None})
    r.spatial, r.before = pixels(woven)
    batch = {a for v in inputs for d in (v.dims or ())[:1] for a in leaves(d)}
    for atom, name, where in attention(woven, batch, r.products):
        if name in ("q", "k") or (name.startswith("d_") and composite(born.get(atom, where)) is not composite(where)):
            if name in ("q", "k"):
                r.weak.setdefault(atom, name)
            continue
        if atom not in batch:
            r.strong.setdefault(atom, name)
    for w in woven:
        name, c = short(w.call.fn), w.call
        if not c.ins or not c.outs:
            continue
        if name in CONCATENATIONS:
            _joined(r, w)
        elif name == "chunk":
            _cut(r, w)
        elif name == "topk":
            for a in one((c.outs[0].dims or ((),))[-1]):
                r.strong.setdefault(a, "k")
        elif name == "embedding" and len(c.ins) > 1:
            for a in one((c.ins[1].dims or ((),))[0]):
                r.weak.setdefault(a, "v")
            for a in one((c.ins[1].dims or ((),))[-1]):
                r.weak.setdefault(a, "d_model" if "d_k" in r.strong.values() else "d_e")
        elif name in RECURRENT:
            for a in one((c.outs[0].dims or ((),))[-1]):
                r.strong.setdefault(a, "d_h")
        elif name.startswith("conv"):
            rank = _spatial_rank(name, c.ins[0])
            for v in (c.ins[0], c.outs[0]):
                if len(v.shape) > rank:
                    for a in one((v.dims or ())[-1 - rank]):
                        (r.filtered if rank == 1 else r.convolved).add(a)
                        r.weak.setdefault(a, "c")
            for k, letter in zip(range(rank), "ijk", strict=False):
                if len(c.ins) > 1:
                    for a in one((c.ins[1].dims or ())[-rank + k]):
                        r.weak.setdefault(a, letter)
    for stream, atom in feed_forward(r.products):
        r.strong.setdefault(atom, "d_inner" if atom in r.filtered else "d_ff")
        if "d_k" in r.strong.values():
            r.weak[stream] = "d_model"
    r.same = [(a, b) for b, a in r.before.items() if a.size == b.size]
    for v in outputs:
        _leaving(r, v, woven)
    return r


def one(dim: Dim) -> Dim:
    """The atom of a dimension that has one."""
    found = leaves(dim)
    return found if len(found) == 1 else ()


def attention(
    woven: Iterable[Woven], batch: Collection[Atom], products: Products
) -> Iterator[tuple[Atom, str, Activation]]:
    """Heads, keys and values, by what attention is: a product, a softmax along one end of it, a product along it."""
    scores: dict[Value, Product] = {}
    weights: dict[Value, Dim] = {}
    for w in woven:
        c, name = w.call, short(w.call.fn)
        if name == "scaled_dot_product_attention" and len(c.ins) >= 3:
            query, key, value = (list(x.dims or ()) for x in c.ins[:3])
            yield from _named(leaves(query[-1]), leaves(value[-1]), query, batch, c.where)
            yield from _positions(leaves(query[-2]), leaves(key[-2]), c.where)
            continue
        made = products.get(w)
        if made is not None:
            mixed = next(
                (i for i, v in enumerate(factors(w)) if v in weights and set(weights[v]) & set(made.ended)), None
            )
            if mixed is not None:
                for a in made.right if mixed == 0 else made.left:
                    yield a, "d_v", c.where
            elif not any(v.kind == "parameter" for v in factors(w)):
                scores[c.outs[0]] = made
            continue
        before = next((v for v in c.ins if v in scores), None)
        after = next((v for v in c.ins if v in weights), None)
        if name == "softmax" and before is not None:
            p, dims = scores[before], before.dims or ()
            along = {a for v in w.derived.weave.targets if w.bindings for a in leaves(w.bindings[0].get(v, ()))}
            if along & {*p.left, *p.right}:
                weights[c.outs[0]] = tuple(along)
                yield from _named(p.ended, (), dims, batch, c.where)
                yield from _positions(p.left, p.right, c.where)
        for v, marks in ((before, scores), (after, weights)):
            if v is not None and name != "softmax":
                for out in c.outs:
                    if _count(out) == _count(v):
                        marks[out] = marks[v]  # type: ignore[assignment, index]


def _named(
    ended: Dim, mixed: Dim, dims: Sequence[Dim], batch: Collection[Atom], where: Activation
) -> Iterator[tuple[Atom, str, Activation]]:
    for a in ended:
        yield a, "d_k", where
    for a in mixed:
        yield a, "d_v", where
    heads = [a for a in leaves(dims[-3]) if a not in batch] if len(dims) > 2 else []
    if len(dims) > 3 or any(a in batch for d in dims[-3:-2] for a in leaves(d)):
        for a, letter in zip(heads, ("h",) if len(heads) == 1 else ("g", "r"), strict=False):
            yield a, letter, where


def _positions(q: Dim, k: Dim, where: Activation) -> Iterator[tuple[Atom, str, Activation]]:
    if len(q) == len(k) == 1 and q != k:
        yield q[0], "q", where
        yield k[0], "k", where


def _count(v: Value) -> int:
    n = 1
    for s in v.shape:
        n *= s
    return n


def _leaving(r: Roles, v: Value, woven: list[Woven]) -> None:
    """What a weight makes of the last axis, and nothing reads: classes of images, else just what comes out."""
    last = one((v.dims or ((),))[-1]) if v.dims else ()
    for w in reversed(woven) if last else ():
        if any(last[0] in leaves(d) for x in w.call.ins if x.kind == "parameter" for d in x.dims or ()):
            p = r.products.get(w)
            if p is not None and last[0] in p.right and not is_window(short(w.call.fn)):
                r.weak.setdefault(last[0], "classes" if r.convolved and len(v.shape) == 2 else "d_out")
            return


def linear(w: Woven, p: Product) -> tuple[Atom, Atom] | None:
    """What a call with a weight makes of one axis: (ended, made)."""
    ins = factors(w)
    if len(p.ended) != 1:
        return None
    made = p.right if ins[1].kind == "parameter" or ins[0].kind != "parameter" else p.left
    return (p.ended[0], made[0]) if len(made) == 1 else None


def ends(w: Woven, p: Product) -> Dim:
    """The axes a call with a weight ends and makes."""
    return (*p.ended, *p.left, *p.right) if factors(w)[0].kind == "parameter" else (*p.ended, *p.right)


def feed_forward(products: Products) -> Iterator[tuple[Atom, Atom]]:
    """Pairs of an axis and a longer one that a weight makes of it, and another makes into it again."""
    partners: dict[Atom, dict[Atom, None]] = {}
    pairs: dict[tuple[Atom, Atom], None] = {}
    for w, p in products.items():
        if (
            any(v.kind == "parameter" for v in w.call.ins)
            and not is_window(short(w.call.fn))
            and (pair := linear(w, p))
        ):
            pairs[pair] = None
            partners.setdefault(pair[0], {})[pair[1]] = None
    for before, after in pairs:
        if (after, before) in pairs and (before.size, len(partners[after])) < (after.size, len(partners[before])):
            yield before, after


def _joined(r: Roles, w: Woven) -> None:
    c = w.call
    out = c.outs[0]
    for k, dim in enumerate(out.dims or ()):
        made = leaves(dim)
        if len(made) != 1 or any(len(v.dims or ()) != len(out.dims) for v in c.ins):
            continue
        parts = [leaves(v.dims[k]) for v in c.ins]
        if all(made != p for p in parts) and sum(v.shape[k] for v in c.ins) == out.shape[k]:
            r.sums.setdefault(made[0], parts)


def _cut(r: Roles, w: Woven) -> None:
    """An axis taken apart into pieces that turn out to be one axis (a gate and what it lets through)."""
    for before, *after in zip(w.call.ins[0].dims or (), *(v.dims or () for v in w.call.outs), strict=True):
        whole, parts = one(before), [leaves(d) for d in after]
        if whole and all(len(p) == 1 for p in parts) and parts[0] != whole:
            r.sums.setdefault(whole[0], parts)


def pixels(woven: Iterable[Woven]) -> tuple[dict[Atom, str], dict[Atom, Atom]]:
    """What windowed ops slide over: image axes by place from the end, and of which axis each was made.

    A window at stride 1 that keeps the size makes position i under position i: the same pixels on
    the page, though another axis.
    """
    roles: dict[Atom, str] = {}
    made: dict[Atom, Atom] = {}
    for w in woven:
        call = w.call
        if not is_window(short(call.fn)) or not call.ins or not call.outs:
            continue
        a, b = call.ins[0], call.outs[0]
        rank = _spatial_rank(short(call.fn), a)
        letters = "t" if rank == 1 else "xyz"
        for k in range(1, min(rank, len(letters)) + 1):
            before, after = leaves((a.dims or ())[-k]), leaves((b.dims or ())[-k])
            for dim in (before, after):
                if len(dim) == 1:
                    roles.setdefault(dim[0], letters[k - 1])
                elif len(dim) == 2 and rank > 1:  # cut into windows somewhere
                    roles.setdefault(dim[0], letters[k - 1])
                    roles.setdefault(dim[1], "w")
            if len(before) == len(after) == 1 and before[0] is not after[0]:
                made.setdefault(after[0], before[0])
    return roles, made


def _spatial_rank(name: str, v: Value) -> int:
    digits = [c for c in name if c.isdigit()]
    return min(int(digits[0]), len(v.shape)) if digits else max(len(v.shape) - 2, 0)


def entering(inputs: Iterable[Value], woven: Iterable[Woven]) -> dict[Atom, str]:
    """What the axes of unnamed inputs usually are: tokens, sequences, images."""
    first: dict[Value, Woven] = {}
    batch_first = set()
    for module in {w.call.where.module for w in woven}:
        if hasattr(module, "batch_first"):
            batch_first.add(module.batch_first)
    for w in woven:
        for v in w.call.ins:
            first.setdefault(v, w)
    second = batch_first == {False}
    roles: dict[Atom, str] = {}
    for v in inputs:
        dims = [leaves(d) for d in v.dims or ()]
        reader = first.get(v)
        target = any(word in v.name for word in ("decoder", "tgt", "target", "trg"))
        if reader is not None and (short(reader.call.fn).startswith("conv") or "pixel" in v.name):
            usual = {3: "b c t", 4: "b c y x", 5: "b c z y x"}.get(len(dims), "")
        elif v.dtype.is_floating_point:
            usual = {1: "d", 2: "b d", 3: "b s d", 4: "b h s d"}.get(len(dims), "")
            if len(dims) == 3 and second:
                usual = "s b d"
        else:
            usual = {1: "s", 2: "s b" if second else "b s", 3: "b n s"}.get(len(dims), "")
        if len(dims) == 2 and len(dims[0]) == 1 and dims[0] == dims[1]:
            roles[dims[0][0]] = "n"  # a graph
        for dim, name in zip(dims, usual.split(), strict=False):
            if len(dim) == 1:
                roles.setdefault(dim[0], "t" if name == "s" and target and "s" in roles.values() else name)
    return roles


def most(ballot: Counter[str]) -> str:
    return ballot.most_common(1)[0][0]
