"""Rules of linear algebra: what they make computes the same, at the cost they state; and equivalence."""

import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from torch import nn

import ncd
from ncd import dsl as n
from ncd.errors import NCDError
from ncd.rewrite.rules import RULES

NAMES = [rule.name for rule in RULES]


def flops(d):
    return int(d.cost().total.flops)


def same(d, e):
    inputs = [torch.randn(a.shape) for a in d.inputs]
    one, other = (ncd.emit.module.to_module(x, None) for x in (d, e))
    torch.testing.assert_close(other(*inputs), one(*inputs), atol=1e-3, rtol=1e-3)


import ncd.emit.module  # noqa: E402


@st.composite
def terms(draw):
    """Chains of contractions, transposes, views, scalings and softmax, on arrays of two to four axes."""
    letters = "abcdefgh"
    have = list(draw(st.permutations(letters[:3])))
    term = n.array(" ".join(have))
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(
            st.sampled_from(
                ["contract", "learned", "scale", "turn", "cut", "sum", "softmax", "map", "unit", "grow", "pick"]
            )
        )
        if kind == "contract":
            axis = draw(st.sampled_from(have))
            new = draw(st.sampled_from([x for x in letters if x not in have]))
            kept = [x for x in have if x != axis] + [new]
            term = term >> n.einsum(f"{' '.join(have)}, {axis} {new} -> {' '.join(kept)}")
            have = kept
        elif kind == "learned":
            axis = draw(st.sampled_from(have))
            new = draw(st.sampled_from([x for x in letters if x not in have]))
            term = term >> n.linear(f"{axis} -> {new}", bias=draw(st.booleans()))
            have = [x for x in have if x != axis] + [new]
        elif kind == "unit":
            axis = draw(st.sampled_from(have))
            new = draw(st.sampled_from([x for x in letters if x not in have]))
            kept = [x if x != axis else new for x in have]
            term = term @ n.unit(f"{axis} {new}") >> n.einsum(f"{' '.join(have)}, {axis} {new} -> {' '.join(kept)}")
            have = kept
        elif kind == "scale":
            term = term >> n.scale(draw(st.sampled_from([0.5, 2, -3])))
        elif kind == "turn":
            have = list(draw(st.permutations(have)))
            term = term >> n.rearrange(f"{' '.join(draw(st.permutations(have)))} -> {' '.join(have)}")
        elif kind == "cut" and len(have) > 1:
            a, b, *rest = have
            pattern = " ".join([f"({a} {b})", *rest])
            term = (
                term >> n.rearrange(f"{' '.join(have)} -> {pattern}") >> n.rearrange(f"{pattern} -> {' '.join(have)}")
            )
        elif kind == "sum" and len(have) > 2:
            term = term >> n.sum(have[0])
            have = have[1:]
        elif kind == "grow":
            new = draw(st.sampled_from([x for x in letters if x not in have]))
            term, have = term >> n.expand(f"{new}=3"), [*have, new]
        elif kind == "pick" and len(have) > 2:
            term, have = term >> n.index(**{have[1]: 0}), [have[0], *have[2:]]
        elif kind == "softmax":
            term = term >> n.softmax(have[-1])
        elif kind == "map":
            term = term >> n.tanh
    return term


FAST = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@FAST
@given(terms(), st.sampled_from(NAMES))
def test_a_rule_changes_nothing_that_is_computed(term, rule):
    note(f"{term!r}.rewrite({rule!r})")
    after = term.rewrite(rule)
    same(term, after)
    assert type(after) is ncd.Diagram
    assert not after.opaque
    found = term.equivalent(after)
    assert found and (
        found.by == "normal form" or rule in ("past_broadcast", "interchange", "factor_out", "absorb_linear")
    )
    if rule != "absorb_linear":
        assert flops(after) <= flops(term)
    if rule in ("fuse_views", "slide_scale", "interchange", "part_bias"):
        assert flops(after) == flops(term)


@settings(FAST, max_examples=6)
@given(terms(), st.lists(st.sampled_from(NAMES), min_size=2, max_size=4))
def test_rules_one_after_the_other_are_checked_and_drawn(term, rules):
    after = term.rewrite(*rules)
    assert after.check().ok
    assert "<svg" in after.to_svg()


