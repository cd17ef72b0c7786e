"""Operations moved past each other: broadcasts late, selections early, one factor for two products.

All of it is naturality: what is repeated over an index does the same before that index is made, or
chosen from, as after.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ncd.circuit.diagram import Array, Call, Diagram, Op, Ref
from ncd.ops.calls import describe
from ncd.rewrite.ground import Ground, replaced
from ncd.rewrite.net import substituted as called_on
from ncd.rewrite.products import Factor, Product, woven


def reindexing(op: Op) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The indices of the input and the output of an op that only re-indexes one array, each wire by its own."""
    if op.kind != "rearrange" or len(op.inputs) != 1 or len(op.outputs) != 1 or op.weave.rest:
        return None
    if any(c.writes for c in op.body) or op.inputs[0].dtype != op.outputs[0].dtype:
        return None
    ins, outs = op.indices()
    return tuple(ins[0]), tuple(outs[0])


def _broadcast(g: Ground, a: Array) -> tuple[Array, tuple[str | None, ...]] | None:
    """What an array is a repetition of, and for each of its wires the index there, None where it is new."""
    k = g.maker.get(a.id)
    found = reindexing(g.ops[k]) if k is not None else None
    if k is None or found is None or g.ops[k].weave.targets:
        return None
    before, after = found
    if any(t.startswith("@") for t in (*before, *after)) or len(set(after)) != len(after):
        return None
    if set(before) - set(after) or not set(after) - set(before):
        return None
    return g.ops[k].inputs[0], tuple(t if t in before else None for t in after)


def past_broadcast(g: Ground) -> Diagram | None:
    """A product of a repeated array: the product of the array itself, repeated if nothing else has that index."""
    for k, p in enumerate(g.products):
        for at, f in enumerate(p.factors if p is not None else ()):
            assert p is not None
            found = _broadcast(g, f.array)
            if found is None:
                continue
            source, row = found
            here = {theirs: t for t, theirs in zip(f.tokens, row, strict=True) if theirs is not None}
            (before, _) = reindexing(g.ops[g.maker[f.array.id]]) or ((), ())
            plain = Factor(source, tuple(here[t] for t in before))
            others = (*p.factors[:at], plain, *p.factors[at + 1 :])
            have = {t for x in others for t in x.tokens}
            new = [t for t, r in zip(f.tokens, row, strict=True) if r is None and t not in have]
            number = p.number
            for t in new:
                number *= p.size(t) if t not in p.kept else 1
            inner = Product(others, tuple(t for t in p.kept if t in have), number)
            out, like = g.ops[k].outputs[0], g.ops[k]
            evidence = "the same for every entry along what was repeated"
            if len(inner.kept) == len(p.kept):
                return replaced(g, {k: g.writer.ops(inner, out, like, evidence)})
            made = g.writer.array((p.axes[t] for t in inner.kept), out)
            ops = g.writer.ops(inner, made, like, evidence)
            return replaced(g, {k: (*ops, _expanded(Factor(made, inner.kept), Factor(out, p.kept), p, like, evidence))})
    return None


def _expanded(inner: Factor, out: Factor, p: Product, like: Op, evidence: str) -> Op:
    """The op that repeats an array along the indices it does not have."""
    ones = tuple(p.size(t) if t in inner.tokens else 1 for t in out.tokens)
    calls = [Call("torch.reshape", (Ref(inner.array.id), ones), (), Ref(out.array.id))]
    calls.append(
        Call("torch.Tensor.expand", (Ref(out.array.id), tuple(map(p.size, out.tokens))), (), Ref(out.array.id))
    )
    calls.append(Call("torch.reshape", (Ref(out.array.id), out.array.shape), (), Ref(out.array.id)))
    weave = woven([inner], out)
    row = describe("expand", weave)
    return Op(
        row.kind, "expand", (inner.array,), (out.array,), weave, like.path, like.source, tuple(calls),
        row.symbol, row.label, evidence=(*like.evidence, evidence), work=(),
    )  # fmt: skip


def interchange(g: Ground) -> Diagram | None:
    """A function of every number before an array is repeated, and after something is chosen from it."""
    for k in range(len(g.ops)):
        for first, second in _pairs(g, k):
            one, two = g.ops[first], g.ops[second]
            view, fn = (one, two) if _number_by_number(two) else (two, one)
            if not _number_by_number(fn) or reindexing(view) is None:
                continue
            size = {a.id: a for a in (*view.inputs, *view.outputs)}
            small, large = sorted(size.values(), key=lambda a: _count(a))
            grows = small.id == view.inputs[0].id
            if _count(small) == _count(large) or grows != (view is one):
                continue
            source, out = one.inputs[0], two.outputs[0]
            middle = g.writer.array(source.axes if grows else view.outputs[0].axes, out if grows else source)
            if grows:
                new = (_on(fn, source, middle), _on(view, middle, out))
            else:
                new = (_on(view, source, middle), _on(fn, middle, out))
            return replaced(g, {first: (), second: new})
    return None


