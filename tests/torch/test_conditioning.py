"""Attention as conditioning: rules in three forms, what theory says of them, and what they do in experiments."""

from __future__ import annotations

import pytest
import torch

import ncd
from ncd.models.conditioning import RULES, Circuit, Delta, Hebb, Softmax, outer, scores_first, store_first
from ncd.tasks import capacity
from ncd.tasks.experiments import EXPERIMENTS
from ncd.tasks.phenomena import PHENOMENA, SUBJECTS, rescorla_wagner


@pytest.fixture
def trials():
    generator = torch.Generator().manual_seed(0)
    test, cue, outcome = (torch.randn(2, 3, 11, d, generator=generator, dtype=torch.float64) for d in (5, 5, 4))
    return test, cue / cue.norm(dim=-1, keepdim=True), outcome


@pytest.mark.parametrize("size", [None, 1, 3, 4, 11])
@pytest.mark.parametrize("rule", [*(make(0.3) for make in RULES.values()), Softmax(2.0)], ids=[*RULES, "softmax"])
def test_recurrent_parallel_and_chunked_are_one(rule, size, trials):
    assert torch.allclose(rule(*trials, size), rule.recurrent(*trials), atol=1e-12)


def test_the_hebbian_circuit_is_causal_linear_attention(trials):
    """Theorem 5: with a rate of 1."""
    test, cue, outcome = trials
    attention = torch.einsum("...ik,...jk->...ij", test, cue).tril() @ outcome
    assert torch.allclose(Hebb()(test, cue, outcome), attention, atol=1e-12)


def test_softmax_is_torchs_attention(trials):
    whole = torch.nn.functional.scaled_dot_product_attention(*trials, is_causal=True, scale=2.0)
    assert torch.allclose(Softmax(2.0)(*trials), whole, atol=1e-12)


def test_the_delta_rule_is_another_implementations(trials):
    """transformers' gated delta rule without gates, in float32; it scales tests by dk^-1/2."""
    qwen = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    test, cue, outcome = (x.float().transpose(1, 2) for x in trials)  # (b, n, h, d)
    rate = torch.full(test.shape[:3], 0.3)
    theirs, _ = qwen.torch_recurrent_gated_delta_rule(
        test, cue, outcome, torch.zeros(test.shape[:3]), rate, initial_state=None, output_final_state=False
    )
    ours = Delta(0.3)(*trials) * trials[0].shape[-1] ** -0.5
    assert torch.allclose(theirs.transpose(1, 2).double(), ours, atol=1e-5)


def test_the_delta_rule_is_rescorla_and_wagners():
    generator = torch.Generator().manual_seed(1)
    salience = torch.rand(6, generator=generator, dtype=torch.float64) * 0.7 + 0.3
    shown = torch.randint(0, 2, (500, 6), generator=generator).double()
    outcome = torch.randint(0, 2, (500,), generator=generator).double()
    rule, states = Delta(0.3), []
    state = rule.start(shown, outcome.unsqueeze(-1))
    for cue, strength in zip(shown * salience, outcome, strict=True):
        state = rule.learn(state, cue, strength.unsqueeze(-1))
        states.append(state[:, 0])
    strengths = rescorla_wagner(shown, outcome, salience, 0.3)
    assert torch.allclose(salience * torch.stack(states), strengths, atol=1e-12, rtol=0)


SHOWN = {
    "acquisition": "oja delta gated",
    "extinction": "delta",
    "overshadowing": "delta gated",
    "blocking": "delta",
    "overexpectation": "delta gated",
    "conditioned inhibition": "delta gated",
    "latent inhibition": "normalised softmax",
    "partial reinforcement": "normalised delta softmax",
    "second order": "hebb normalised decay oja bcm delta gated",
    "savings": "",
}


@pytest.mark.parametrize("name", PHENOMENA)
def test_phenomena(name):
    phenomenon = PHENOMENA[name]
    shown = [
        rule.split()[0] for rule in SUBJECTS if rule != "gated delta" and phenomenon.shown(phenomenon.measure(rule))
    ]
    shown += ["gated"] if phenomenon.shown(phenomenon.measure("gated delta")) else []
    assert sorted(shown) == sorted(SHOWN[name].split())


