"""Attention in tiles computes what attention does, and moves what a count of its loads says."""

from __future__ import annotations

import pytest
import sympy
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import ncd
from ncd.analysis.formula import symbol
from ncd.models import attention, gpt2, scaled


def arrays(*shapes: tuple[int, ...]) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(s, dtype=torch.float64) for s in shapes]


QKV = ["b h y k", "b h x k", "b h x v"]


def masked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, mask)


CASES = {
    "plain": (scaled.ScaledDotProductAttention(), arrays((8, 5), (12, 5), (12, 4)), ["y k", "x k", "x v"], "x"),
    "heads last": (scaled.MultiHeadAttention(8, 2, 3).double(), arrays((6, 8), (12, 8)), ["y m", "x m"], "x"),
    "masked": (scaled.MultiHeadAttention(8, 2, 3, True).double(), arrays((12, 8), (12, 8)), ["y m", "x m"], "x"),
    "self": (attention.Attention(16, 4).double(), arrays((2, 6, 16)), "b s d", "s"),
    "fused": (F.scaled_dot_product_attention, arrays((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)), QKV, "x"),
    "with a mask": (masked, arrays((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7), (5, 6)), [*QKV, "y x"], "x"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("tile", [1, 4, 6])
def test_tiles_compute_the_same(name: str, tile: int) -> None:
    target, args, axes, axis = CASES[name]
    d = ncd.trace(target, *args, axes=axes)
    streamed = d.stream(axis, tile)
    with torch.no_grad():
        assert not streamed.opaque
    assert torch.allclose(streamed.to_module()(*args), target(*args), rtol=1e-10, atol=1e-10)
    assert "softmax" not in {op.name for op in streamed.ops}


OTHER = {
    "plain": [(3, 5), (17, 5), (17, 4)],
    "heads last": [(4, 8), (15, 8)],
    "masked": [(15, 8), (15, 8)],
    "self": [(3, 11, 16)],
    "fused": [(1, 3, 2, 4), (1, 3, 17, 4), (1, 3, 17, 7)],
    "with a mask": [(1, 3, 2, 4), (1, 3, 17, 4), (1, 3, 17, 7), (2, 17)],
}


@pytest.mark.parametrize("name", OTHER)
def test_other_sizes_have_other_tiles(name: str) -> None:
    """Longer sequences than were traced, and other lengths of all axes; what is left over is a smaller tile."""
    target, args, axes, axis = CASES[name]
    module = ncd.trace(target, *args, axes=axes).stream(axis, 5).to_module()
    other = arrays(*OTHER[name])
    with torch.no_grad():
        assert torch.allclose(module(*other), target(*other), rtol=1e-10, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(1, 9))
def test_any_length_in_any_tiles(x: int, longer: int, tile: int, y: int) -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.softmax(q @ k.T * q.shape[1] ** -0.5, -1) @ v

    args = arrays((5, 3), (max(x, 2), 3), (max(x, 2), 4))
    d = ncd.trace(attend, *args, axes=["y k", "x k", "x v"]).stream("x", min(tile, max(x, 2)))
    module = d.to_module()
    assert torch.allclose(module(*args), attend(*args), rtol=1e-10, atol=1e-10)
    other = arrays((y, 3), (longer, 3), (longer, 4))
    assert torch.allclose(module(*other), attend(*other), rtol=1e-10, atol=1e-10)


def test_rows_in_which_the_first_tiles_are_masked() -> None:
    q, k, v = arrays((4, 5), (6, 5), (6, 3))
    mask = torch.full((4, 6), -torch.inf, dtype=torch.float64)
    mask[:, 4:] = 0
    d = ncd.trace(masked, q, k, v, mask)
    axis = d.inputs[1].axes[0].name
    assert torch.allclose(d.stream(axis, 2).to_module()(q, k, v, mask), masked(q, k, v, mask), atol=1e-10)


def test_every_layer_of_a_model() -> None:
    module, args = gpt2.example()
    module = module.double().eval()
    d = ncd.trace(module, *args, axes="b s")
    streamed = d.stream("s", 4)
    with torch.no_grad():
        assert torch.allclose(streamed.to_module()(*args), module(*args), rtol=1e-10, atol=1e-10)
    assert {b.path for b in d.blocks} == {b.path for b in streamed.blocks}


def test_the_picture_is_a_loop() -> None:
    """Maximum, sum and mixture are what a turn hands to the next."""
    target, args, axes, axis = CASES["plain"]
    picture = ncd.trace(target, *args, axes=axes).stream(axis, 3).to_svg()
    assert "Loop over n" in picture and "×4" in picture


class Counted:
    """Flash attention by hand, with a count of the elements that are loaded and saved."""

    def __init__(self) -> None:
        self.moved, self.most = 0, 0

    def load(self, x: Tensor) -> Tensor:
        self.moved += x.numel()
        return x

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, group: int, tile: int) -> Tensor:
        out = torch.empty(*q.shape[:3], v.shape[3], dtype=q.dtype)
        for b in range(q.shape[0]):
            for h in range(q.shape[1]):
                for y in range(0, q.shape[2], group):
                    rows = self.load(q[b, h, y : y + group])
                    most = torch.full((group, 1), -torch.inf, dtype=q.dtype)
                    total, mixed = torch.zeros_like(most), torch.zeros(group, v.shape[3], dtype=q.dtype)
                    for x in range(0, k.shape[2], tile):
                        keys, values = self.load(k[b, h, x : x + tile]), self.load(v[b, h, x : x + tile])
                        scores = rows @ keys.T / q.shape[3] ** 0.5
                        new = torch.maximum(most, scores.amax(1, keepdim=True))
                        fade, weights = torch.exp(most - new), torch.exp(scores - new)
                        total, mixed = fade * total + weights.sum(1, keepdim=True), fade * mixed + weights @ values
                        here = (rows, keys, values, scores, most, total, mixed)
                        most, self.most = new, max(self.most, sum(t.numel() for t in here))
                    out[b, h, y : y + group] = self.load(mixed / total)
        return out


@pytest.mark.parametrize(("group", "tile"), [(1, 1), (2, 3), (8, 6), (4, 12)])
def test_what_is_moved_is_what_a_loop_loads(group: int, tile: int) -> None:
    q, k, v = args = arrays((2, 3, 8, 4), (2, 3, 12, 4), (2, 3, 12, 7))
    d = ncd.trace(F.scaled_dot_product_attention, *args, axes=QKV)
    by_hand = Counted()
    assert torch.allclose(by_hand(q, k, v, group, tile), F.scaled_dot_product_attention(q, k, v), atol=1e-12)
    formula = d.transfer("x", "t", y="g")
    assert formula.at(g=group, t=tile) == by_hand.moved
    assert d.transfer("x", tile, y=group).at() == by_hand.moved
    sizes = {**formula.sizes, "g": group, "t": tile}
    assert int(formula.held.subs({s: sizes[s.name] for s in formula.held.free_symbols})) == by_hand.most
    assert str(formula) == "b·h·k·y + b·h·v·y + (b·h·k·x·y)/g + (b·h·v·x·y)/g"


def test_a_small_memory_is_loaded_as_often_as_is_known() -> None:
    """Θ(y x k² / M) elements for a fast memory of M: Dao et al. 2022, "FlashAttention", theorem 2."""
    d = ncd.trace(F.scaled_dot_product_attention, *arrays((1, 1, 32, 8), (1, 1, 32, 8), (1, 1, 32, 8)), axes=QKV)
    formula = d.transfer("x", 1, y="g")
    g, x, k, memory = symbol("g"), symbol("x"), symbol("k"), symbol("M")
    (largest,) = sympy.solve(formula.held - memory, g)
    moved = formula.expr.subs({g: largest, symbol("b"): 1, symbol("h"): 1}).subs({symbol("y"): x, symbol("v"): k})
    much = sympy.limit(moved / (x**2 * k**2 / memory), x, sympy.oo)
    # The queries, what was mixed so far, two numbers and a score of each row; one key and one value.
    assert sympy.simplify(sympy.limit(much, memory, sympy.oo) - 2 * (2 * k + 3) / k) == 0


def test_a_mask_is_loaded_for_every_head() -> None:
    args = arrays((2, 3, 8, 4), (2, 3, 12, 4), (2, 3, 12, 7), (8, 12))
    loads = ncd.trace(masked, *args, axes=[*QKV, "y x"]).transfer("x", 3, y=2).loads
    assert str(loads["mask"]) == "b*h*x*y"


PRODUCTS = {
    "matmul": (torch.matmul, [(8, 12), (12, 6)], ["y k", "k z"], [(5, 17), (17, 6)]),
    "turned": (lambda a, b: a.mT @ b.mT, [(12, 8), (6, 12)], ["k y", "z k"], [(17, 5), (6, 17)]),
    "of several axes": (
        lambda a, b: torch.einsum("byhk,hkz->bzy", a, b),
        [(2, 5, 3, 12), (3, 12, 6)],
        ["b y h k", "h k z"],
        [(1, 5, 3, 7), (3, 7, 6)],
    ),
    "to a number": (torch.dot, [(12,), (12,)], ["k", "k"], [(17,), (17,)]),
    "twice": (lambda a, b: torch.relu(a @ b) @ (b.mT @ a.mT), [(4, 12), (12, 4)], ["y k", "k z"], [(4, 17), (17, 4)]),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("tile", [1, 5, 12])
def test_a_product_in_tiles_is_the_product(name: str, tile: int) -> None:
    call, shapes, axes, others = PRODUCTS[name]
    args = arrays(*shapes)
    streamed = ncd.trace(call, *args, axes=axes).stream("k", tile)
    module = streamed.to_module()
    assert torch.allclose(module(*args), call(*args), rtol=1e-10) and not streamed.opaque
    other = arrays(*others)
    assert torch.allclose(module(*other), call(*other), rtol=1e-10)
    summed = {a.name for op in streamed.ops if op.kind == "contraction" for x in op.inputs for a in x.axes}
    assert ("k" in summed) == (tile == 12)


def test_the_weights_of_a_layer_are_streamed_as_well() -> None:
    layer, (x,) = torch.nn.Linear(12, 5, bias=False).double(), arrays((3, 12))
    streamed = ncd.trace(layer, x, axes="b m").stream("m", 4)
    with torch.no_grad():
        assert torch.allclose(streamed.to_module()(x), layer(x))
    assert "×3" in streamed.to_svg()


@pytest.mark.parametrize(("g", "f", "t"), [(1, 1, 1), (2, 3, 4), (8, 6, 12)])
def test_what_a_product_moves_is_what_a_loop_loads(g: int, f: int, t: int) -> None:
    a, b = arrays((8, 12), (12, 6))
    out, loaded, most = torch.zeros(8, 6, dtype=torch.float64), 0, 0
    for y in range(0, 8, g):
        for z in range(0, 6, f):
            for k in range(0, 12, t):
                left, right = a[y : y + g, k : k + t], b[k : k + t, z : z + f]
                out[y : y + g, z : z + f] += left @ right
                loaded += left.numel() + right.numel()
                most = max(most, left.numel() + right.numel() + g * f)
    assert torch.allclose(out, a @ b)
    d = ncd.trace(torch.matmul, a, b, axes=["y k", "k z"])
    formula = d.transfer("k", "t", y="g", z="f")
    assert str(formula) == "y·z + (k·y·z)/g + (k·y·z)/f"
    assert formula.at(g=g, f=f) == loaded + out.numel()
    assert int(formula.held.subs({symbol("g"): g, symbol("f"): f, symbol("t"): t})) == most


def test_a_product_is_loaded_as_seldom_as_can_be() -> None:
    """2 y k z / √M elements for a fast memory of M: the order of Hong and Kung's bound (1981)."""
    formula = ncd.trace(torch.matmul, *arrays((8, 12), (12, 6)), axes=["y k", "k z"]).transfer("k", 1, y="g", z="g")
    g, memory = sympy.Symbol("g", positive=True), sympy.Symbol("M", positive=True)
    held = formula.held.subs(symbol("g"), g)
    largest = next(s for s in sympy.solve(held - memory, g) if s.subs(memory, 99).evalf() > 0)
    y, k, z = map(symbol, "ykz")
    loads = sum(formula.loads.values()).subs(symbol("g"), largest)
    assert sympy.limit(loads / (y * k * z / sympy.sqrt(memory)), memory, sympy.oo) == 2


def test_errors() -> None:
    target, args, axes, axis = CASES["plain"]
    d = ncd.trace(target, *args, axes=axes)
    with pytest.raises(ncd.AxisError, match=r"size 12 has no tile of 13"):
        d.stream(axis, 13)
    with pytest.raises(ncd.AxisError, match=r"the axis 'x' has two sizes, 9 and 10"):
        d.stream(axis, 3).to_module()(*arrays((8, 5), (9, 5), (10, 4)))
    with pytest.raises(ncd.AxisError, match=r"no softmax along 'y' .* nor do two arrays meet in one"):
        d.stream("y", 1)
    with pytest.raises(ncd.AxisError, match=r"the product over 'k' has no axis 'v' to partition"):
        d.transfer("k", 1, v=2)
    with pytest.raises(ncd.AxisError, match=r"no axis 'k' to partition"):
        d.transfer("x", 3, k=2)
    with pytest.raises(ncd.NCDError, match="no program"):
        ncd.Diagram.from_json(d.to_json()).stream("x", 3)