def test_linear_attention_is_cheaper_in_the_other_order():
    linear = n.einsum("q k, x k -> q x") >> n.scale("k ** -0.5") >> n.einsum("q x, x v -> q v")
    d = linear.at(q=64, x=64, k=4, v=4)
    e = d.rewrite("reassociate")
    assert [op.name for op in e.ops] == ["einsum", "einsum", "mul"]
    assert str(e.ops[0].weave) == "[x] k, [x] v -> k v"
    assert flops(d) == 2 * 2 * 64 * 64 * 4 and flops(e) == 2 * 2 * 64 * 4 * 4
    same(d, e)
    assert e.rewrite("reassociate") == e
    assert len(d.rewrite("reassociate", x=2, q=2).ops) == 3 and d.rewrite("reassociate", x=2, q=2).ops[1].name == "mul"


def test_attention_with_softmax_is_left_alone():
    d = n.einsum("q k, x k -> q x") >> n.softmax("x") >> n.einsum("q x, x v -> q v")
    assert d.at(q=64, x=64, k=4, v=4).rewrite("reassociate").ops == d.at(q=64, x=64, k=4, v=4).ops


def test_a_traced_program_is_rewritten_too():
    def attend(q, k, v):
        def heads(x):
            return x.view(*x.shape[:2], 4, 5).transpose(1, 2)

        scores = heads(q) @ heads(k).transpose(-1, -2) / 5**0.5
        return (scores @ heads(v)).transpose(1, 2).reshape(q.shape)

    d = ncd.trace(attend, *(torch.randn(2, 33, 20) for _ in range(3)), axes=["b s c", "b t c", "b t c"])
    e = d.rewrite("reassociate")
    assert flops(e) < flops(d) / 3
    same(d, e)
    assert e.check().ok
    assert d.equivalent(e).by == "normal form"
    fused = d.rewrite("merge_contractions")
    assert len(fused.ops) <= 3
    same(d, fused)


def test_linear_maps_are_absorbed():
    module = nn.Sequential(nn.Linear(6, 30, bias=False), nn.Linear(30, 5, bias=False))
    d = ncd.trace(module, ncd.array("b=100 m=6"))
    e = d.rewrite("absorb_linear")
    assert len(e.ops) == 1 and len(e.simplify().ops) == 1
    assert flops(e) == 2 * (6 * 30 * 5 + 100 * 6 * 5)
    same(d, e)
    assert e.check().ok and d.equivalent(e).by == "normal form"
    nonlinear = nn.Sequential(nn.Linear(6, 30), nn.ReLU(), nn.Linear(30, 5, bias=False))
    f = ncd.trace(nonlinear, ncd.array("b=100 m=6"))
    assert f.rewrite("absorb_linear").ops == f.ops


@pytest.mark.parametrize("biases", [(1, 1), (1, 0), (0, 1), (1, 1, 1), (0, 1, 0)])
def test_linear_maps_with_biases_are_absorbed(biases):
    """L (M x + b) + c = (L M) x + (L b + c): the data is multiplied once, and b by the weights behind it."""
    sizes = [6, 30, 7, 5]
    module = nn.Sequential(*(nn.Linear(sizes[i], sizes[i + 1], bias=bool(b)) for i, b in enumerate(biases)))
    d = ncd.trace(module, ncd.array("b=100 m=6"))
    e = d.rewrite("absorb_linear")
    assert [op.label for op in e.simplify().ops] == ["L_+"]
    weights = list(module)
    maps = sum(m.out_features * m.in_features * 6 for m in weights[1:]) + 100 * 6 * weights[-1].out_features
    behind = sum(w.in_features * w.out_features for i, b in enumerate(biases) if b for w in weights[i + 1 :])
    assert flops(e) == 2 * (maps + behind)
    same(d, e)
    assert e.check().ok and d.equivalent(e)


def test_linear_maps_are_absorbed_through_views():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 12), nn.Linear(3, 5)

        def forward(self, x):
            return self.b(self.a(x).view(-1, 4, 3).transpose(0, 1))

    d = ncd.trace(Net(), torch.randn(7, 6))
    e = d.rewrite("absorb_linear")
    assert len(e.ops) == 1
    same(d, e)
    assert e.check().ok


def test_a_bias_is_a_sum():
    d = ncd.trace(nn.Linear(6, 5), ncd.array("b=4 m=6"))
    e = d.rewrite("part_bias")
    assert [op.name for op in e.ops] == ["linear", "add"]
    same(d, e)
    assert flops(d) == flops(e)


def test_what_is_read_twice_is_not_put_into_one():
    d = n.einsum("a k, k -> a") >> n.copy >> n.einsum("a, b a -> b") @ n.relu
    for name in NAMES:
        after = d.rewrite(name)
        same(d, after)
        assert len(after.ops) == len(d.ops)


