"""Operators that read values unseen, write their weights, take functions or sequences of many lengths."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_leaves, tree_map

import ncd
from ncd.circuit.diagram import Diagram
from ncd.naturality import comparable, same
from ncd.tracing.derive import derive
from ncd.tracing.writes import apart

torch.set_num_threads(1)


def R(*shape: int) -> Tensor:
    return torch.randn(*shape)


def L(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


def held(target: Any, *args: Any) -> Diagram:
    """The diagram of a target: nothing opaque, every claim true, the module made of it equal on other numbers."""
    torch.manual_seed(0)
    diagram = ncd.trace(target, *args)
    assert diagram.opaque == ()
    report = diagram.check()
    assert report and report.ok, report
    other = tree_map(lambda x: x + torch.randn_like(x) / 8 if x.dtype.is_floating_point else x, args)
    module = diagram.to_module()
    with torch.no_grad():
        wanted, got = (tree_leaves(f(*tree_map(torch.clone, other))) for f in (target, module))
    assert len(wanted) == len(got)
    assert all(bool(same(comparable(a), comparable(b)).all()) for a, b in zip(wanted, got, strict=True))
    return diagram


def weave(diagram: Diagram, name: str) -> str:
    return next(str(op.weave) for op in diagram.ops if op.name == name)


class Packed(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.rnn, self.head = kind(4, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        y, _ = self.rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        return self.head(pad_packed_sequence(y, batch_first=True)[0])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_packed_sequences(kind: Any) -> None:
    """Which rows of the packed array are whose depends on all lengths; features stay themselves."""
    diagram = held(Packed(kind).eval(), R(3, 5, 4), L(2, 5, 3))
    packed = next(op for op in diagram.ops if "pack_padded" in op.name)
    assert packed.outputs[0].axes[1] == diagram.inputs[0].axes[2]
    assert packed.tiled == (diagram.inputs[0].axes[2].name,)
    assert diagram.reads


class Attention(nn.Module):
    """``kind``: what its functions look at."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.slope = kind, nn.Parameter(R(4))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        slope = self.slope
        if self.kind == "scores":
            return flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: torch.tanh(s))
        if self.kind == "places":
            return flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: torch.where(i >= j, s, -float("inf")))
        if self.kind == "heads":
            return flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s + slope[h] * (i - j))
        if self.kind == "blocks":
            n = q.shape[2]
            return flex_attention(
                q, k, v, block_mask=create_block_mask(lambda b, h, i, j: i >= j, None, None, n, n, device="cpu")
            )
        return flex_attention(q, k, v, enable_gqa=True)


@pytest.mark.parametrize(
    ("kind", "groups", "tiled"),
    [
        ("scores", 4, "a b c [d], a b [e] [d], a b [e] f"),
        ("places", 4, "a b [c] [d], a b [e] [d], a b [e] f"),
        ("heads", 4, "a [b] [c] [d], a [b] [e] [d], a [b] [e] f"),
        ("blocks", 4, "a b [c] [d], a b [e] [d], a b [e] f"),
        ("groups", 2, "a (b c) d [e], a b [f] [e], a b [f] g"),
    ],
)
def test_flex_attention_is_tiled_over_what_its_functions_do_not_look_at(kind: str, groups: int, tiled: str) -> None:
    diagram = held(Attention(kind).eval(), R(2, 4, 8, 6), R(2, groups, 8, 6), R(2, groups, 8, 5))
    op = next(op for op in diagram.ops if op.name == "flex_attention")
    w = op.weave
    names = dict(zip(w.variables, "abcdefghijklmno", strict=False))
    assert str(w.renamed(names)).startswith(tiled + ",")
    assert [a.name for a in op.inputs if a.kind == "parameter"] == (["slope"] if kind == "heads" else [])


