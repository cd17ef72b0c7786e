"""Gradients as diagrams: equal to autograd, over the axes of what they are gradients of, at twice the contractions."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from math import prod
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import ncd
from ncd.layout.scene import Path, Text
from ncd.models import gpt2, pointer, pointing, recurrent, scaled, unet

torch.set_num_threads(1)


def doubled(x: Any) -> Any:
    return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x


def held(target: Any, args: Iterable[Any], axes: Any = None, tolerance: float = 1e-9, **which: Any) -> ncd.Diagram:
    """The backward diagram of a target, whose results are those of autograd on the running code."""
    args = [doubled(x) for x in args]
    back = ncd.trace(target, *args, axes=axes).backward(**which)
    torch.manual_seed(1)
    given = {a.name: torch.randn(a.shape, dtype=torch.float64) for a in back.inputs if a.name.startswith("∂")}
    with torch.no_grad():
        mine = back.to_module()(*args, **given)
    theirs = back.source.target(*args, **given)  # no recorder: autograd
    assert len(mine) == len(theirs) == len(back.outputs)
    scale = max(float(t.abs().max()) for t in theirs if t.is_floating_point() and t.numel())
    for a, x, y in zip(back.outputs, mine, theirs, strict=True):
        assert torch.allclose(x, y, rtol=tolerance, atol=tolerance * max(scale, 1)), (a.name, (x - y).abs().max())
    gradients = {a.name.removeprefix("∂"): a for a in back.outputs if a.name.startswith("∂")}
    sources = {a.name: a for a in back.arrays if a.kind in ("input", "parameter")}
    for name, a in gradients.items():
        assert a.wires == sources[name].wires, name
    return back


MODELS = ("attention", "bert", "conditioning", "convolution", "gpt2", "llama", "mamba", "mixture", "perceptron",
          "recogniser", "recurrent", "resnet", "scaled", "transformer", "vision")  # fmt: skip


def example(name: str) -> tuple[nn.Module, Iterable[Any]]:
    torch.manual_seed(0)
    if name == "unet":
        return unet.UNet(3, (4, 6)).double().eval(), (torch.randn(1, 3, 8, 12),)
    if name == "recurrent":
        return recurrent.Tagger(23, 5, 6).double(), (torch.randint(0, 23, (2, 3)),)
    module, args = importlib.import_module(f"ncd.models.{name}").example()
    return module.double().eval(), args


@pytest.mark.parametrize("name", [*MODELS, "unet"])
def test_the_reference_models(name: str) -> None:
    module, args = example(name)
    back = held(module, args, parameters=True)
    assert not back.opaque


POINTING: dict[str, Callable[[], nn.Module]] = {
    "walk": pointer.PointerWalk,
    "network": lambda: pointing.PointerNetwork(6),
    "attention by content": lambda: pointing.ContentAttention(6, 4),
    "sequence to sequence": lambda: pointing.SequenceToSequence(6, 4),
}


@pytest.mark.parametrize("name", POINTING)
def test_pointer_networks(name: str) -> None:
    """As they are trained, told what to write; the one that walks along the path that it took."""
    torch.manual_seed(0)
    args: list[Tensor] = [torch.rand(2, 4, 2, dtype=torch.float64)]
    if name != "walk":
        args.append(torch.tensor([[1, 2, 0, 3], [2, 1, 4, 0]]))
    torch.set_default_dtype(torch.float64)
    try:
        assert not held(POINTING[name]().eval(), args, parameters=True).opaque
    finally:
        torch.set_default_dtype(torch.float32)


OPERATIONS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "alpha": (lambda a, b: torch.add(a, b, alpha=3) - torch.sub(a, b, alpha=2), [(3, 4), (4,)]),
    "reflected": (lambda a: 1 - 2 / (3 + a.exp()), [(3, 4)]),
    "powers": (lambda a: a**2 + a**3 + (1 + a * a) ** -0.5, [(3, 4)]),
    "array in the exponent": (lambda a, b: (1 + a * a) ** b, [(3, 4), (4,)]),
    "roots": (lambda a: (1 + a.square()).sqrt() + (2 + a.square()).rsqrt() + (2 + a.square()).log(), [(5,)]),
    "waves": (lambda a: a.sin() * a.cos() + a.abs() - a.neg(), [(5,)]),
    "relu, gelu": (lambda a: F.relu(a) + F.gelu(a) + F.gelu(a, approximate="tanh"), [(3, 5)]),
    "silu, softplus": (lambda a: F.silu(a) + F.softplus(a) + F.softplus(a, 2.0, 1.0), [(3, 5)]),
    "tanh, sigmoid": (lambda a: torch.tanh(a) * torch.sigmoid(a), [(3, 5)]),
    "no row": (lambda a: F.elu(a) + F.leaky_relu(a) + torch.erf(a) + a.prod(0) + a.std(0), [(3, 5)]),
    "where": (lambda a, b: torch.where(a > b, a * b, b), [(3, 4), (4,)]),
    "masked fill": (lambda a: a.masked_fill(a > 0, 2.0).exp(), [(3, 4)]),
    "in place": (lambda a, b: F.relu((a * b).add_(b).mul_(2.0), inplace=True), [(3, 4), (4,)]),
    "assignment": (lambda a, b: _assigned(a, b), [(3, 4), (4,)]),
    "linear": (lambda a, b, c: F.linear(a, b, c), [(2, 3, 4), (5, 4), (5,)]),
    "linear of a vector": (lambda a, b: F.linear(a, b), [(4,), (5, 4)]),
    "addmm": (lambda a, b, c: torch.addmm(a, b, c, beta=2, alpha=3), [(5,), (3, 4), (4, 5)]),
    "baddbmm": (lambda a, b, c: torch.baddbmm(a, b, c), [(2, 3, 5), (2, 3, 4), (2, 4, 5)]),
    "matrix and vector": (lambda a, b, c: (a @ b) @ c + b.dot(b), [(3, 4), (4,), (3,)]),
    "repeated operand": (lambda a: a @ a.mT, [(2, 3, 4)]),
    "einsum": (lambda a, b, c: torch.einsum("...ij,jk,kl->...li", a, b, c), [(2, 3, 4), (4, 5), (5, 6)]),
    "einsum, summed alone": (lambda a, b: torch.einsum("ij,kj->k", a, b), [(3, 4), (5, 4)]),
    "einsum, implicit": (lambda a, b: torch.einsum("ij,jk", a, b), [(3, 4), (4, 5)]),
    "bilinear": (lambda a, b, c: F.bilinear(a, b, c), [(2, 3), (2, 4), (5, 3, 4)]),
    "softmax": (lambda a: a.softmax(-1) + torch.softmax(a, 0) * F.log_softmax(a, dim=1), [(3, 4)]),
    "layer norm": (lambda a, b, c: F.layer_norm(a, (4, 5), b, c), [(2, 3, 4, 5), (4, 5), (4, 5)]),
    "rms norm": (lambda a, b: F.rms_norm(a, (5,), b), [(2, 3, 5), (5,)]),
    "group norm": (lambda a, b, c: F.group_norm(a, 2, b, c), [(2, 4, 5), (4,), (4,)]),
    "batch norm": (lambda a, b, c: F.batch_norm(a, None, None, b, c, True), [(3, 4, 5), (4,), (4,)]),
    "sums": (lambda a: a.sum(0) + a.mean() + a.sum((0, 1)) + a.mean(0, keepdim=True), [(3, 4)]),
    "maxima": (lambda a: a.amax(1) + a.max(dim=1).values + a.logsumexp(1) + a.var(1), [(3, 4)]),
    "cumulative": (lambda a: a.cumsum(0) * a.cumsum(1), [(3, 4)]),
    "views": (lambda a: a.reshape(3, 8).unflatten(1, (2, 4)).permute(2, 0, 1).flatten(1).unsqueeze(0), [(3, 2, 4)]),
    "transposes": (lambda a: a.mT.transpose(0, 2) * a.movedim(0, 1).squeeze().T.mT.permute(2, 1, 0), [(3, 3, 3)]),
    "broadcast": (lambda a: a.unsqueeze(1).expand(3, 5, 4).exp() * a.repeat(2, 1, 1).sum(0).unsqueeze(1), [(3, 4)]),
    "joined": (lambda a, b: torch.cat([a, b, a], 1) * torch.stack([a, a], 1).sum(1).sum(), [(3, 4), (3, 2)]),
    "split": (lambda a: torch.mul(*a.chunk(2, -1)) + a.split([2, 3, 1], -1)[1].exp(), [(4, 6)]),
    "unbound": (lambda a: a.unbind(0)[1] * a.unbind(0)[2], [(3, 4)]),
    "slices": (lambda a: a[1:, ..., 2] * a[:-1, :, -1] + a[0, None, :, 1:2].sum() + a[::2].sum(), [(3, 4, 5)]),
    "looked up": (lambda a: a[torch.tensor([0, 2, 0])] + a[:, torch.tensor([1, 1])].sum(), [(3, 4)]),
    "gathered": (lambda a: a.gather(1, torch.tensor([[0, 0], [1, 3], [2, 2]])).exp(), [(3, 4)]),
    "sorted": (lambda a: a.topk(2, -1).values * a.sort(-1, descending=True)[0][:, :2], [(3, 4)]),
    "scattered": (lambda a, b: a.scatter(1, torch.tensor([[1], [0], [3]]), b) ** 2, [(3, 4), (3, 1)]),
    "moved": (lambda a: a.roll(1, 0) * a.flip(1) + F.pad(a, (1, -1)) * a.tril() + a.triu(1).exp(), [(4, 4)]),
    "padded by what is there": (lambda a: F.pad(a, (1, 2), mode="circular").exp(), [(2, 3, 4)]),
    "convolution": (lambda a, b, c: F.conv2d(a, b, c, (2, 1), (1, 2), 1, 2), [(2, 4, 7, 8), (6, 2, 3, 2), (6,)]),
    "dilated convolution": (lambda a, b: F.conv1d(a, b, dilation=2, padding="same"), [(2, 3, 9), (4, 3, 3)]),
    "volumes": (lambda a, b: F.conv3d(a, b), [(1, 2, 4, 3, 5), (3, 2, 2, 2, 2)]),
    "convolution, transposed": (
        lambda a, b, c: F.conv_transpose2d(a, b, c, 2, 1, 1, 2),
        [(2, 4, 3, 5), (4, 3, 3, 2), (6,)],
    ),
    "pools": (lambda a: F.max_pool2d(a, 2) * F.avg_pool2d(a, 2) + F.adaptive_avg_pool2d(a, 1), [(2, 3, 4, 6)]),
    "attention": (lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=True), [(2, 3, 5, 4)] * 3),
    "attention in groups": (
        lambda a, b, c: F.scaled_dot_product_attention(a, b, c, enable_gqa=True),
        [(2, 4, 5, 3), (2, 2, 6, 3), (2, 2, 6, 3)],
    ),
    "losses": (lambda a: F.cross_entropy(a, torch.tensor([1, -100, 3])) + F.mse_loss(a, a.exp()), [(3, 4)]),
    "detached": (lambda a: a * a.detach() + a * torch.ones_like(a), [(3, 4)]),
    "no gradient inside": (lambda a: a * _still(a), [(3, 4)]),
    "several results": (lambda a: (a.exp(), (a > 0), a.sum()), [(3, 4)]),
    "an input returned": (lambda a, b: (a, a + b), [(3, 4), (3, 4)]),
}


def _assigned(a: Tensor, b: Tensor) -> Tensor:
    x = a.clone()
    x[1] = b * b
    return x.exp()


def _still(a: Tensor) -> Tensor:
    with torch.no_grad():
        return a.exp()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(name: str) -> None:
    call, shapes = OPERATIONS[name]
    torch.manual_seed(0)
    held(call, [torch.randn(s) for s in shapes])


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_broadcasting_turns_into_sums(data: Any) -> None:
    """Of any two shapes that fit, of sums, products, and products of matrices."""
    shape = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))

    def part(label: str) -> list[int]:
        ones = [data.draw(st.sampled_from([n, n, 1]), label=label) for n in shape]
        return ones[data.draw(st.integers(0, len(ones)), label=label) :]

    first, second = part("first"), part("second")
    call = data.draw(st.sampled_from([torch.add, torch.mul, torch.div, lambda a, b: a @ b]))
    if call not in (torch.add, torch.mul, torch.div):
        first, second = [*first[:-1], 3, 4], [*second[:-1], 4, 2]
    held(call, [torch.randn(first) if first else torch.randn(()), 2 + torch.rand(second)])


def test_axes_are_called_as_they_were() -> None:
    d = ncd.trace(scaled.MultiHeadAttention(), torch.randn(7, 64), torch.randn(10, 64), axes=["y m", "x m"])
    d = d.rename({"m": "features"})
    back = d.backward(parameters=True)
    assert [w.name for w in back.outputs[0].wires] == [w.name for w in d.outputs[0].wires] == ["y", "d_out"]
    assert [w.name for w in back.inputs[2].wires] == ["y", "d_out"]
    assert {a.name: a.wires for a in back.outputs if a.name}["∂query.weight"][-1].name == "features"


def test_the_picture_of_attention() -> None:
    """Two contractions come back as four, softmax as one box that sees what it made."""
    torch.manual_seed(0)
    args = [torch.randn(s) for s in ((7, 5), (9, 5), (9, 4))]
    back = held(scaled.ScaledDotProductAttention(), args, axes=["y k", "x k", "x v"])
    assert [str(op.weave) for op in back.simplify()["∂"].ops] == [
        "y [v], x [v] -> y x",
        "[y] x, [y] v -> x v",
        "y [x], y [x] -> y [x]",
        "y x -> y x",
        "y [x], [x] k -> y k",
        "[y] x, [y] k -> x k",
    ]
    assert [a.name for a in back.outputs] == ["y", "∂query", "∂key", "∂value"]
    assert back.check(*[a.double() for a in args], **{"∂y": torch.randn(7, 4).double()}).ok
    assert "Backward: ∂y → ∂query, ∂key, ∂value" in back.to_svg(depth=2).replace("\n", " ")
    assert ncd.Diagram.from_json(back.to_json()) == back


def test_the_derivative_of_softmax_opens() -> None:
    """y (g - Σ g y): a product, its sum, a difference and a product."""
    args = [torch.randn(s) for s in ((7, 5), (9, 5), (9, 4))]
    back = ncd.trace(scaled.ScaledDotProductAttention(), *args, axes=["y k", "x k", "x v"]).backward()
    opened = back.open("∂softmax")
    inside = [op for op in opened.ops if op.path == "∂.∂softmax"]
    assert [op.name for op in inside] == ["mul", "sum", "sub", "mul"]
    assert opened.check().ok and opened.close("∂softmax") == back
    given = [*args, torch.randn(7, 4)]
    for mine, theirs in zip(opened.to_module()(*given), back.to_module()(*given), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_a_box_that_runs_autograd_does_not_open() -> None:
    back = ncd.trace(F.elu, torch.randn(3, 4)).backward()
    with pytest.raises(ncd.NCDError, match="elu"):
        back.open("∂elu")


def test_the_first_picture_of_gradients() -> None:
    """The backward pass is open, in a row of its own; arrays have names at both ends, and what is kept is wires."""
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))
    back = ncd.trace(model, ncd.array("b=4 n=16")).backward(parameters=True)
    svg = back.to_svg()
    for name in ("input", "∂y", "∂input", "∂0.weight", "∂2.bias"):
        assert name in re.sub(r"<[^>]*>", "", svg)
    assert 'data-block="∂"' in svg and "→ C" not in re.sub(r"<[^>]*>", "", svg)
    assert back.to_svg(arrays="none") != svg
    plain = ncd.trace(model, ncd.array("b=4 n=16"))
    assert plain.to_svg(arrays="all") != plain.to_svg() == plain.to_svg(arrays="none")


def test_what_closed_blocks_keep_is_a_tuple_each() -> None:
    """So the first picture of a whole model fits a screen; nothing that is read or made is left out of the tuples."""
    from ncd.show import draw

    model = gpt2.GPT2(v=50, length=8, d=8, heads=2, layers=3)
    back = ncd.trace(model.eval(), torch.randint(0, 50, (2, 8))).backward(parameters=True)
    simple = back.simplify()
    inside = {f"blocks.{k}": simple.inside(f"blocks.{k}") for k in range(3)}
    reread = {a.id for op in simple.ops if op.path.startswith("∂") for a in op.inputs if not a.hidden}
    sizes = {a.id: prod(a.shape) for a in simple.arrays}
    made = {p: {a.id for op in simple.ops if op.path in of for a in op.outputs} for p, of in inside.items()}
    read = {p: {a.id for op in simple.ops if op.path in of for a in op.inputs} for p, of in inside.items()}
    last = {i: p for p in inside for i in made[p] | read[p]}  # who keeps an array that two blocks see

    shown = draw(back, depth=0)
    assert shown.scene.height < 900
    tuples = {
        w.name: (w.shown, w.size) for op in shown.drawn.ops for a in op.outputs if a.kind == "tuple" for w in a.axes
    }
    for path in inside:
        kept = [i for i in reread if last.get(i) == path]
        assert tuples[f"kept of {path}"] == (f"{len(kept)} kept", sum(sizes[i] for i in kept))
    parameters = sum(p.numel() for p in model.parameters())
    assert tuples["gradients of ∂"] == (f"{len(list(model.parameters()))} gradients", parameters)
    (whole,) = (op for op in shown.drawn.ops if op.block == "∂")
    assert len([a for a in whole.inputs if a.kind == "tuple"]) == 3 and "gradients" in back.to_svg(depth=0)
    assert ncd.Diagram.from_json(back.to_json()).to_svg(depth=0) == shown.svg
    said = [fact for fact in shown.scene.facts["axis"].values() if fact.get("as") == "tuple"]
    assert len(said) == len(tuples) and all(fact["label"] == tuples[str(fact["name"])][0] for fact in said)
    assert shown.scene.description.endswith(f" with axes b s v, {len(list(model.parameters()))} gradients.")


def test_the_backward_pass_alone_is_given_tuples() -> None:
    from ncd.show import draw

    model = gpt2.GPT2(v=50, length=8, d=8, heads=2, layers=4)
    back = ncd.trace(model.eval(), torch.randint(0, 50, (2, 8))).backward(parameters=True)["∂"]
    shown = draw(back, depth=1)
    kept = [a for a in shown.drawn.inputs if a.kind == "tuple"]
    assert [a.axes[0].name for a in kept] == [f"kept of ∂.blocks.{k}" for k in (3, 2, 1, 0)]
    assert shown.scene.height < 1500 and draw(back, depth=0).scene.height < 300
    lone = [a for a in shown.drawn.inputs if a.kind != "tuple"]
    numbers = sum(a.axes[0].size for a in kept) + sum(prod(a.shape) for a in lone)
    assert numbers == sum(prod(a.shape) for a in back.simplify().inputs)


def test_a_map_turned_round_is_called_after_the_map() -> None:
    model = gpt2.GPT2(v=50, length=8, d=8, heads=2, layers=1)
    back = ncd.trace(model.eval(), torch.randint(0, 50, (2, 8))).backward(parameters=True)
    of = [op.label for op in back.simplify().ops if op.symbol == "linear"]
    assert of == [*"L_+^Q L_+^K L_+^V L_+^O L_+^1 L_+^2 E^{⊤} E".split(), *(f"L^{{{r}⊤}}" for r in "21OVKQ")]
    alone = [op.label for op in back["∂.blocks.0"].simplify().ops if op.symbol == "linear"]
    assert alone == ["L^{⊤}"] * 3 + ["L^{V⊤}", "L^{K⊤}", "L^{Q⊤}"]  # by their weights' names: nothing else is there

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.one(torch.relu(self.two(torch.relu(self.one(x)))))

    said = [op.label for op in ncd.trace(Twice(), torch.randn(2, 4)).backward().simplify().ops if op.symbol == "linear"]
    assert said == ["L^1", "L^2", "L^1", "L^{1⊤}", "L^{2⊤}", "L^{1⊤}"]


class Memory(nn.Module):
    """A result that is read again before it leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Bilinear(4, 4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.encoder(x)
        return self.decoder(memory, torch.relu(y)), memory


@pytest.mark.parametrize("width", [None, 400])
def test_a_name_stands_where_its_array_leaves(width: float | None) -> None:
    from ncd.show import picture

    back = ncd.trace(Memory(), ncd.array("b=2 n=4"), ncd.array("b=2 n=4")).backward()
    scene, _ = picture(back, depth=1, width=width)
    names = {m.text: m.x for m in scene.marks if isinstance(m, Text) and m.role == "array"}
    ends = {m.segments[-1][1][-2] for m in scene.marks if isinstance(m, Path) and m.leaves}
    assert {round(names[name] - 7) for name in ("y1", "y2", "∂x", "∂y")} == set(map(round, ends))


def test_no_two_gradients_are_called_the_same() -> None:
    back = held(lambda x, y: x * y.exp(), [torch.randn(4), torch.randn(4)])
    assert [a.name for a in (*back.inputs, *back.outputs)] == ["x", "y", "∂z", "z", "∂x", "∂y"]
    several = ncd.trace(lambda y1, z: (y1 * z, y1 + z), ncd.array("n=4"), ncd.array("n=4")).backward()
    assert [a.name for a in several.inputs] == ["y1", "z", "∂z1", "∂z2"]


def test_it_prints_as_code() -> None:
    args = [torch.randn(s) for s in ((7, 5), (9, 5), (9, 4))]
    back = ncd.trace(scaled.ScaledDotProductAttention(), *args, axes=["y k", "x k", "x v"]).backward()
    code, names = back.to_code(), dict[str, Any]()
    assert "n_k**-0.5" in code
    exec(code, names)
    g = torch.randn(7, 4)
    for mine, theirs in zip(names["forward"](None, *args, g), back.to_module()(*args, g), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


# ---------------------------------------------------------------- what it costs


def test_attention_costs_twice_its_contractions() -> None:
    """4 b y x k h forward, twice that backward; kept are q, k, v and the weights (head first)."""
    b, h, y, x, k = 2, 3, 7, 10, 5
    args = [torch.randn(s) for s in ((b, h, y, k), (b, h, x, k), (b, h, x, k))]

    def attend(q: Tensor, key: Tensor, v: Tensor) -> Tensor:
        return (torch.einsum("bhyk,bhxk->bhyx", q, key) * 0.5).softmax(-1) @ v

    names = ["b h y k", "b h x k", "b h x v"]
    forward, back = (d := ncd.trace(attend, *args, axes=names)).cost(), d.backward()
    cost = back.cost()
    assert int(forward.total.flops) == 4 * b * h * y * x * k
    assert int(cost["∂"].flops) == 2 * int(forward.total.flops)
    assert str(cost["∂"].flops) == "4·b·h·k·x·y + 4·b·h·v·x·y"
    assert int(cost["∂"].flops.at(y=70)) == 10 * int(cost["∂"].flops)
    kept = [a for a in back["∂"].inputs if not a.name.startswith("∂")]
    assert sum(torch.Size(a.shape).numel() for a in kept) == b * h * ((y + 2 * x) * k + y * x)
    fused = ncd.trace(F.scaled_dot_product_attention, *args).backward()
    assert int(fused.cost()["∂"].flops) == 2 * int(forward.total.flops)


def test_a_network_costs_twice_less_the_gradient_of_the_data() -> None:
    """2 b Σ n n' forward; backward twice that, less 2 b n0 n1 where the data wants no gradient."""
    sizes, b = [784, 512, 512, 10], 3
    layers = [m for i, o in pairwise(sizes) for m in (nn.Linear(i, o), nn.ReLU())]
    d = ncd.trace(nn.Sequential(*layers[:-1]), ncd.array(f"b={b} n=784"))
    forward = int(d.cost().total.flops)
    assert forward == 2 * b * sum(i * o for i, o in pairwise(sizes))
    assert int(d.backward(parameters=True).cost()["∂"].flops) == 2 * forward
    weights = int(d.backward(inputs=False).cost()["∂"].flops)
    assert weights == 2 * forward - 2 * b * 784 * 512
    assert round(weights / forward, 3) == 1.400


@pytest.mark.parametrize("name", ["conv", "upconv"])
def test_convolutions_cost_twice(name: str) -> None:
    layer = {"conv": nn.Conv2d(4, 6, (3, 2), 2, 1, 1, 2), "upconv": nn.ConvTranspose2d(4, 6, 3, 2, groups=2)}[name]
    d = ncd.trace(layer, torch.randn(2, 4, 9, 8))
    assert int(d.backward(parameters=True).cost()["∂"].flops) == 2 * int(d.cost().total.flops) > 0


# ---------------------------------------------------------------- what holds of derivatives


def test_the_derivative_of_a_broadcast_is_the_broadcast_of_the_derivative() -> None:
    """An axis that every op is repeated over is one that every op of the gradient is repeated over."""
    d = ncd.trace(lambda x, w: torch.tanh(x @ w).softmax(-1), ncd.array("b=4 s=5 m=3"), torch.randn(3, 6), axes="b s m")
    back = d.backward(inputs=["x"])
    for name in ("b", "s"):
        assert all(name not in op.target for op in (*d.ops, *back.ops))
    f = lambda x, g: torch.func.vjp(lambda y: torch.tanh(y).softmax(-1), x)[1](g)[0]  # noqa: E731
    x, g = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    one = ncd.trace(lambda y: torch.tanh(y).softmax(-1), x[0]).backward().to_module()
    each = torch.stack([one(x[i], **{"∂y": g[i]})[1] for i in range(4)])
    assert torch.allclose(torch.func.vmap(f)(x, g), each, atol=1e-12)


def test_a_map_of_each_number_has_a_diagonal_jacobian() -> None:
    """So its gradient is a product number by number, and no n x n array is in it."""
    back = ncd.trace(lambda x: F.gelu(x) * x, ncd.array("n=6")).backward()
    assert all(not op.target and len(a.shape) < 2 for op in back.ops for a in op.outputs)
    jacobian = torch.func.jacrev(F.gelu)(torch.randn(6))
    assert torch.equal(jacobian, torch.diag(jacobian.diagonal()))


def test_a_linear_map_goes_back_as_itself_turned_round() -> None:
    """Forward mode pushes through the same weight as reverse mode pulls: (W v)·u = v·(Wᵀ u)."""
    layer = nn.Linear(4, 3, bias=False).double()
    back = ncd.trace(layer, ncd.array("b=2 m=4", dtype=torch.float64)).backward()
    (op,) = back.simplify()["∂"].ops
    assert (op.label, op.symbol) == ("L^{⊤}", "linear") and op.params[0].name == "weight"
    v, u = torch.randn(2, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    pushed = torch.func.jvp(layer, (v,), (v,))[1]
    assert torch.allclose((pushed * u).sum(), (v * back.to_module()(v, **{"∂y": u})[1]).sum())


# ---------------------------------------------------------------- what cannot be


def test_errors_say_what_to_do() -> None:
    d = ncd.trace(nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)).train(), torch.randn(2, 3))
    with pytest.raises(ncd.TraceError, match=r"dropout draws random numbers"):
        d.backward()
    d = ncd.trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(2, 3))
    with pytest.raises(ncd.NCDError, match=r"called 'y'\n.*the inputs are input"):
        d.backward(inputs=["y"])
    with pytest.raises(ncd.NCDError, match=r"no program"):
        ncd.Diagram.from_json(d.to_json()).backward()
    with pytest.raises(ncd.NCDError, match=r"no program"):
        d["0"].backward()
    with pytest.raises(ncd.NCDError, match="no output depends on 'b'"):
        ncd.trace(lambda a, b: a * 2, torch.ones(2), torch.ones(2)).backward(inputs=["b"])

    def through_a_view(a: Tensor) -> Tensor:
        x = a.clone()
        x[:, 0].mul_(2.0)
        return x

    with pytest.raises(ncd.TraceError, match="writes into memory that is read through another array"):
        ncd.trace(through_a_view, torch.randn(3, 4)).backward()


def test_parameters_where_no_input_can_have_a_gradient() -> None:
    d = ncd.trace(nn.Embedding(7, 3), ncd.tokens("b=2 s=5"))
    back = d.backward()
    assert [a.name for a in back.outputs] == ["y", "∂weight"]
    assert back.outputs[1].wires == next(a.wires for a in back.arrays if a.name == "weight")