def test_a_cap_and_a_cup_are_a_straight_wire():
    snake = n.unit("a b") @ n.identity >> n.einsum("a b, b m -> a m")
    straight = snake.rewrite("unit")
    assert [op.name for op in straight.ops] == ["permute"] and flops(straight) == 0
    same(snake, straight)
    assert straight.check().ok


def test_broadcasts_late():
    d = n.array("a b") >> n.expand("r") >> n.tanh >> n.einsum("a b r, b c -> a c r")
    e = d.rewrite("interchange", "past_broadcast")
    assert [op.name for op in e.ops if op.name not in ("unsqueeze", "permute", "reshape")] == [
        "tanh",
        "einsum",
        "expand",
    ]
    assert flops(e) < flops(d)
    same(d, e)
    assert e.check().ok
    summed = n.array("a b") >> n.expand("r") >> n.einsum("a b r, b c -> a c")
    same(summed, summed.rewrite("past_broadcast"))
    assert flops(summed.rewrite("past_broadcast")) <= flops(summed)


def test_selections_early():
    d = n.array("a b") >> n.tanh >> n.index(a=1)
    e = d.rewrite("interchange")
    assert [op.name for op in e.ops] == ["select", "tanh"]
    same(d, e)
    assert e.check().ok and d.equivalent(e)


def test_one_map_of_two_arrays():
    def both(x, y, w):
        return x @ w + y @ w

    d = ncd.trace(both, ncd.array("a=4 k=6"), ncd.array("a=4 k=6"), ncd.array("k=6 c=5"))
    e = d.rewrite("factor_out")
    assert [op.name for op in e.ops] == ["add", "einsum"]
    assert flops(e) * 2 == flops(d)
    same(d, e)
    assert e.check().ok
    other = ncd.trace(lambda x, w, v: x @ w + x @ v, *(torch.randn(4, 4) for _ in range(3)))
    assert len(other.rewrite("factor_out").ops) == 2
    same(other, other.rewrite("factor_out"))


def test_unknown_names():
    with pytest.raises(NCDError, match="reassociate"):
        n.relu.rewrite("reasociate")
    with pytest.raises(NCDError, match="no axis"):
        n.softmax("x").rewrite("reassociate", z=3)
    assert all(rule.condition and rule.cost for rule in RULES)


# ---------------------------------------------------------------- equivalence


def test_equivalence_says_how_it_knows():
    inputs = n.array("q k") @ n.array("x k") @ n.array("x v")
    one = inputs >> n.einsum("q k, x k -> q x") @ n.identity >> n.einsum("q x, x v -> q v")
    turned = n.wire("a b c -> b c a") >> n.einsum("x k, x v -> k v") @ n.identity
    other = inputs >> turned >> n.einsum("k v, q k -> q v")
    found = one.equivalent(other)
    assert found and found.by == "normal form" and "the same, by normal form" in str(found)

    twice, sum_ = n.softmax("x") >> n.scale(2), n.softmax("x") + n.softmax("x")
    assert twice.equivalent(sum_) and twice.equivalent(sum_).by == "test"
    thrice = n.softmax("x") >> n.scale(3)
    assert not thrice.equivalent(sum_) and thrice.equivalent(sum_).by == "test"
    assert (
        not n.softmax("x").equivalent(n.softmax("x").over("b"))
        and n.softmax("x").equivalent(n.softmax("x").over("b")).by == "inputs"
    )


def test_equivalence_with_weights():
    a, b = n.linear("m -> k", "a") >> n.relu, n.linear("m -> k", "b") >> n.relu
    found = a.equivalent(b)
    assert found and found.by == "test" and "matched in order" in found.why
    assert a.equivalent(a).by == "normal form"
    assert a.equivalent(n.linear("m -> k") >> n.linear("k -> k")).by == "weights"


def test_sums_and_products_in_any_order():
    x, y = n.relu, n.tanh
    assert (x + y).equivalent(y + x).by == "normal form"
    assert (x * y).equivalent(y * x).by == "normal form"
    assert not (x - y).equivalent(y - x)


def test_a_model_and_its_module():
    from ncd.models import zoo

    module, args, *_ = zoo.get("attn")
    d = ncd.trace(module, *args)
    again = ncd.trace(d.to_module(), *args)
    assert d.equivalent(again).by == "normal form"
