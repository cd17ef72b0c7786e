"""Rewrite rules of linear algebra: each has a name, a condition, and what it does to the cost.

They rewrite what was recorded, so the result is a diagram as any other: it runs, and is drawn,
checked and costed.  Where a rule's condition does not hold, the ops are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ncd.circuit.diagram import Call, Diagram, Op, Ref
from ncd.errors import NCDError
from ncd.rewrite.affine import absorbed
from ncd.rewrite.association import Tree, carried_out, cheapest, remaining, work
from ncd.rewrite.ground import Ground, replaced
from ncd.rewrite.products import Product, substituted, without_units
from ncd.rewrite.sliding import factor_out, interchange, past_broadcast


@dataclass(frozen=True)
class Rule:
    """A named rewrite: ``condition`` says where it applies, ``cost`` what it does to the multiply-adds."""

    name: str
    condition: str
    cost: str
    step: Callable[[Ground], Diagram | None]

    def __call__(self, diagram: Diagram, sizes: Mapping[str, int] | None = None) -> Diagram:
        """The diagram with the rule applied as often as it can be."""
        diagram = diagram.source.exact or diagram
        for _ in range(len(diagram.ops) + 1):
            changed = self.step(Ground(diagram, sizes))
            if changed is None:
                return diagram
            diagram = changed
        return diagram


# ---------------------------------------------------------------- the rules


def _fuse_views(g: Ground) -> Diagram | None:
    for k, p in enumerate(g.products):
        if p is None or len(p.factors) != 1 or p.number != 1 or p.summed:
            continue
        j = g.inner(p.factors[0].array)
        inner = g.products[j] if j is not None else None
        if j is None or inner is None or not inner.renames:
            continue
        whole = substituted(p, 0, inner, g.writer.fresh)
        ops = g.writer.ops(whole, g.ops[k].outputs[0], g.ops[k], "two views are one")
        return replaced(g, {j: (), k: ops})
    return None


def _slide_scale(g: Ground) -> Diagram | None:
    for k, p in enumerate(g.products):
        if p is None or len(p.factors) < 2:
            continue
        for at, f in enumerate(p.factors):
            j = g.inner(f.array)
            inner = g.products[j] if j is not None else None
            alone = sum(x.array.id == f.array.id for x in p.factors) == 1
            if j is not None and inner is not None and inner.number != 1 and len(inner.factors) == 1 and alone:
                whole = substituted(p, at, inner, g.writer.fresh)
                ops = g.writer.ops(whole, g.ops[k].outputs[0], g.ops[k], "moved behind the contraction by bilinearity")
                return replaced(g, {j: (), k: ops})
    return None


def _merge(g: Ground) -> Diagram | None:
    for k in g.roots():
        whole, gone, _ = g.tree(k)
        whole = without_units(whole, g.eyes)
        if not gone or len(whole.factors) < 2:
            continue
        ops = [*g.writer.ops(whole, g.ops[k].outputs[0], g.ops[k], "contractions of contractions are one")]
        if len(whole.factors) > 2:
            first = ops[0]
            order = cheapest(whole, g.extents(whole))
            ops[0] = _in_order(g, replace(whole, number=1.0), order, first)
        return replaced(g, {**dict.fromkeys(gone, ()), k: ops})
    return None


def _in_order(g: Ground, p: Product, order: Tree, op: Op) -> Op:
    """One op that carries out a product of several arrays two at a time."""
    steps = carried_out(p, order, op.outputs[0], g.writer, op, "")
    named = dict(zip(p.axes, _names(op, p), strict=True))
    terms: list[tuple[str, ...]] = []

    def visit(t: Tree) -> frozenset[int]:
        if isinstance(t, int):
            return frozenset([t])
        a, b = visit(t[0]), visit(t[1])
        over = remaining(p, a) | remaining(p, b)
        terms.append(tuple(named[x] for x in p.axes if x in over))
        return a | b

    visit(order)
    return replace(op, body=tuple(c for s in steps for c in s.body), work=tuple(terms))


def _names(op: Op, p: Product) -> list[str]:
    """The names that the weave of an op gives to the indices of the product it is."""
    found: dict[str, str] = {}
    for f, row in zip(p.factors, op.indices()[0], strict=True):
        found.update(zip(f.tokens, row, strict=True))
    return [found[t] for t in p.axes]


def _unit(g: Ground) -> Diagram | None:
    for k, op in enumerate(g.ops):
        p = g.products[k]
        if p is None or len(p.factors) == len(op.inputs):
            continue
        out = op.outputs[0]
        return replaced(g, {k: g.writer.ops(p, out, op, "a product with the identity matrix renames an index")})
    return None


def _reassociate(g: Ground) -> Diagram | None:
    for k in g.roots():
        whole, gone, tree = g.tree(k)
        whole = without_units(whole, g.eyes)
        if len(whole.factors) < 3 or not gone or len(whole.factors) != len(_leaves(tree)):
            continue
        sizes = g.extents(whole)
        best = cheapest(whole, sizes)
        if work(whole, best, sizes) >= work(whole, tree, sizes):
            continue
        ops = carried_out(whole, best, g.ops[k].outputs[0], g.writer, g.ops[k], "products may be done in any order")
        return replaced(g, {**dict.fromkeys(gone, ()), k: ops})
    return None


def _leaves(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else [*_leaves(tree[0]), *_leaves(tree[1])]


def _absorb(g: Ground) -> Diagram | None:
    if (found := absorbed(g)) is not None:
        return found

    def learned(k: int) -> bool:
        return any(a.kind == "parameter" for a in g.ops[k].inputs) or len(g.ops[k].inputs) == 1

    for k in g.roots(learned):
        if not learned(k):
            continue
        whole, gone, _ = g.tree(k, learned)
        weights = [i for i, f in enumerate(whole.factors) if f.array.kind == "parameter"]
        data = [i for i, f in enumerate(whole.factors) if f.array.kind != "parameter"]
        if not gone or len(weights) < 2 or len(data) != 1 or whole.number != 1:
            continue
        order: Tree = weights[0]
        for i in weights[1:]:
            order = (order, i)
        out = g.ops[k].outputs[0]
        (op,) = g.writer.ops(whole, out, g.ops[k], "a linear map of a linear map is one")
        return replaced(g, {**dict.fromkeys(gone, ()), k: (_in_order(g, whole, (data[0], order), op),)})
    return None


def _bias(g: Ground) -> Diagram | None:
    for k, op in enumerate(g.ops):
        if op.name != "linear" or len(op.inputs) != 3 or len(op.body) != 1 or op.body[0].kwargs:
            continue
        call, out = op.body[0], op.outputs[0]
        plain = g.writer.array(out.axes, out)
        first = replace(
            op,
            inputs=op.inputs[:2],
            outputs=(plain,),
            weave=replace(op.weave, ins=op.weave.ins[:2]),
            body=(replace(call, args=call.args[:2], out=Ref(plain.id)),),
            label=op.label.replace("_+", ""),
            evidence=(*op.evidence, "a map with a bias is a linear map and a sum"),
        )
        names = [t for row in op.indices()[1] for t in row]
        weave = replace(op.weave, ins=(op.weave.outs[0], op.weave.ins[2]), targets=frozenset())
        weave = replace(weave, sizes={v: n for v, n in op.weave.sizes.items() if v in names})
        add = replace(
            op,
            kind="map",
            name="add",
            inputs=(plain, op.inputs[2]),
            weave=weave,
            body=(Call("torch.add", (Ref(plain.id), Ref(op.inputs[2].id)), (), Ref(out.id)),),
            symbol="add",
            label="add",
            work=(),
            evidence=first.evidence,
        )
        return replaced(g, {k: (first, add)})
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        "fuse_views",
        "a view (transpose, split, merge, permutation) that is read by one other view alone",
        "multiplies nothing before or after",
        _fuse_views,
    ),
    Rule(
        "slide_scale",
        "a scaling whose result one contraction reads, once: c moves behind it, (c q) k = c (q k)",
        "the same",
        _slide_scale,
    ),
    Rule(
        "unit",
        "a contraction with the identity matrix over one of its indices: a cap and a cup are a straight wire",
        "less: the product with the identity matrix is not done",
        _unit,
    ),
    Rule(
        "merge_contractions",
        "a contraction, view, sum or scaling that one contraction alone reads, once",
        "that of the cheapest order, which is no more than before",
        _merge,
    ),
    Rule(
        "reassociate",
        "three arrays or more, multiplied in a tree whose inner products nothing else reads, where another order "
        "takes fewer multiply-adds at the sizes given",
        "less",
        _reassociate,
    ),
    Rule(
        "past_broadcast",
        "a contraction that reads an array repeated along an axis: it reads the array, and its result is repeated",
        "less or the same",
        past_broadcast,
    ),
    Rule(
        "interchange",
        "a function of every number and a re-indexing, where nothing else reads what is between: before the array "
        "is repeated, or after something was chosen from it",
        "multiplies nothing before or after; fewer numbers go through the function",
        interchange,
    ),
    Rule(
        "factor_out",
        "a sum of two products that differ in one factor, neither read by anything else: L x + L y = L (x + y)",
        "less: one of the two products is not done",
        factor_out,
    ),
    Rule(
        "part_bias",
        "a linear map with a bias: the map, and a sum",
        "the same",
        _bias,
    ),
    Rule(
        "absorb_linear",
        "learned maps one behind the other, with or without bias, with nothing else reading what is between: "
        "L (M x + b) + c = (L M) x + (L b + c)",
        "the product of the weights, and one map instead of several: less if the data is long, more if it is short",
        _absorb,
    ),
)


def rewrite(diagram: Diagram, names: Sequence[str], sizes: Mapping[str, int]) -> Diagram:
    """See ``Diagram.rewrite``."""
    known = {rule.name: rule for rule in RULES}
    for name in names:
        if name not in known:
            raise NCDError(f"no rule is called {name!r}", doing="rewriting", fix="one of " + ", ".join(known))
    for name in sizes:
        if name not in diagram.axes:
            raise NCDError(f"no axis is called {name!r}", doing="rewriting", fix="one of " + ", ".join(diagram.axes))
    exact = replace(diagram.source.exact or diagram)
    for name in names:
        exact = known[name](exact, sizes)
    return exact
