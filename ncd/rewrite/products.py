"""Multilinear operations as products of arrays: what graphical linear algebra rewrites.

A product has factors, each an array with an index on every wire, a number in front, and the indices
that are kept; all others are summed over.  Contractions, transposes, views, sums and scalings are
products, so putting one into another is all that fusing, sliding and cancelling them takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from math import prod

from ncd.circuit.axis import Axis
from ncd.circuit.diagram import Array, Call, Diagram, Op, Ref
from ncd.circuit.weave import Form, Weave, mixed
from ncd.ops.calls import describe

Tokens = tuple[str, ...]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CONTRACTIONS = frozenset("einsum matmul mm bmm mv dot inner outer tensordot linear imatmul rmatmul".split())
"""Calls that do nothing but multiply two arrays and sum; a third operand would be added."""
WRITTEN = frozenset(["torch.einsum", "torch.reshape"])
"""The calls that a product is written with."""
TIMES = frozenset("mul div truediv".split())


@dataclass(frozen=True)
class Factor:
    """An array with an index on each of its wires."""

    array: Array
    tokens: Tokens


@dataclass(frozen=True)
class Product:
    """The sum over all indices but ``kept`` of the factors' products, times ``number``."""

    factors: tuple[Factor, ...]
    kept: Tokens
    number: float = 1.0

    @cached_property
    def axes(self) -> Mapping[str, Axis]:
        return {t: w for f in self.factors for t, w in zip(f.tokens, f.array.wires, strict=True)}

    @property
    def summed(self) -> frozenset[str]:
        return frozenset(self.axes) - set(self.kept)

    @property
    def renames(self) -> bool:
        """Whether it only puts the wires of one array in an order."""
        return len(self.factors) == 1 and self.number == 1 and not self.summed

    def size(self, token: str) -> int:
        return self.axes[token].size


def product(op: Op, eyes: frozenset[int] = frozenset()) -> Product | None:
    """An op as a product, or None if it is none, or does not say so plainly.

    Its weave has to enumerate every wire by an index of its own in each array, and what is acted on
    has to be summed over; ``eyes`` are the arrays known to be identity matrices.
    """
    if len(op.outputs) != 1 or op.weave.rest or any(c.writes or c.autocast for c in op.body) or not op.body:
        return None
    if len(op.body) != 1 and not (op.name in ("einsum", "sum", "permute") and {c.name for c in op.body} <= WRITTEN):
        return None
    ins, outs = op.indices()
    rows = [tuple(r) for r in (*ins, *outs)]
    if any(t.startswith("@") for r in rows for t in r) or any(len(set(r)) != len(r) for r in rows):
        return None
    dtypes = {a.dtype for a in (*op.inputs, *op.outputs)}
    if len(dtypes) != 1 or not next(iter(dtypes)).startswith(("float", "bfloat", "complex")):
        return None
    name, call = op.name, op.body[0]
    read = {t for r in ins for t in r}
    kept = tuple(outs[0])
    if not set(kept) <= read or not set(op.weave.targets) <= read - set(kept):
        return None
    literals = [x for x in call.args if not isinstance(x, Ref)]
    number = 1.0
    if (
        name in CONTRACTIONS
        and len(op.inputs) == 2
        or op.kind == "rearrange"
        and len(op.inputs) == 1
        and set(kept) == read
        or name == "einsum"
        or (name == "sum" and len(op.inputs) == 1 and not any(k == "dtype" for k, _ in call.kwargs))
        or name in ("mul", "imul")
        and len(op.inputs) == 2
        and not op.weave.targets
    ):
        pass
    elif name in TIMES and len(op.inputs) == 1 and len(literals) == 1 and not call.kwargs:
        if isinstance(call.args[0], Ref) is False or not isinstance(literals[0], (int, float)) or not literals[0]:
            return None
        number = float(literals[0]) if name == "mul" else 1 / literals[0]
    else:
        return None
    found = Product(tuple(Factor(a, tuple(r)) for a, r in zip(op.inputs, ins, strict=True)), kept, number)
    return without_units(found, eyes)


def without_units(p: Product, eyes: frozenset[int]) -> Product:
    """Without identity matrices: one makes its two indices one.  The last factor is left."""
    factors, kept, number = list(p.factors), p.kept, p.number
    for f in p.factors:
        if f.array.id not in eyes or len(factors) == 1 or len(f.tokens) != 2:
            continue
        a, b = f.tokens
        rest = [g for g in factors if g is not f]
        have = {t for g in rest for t in g.tokens}
        if (a in kept and b in kept) or not {a, b} & have or any({a, b} <= set(g.tokens) for g in rest):
            continue  # it broadcasts, or takes a diagonal
        old, new = (b, a) if b not in kept else (a, b)
        factors = [replace(g, tokens=tuple(new if t == old else t for t in g.tokens)) for g in rest]
    return Product(tuple(factors), kept, number)


def substituted(p: Product, at: int, inner: Product, fresh: Iterator[int]) -> Product:
    """The product with the ``at``-th factor replaced by the product that it is: both are linear in it."""
    outer = dict(zip(inner.kept, p.factors[at].tokens, strict=True))
    names = {t: outer.get(t, f"~{next(fresh)}") for t in inner.axes}
    within = tuple(replace(f, tokens=tuple(names[t] for t in f.tokens)) for f in inner.factors)
    return Product((*p.factors[:at], *within, *p.factors[at + 1 :]), p.kept, p.number * inner.number)


