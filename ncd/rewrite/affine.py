"""Learned maps with biases, one behind the other, as one: L₂ (L₁ x + b₁) + b₂ = (L₂ L₁) x + (L₂ b₁ + b₂)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ncd.circuit.diagram import Array, Call, Diagram, Op, Ref
from ncd.rewrite.association import Tree, carried_out, remaining
from ncd.rewrite.ground import Ground, replaced
from ncd.rewrite.products import Factor, Product, product, substituted, woven

WHY = "a linear map of a linear map is one, and what it makes of a bias is a bias"


@dataclass(frozen=True)
class Affine:
    """A product of one array of data with weights, what is added to it, and the ops that go into it.

    What is added are products of weights alone, a bias first, each over some of the kept indices.
    """

    linear: Product
    added: tuple[Product, ...]
    gone: tuple[int, ...]

    @property
    def weights(self) -> list[int]:
        return [i for i, f in enumerate(self.linear.factors) if f.array.kind == "parameter"]

    @property
    def data(self) -> int:
        return next(i for i, f in enumerate(self.linear.factors) if f.array.kind != "parameter")


def absorbed(g: Ground) -> Diagram | None:
    """The diagram with one chain of learned maps, some of them with a bias, as one op; None if there is none."""
    for k in range(len(g.ops) - 1, -1, -1):
        found = affine(g, k)
        if found is not None and found.added and found.gone and len(found.weights) > 1 and found.linear.number == 1:
            return replaced(g, {**dict.fromkeys(found.gone, ()), k: (_one(g, found, g.ops[k]),)})
    return None


def affine(g: Ground, k: int) -> Affine | None:
    """An op as an affine map of one array of data, with what it alone reads put into it."""
    op, p = g.ops[k], g.products[k]
    added: tuple[Product, ...] = ()
    if p is None and op.name == "linear" and len(op.inputs) == 3 and op.inputs[2].kind == "parameter":
        if len(op.body) != 1 or op.body[0].kwargs or op.inputs[2].id in g.written:
            return None
        (call,) = op.body
        weave = replace(op.weave, ins=op.weave.ins[:2])
        p = product(replace(op, inputs=op.inputs[:2], weave=weave, body=(replace(call, args=call.args[:2]),)))
        row = tuple(op.indices()[0][2])
        added = (Product((Factor(op.inputs[2], row),), row),)
    elif p is None and op.name == "add" and len(op.inputs) == 2 and not op.weave.targets:
        p, added = _sum(op)
    if p is None or {a.id for a in (*op.inputs, *op.outputs)} & g.written:
        return None
    data = [i for i, f in enumerate(p.factors) if f.array.kind != "parameter"]
    if len(data) != 1 or not (len(p.factors) == 2 or p.renames):
        return None
    mine, below = Affine(p, added, ()), p.factors[data[0]].array
    j = g.maker.get(below.id)
    if j is None or below.id in g.kept or len(g.readers[below.id]) != 1:
        return mine
    inner = affine(g, j)
    into = [_into(g, p, data[0], inner.linear, term) for term in inner.added] if inner is not None else []
    if inner is None or None in into:
        return mine
    whole = substituted(p, data[0], inner.linear, g.writer.fresh)
    return Affine(whole, (*(t for t in into if t is not None), *added), (j, *inner.gone))


def _sum(op: Op) -> tuple[Product | None, tuple[Product, ...]]:
    """A weight added to data that has all its indices: the data, and what is added."""
    (out,), rows = op.indices()[1], op.indices()[0]
    weights = [i for i, a in enumerate(op.inputs) if a.kind == "parameter"]
    refs = [x for x in op.body[0].args if isinstance(x, Ref)]
    if len(weights) != 1 or len(op.body) != 1 or op.body[0].kwargs or len(refs) != len(op.body[0].args):
        return None, ()
    (w,) = weights
    if set(rows[1 - w]) != set(out) or any(t.startswith("@") or r.count(t) > 1 for r in (*rows, out) for t in r):
        return None, ()
    data = Product((Factor(op.inputs[1 - w], tuple(rows[1 - w])),), tuple(out))
    return data, (Product((Factor(op.inputs[w], tuple(rows[w])),), tuple(rows[w])),)


def _into(g: Ground, p: Product, at: int, linear: Product, term: Product) -> Product | None:
    """What a product makes of a term added to its ``at``-th factor; None if it sums over an axis the term lacks."""
    outer = {t: o for t, o in zip(linear.kept, p.factors[at].tokens, strict=True) if t in term.kept}
    if (set(p.factors[at].tokens) - set(outer.values())) & p.summed:
        return None
    names = {t: outer.get(t, f"~{next(g.writer.fresh)}") for t in term.axes}
    within = (replace(f, tokens=tuple(names[t] for t in f.tokens)) for f in term.factors)
    factors = (*within, *(f for i, f in enumerate(p.factors) if i != at))
    known = {t for f in factors for t in f.tokens}
    return Product(factors, tuple(t for t in p.kept if t in known), p.number * term.number)


def _one(g: Ground, found: Affine, like: Op) -> Op:
    """One op: the weights multiplied, then the data with them, then the sum with all that is added."""
    out, writer, p = like.outputs[0], g.writer, found.linear
    calls: list[Call] = []

    def done(part: Product, order: Tree) -> Array:
        made = writer.array((part.axes[t] for t in part.kept), out)
        single = isinstance(order, int)
        ops = (
            (writer.contraction(part, made, like, WHY),) if single else carried_out(part, order, made, writer, like, "")
        )
        calls.extend(c for op in ops for c in op.body)
        return made

    order = _chain(found.weights)
    total = done(p, (found.data, order))
    for term in found.added:
        made = done(term, _chain(range(len(term.factors))))
        lined, summed = writer.array(made.axes, out), writer.array(total.axes, out)
        shape = tuple(p.size(t) if t in term.kept else 1 for t in p.kept)
        calls.append(Call("torch.reshape", (Ref(made.id), shape), (), Ref(lined.id)))
        calls.append(Call("torch.add", (Ref(total.id), Ref(lined.id)), (), Ref(summed.id)))
        total = summed
    calls.append(Call("torch.reshape", (Ref(total.id), out.shape), (), Ref(out.id)))
    factors = [p.factors[found.data], *(p.factors[i] for i in found.weights), *(t.factors[0] for t in found.added)]
    op = replace(
        like,
        kind="contraction",
        name="linear",
        inputs=tuple(f.array for f in factors),
        weave=woven(factors, Factor(out, p.kept)),
        body=tuple(calls),
        symbol="linear",
        label="L_+",
        evidence=(*like.evidence, WHY),
    )
    named = {t: n for f, row in zip(factors, op.indices()[0], strict=True) for t, n in zip(f.tokens, row, strict=True)}
    terms = [tuple(named[t] for t in over) for over in _steps(p, (found.data, order))]
    fixed = [tuple(map(t.size, over)) for t in found.added for over in _steps(t, _chain(range(len(t.factors))))]
    return replace(op, work=(*terms, *fixed))


def _chain(places: list[int] | range) -> Tree:
    order: Tree = places[0]
    for i in places[1:]:
        order = (order, i)
    return order


def _steps(p: Product, order: Tree) -> list[list[str]]:
    """The indices that each product of two goes over."""
    found: list[list[str]] = []

    def visit(t: Tree) -> frozenset[int]:
        if isinstance(t, int):
            return frozenset([t])
        a, b = visit(t[0]), visit(t[1])
        over = remaining(p, a) | remaining(p, b)
        found.append([x for x in p.axes if x in over])
        return a | b

    visit(order)
    return found
