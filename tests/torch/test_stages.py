"""Stages that differ in sizes alone, folded: every claim of the picture against the program, turn by turn."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
import torch
from metrics import FAULTS, Measured
from torch import Tensor, nn

import ncd
from ncd import Diagram, show
from ncd.circuit.diagram import Block, Op
from ncd.layout.figure import layout
from ncd.layout.legend import numbered
from ncd.layout.scene import Text
from ncd.models import unet
from ncd.rewrite.present import depths, prepared, present
from ncd.rewrite.stage_names import Names, formula


class Down(nn.Module):
    """Half the pixels, other channels; ``change`` makes one that is not like the others."""

    def __init__(self, c: int, d: int, change: str = "") -> None:
        super().__init__()
        groups = 1 if change == "ungrouped" else c
        self.wide = nn.Conv2d(
            c, c, 5 if change == "kernel" else 3, padding=2 if change == "kernel" else 1, groups=groups
        )
        self.norm = nn.BatchNorm2d(c, eps=1e-3 if change == "eps" else 1e-5)
        self.act = nn.GELU() if change == "activation" else nn.ReLU()
        self.narrow = nn.Conv2d(c, d, 2, stride=2)
        self.residual = change != "residual"

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.wide(x)))
        return self.narrow(x + y if self.residual else y)


class Chain(nn.Module):
    """Stages in a row; ``keep`` returns what each makes, ``changed`` says which one is different and how."""

    def __init__(self, keep: bool = False, changed: tuple[int, str] = (-1, "")) -> None:
        super().__init__()
        sizes = list(pairwise((4, 6, 10, 16, 22)))
        self.stages = nn.ModuleList(Down(c, d, changed[1] if k == changed[0] else "") for k, (c, d) in enumerate(sizes))
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        made = [x := stage(x) for stage in self.stages]
        return made if self.keep else made[-1]


def chain(**options: object) -> Diagram:
    torch.manual_seed(0)
    return ncd.trace(Chain(**options).eval(), torch.randn(2, 4, 48, 48), axes={"x": "b c y x"})


def net(depth: int) -> Diagram:
    torch.manual_seed(0)
    model = unet.UNet(colours=3, channels=[8 * 2**k for k in range(depth)])
    side = 2 ** (depth + 1)
    return ncd.trace(model.eval(), torch.randn(2, 3, side, side), axes={"image": "b c y x"})


CASES = {"unet": lambda: net(4), "deep": lambda: net(5), "chain": chain, "kept": lambda: chain(keep=True)}


@cache
def case(name: str) -> tuple[Diagram, Diagram]:
    """The diagram before and after folding."""
    simple = CASES[name]().simplify()
    return simple, prepared(simple)


def stages(d: Diagram) -> list[Block]:
    return [b for b in d.blocks if b.numbered]


EXPECTED = {
    # name: per bracket, turns and what is saved and loaded in it; what is loaded outside
    "unet": ([(3, ["C_{λ}"], []), (3, [], ["C_{4−λ}"])], []),
    "deep": ([(4, ["C_{λ}"], []), (4, [], ["C_{5−λ}"])], []),
    "chain": ([(4, [], [])], []),
    "kept": ([(4, ["C_{λ}"], [])], ["C_{1}", "C_{2}", "C_{3}", "C_{4}"]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_stages_are_one_block(name: str) -> None:
    _, drawn = case(name)
    brackets, outside = EXPECTED[name]
    found = []
    for b in stages(drawn):
        inside = drawn.inside(b.path)
        labels = {s: [op.label for op in drawn.ops if op.symbol == s and op.path in inside] for s in ("save", "load")}
        found.append((b.repeat, labels["save"], labels["load"]))
    assert found == brackets
    within = {p for b in stages(drawn) for p in drawn.inside(b.path)}
    assert [op.label for op in drawn.ops if op.symbol == "load" and op.path not in within] == outside
    assert Diagram.from_json(drawn.to_json()) == drawn


def turns_of(simple: Diagram, drawn: Diagram) -> list[tuple[Block, Op, list[Op]]]:
    """Every op in a numbered block, with the ops of the program it stands for, turn by turn."""
    found = []
    for b in stages(drawn):
        inside = drawn.inside(b.path)
        for op in drawn.ops:
            if op.path in inside and op.symbol not in ("turn", "save", "load"):
                found.append((b, op, [o for o in simple.ops if set(o.covers) <= set(op.covers)]))
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_every_op_is_that_of_each_turn_and_every_size_the_one_it_has_there(name: str) -> None:
    simple, drawn = case(name)
    for b, op, each in turns_of(simple, drawn):
        assert len(each) == b.repeat
        for k, real in enumerate(each):
            assert (real.symbol, real.name) == (op.symbol, op.name)
            assert [a.kind for a in real.inputs if a.hidden] == [a.kind for a in op.inputs if a.hidden]
            for a, o in zip((*real.inputs, *real.outputs), (*op.inputs, *op.outputs), strict=True):
                if not a.hidden:
                    sizes = [w.turns[k][1] if w.turns else w.size for w in o.wires]
                    assert sizes == [w.size for w in a.wires]
                    assert [w.turns != () for w in o.wires] == [w.shown.count("λ") == 1 for w in o.wires]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_turn_reads_what_the_one_before_made_and_what_is_said_to_be_loaded(name: str) -> None:
    simple, drawn = case(name)
    each = {id(op): real for _, op, real in turns_of(simple, drawn)}
    maker = {a.id: (op, j) for op in drawn.ops for j, a in enumerate(op.outputs)}
    handed = {start: made for b in stages(drawn) for start, made in b.carried}

    def real(array: int, turn: int) -> int:
        """The array of the program that an array of the picture is in a turn, from 0."""
        if array not in maker:
            return array
        op, j = maker[array]
        if op.symbol == "turn":
            start = op.inputs[0].id
            inside = start in handed and any(op.path == b.path for b in stages(drawn))
            if inside:
                return real(handed[start], turn - 1) if turn else real(start, 0)
            return real(start, len(each[id(maker[start][0])]) - 1)
        if op.symbol == "load":
            index = op.label.partition("_")[2].strip("{}").replace("−", "-")
            number = eval(index, {"λ": turn + 1})
            return real(op.inputs[0].id, number - 1)
        return each[id(op)][turn].outputs[j].id if id(op) in each else array

    for _, op, found in turns_of(simple, drawn):
        for k, program in enumerate(found):
            for a, b in zip(op.inputs, program.inputs, strict=True):
                assert a.hidden or real(a.id, k) == b.id
    outside = [op for op in drawn.ops if id(op) not in each and op.symbol not in ("turn", "save", "load")]
    for op in outside:
        (program,) = [o for o in simple.ops if o.covers == op.covers]
        assert [real(a.id, 0) for a in op.inputs if not a.hidden] == [a.id for a in program.inputs if not a.hidden]
    assert [real(a.id, 0) for a in drawn.outputs] == [a.id for a in simple.outputs]


@pytest.mark.parametrize("change", ["kernel", "eps", "activation", "residual", "ungrouped"])
def test_a_stage_that_is_another_computation_is_not_folded(change: str) -> None:
    drawn = prepared(chain(changed=(1, change)).simplify())
    assert stages(drawn) == []
    first = prepared(chain(changed=(0, change)).simplify())
    assert [b.repeat for b in stages(first)] == [3]


def test_sizes_that_go_up_and_down_are_no_stages() -> None:
    class Wide(nn.Module):
        def __init__(self, d: int) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(5, d), nn.Linear(d, 5)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.down(torch.relu(self.up(x)))

    for sizes, turns in (((8, 7, 9), []), ((7, 8, 9), [3]), ((9, 8, 7, 6), [4])):
        d = ncd.trace(nn.Sequential(*map(Wide, sizes)), torch.randn(2, 5))
        assert [b.repeat for b in stages(prepared(d.simplify()))] == turns


@pytest.mark.parametrize("name", EXPECTED)
def test_the_pictures_are_without_fault(name: str) -> None:
    _, drawn = case(name)
    for depth in range(depths(drawn) + 1):
        for width in (None, 700):
            scene = layout(present(drawn, depth=depth), width=width)
            assert Measured(scene).faults() == dict.fromkeys(FAULTS, 0)


def test_the_legend_gives_the_sizes_by_turn() -> None:
    simple, _ = case("unet")
    words = {m.text for m in show.draw(simple, legend=True).scene.marks if isinstance(m, Text)}
    assert {"c_{λ} = 8·2^{λ−1}", "c_{0} = 3", "x_{λ} = 32·2^{1−λ}", "λ = 3", "λ = 1"} <= words
    simple, _ = case("chain")
    words = {m.text for m in show.draw(simple, legend=True).scene.marks if isinstance(m, Text)}
    assert {"c_{1} = 4", "c_{3} = 10", "c_{5} = 22", "x_{λ} = 48·2^{1−λ}"} <= words
    sizes = {m.text for m in show.draw(simple, labels="sizes").scene.marks if isinstance(m, Text)}
    assert "4, 6, 10, 16" in sizes


def test_a_page_calls_axes_what_their_wires_say() -> None:
    scene = show.draw(case("unet")[0]).scene
    written: dict[str, set[str]] = {}
    for m in scene.marks:
        if isinstance(m, Text) and m.role in ("axis", "bundle"):
            written.setdefault(str(m.ids.axis), set()).add(m.text)
    assert len(written) > 10
    for axis, texts in written.items():
        fact = scene.facts["axis"][axis]
        assert str(fact.get("label", fact["name"])) in texts
    sizes = {str(f.get("label")): f["size"] for i, f in scene.facts["axis"].items() if i in written}
    assert sizes["c_{λ}"] == "8, 16, 32" and sizes["x_{λ}"] == "32, 16, 8"


def test_stages_may_be_drawn_one_by_one() -> None:
    simple, _ = case("unet")
    shown = show.draw(simple, stages=False, depth=0)
    assert not stages(shown.drawn) and sum(op.name == "DoubleConv" for op in shown.drawn.ops) == 7


def test_formulas_are_exact_or_lists() -> None:
    assert list(numbered("c", {1: 64, 2: 128, 3: 256})) == ["c_{λ} = 64·2^{λ−1}"]
    assert list(numbered("c", {0: 3, 1: 64, 2: 128, 3: 256})) == ["c_{λ} = 64·2^{λ−1}", "c_{0} = 3"]
    assert list(numbered("x", {1: 81, 2: 27, 3: 9})) == ["x_{λ} = 81·3^{1−λ}"]
    assert list(numbered("x", {1: 5, 2: 6, 3: 7})) == ["x_{1} = 5", "x_{2} = 6", "x_{3} = 7"]
    assert list(numbered("x", {1: 7, 2: 7, 3: 7})) == ["x_{1} = 7", "x_{2} = 7", "x_{3} = 7"]


def test_numbers_in_a_turn() -> None:
    assert [formula("c", n) for n in ((1, 2, 3), (0, 1, 2), (2, 3, 4), (3, 2, 1), (4, 3, 2))] == [
        "c_λ", "c_λ−1", "c_λ+1", "c_4−λ", "c_5−λ",
    ]  # fmt: skip
    names = Names()
    assert names.place("c", (16, 32, 64)) == ("c", (1, 2, 3))
    assert names.place("c", (3, 16, 32)) == ("c", (0, 1, 2))
    assert names.place("c", (128, 64, 32)) == ("c", (4, 3, 2))
    assert names.place("c", (32, 64, 100)) == ("c'", (1, 2, 3))
