"""Programs whose values decide what they do: every such place is in ``d.reads``, and the picture says so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import ncd
from ncd.circuit.reads import path_taken
from ncd.models import zoo
from ncd.rewrite.present import depths, prepared, present


class Greedy(nn.Module):
    """Tokens until all are the third, six at most."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.cell, self.score = nn.Embedding(11, 8), nn.GRUCell(8, 8), nn.Linear(8, 11)

    def forward(self, token: Tensor, h: Tensor) -> Tensor:
        out = []
        for _ in range(6):
            h = self.cell(self.table(token), h)
            token = self.score(h).argmax(-1)
            out.append(token)
            if (token == 3).all():
                break
        return torch.stack(out, 1)


class Mixture(nn.Module):
    """Each row goes to its two best experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(6, 4)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        w, chosen = self.gate(x).softmax(-1).topk(2, -1)
        y = torch.zeros_like(x)
        for k, f in enumerate(self.experts):
            rows, place = torch.where(chosen == k)
            if len(rows):
                y = y.index_add(0, rows, f(x[rows]) * w[rows, place, None])
        return y


class Early(nn.Module):
    """Layers until one of them is sure."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.head = nn.ModuleList(nn.Linear(6, 6) for _ in range(5)), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        for f in self.layers:
            x = torch.relu(f(x))
            p = self.head(x).softmax(-1)
            if p.max() > 0.9:
                break
        return p


class Beam(nn.Module):
    """The two best continuations of the two best so far; it ends where both ended."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.score = nn.Embedding(7, 5), nn.Linear(5, 7)

    def forward(self, start: Tensor) -> Tensor:
        beams = [(0.0, [int(start)])]
        total = None
        for _ in range(3):
            grown = []
            for so_far, words in beams:
                logp = self.score(self.table(torch.tensor(words[-1]))).log_softmax(-1)
                best = logp.topk(2)
                total = best.values.sum() if total is None else total + best.values.sum()
                grown += [(so_far + v, [*words, k]) for v, k in zip(*map(Tensor.tolist, best), strict=True)]
            beams = sorted(grown, reverse=True)[:2]
        assert total is not None
        return total


class Ponder(nn.Module):
    """Adaptive computation time: as many steps as it takes to be sure enough."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.halt = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        sure = torch.zeros(x.shape[0])
        while not bool((sure > 0.9).all()):
            x = torch.tanh(self.step(x))
            sure = sure + self.halt(x).sigmoid().squeeze(-1)
        return x


def line(function: object, words: str) -> int:
    """The line of a method on which these words are."""
    import inspect

    lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]
    return first + next(i for i, text in enumerate(lines) if words in text)


CASES = {
    "greedy": (Greedy, (torch.tensor([1, 2]), torch.ones(2, 8)), "(token == 3).all()", "__bool__", "argmax"),
    "mixture": (Mixture, (torch.linspace(-2, 2, 42).reshape(7, 6),), "torch.where", "shape", "where"),
    "early": (Early, (torch.ones(2, 6),), "p.max() > 0.9", "__bool__", "relu softmax"),
    "beam": (Beam, (torch.tensor(3),), "Tensor.tolist", "tolist", "topk"),
    "ponder": (Ponder, (torch.ones(3, 4),), "while not", "__bool__", "tanh"),
}


@pytest.mark.parametrize("name", CASES)
def test_reads_name_the_line_and_the_op_and_stay_with_it(name: str) -> None:
    make, args, words, what, op = CASES[name]
    torch.manual_seed(0)
    model = make().eval()
    d = ncd.trace(model, *args)
    assert d.check().ok
    assert all(torch.allclose(a, b) for a, b in zip([d.to_module()(*args)], [model(*args)], strict=True))
    here = [r for r in d.reads if r.source is not None and r.source.line == line(make.forward, words)]
    assert here and {r.what for r in here} == {what} and all(r.value for r in here)
    assert {d.ops[r.op].name for r in here if r.op is not None} == set(op.split())
    s = d.simplify()
    where = [s.ops[r.op] for r in s.reads if r.op is not None]
    assert len(s.reads) == len(d.reads) and where
    for r, e in zip(s.reads, d.reads, strict=True):
        assert r.op is None or e.op is None or e.op in s.ops[r.op].covers or e.op >= max(s.ops[r.op].covers)
    p = prepared(s)
    for depth in range(depths(p) + 1):
        shown = present(p, depth=depth)
        assert all(r.op is None or r.op < len(shown.ops) for r in shown.reads)
        assert any(r.op is not None for r in shown.reads)