# ---------------------------------------------------------------- back to ops


class Writer:
    """Makes ops with new arrays for one diagram."""

    def __init__(self, diagram: Diagram) -> None:
        used = [a.id for a in diagram.arrays]
        used += [i for op in diagram.ops for c in op.body for i in _ids(c)]
        self.ids = count(1 + max(used, default=0))
        self.fresh = count()

    def array(self, axes: Iterable[Axis], like: Array) -> Array:
        return Array(next(self.ids), tuple(axes), like.dtype)

    def ops(self, p: Product, out: Array, like: Op, evidence: str) -> tuple[Op, ...]:
        """The ops that compute a product into ``out``: a contraction or a view, then the number."""
        if p.number == 1:
            return (self.contraction(p, out, like, evidence),)
        plain = replace(p, number=1.0)
        if len(p.factors) == 1 and p.factors[0].tokens == p.kept and p.factors[0].array.axes == out.axes:
            made, before = p.factors[0].array, list[Op]()
        else:
            made = self.array(out.axes, out)
            before = [self.contraction(plain, made, like, evidence)]
        call = Call("torch.mul", (Ref(made.id), p.number), (), Ref(out.id))
        weave = woven([Factor(made, p.kept)], Factor(out, p.kept))
        row = describe("mul", weave)
        return (*before, _op(row.kind, "mul", [made], out, weave, like, (call,), row.symbol, row.label, evidence))

    def contraction(self, p: Product, out: Array, like: Op, evidence: str) -> Op:
        letters = {t: LETTERS[k] for k, t in enumerate(p.axes)}
        calls: list[Call] = []
        terms: list[Ref] = []
        for f in p.factors:
            terms.append(self._shaped(Ref(f.array.id), f.array.axes, [w.size for w in f.array.wires], calls))
        text = ",".join("".join(letters[t] for t in f.tokens) for f in p.factors)
        text += "->" + "".join(letters[t] for t in p.kept)
        wires = [p.size(t) for t in p.kept]
        whole = [a.size for a in out.axes] == wires
        made = Ref(out.id if whole else next(self.ids))
        calls.append(Call("torch.einsum", (text, *terms), (), made))
        if not whole:
            calls.append(Call("torch.reshape", (made, tuple(a.size for a in out.axes)), (), Ref(out.id)))
        weave = woven(p.factors, Factor(out, p.kept))
        single = len(p.factors) == 1
        name = "permute" if single and not p.summed else "sum" if single else "einsum"
        row = describe(name, weave)
        arrays = [f.array for f in p.factors]
        op = _op(row.kind, name, arrays, out, weave, like, tuple(calls), row.symbol, row.label, evidence)
        indices = tuple(t for r in op.indices() for row_ in r for t in row_)
        return replace(op, work=() if single else (tuple(dict.fromkeys(indices)),) if len(arrays) == 2 else None)

    def _shaped(self, ref: Ref, axes: Sequence[Axis], wires: list[int], calls: list[Call]) -> Ref:
        if [a.size for a in axes] == wires:
            return ref
        made = Ref(next(self.ids))
        calls.append(Call("torch.reshape", (ref, tuple(wires)), (), made))
        return made


def _op(
    kind: str,
    name: str,
    ins: Sequence[Array],
    out: Array,
    weave: Weave,
    like: Op,
    body: tuple[Call, ...],
    symbol: str,
    label: str,
    evidence: str,
) -> Op:
    said = (*like.evidence, evidence) if evidence not in like.evidence else like.evidence
    return Op(kind, name, tuple(ins), (out,), weave, like.path, like.source, body, symbol, label, (), said)


def woven(factors: Sequence[Factor], out: Factor) -> Weave:
    """The weave of a product, its indices named after their axes."""
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for f in (*factors, out):
        for t, w in zip(f.tokens, f.array.wires, strict=True):
            if t not in names:
                name = w.name
                while name in sizes:
                    name += "'"
                names[t], sizes[name] = name, w.size

    def forms(f: Factor) -> tuple[Form, ...]:
        made, at = [], 0
        for axis in f.array.axes:
            own = f.tokens[at : at + len(axis.leaves)]
            at += len(own)
            made.append(mixed([names[t] for t in own], sizes))
        return tuple(made)

    targets = frozenset(names[t] for f in factors for t in f.tokens if t not in out.tokens)
    return Weave(tuple(map(forms, factors)), (forms(out),), sizes, targets)


def _ids(call: Call) -> Iterator[int]:
    def walk(x: object) -> Iterator[int]:
        if isinstance(x, Ref):
            yield x.id
        elif isinstance(x, (tuple, list)):
            for y in x:
                yield from walk(y)
        elif isinstance(x, dict):
            for y in x.values():
                yield from walk(y)

    yield from walk((call.args, dict(call.kwargs), call.out))
    yield from (i for pair in call.writes for i in pair)


def cost(tokens: Iterable[str], sizes: Mapping[str, int]) -> int:
    """Multiply-adds of one contraction over these indices."""
    return prod(sizes[t] for t in set(tokens))
