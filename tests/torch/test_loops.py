"""Loops over time and layers in one frame, folded: every claim of the picture against the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from metrics import FAULTS, Measured
from torch import Tensor, nn
from work import counted

import ncd
from ncd import Diagram, show
from ncd.circuit.diagram import Block
from ncd.models import zoo
from ncd.rewrite.fold import fold
from ncd.rewrite.present import depths, prepared, present


class Program(nn.Module):
    """A forward with the modules it is given."""

    def __init__(self, run: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *args: Tensor) -> Any:
        return self.run(self, *args)


def lstm(s: Any, x: Tensor) -> Tensor:
    h, c = torch.zeros(len(x), 7), torch.zeros(len(x), 7)
    out = []
    for t in range(x.shape[1]):
        h, c = s.cell(x[:, t], (h, c))
        out.append(s.out(h))
    return torch.stack(out, 1)


def attention(s: Any, x: Tensor, y: Tensor) -> Tensor:
    e, (h, c) = s.enc(x)
    h, c, out, context = h[0], c[0], [], torch.zeros(len(x), 7)
    for word in y.unbind(1):
        h, c = s.cell(torch.cat([word, context], -1), (h, c))
        a = torch.softmax(torch.einsum("bh,bsh->bs", s.att(h), e), -1)
        context = torch.einsum("bs,bsh->bh", a, e)
        out.append(s.out(h))
    return torch.stack(out, 1)


def inline(s: Any, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    out = []
    for t in range(x.shape[1]):
        h = torch.tanh(s.w(x[:, t]) + s.u(h))
        out.append(h)
    return torch.stack(out, 1), h


def backwards(s: Any, x: Tensor) -> Tensor:
    h, out = torch.zeros(len(x), 7), []
    for t in reversed(range(x.shape[1])):
        h = torch.tanh(s.w(x[:, t]) + s.u(h))
        out.append(h)
    return torch.stack(out[::-1], 1)


def scan(s: Any, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    state, out = torch.zeros(2, 3, 5), []
    for i in range(a.shape[2]):
        state = a[:, :, i] * state + b[:, :, i]
        out.append((state @ c[:, i].unsqueeze(-1))[..., 0])
    return torch.stack(out, -1)


def layers(s: Any, x: Tensor) -> Tensor:
    for norm, f in zip(s.norms, s.fs, strict=True):
        x = x + torch.relu(f(norm(x)))
    return x


def stacked(s: Any, x: Tensor) -> Tensor:
    """Time within layers."""
    for cell in s.cells:
        h, out = torch.zeros(len(x), 5), []
        for t in range(x.shape[1]):
            h = cell(x[:, t], h)
            out.append(h)
        x = torch.stack(out, 1)
    return x


def nested(s: Any, x: Tensor) -> Tensor:
    """Layers within time."""
    hs, out = [torch.zeros(len(x), 5) for _ in s.cells], []
    for t in range(x.shape[1]):
        y = x[:, t]
        for k, cell in enumerate(s.cells):
            y = hs[k] = cell(y, hs[k])
        out.append(y)
    return torch.stack(out, 1)


def many(n: int, make: Callable[[], nn.Module]) -> nn.ModuleList:
    return nn.ModuleList(make() for _ in range(n))


def case(name: str) -> tuple[nn.Module, tuple[Tensor, ...], list[str]]:
    torch.manual_seed(0)
    x, y = torch.randn(2, 4, 5), torch.randn(2, 6, 5)
    cells = {"w": nn.Linear(5, 7), "u": nn.Linear(7, 7, bias=False)}
    found: dict[str, tuple[nn.Module, tuple[Tensor, ...], list[str]]] = {
        "lstm": (Program(lstm, cell=nn.LSTMCell(5, 7), out=nn.Linear(7, 3)), (x,), ["b t x"]),
        "attention": (
            Program(
                attention,
                enc=nn.LSTM(5, 7, batch_first=True),
                cell=nn.LSTMCell(12, 7),
                att=nn.Linear(7, 7),
                out=nn.Linear(7, 9),
            ),
            (y, x),
            ["b s x", "b t y"],
        ),
        "inline": (Program(inline, **cells), (x, torch.randn(2, 7)), ["b t x", "b h"]),
        "backwards": (Program(backwards, **cells), (x,), ["b t x"]),
        "scan": (
            Program(scan),
            (torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5), torch.randn(2, 4, 5)),
            ["b d s n", "b d s n", "b s n"],
        ),
        "layers": (
            Program(layers, norms=many(4, lambda: nn.LayerNorm(5)), fs=many(4, lambda: nn.Linear(5, 5))),
            (x,),
            ["b s d"],
        ),
        "stacked": (Program(stacked, cells=many(3, lambda: nn.GRUCell(5, 5))), (x,), ["b t x"]),
        "nested": (Program(nested, cells=many(3, lambda: nn.GRUCell(5, 5))), (x,), ["b t x"]),
    }
    model, args, axes = found[name]
    return model.eval(), args, axes


EXPECTED = {
    # name: (turns, carried, weights, labels of what reads and writes an element a turn)
    "lstm": [(4, 2, "same", ["t", "t"])],
    "attention": [(4, 3, "same", ["t", "t"])],
    "inline": [(4, 1, "same", ["t", "t"])],
    "backwards": [(4, 1, "same", ["t", "t"])],
    "scan": [(4, 1, "", ["s", "s", "s", "s"])],
    "layers": [(4, 1, "own", [])],
    "stacked": [(3, 1, "own", ["t", "t"]), (4, 1, "same", ["t", "t"])],
    "nested": [(4, 3, "same", ["t", "t"])],
}


def loops(p: Diagram) -> list[Block]:
    return [b for b in p.blocks if b.repeat > 1]


def traced(name: str) -> tuple[nn.Module, tuple[Tensor, ...], Diagram, Diagram]:
    model, args, axes = case(name)
    d = ncd.trace(model, *args, axes=axes)
    return model, args, d, prepared(d.simplify())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_loop_is_folded_with_what_it_carries(name: str) -> None:
    model, args, d, p = traced(name)
    found = []
    for b in loops(p):
        ops = [op for op in p.ops if op.path in p.inside(b.path)]
        turned = [op.label for op in ops if op.symbol in ("index", "stack")]
        found.append((b.repeat, len(b.carried), b.weights, turned))
        entering = {a.id for op in ops for a in op.inputs} - {a.id for op in ops for a in op.outputs}
        made = {a.id for op in ops for a in op.outputs}
        assert all(start in entering and end in made for start, end in b.carried)
        assert len({start for start, _ in b.carried}) == len(b.carried)
    assert found == EXPECTED[name]
    assert d.check().ok
    again = d.to_module()
    torch.manual_seed(1)
    others = tuple(torch.randn_like(a) for a in args)
    for a, b_ in zip(_flat(model(*others)), _flat(again(*others)), strict=True):
        assert torch.allclose(a, b_, atol=1e-5)
    s = d.simplify()
    covered = {c for op in p.ops for c in op.covers}
    assert covered >= {c for op in s.ops for c in op.covers}


def _flat(x: Any) -> list[Tensor]:
    return [x] if isinstance(x, Tensor) else list(x)


@pytest.mark.parametrize("name", [*EXPECTED, "pointer"])
def test_pictures_of_loops_are_without_fault(name: str) -> None:
    if name == "pointer":
        d = ncd.trace(zoo.get(name).module, *zoo.get(name).args).simplify()
    else:
        d = traced(name)[2].simplify()
    p = prepared(d)
    for depth in (None, *range(depths(p) + 1)):
        drawn = show.draw(d, depth=depth)
        faults = Measured(drawn.scene).faults()
        assert faults == dict.fromkeys(FAULTS, 0), depth
    assert 'class="ncd-carried"' in d.to_svg(depth=depths(p))
    assert "handed on from turn to turn" in drawn.svg


def test_the_pointer_network_is_one_step_again_and_again() -> None:
    p = prepared(ncd.trace(zoo.get("pointer").module, *zoo.get("pointer").args).simplify())
    (step,) = loops(p)
    assert (step.cls, step.repeat, len(step.carried), step.weights) == ("Step", 8, 4, "same")
    assert [op.symbol for op in present(p, depth=0).ops].count("block") == 1


def test_a_direction_is_said() -> None:
    _, _, _, p = traced("backwards")
    (b,) = loops(p)
    assert b.title == "Loop over t = 3 … 0"
    (out,) = p.outputs
    assert [w.label for w in out.wires] == ["b", "t", "h"] or out.wires[1].label == "t"


def unfolded(run: Callable[..., Any], *args: Tensor, **parts: nn.Module) -> list[int]:
    torch.manual_seed(0)
    return [b.repeat for b in loops(prepared(ncd.trace(Program(run, **parts).eval(), *args).simplify()))]


def test_what_is_not_the_same_every_turn_is_not_folded() -> None:
    x = torch.randn(2, 4, 5)
    w = nn.Linear(5, 5)

    def odd(s: Any, x: Tensor, order: tuple[int, ...] = (0, 2, 1, 3)) -> Tensor:
        h = x[:, 0]
        for t in order:
            h = torch.tanh(s.w(h) + x[:, t])
        return h

    def scaled(s: Any, x: Tensor) -> Tensor:
        h = x[:, 0]
        for t in range(4):
            h = torch.tanh(s.w(h) * (t + 2) + x[:, t])
        return h

    def read_twice(s: Any, x: Tensor) -> Tensor:
        h, seen = x[:, 0], []
        for t in range(4):
            h = torch.tanh(s.w(h) + x[:, t])
            seen.append(h)
        return h + seen[1]

    def two_back(s: Any, x: Tensor) -> Tensor:
        a = b = x[:, 0]
        for t in range(4):
            a, b = b, torch.tanh(s.w(a) + x[:, t])
        return a + b

    def out_of_order(s: Any, x: Tensor) -> Tensor:
        h, out = x[:, 0], []
        for t in range(4):
            h = torch.tanh(s.w(h) + x[:, t])
            out.append(h)
        return torch.stack([out[0], out[2], out[1], out[3]], 1)

    assert max(unfolded(odd, x, w=w), default=1) < 4
    assert max(unfolded(scaled, x, w=w), default=1) < 4
    assert max(unfolded(read_twice, x, w=w), default=1) < 4
    assert max(unfolded(out_of_order, x, w=w), default=1) < 4
    assert unfolded(two_back, x, w=w) == [2]  # two steps a turn, each with a state of its own
    assert unfolded(lambda s, x: s.w(s.w(x).relu()).relu(), x, w=w) == []


def test_weights_shared_by_some_turns_only_are_no_loop() -> None:
    def run(s: Any, x: Tensor) -> Tensor:
        for f in (s.a, s.b, s.b, s.a):
            x = x + torch.relu(f(x)).tanh()
        return x

    assert unfolded(run, torch.randn(2, 5), a=nn.Linear(5, 5), b=nn.Linear(5, 5)) == []


def test_one_start_for_two_states_enters_by_two_wires() -> None:
    def run(s: Any, x: Tensor) -> Tensor:
        h = c = torch.zeros(len(x), 7)
        for t in range(x.shape[1]):
            h, c = s.cell(x[:, t], (h, c))
        return h

    d = ncd.trace(Program(run, cell=nn.LSTMCell(5, 7)).eval(), torch.randn(2, 4, 5), axes="b t x").simplify()
    (b,) = loops(prepared(d))
    assert b.repeat == 4 and len({start for start, _ in b.carried}) == 2
    assert Measured(show.draw(d).scene).faults() == dict.fromkeys(FAULTS, 0)


def test_a_slice_of_a_weight_a_turn_is_a_weight_of_its_own() -> None:
    class Sliced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(4, 5, 5))

        def forward(self, x: Tensor) -> Tensor:
            for k in range(4):
                x = torch.tanh(x @ self.w[k]) + x
            return x

    found = loops(prepared(ncd.trace(Sliced(), torch.randn(2, 5)).simplify()))
    assert [(b.repeat, b.weights) for b in found] == [(4, "own")]


def test_folding_grows_no_faster_than_it_must() -> None:
    work = []
    for n in (50, 200):
        d = ncd.trace(Program(inline, w=nn.Linear(5, 7), u=nn.Linear(7, 7)), torch.randn(2, n, 5), torch.randn(2, 7))
        s = d.simplify()
        f, calls = counted(lambda s=s: fold(s))
        work.append(calls)
        assert [b.repeat for b in f.blocks if b.repeat > 1] == [n]
    assert work[1] < 4.6 * work[0]


def test_what_an_inner_block_makes_and_only_the_next_turn_reads_leaves_both() -> None:
    e = zoo.get("pointer")
    d = ncd.trace(e.module, *e.args, axes=e.axes, **e.kwargs)
    shown = show.draw(d, depth=3, expand=["Step", "lstm_cell"])
    assert Measured(shown.scene).faults() == dict.fromkeys(FAULTS, 0)