def test_numbers_by_hand():
    """Blocking, after the model's own arithmetic: X is left at nothing, and shares the outcome in the control group."""
    measured = PHENOMENA["blocking"].measure("delta")
    assert measured["blocked"] == pytest.approx(0, abs=1e-3) and measured["control"] == pytest.approx(0.5, abs=1e-3)
    measured = PHENOMENA["overshadowing"].measure("delta")  # in proportion to the squared saliences 1 and 1/4
    assert measured["salient"] == pytest.approx(0.8, abs=1e-3) and measured["faint"] == pytest.approx(0.2, abs=1e-3)
    assert PHENOMENA["acquisition"].measure("delta")["5"] == pytest.approx(1 - 0.8**5)


def test_the_noise_of_a_response_is_one_less_than_pairs_by_features():
    sizes = [(16, 8), (16, 64), (64, 64), (128, 32)]
    for dk, n in sizes:
        assert float(capacity.noise(n, dk, dk, max(10, 4000 // n)).mean()) == pytest.approx((n - 1) / dk, rel=0.05)


def test_three_capacities_have_three_exponents():
    dims = (16, 32, 64)
    close = [capacity.capacity_all_close(d, d) for d in dims]
    nearest = [capacity.capacity_nearest(d, d) for d in dims]
    assert 0.9 < capacity.slope(dims, close) < 1.35
    assert 1.7 < capacity.slope(dims, nearest) < 2.1
    assert capacity.slope(dims, [capacity.bound(d) for d in dims]) == pytest.approx(0.5)
    # Theorem 6 is never broken: not at sixteen times its number of pairs.
    assert capacity.any_failure(int(16 * capacity.bound(256)), 256, 256, 1.0, 40) == 0.0


def test_positive_features_break_the_theorems_premise():
    even = float(capacity.noise(16, 64, 64, 50).mean())
    positive = float(capacity.noise(16, 64, 64, 50, features=lambda x: torch.nn.functional.elu(x) + 1).mean())
    assert positive > 10 * even


def test_failures_add_over_layers_and_multiply_over_heads():
    one = capacity.chain_failure(24, 32, 1, 1, 3000)
    assert capacity.chain_failure(24, 32, 1, 4, 3000) == pytest.approx(1 - (1 - one) ** 4)
    assert capacity.chain_failure(24, 32, 2, 1, 3000) == pytest.approx(one**2, rel=0.4)
    for heads, layers in ((1, 1), (1, 12), (2, 4)):
        assert capacity.chain_failure(24, 32, heads, layers, 2000) <= capacity.chain_bound(24, 32, heads, layers)


def test_correcting_errors_holds_as_many_pairs_as_there_are_features():
    within, beyond = (capacity.retrieval_error(n, 16, 31, trials=4) for n in (8, 32))
    assert within["delta, 31 passes"] < 1e-3 < 0.1 < within["hebb"]
    assert beyond["least squares"] > 0.1


def test_two_bracketings_are_one_response_at_two_costs(trials):
    assert torch.allclose(scores_first(*trials), store_first(*trials), atol=1e-12)
    drawn = {}
    for function in (scores_first, store_first):
        d = ncd.trace(function, ncd.array("i=6 k=3"), ncd.array("j=7 k=3"), ncd.array("j=7 v=4"))
        drawn[function] = [str(op.weave) for op in d.simplify().ops]
        assert d.check().ok
    assert drawn[scores_first] == ["i [k], j [k] -> i j", "i [j], [j] v -> i v"]
    assert drawn[store_first] == ["[j] k, [j] v -> k v", "i [k], [k] v -> i v"]


@pytest.mark.parametrize("rule", RULES)
def test_circuits_are_drawn_without_an_opaque_op(rule):
    d = ncd.trace(Circuit(8, 2, RULES[rule](0.5)).eval(), torch.randn(2, 6, 8), axes="b n d")
    assert not d.opaque and d.check(trials=1).ok
    maps = [op.label for op in d.simplify().ops if op.symbol == "linear"]
    assert maps[:3] == ["L^{test}", "L^{CS}", "L^{US}"] and len(maps) == 4


def test_higher_order_conditioning_needs_two_layers():
    """A is followed by B in one layer's memory, B by C in the next one's: A then calls up C."""
    a, b, c = torch.eye(3, dtype=torch.float64)
    first, second = outer(a, b), outer(b, c)
    assert torch.equal(a @ first @ second, c) and torch.equal(a @ second, torch.zeros(3).double())


@pytest.mark.parametrize("name", ["phenomena", "recall"])
def test_experiments_say_and_plot(name, tmp_path, capsys):
    from ncd.cli import main

    pytest.importorskip("matplotlib")
    assert main(["experiment", name, "-o", str(tmp_path / "plot.svg")]) == 0
    assert "delta" in capsys.readouterr().out and (tmp_path / "plot.svg").stat().st_size > 1000
    assert name in EXPERIMENTS
