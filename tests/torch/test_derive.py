"""The weave of a torch call: the listing of the notation, and torch's own operators as an oracle."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import ncd
from ncd.circuit.axis import fresh, leaves, size
from ncd.circuit.weave import Weave
from ncd.naturality import endomap
from ncd.tracing.bind import bind
from ncd.tracing.derive import derive, derive_real
from tests.torch.opdb import KINDS, OPAQUE, by_name, dtype_of, survey

torch.set_num_threads(1)


def R(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape)


def ids(n: int, *shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape) % n


def assign(x: torch.Tensor, y: torch.Tensor) -> None:
    x[:, 0] = y


def causal(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return F.conv1d(F.pad(x, (2, 0)), w, dilation=2)


def conv_twice(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return F.conv1d(F.conv1d(x, w), v)


def outer_sum(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    both = x[:, None] * y[None, :]
    return (both + both.T).diagonal()


def windows_squared(x: torch.Tensor) -> torch.Tensor:
    windows = x.unfold(1, 2, 1)
    return windows @ windows


def round_trip(x: torch.Tensor) -> torch.Tensor:
    """The two groupings of six have no common refinement."""
    return x.view(2, 3).relu().view(6).view(3, 2)


def dead_loop(x: torch.Tensor) -> torch.Tensor:
    """What is thrown away reads the axis, through another, at itself."""
    x + x.flip(2).flip(2)
    return x.new_ones(3)


LISTING: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("a b [c], d [c], d -> a b d", F.linear, (R(2, 3, 5), R(4, 5), R(4)), {}),
    ("a [b], c [b] -> a c", F.linear, (R(2, 5), R(4, 5)), {}),
    ("a b [c] -> a b [c]", F.softmax, (R(2, 3, 4), -1), {}),
    ("a b [c], [c], [c] -> a b [c]", F.layer_norm, (R(2, 3, 4), (4,), R(4), R(4)), {}),
    ("a b [c], [c] -> a b [c]", F.rms_norm, (R(2, 3, 4), (4,), R(4)), {}),
    (
        "a b c [d], a b [e] [d], a b [e] f -> a b c f",
        F.scaled_dot_product_attention,
        (R(2, 4, 5, 6), R(2, 4, 7, 6), R(2, 4, 7, 3)),
        {},
    ),
    (
        "a (b c) d [e], a b [f] [e], a b [f] g -> a (b c) d g",
        F.scaled_dot_product_attention,
        (R(2, 4, 5, 6), R(2, 2, 7, 6), R(2, 2, 7, 6)),
        {"enable_gqa": True},
    ),
    (
        "a b [c] [d], a b [e] [d], a b [e] f -> a b [c] f",
        F.scaled_dot_product_attention,
        (R(2, 4, 5, 6), R(2, 4, 5, 6), R(2, 4, 5, 6)),
        {"is_causal": True},
    ),
    (
        "a (b [c]) 2d+[e]-1 2f+[g]-1, (b h) [c] [e] [g], (b h) -> a (b h) d f",
        F.conv2d,
        (R(2, 6, 9, 9), R(4, 3, 3, 3), R(4)),
        {"stride": 2, "padding": 1, "groups": 2},
    ),
    (
        "a [b] [c], [b] d [e] -> a d 2[c]+[e]-1",
        F.conv_transpose1d,
        (R(2, 4, 5), R(4, 3, 3)),
        {"stride": 2, "padding": 1},
    ),
    ("a (b [c]) [d] [e], (b [c]), (b [c]) -> a (b [c]) [d] [e]", F.group_norm, (R(2, 6, 4, 5), 2, R(6), R(6)), {}),
    ("[a] b [c], b, b, b, b -> [a] b [c]", F.batch_norm, (R(2, 3, 4), *[R(3)] * 4), {"training": True}),
    ("a b c, b, b, b, b -> a b c", F.batch_norm, (R(2, 3, 4), *[R(3)] * 4), {}),
    ("a b c+d e+f -> a (b d f) (c e)", F.unfold, (R(2, 3, 8, 8), 3), {}),
    ("a (b c d) e f -> a b (e c) (f d)", F.pixel_shuffle, (R(2, 8, 3, 4), 2), {}),
    ("a b+1 2c -> a b c", torch.Tensor.__getitem__, (R(2, 3, 8), (slice(None), slice(1, None), slice(0, 8, 2))), {}),
    ("a b b+1 -> a b", torch.diagonal, (R(2, 3, 4), 1, 1, 2), {}),
    ("a b, c d -> (a c) (b d)", torch.kron, (R(2, 3), R(4, 5)), {}),
    ("a b c, a b-6 c -> a b c", torch.cat, ([R(2, 6, 3), R(2, 4, 3)], 1), {}),
    ("a b c [d], a b e [d] -> a b c e", torch.einsum, ("bhqd,bhkd->bhqk", R(2, 3, 4, 5), R(2, 3, 6, 5)), {}),
    ("a b (c d) -> a b c d", torch.Tensor.view, (R(2, 3, 20), 2, 3, 4, 5), {}),
    ("a b c d -> (a b) (c d)", torch.Tensor.reshape, (R(2, 3, 4, 5), 6, 20), {}),
    ("a b c -> c a b", torch.permute, (R(2, 3, 4), (2, 0, 1)), {}),
    ("a b -> a 1 b", torch.unsqueeze, (R(2, 3), 1), {}),
    ("a 1 -> a b", torch.Tensor.expand, (R(2, 1), 2, 5), {}),
    ("a b -> a b; a b+4 -> a b; a b+8 -> a b", torch.chunk, (R(2, 12), 3, -1), {}),
    ("a [b] [c] -> a [d] [e]", torch.reshape, (R(2, 7, 5), (2, 5, 7)), {}),
    ("a [b], a -> a [b]", assign, (R(3, 4), R(3)), {}),
    ("a b, [c] d -> a b d", F.embedding, (ids(5, 2, 3), R(5, 4)), {}),
    ("[a] b c, d e -> d e b c", torch.Tensor.__getitem__, (R(5, 3, 4), (ids(5, 2, 7),)), {}),
    ("a [b] c, d -> a 1 d c", torch.Tensor.__getitem__, (R(5, 3, 4), (slice(None), None, ids(3, 2))), {}),
    ("a [b], a c -> a c", torch.gather, (R(3, 4), 1, ids(4, 3, 2)), {}),
    ("a [b], a [c], a [c] -> a [b]", torch.scatter, (R(3, 4), 1, ids(4, 3, 2), R(3, 2)), {}),
    ("a b 2c+[d]-1 2e+[f]-1 -> a b c e", F.max_pool2d, (R(2, 3, 9, 9), 3, 2, 1), {}),
    ("a b 2c+[d]-1 -> a b c", F.max_pool1d, (R(2, 3, 9), 3, 2, 1), {}),
    ("a b 2[c]+[d]-1 -> a b [c], a b [c]", F.max_pool1d, (R(2, 3, 9), 3, 2, 1), {"return_indices": True}),
    ("a b [c] [d] -> a b 1 1", F.adaptive_avg_pool2d, (R(2, 3, 8, 8), 1), {}),
    ("a b [c] [d] -> a b [e] [f]", F.interpolate, (R(2, 3, 4, 5),), {"scale_factor": 2}),
    ("a b c-1 -> a b c", F.pad, (R(2, 3, 4), (1, 2)), {}),
    ("a b [c] -> a b [d]", F.pad, (R(2, 3, 4), (1, 2)), {"mode": "reflect"}),
    ("a -b+2 -> a b", torch.flip, (R(2, 3), (1,)), {}),
    ("a [b] -> a [b]", torch.cumsum, (R(2, 3), 1), {}),
    ("a [b] -> a [b], a [b]", torch.sort, (R(2, 3),), {}),
    ("a [b] -> a [c], a [d]", torch.topk, (R(2, 5), 2), {}),
    ("a [b] -> a", torch.sum, (R(2, 5), 1), {}),
    ("a [b] -> a 1", torch.mean, (R(2, 5), 1, True), {}),
    ("a b -> a b [c]", F.one_hot, (ids(5, 2, 3), 5), {}),
    ("a b, b -> a b", torch.add, (R(2, 3), R(3)), {}),
    ("a b -> a b", F.dropout, (R(2, 3),), {"training": False}),
    ("[a] [a] -> [a] [a]", lambda x: x + x.T, (R(3, 3),), {}),
    ("[a], [a] -> [a]", outer_sum, (R(3), R(3)), {}),
    ("a [b] -> a [c] [c]", windows_squared, (R(2, 3),), {}),
    ("([a] [b]) -> [c] [d]", round_trip, (R(6),), {}),
    ("a b [c] -> d", dead_loop, (R(2, 3, 5),), {}),
    ("a b [c] -> a b [d]", lambda x: torch.cat([-x[..., 2:], x[..., :2]], -1), (R(2, 3, 4),), {}),
    ("a [b] c+2[d]-2, e [b] [d] -> a e c", causal, (R(2, 3, 9), R(4, 3, 2)), {}),
    ("a [b] c+[d]+[e], [f] [b] [e], g [f] [d] -> a g c", conv_twice, (R(2, 3, 9), R(4, 3, 3), R(5, 4, 3)), {}),
    ("a @2 [b], c [b] -> a c", lambda x, w: F.linear(x[:, -1], w), (R(2, 3, 9), R(4, 9)), {}),
    ("a b [c] -> a b [c]", lambda x: x + F.avg_pool1d(x, 3, 1, 1), (R(2, 3, 9),), {}),
    ("a [b] -> a [c]", lambda x: x[:, 1:] * x[:, :-1], (R(2, 5),), {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fn", "args", "kwargs"), LISTING, ids=lambda x: x if isinstance(x, str) else "")
def test_listing(text: str, fn: Any, args: Any, kwargs: Any) -> None:
    found = derive(fn, args, kwargs)
    assert (str(found.weave), found.missing) == (text, ())


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
def test_recurrence_mixes_time_and_features(kind: Any) -> None:
    layer = kind(3, 4, batch_first=True, device="meta")
    weave = derive(lambda x: layer(x)[0], (R(2, 5, 3),)).weave
    assert str(weave) == "a [b] [c] -> a [d] [e]"


def test_what_needs_values_is_run_on_them() -> None:
    x = ids(5, 2, 3)
    with pytest.raises(NotImplementedError):
        derive(torch.nonzero, (x,))
    found = derive(torch.nonzero, (x,), real=lambda: ((x,), {}))
    assert (str(found.weave), found.missing) == ("[a] [b] -> [c] [d]", ())
    assert found.weave == derive_real(torch.nonzero, (x,)).weave


def test_nothing_is_changed() -> None:
    x, before = torch.ones(2, 3, requires_grad=True), torch.get_rng_state()
    derive(torch.Tensor.mul_, (x, 2))
    derive_real(torch.Tensor.mul_, (x, 2))
    derive_real(torch.rand_like, (x,))
    assert bool((x == 1).all()) and x.grad is None and torch.is_grad_enabled()
    assert torch.equal(before, torch.get_rng_state())


def test_an_op_without_a_rule_is_all_target_and_named() -> None:
    lib = torch.library.Library("ncd_test", "FRAGMENT")
    lib.define("mystery(Tensor x) -> Tensor")
    lib.impl("mystery", lambda x: x.clone(), "CompositeExplicitAutograd")
    found = derive(lambda x: torch.ops.ncd_test.mystery(x) + 1, (R(2, 3),))
    assert found.missing == ("ncd_test.mystery.default",)
    assert found.weave.tiled == ()


def test_random_ops_are_known() -> None:
    assert derive(F.dropout, (R(2, 3),)).random
    assert not derive(F.dropout, (R(2, 3),), {"training": False}).random


def test_binding_cuts_and_merges_atoms_everywhere() -> None:
    (x,) = [fresh((2, 12))]
    heads = bind(derive(torch.Tensor.view, (R(2, 12), 2, 3, 4)).weave, [x], [(2, 3, 4)])
    assert heads.ok and [size(d) for d in heads.outs[0]] == [2, 3, 4]
    back = bind(derive(torch.Tensor.reshape, (R(2, 3, 4), 2, 12)).weave, heads.outs, [(2, 12)])
    assert [leaves(d) for d in back.outs[0]] == [leaves(d) for d in x]


def test_binding_takes_the_same_slice_to_the_same_atom() -> None:
    x = fresh((2, 12))
    weave = derive(torch.Tensor.narrow, (R(2, 12), 1, 4, 4)).weave
    first, second = bind(weave, [x], [(2, 4)]), bind(weave, [x], [(2, 4)])
    assert first.outs == second.outs and first.derived
    other = bind(derive(torch.Tensor.narrow, (R(2, 12), 1, 8, 4)).weave, [x], [(2, 4)])
    assert other.outs[0][1] != first.outs[0][1]


def test_binding_says_when_dimensions_do_not_fit() -> None:
    weave = Weave.parse("(a b) -> a b", a=3, b=5)
    wrong = (*fresh((3,)), *fresh((5,)))
    (merged,) = bind(Weave.parse("a b -> (a b)", a=3, b=5), [wrong], [(15,)]).outs
    assert bind(weave, [merged], [(3, 5)]).ok
    assert not bind(Weave.parse("(a b) -> a b", a=5, b=3), [merged], [(5, 3)]).ok


def test_index_maps_are_neither_injective_nor_constant() -> None:
    rng = random.Random(0)
    for n in range(3, 9):
        for _ in range(20):
            image = set(endomap(n, rng).tolist())
            assert 1 < len(image) < n and image <= set(range(n))


@pytest.mark.parametrize("share", range(SHARES := 8))
def test_derived_weaves_are_true(share: int) -> None:
    """Every operator on one kind of numbers, kinds in turn; ``benchmarks.sweep.operators`` tries all kinds."""
    claims, lies = 0, Counter[bool | None]()
    for k, name in list(enumerate(sorted(by_name())))[share::SHARES]:
        able = [kind for kind in KINDS if dtype_of(name, kind)]
        entry = survey(name, able[k % len(able)], 2, lie=True) if able else None
        if entry is None or entry.idle:
            continue
        assert not entry.wrong, (name, entry.kind, entry.wrong)
        assert not entry.missing or name in OPAQUE, (name, entry.kind, entry.missing)
        for row in entry.rows:
            claims += row.checks[True]
            lies.update(row.lies)
    assert claims > 100
    assert lies[False] > 5 * lies[True], lies


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("first", [True, False])
def test_what_goes_through_time_answers_each_moment(kind, first):
    """The moments of the answer are those of the input, mixed: as positions are in a cumulative sum."""
    layer = getattr(torch.nn, kind)(3, 4, num_layers=2, bidirectional=True, batch_first=first)
    d = ncd.trace(layer, ncd.array("b=2 n=5 c=3" if first else "n=5 b=2 c=3"))
    (call,) = [op for op in d.ops if op.kind != "source"]
    assert [a.name for a in call.outputs[0].axes][:2] == (["b", "n"] if first else ["n", "b"])
    assert "n" in call.target and "b" in call.tiled
    assert d.check(trials=1).ok