def _pairs(g: Ground, k: int) -> list[tuple[int, int]]:
    """An op and the op that makes its one input, which nothing else reads."""
    op = g.ops[k]
    if len(op.inputs) != 1 or op.inputs[0].id in g.kept | g.written:
        return []
    j = g.maker.get(op.inputs[0].id)
    ok = j is not None and len(g.readers[op.inputs[0].id]) == 1 and len(g.ops[j].inputs) == 1
    return [(j, k)] if ok and j is not None else []


def _number_by_number(op: Op) -> bool:
    """Whether it is a function of one number, said by plain numbers and words alone."""
    if op.kind != "map" or len(op.inputs) != 1 or len(op.outputs) != 1 or op.weave.targets or len(op.body) != 1:
        return False
    call = op.body[0]
    literals = [x for x in (*call.args, *(v for _, v in call.kwargs)) if not isinstance(x, Ref)]
    plain = all(isinstance(x, (int, float, bool, str, type(None))) for x in literals)
    a, b = op.inputs[0], op.outputs[0]
    return plain and not call.writes and a.axes == b.axes and "dropout" not in op.name


def _count(a: Array) -> int:
    n = 1
    for x in a.shape:
        n *= x
    return n


def _on(op: Op, source: Array, out: Array) -> Op:
    """The same op on another array."""
    ids = {op.inputs[0].id: source.id, op.outputs[0].id: out.id}
    body = tuple(called_on(c, ids) for c in op.body)
    said = (*op.evidence, "a function of every number moves past a re-indexing")
    new = replace(op, inputs=(source,), outputs=(out,), body=body, evidence=said)
    if op.kind != "map":
        return new
    row = tuple(f"{k}" for k in range(len(source.wires)))
    return replace(new, weave=woven([Factor(source, row)], Factor(out, row)))


def factor_out(g: Ground) -> Diagram | None:
    """``L x + L y = L (x + y)``: two products that differ in one factor."""
    for k, op in enumerate(g.ops):
        if op.name not in ("add", "iadd") or len(op.inputs) != 2 or op.weave.targets or len(op.body) != 1:
            continue
        if any(not isinstance(x, Ref) for x in op.body[0].args) or op.body[0].kwargs or op.body[0].writes:
            continue
        left, right = (g.inner(a) for a in op.inputs)
        rows = op.indices()
        if (
            left is None
            or right is None
            or left == right
            or not tuple(rows[0][0]) == tuple(rows[0][1]) == tuple(rows[1][0])
        ):
            continue
        a, b = g.products[left], g.products[right]
        assert a is not None and b is not None
        pair = _difference(a, b)
        if pair is None:
            continue
        x, y = a.factors[pair[0]].array, b.factors[pair[1]].array
        total = g.writer.array(x.axes, x)
        row = tuple(f"{i}" for i in range(len(x.wires)))
        weave = woven([Factor(x, row), Factor(y, row)], Factor(total, row))
        summed = replace(
            op,
            inputs=(x, y),
            outputs=(total,),
            weave=weave,
            body=(Call("torch.add", (Ref(x.id), Ref(y.id)), (), Ref(total.id)),),
            evidence=(*op.evidence, "one factor of both: summed before it is applied"),
        )
        factors = list(a.factors)
        factors[pair[0]] = Factor(total, a.factors[pair[0]].tokens)
        ops = g.writer.ops(replace(a, factors=tuple(factors)), op.outputs[0], g.ops[left], "applied to the sum")
        return replaced(g, {left: (), right: (), k: (summed, *ops)})
    return None


def _difference(a: Product, b: Product) -> tuple[int, int] | None:
    """The one factor in which two products differ, if they do in no other way."""
    ids_a, ids_b = Counter(f.array.id for f in a.factors), Counter(f.array.id for f in b.factors)
    only_a, only_b = ids_a - ids_b, ids_b - ids_a
    if a.number != b.number or len(a.factors) < 2 or sum(only_a.values()) != 1 or sum(only_b.values()) != 1:
        return None
    if max(ids_a.values()) > 1 or max(ids_b.values()) > 1:
        return None
    same = dict(zip(b.kept, a.kept, strict=True))
    at = {f.array.id: f for f in a.factors}
    for f in b.factors:
        if f.array.id in at:
            for theirs, mine in zip(f.tokens, at[f.array.id].tokens, strict=True):
                if same.setdefault(theirs, mine) != mine:
                    return None
    i = next(k for k, f in enumerate(a.factors) if f.array.id in only_a)
    j = next(k for k, f in enumerate(b.factors) if f.array.id in only_b)
    x, y = a.factors[i], b.factors[j]
    rows = tuple(same.get(t, t) for t in y.tokens) == x.tokens
    return (i, j) if rows and x.array.shape == y.array.shape and x.array.dtype == y.array.dtype else None