def test_functions_that_hold_tensors_are_told_apart() -> None:
    """Two score functions of one call site, one after the other, are not taken for each other."""

    def attend(bias: Tensor, by_head: bool) -> Any:
        def score(s: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return s + bias[h if by_head else b]

        return lambda q, k, v: flex_attention(q, k, v, score_mod=score)

    for by_head, found in ((False, "[a] b c"), (True, "a [b] c")):
        diagram = held(attend(R(4), by_head), R(4, 4, 8, 6), R(4, 4, 8, 6), R(4, 4, 8, 6))
        w = next(op.weave for op in diagram.ops if op.name == "flex_attention")
        assert str(w.renamed(dict(zip(w.variables, "abcdefgh", strict=False)))).startswith(found)


def test_places_that_a_kernel_reads_are_targets() -> None:
    assert [op.tiled for op in held(torch.tensor_split, R(6, 3), L(2, 4)).ops] == [("d",)]
    other = held(torch.tensor_split, R(6, 3), L(1, 3))  # the same shapes, but for the pieces
    assert [y.shape[0] for y in other.outputs] == [1, 2, 3]
    found = held(lambda x, at: x.narrow(1, at, 2) * 2, R(3, 6), torch.tensor(1))
    assert "+" not in weave(found, "narrow") and found.reads


def test_an_embedding_that_shortens_its_rows() -> None:
    """It writes its weight: that is no loop over the places it looks at."""
    diagram = held(nn.Sequential(nn.Embedding(7, 5, max_norm=1.0), nn.Tanh()), torch.tensor([[0, 1, 2], [3, 4, 6]]))
    assert next(op for op in diagram.ops if op.name == "embedding").tiled == ()


@pytest.mark.parametrize(
    ("text", "fn", "args"),
    [
        ("a [b] [c], a [b] d -> a [c] d", lambda a, b: torch.linalg.lstsq(a, b).solution, (R(2, 5, 3), R(2, 5, 4))),
        ("a [b] [b], a [b] c -> a [b] c", torch.linalg.solve, (R(2, 4, 4), R(2, 4, 3))),
        ("[a] b [c], b [d], b, b -> b", "ctc", (R(9, 3, 5), torch.randint(1, 5, (3, 4)), L(9, 8, 7), L(4, 3, 2))),
        ("[a] [b], [c], [d] -> [e] [f]", torch.put, (R(3, 4), L(0, 5, 7), R(3))),
        ("[a] [b], [c] [d], [e] -> [f] [g]", torch.masked_scatter, (R(3, 4), R(3, 4) > 0, R(12))),
        ("[a] [b] -> [c], [d]", lambda x: torch.histogram(x, 5), (R(3, 4),)),
        ("a [b], a c -> a c", torch.searchsorted, (R(3, 4).sort()[0], R(3, 6))),
        ("[a] -> ()", lambda x: torch.searchsorted(x, 0.1), (R(4).sort()[0],)),
        ("a b -> a b", lambda x: torch.roll(x, 5, 1), (R(2, 5),)),
        ("a b c d -> a b c d", lambda x: F.interpolate(x, size=(4, 5), mode="bilinear"), (R(2, 3, 4, 5),)),
        ("a b c d -> a b c d", lambda x: F.adaptive_avg_pool2d(x, (4, 5)), (R(2, 3, 4, 5),)),
        ("a b [c] -> a b [d]", lambda x: F.pad(x, (1, 2), mode="circular"), (R(2, 3, 8),)),
        ("[a] [b] -> [c] [d] [e]", lambda x: x.as_strided((4, 3, 4), (4, 2, 1)), (R(3, 8),)),
    ],
)  # fmt: skip
def test_the_weave_of_one_operator(text: str, fn: Any, args: Any) -> None:
    if fn == "ctc":

        def fn(p: Tensor, *rest: Tensor) -> Tensor:
            return F.ctc_loss(p, *rest, reduction="none")

    found = derive(fn, args, real=lambda: (args, {}))
    assert (str(found.weave), found.missing) == (text, ())
    held(fn, *args)


def test_products_of_sparse_arrays() -> None:
    for extra in ((), ("amax",)):
        diagram = held(lambda a, b, e=extra: torch.sparse.mm(a.to_sparse_csr(), b, *e), R(3, 4), R(4, 5))
        assert next(op.name for op in diagram.ops) == "to_sparse_csr"


def test_a_loss_in_pieces() -> None:
    options = torch.nn.LinearCrossEntropyOptions() if hasattr(nn, "LinearCrossEntropyOptions") else None
    if options is None:
        pytest.skip("this torch has no linear_cross_entropy in pieces")
    args = (R(6, 4), R(5, 4), torch.randint(0, 5, (6,)))
    found = derive(lambda x, w, t: F.linear_cross_entropy(x, w, t, reduction="none", options=options), args)
    assert str(found.weave) == "a [b], [c] [b], a -> a"


@pytest.mark.parametrize(
    ("no", "weave"),
    [
        (lambda x: x.cos(), "(), a b c -> a b c"),
        (lambda x: x.softmax(-1), "(), a b [c] -> a b [c]"),
        (lambda x: x.transpose(1, 2).contiguous(), "(), a [b] [c] -> a [m] [n]"),
        (lambda x: torch.zeros_like(x).cumsum(0), "(), [a] b c -> [a] b c"),
    ],
)
@pytest.mark.parametrize("taken", [True, False])
def test_a_condition_is_repeated_over_what_both_branches_are(no, weave: str, taken: bool) -> None:
    def program(p: Tensor, x: Tensor) -> Tensor:
        return torch.cond(p.all(), lambda x: x.sin(), no, (x,))

    p, x = torch.tensor([taken]), torch.randn(3, 4, 4)
    d = ncd.trace(program, p, x, axes={"x": "a b c"})
    assert not d.opaque and d.check(p, x).ok
    found = next(op for op in d.ops if op.name == "cond")
    assert str(found.weave) == weave
    assert torch.equal(d.to_module()(p, -x), program(p, -x))


def interleaved(x: Tensor) -> Tensor:
    first = x.transpose(2, 3)[0]
    for row in (1, 2):
        first[..., row:12:3] = x.transpose(2, 3)[row, ..., row:12:3]
    return first * 2


def columns(x: Tensor) -> Tensor:
    y = x * 1
    y[:, :2] = y[:, 2:]
    return y


def added(x: Tensor) -> Tensor:
    y = x * 1
    y[:, 0] += 1
    y[1] *= 2
    y.mul_(3)[:, 1] -= y[:, 2]
    return y


def crossed(x: Tensor) -> Tensor:
    y = x * 1
    y[1:] = y[:-1].clone()
    y.t()[0] = y.t()[1]
    return y


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        (interleaved, "h d [s], h d [m], [b~] [h~] [s~] [d~] -> h d [s], [b~'] [h~'] [s~'] [d~']"),
        (columns, "b [d], b [m] -> b [d]"),
        (crossed, "[b] d, [m] d -> [b] d"),
    ],
)
def test_a_part_written_into_another_of_the_same_memory_is_the_value_it_was(program: Any, wanted: str) -> None:
    diagram = held(program, R(3, 2, 16, 5) if program is interleaved else R(3, 4))
    assert weave(diagram, "setitem") == wanted