@pytest.mark.parametrize("name", CASES)
def test_the_path_taken_is_said_wherever_the_diagram_is(name: str) -> None:
    make, args, words, _, _ = CASES[name]
    torch.manual_seed(0)
    d = ncd.trace(make().eval(), *args)
    at = f"test_reads.py:{line(make.forward, words)}"
    assert f"at {at}" in str(d) and "the path taken when" in str(d) and at in repr(d.reads)
    assert at in d.to_code().partition("import torch")[0]
    compile(d.to_code(), name, "exec")
    svg = d.to_svg()
    assert 'class="ncd-decision"' in svg and at in re.search("<desc.*?</desc>", svg, re.S).group()  # type: ignore[union-attr]
    assert '"decided":' in d.to_html()
    assert ncd.Diagram.from_json(d.to_json()).reads == d.reads


def test_a_part_keeps_the_reads_inside_it() -> None:
    d = ncd.trace(zoo.get("pointer").module, *zoo.get("pointer").args)
    part = d["step#3"]
    assert len(part.reads) == 1
    assert part.ops[part.reads[0].op].name == "argmax"
    assert d["encoder"].reads == ()


def test_sizes_that_values_decide_inside_a_call() -> None:
    def forward(x: Tensor, count: Tensor) -> tuple[Tensor, ...]:
        long = torch.repeat_interleave(x, count, dim=0)
        some = torch.masked_select(x, x > 0)
        rows = x[x[:, 0] > 0]
        parts = torch.tensor_split(x, count.cumsum(0)[:1])
        fixed = x[torch.tensor([0, 2])]
        return long, some, rows, parts[0], fixed

    x = torch.linspace(-1, 1, 15).reshape(5, 3)
    d = ncd.trace(forward, x, torch.tensor([1, 2, 0, 1, 1]))
    assert [(d.ops[r.op].name, r.value) for r in d.reads if r.op is not None] == [
        ("repeat_interleave", "[5, 3]"),
        ("masked_select", "[7]"),
        ("getitem", "[2, 3]"),
        ("tensor_split", "[1, 3]"),
    ]


def test_what_an_input_decides_is_said_though_nothing_is_marked() -> None:
    d = ncd.trace(lambda x: x + 1 if x.sum() > 0 else x - 1, torch.ones(3))
    assert [(r.op, r.what, r.value) for r in d.reads] == [(None, "__bool__", "True")]
    assert "was True" in path_taken(d.reads) and "ncd-decision" not in d.to_svg() and "was True" in d.to_svg()


def test_a_loop_over_one_line_is_said_once() -> None:
    torch.manual_seed(0)
    d = ncd.trace(Greedy(), torch.tensor([1, 2]), torch.ones(2, 8))
    assert len(d.reads) == 6 and path_taken(d.reads).count("`") == 2
    assert "was False 6 times" in path_taken(d.reads)
    first = replace(d.reads[0], value="True")
    assert "was True, then False 5 times" in path_taken([first, *d.reads[1:]])


def test_a_module_on_values_that_take_another_path_says_so() -> None:
    def program(x: Tensor) -> Tensor:
        return x[x > 0].view(2, 2)

    d = ncd.trace(program, torch.tensor([1.0, 2.0, 3.0, 4.0, -1.0]))
    with pytest.raises(ncd.CheckError, match="on other inputs than it was traced on") as e:
        d.to_module()(torch.tensor([1.0, -2.0, 3.0, 4.0, -1.0]))
    assert "the path taken when" in e.value.fix and "test_reads.py" in e.value.fix