def scaled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = x * 1, y * 1
    torch._foreach_mul_([x, y], 2.0)
    return x, y


def test_an_operator_on_lists_does_the_same_to_each() -> None:
    assert weave(held(lambda x, y: torch._foreach_add([x, y], 1.0), R(3), R(4)), "foreach_add") == "d, d1 -> d, d1"
    assert weave(held(scaled, R(3), R(4)), "foreach_mul") == "d, d1 -> d, d1"


def test_what_map_does_to_one_row_it_does_to_each() -> None:
    from torch._higher_order_ops.map import map as each

    def attended(x: Tensor, y: Tensor) -> Tensor:
        return each(lambda row, other: (row * other).softmax(-1), x, y)

    assert weave(held(attended, R(5, 4), R(4)), "map_impl") == "b [d], [d] -> b [d]"


def test_a_part_changed_in_place_is_not_written_again() -> None:
    diagram = held(added, R(3, 4))
    assert "setitem" not in [op.name for op in diagram.ops]


def test_views_are_apart_only_where_they_share_no_number() -> None:
    draw = random.Random(0)
    told = 0
    for _ in range(400):
        whole = torch.arange(120).reshape(draw.choice([(120,), (6, 20), (3, 2, 20), (2, 3, 4, 5)]))
        a, b = (part(whole, draw) for _ in range(2))
        share = bool(set(a.flatten().tolist()) & set(b.flatten().tolist()))
        assert not (share and apart(a, b)), (a, b)
        told += apart(a, b)
    assert told > 150


def part(x: Tensor, draw: random.Random) -> Tensor:
    """Some view of a tensor, its dimensions in any order."""
    index: list[int | slice] = []
    for n in x.shape:
        start = draw.randrange(n)
        index.append(
            draw.choice([start, slice(None), slice(start, draw.randrange(start, n) + 1, draw.randrange(1, 4))])
        )
    y = x[tuple(index)]
    return y.permute(draw.sample(range(y.ndim), y.ndim))
