"""Pictures of hand-built diagrams: nothing wrong in any of them, few crossings, the same every time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path as File

import pytest
from consumers import missing
from metrics import FAULTS, Measured
from sketches import ALL, gpt, towers
from work import counted

from ncd.layout.figure import layout
from ncd.layout.rows import _free
from ncd.layout.scene import Dot, Ids, Mark, Path, Scene, Text
from ncd.render.svg import render

CROSSINGS = {
    "sdpa": 0, "mha": 2, "mha_nomask": 1, "mha_view": 2, "transformer": 8, "encoder_decoder": 18, "residual": 6,
    "unet": 6, "unet_closed": 8, "pointer": 2, "experts": 4, "zoo": 64, "oddities": 3,
}  # fmt: skip
"""Pairs of wires that cross, at most."""


@cache
def scene(name: str, **options: object) -> Scene:
    return layout(ALL[name](), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["clean", "memory"])
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_wrong(name: str, order: str) -> None:
    faults = Measured(scene(name, axis_order=order)).faults()
    assert faults == dict.fromkeys(FAULTS, 0)


@pytest.mark.parametrize("name", ALL)
def test_few_wires_cross_and_none_is_steep_or_close_to_another(name: str) -> None:
    measured = Measured(scene(name))
    assert measured.crossing_pairs() <= CROSSINGS[name]
    assert measured.distance() >= 23.9
    assert measured.steepest() < 2


@pytest.mark.parametrize("width", [700, 1000])
@pytest.mark.parametrize("name", ["transformer", "encoder_decoder", "unet", "unet_closed", "pointer", "experts"])
def test_rows(name: str, width: int) -> None:
    wrapped = scene(name, width=width)
    assert wrapped.width <= width
    assert wrapped.height > scene(name).height
    assert Measured(wrapped).faults() == dict.fromkeys(FAULTS, 0)


@pytest.mark.parametrize("width", [500, 700, 1000, 1600])
def test_blocks_that_do_not_fit_beside_one_another_stand_one_after_the_other(width: int) -> None:
    wrapped = layout(towers(), width=width)
    assert wrapped.width <= width < layout(towers()).width
    assert Measured(wrapped).faults() == dict.fromkeys(FAULTS, 0)
    assert missing(wrapped, towers()) == []


def test_inputs_and_outputs_pass_no_rows_in_which_nothing_uses_them() -> None:
    d = towers()
    marks = layout(d, width=700).marks

    def high(array: int) -> tuple[float, float]:
        ys = [y for m in marks if isinstance(m, Path) and m.ids.array == array for _, (*_, y) in m.segments]
        return min(ys), max(ys)

    (x, y), (score, classes) = d.inputs, d.outputs
    assert high(x.id)[1] < high(y.id)[0] and high(classes.id)[1] < high(score.id)[0]
    inside = next(op.outputs[0].id for op in d.ops if op.symbol == "softmax" and op.path > "2")
    assert high(y.id)[1] < high(inside)[0]  # one row of the second tower, where its text enters
    assert high(classes.id)[1] < high(inside)[0]


@pytest.mark.parametrize("labels", ["all", "sizes", "boundaries", "none"])
def test_labels(labels: str) -> None:
    marks = scene("mha", labels=labels).marks
    names = [m.text for m in marks if isinstance(m, Text) and m.role == "axis"]
    assert bool(names) == (labels != "none")
    assert all(n.isdigit() for n in names) == (labels in ("sizes", "none"))
    if labels == "boundaries":
        assert len(names) == 6


def test_more_starts_are_never_worse() -> None:
    one, many = Measured(scene("pointer")), Measured(layout(ALL["pointer"](), quality=3))
    assert many.crossing_pairs() <= one.crossing_pairs()


def test_memory_order_keeps_every_array_in_order() -> None:
    diagram = ALL["mha"]()
    marks = layout(diagram, axis_order="memory").marks
    for array in diagram.inputs:
        heights = {
            m.ids.axis: m.segments[0][1][1]
            for m in reversed(marks)
            if isinstance(m, Path) and m.role == "wire" and m.ids.array == array.id
        }
        order = [w.id for w in array.wires]
        assert sorted(order, key=lambda i: heights[i]) == order


def test_equal_blocks_look_alike() -> None:
    marks = layout(gpt(3)).marks
    boxes = [m for m in marks if isinstance(m, Path) and m.role == "block" and m.tone == "yellow"]
    shapes = []
    for box in boxes:
        (x, y), right = box.segments[0][1], box.segments[1][1][0]
        inside = [
            (round(a - x, 1), round(b - y, 1))
            for m in marks
            if isinstance(m, Dot)
            for a, b in [(m.x, m.y)]
            if x <= a <= right
        ]
        shapes.append(inside)
    assert len(shapes) == 3
    assert shapes[0] == shapes[1] == shapes[2] != []


def test_ids_and_facts_are_complete() -> None:
    diagram = ALL["transformer"]()
    drawn = scene("transformer")
    facts = drawn.facts
    for m in drawn.marks:
        for kind in ("op", "axis", "array", "block"):
            i = getattr(m.ids, kind)
            assert i is None or str(i) in facts[kind]
    assert {m.ids.op for m in drawn.marks} - {None} == set(range(len(diagram.ops))) - {
        i for i, op in enumerate(diagram.ops) if op.symbol == "einsum"
    } | {m.ids.op for m in drawn.marks if m.ids.op is not None}
    assert facts["op"]["0"]["weave"] == "x -> x [m]"
    labels = {(str(m.ids.axis), m.text.rstrip("'")) for m in drawn.marks if isinstance(m, Text) and m.role == "axis"}
    for axis, label in labels:
        assert label == str(facts["axis"][axis].get("label", facts["axis"][axis]["name"])).rstrip("'")
    assert "12 times" in drawn.description


def test_deterministic_across_processes() -> None:
    code = (
        "import sys; sys.path[:0] = ['.', 'tests/pure']\n"
        "import hashlib; from sketches import ALL\n"
        "from ncd.layout.figure import layout; from ncd.render.svg import render\n"
        "for n in ('mha', 'zoo', 'experts', 'pointer'):\n"
        "    print(hashlib.sha256(render(layout(ALL[n](), width=700)).encode()).hexdigest())\n"
    )
    root = File(__file__).parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_outer_axes_are_said_and_not_drawn() -> None:
    diagram = ALL["mha"]()
    outer = diagram.ops[0].inputs[0].wires[0]
    drawn = layout(replace(diagram, outer=(outer.id,)))
    assert "for every y" in drawn.title
    assert outer.id not in {m.ids.axis for m in drawn.marks}


def test_a_block_that_wires_leave_and_enter_again_is_dissolved() -> None:
    diagram = ALL["pointer"]()
    ops = [replace(op, path="0" if i in (0, 18) else "") for i, op in enumerate(diagram.ops)]
    drawn = layout(replace(diagram, ops=tuple(ops)))
    assert not any(isinstance(m, Path) and m.role == "block" for m in drawn.marks)
    assert Measured(drawn).faults() == dict.fromkeys(FAULTS, 0)


def test_an_empty_diagram_and_one_without_operations() -> None:
    diagram = ALL["sdpa"]()
    nothing = replace(diagram, ops=(), inputs=(), outputs=())
    assert layout(nothing).width > 0
    through = replace(diagram, ops=(), outputs=diagram.inputs)
    drawn = layout(through)
    assert sum(isinstance(m, Path) and m.role == "wire" for m in drawn.marks) == 6
    assert Measured(drawn).faults() == dict.fromkeys(FAULTS, 0)


def test_work_grows_with_size_only() -> None:
    """Doubling the operations takes little more than twice the work."""

    def work(n: int) -> int:
        diagram = gpt(n)
        return counted(lambda: render(layout(diagram, width=1000)))[1]

    assert work(16) < 2.3 * work(8)


# -- the metrics themselves: each finds its fault ----------------------------------------------


def wire(*points: tuple[float, float], array: int = 1, axis: int = 1) -> Path:
    return Path("wire", tuple(("L" if i else "M", p) for i, p in enumerate(points)), Ids(array=array, axis=axis))


def square(op: int, x: float, y: float, size: float = 28.0) -> Path:
    corners = ((x, y), (x + size, y), (x + size, y + size), (x, y + size))
    return Path("learned", (*(("L" if i else "M", p) for i, p in enumerate(corners)), ("Z", ())), Ids(op=op))


def name(x: float, y: float) -> Text:
    return Text("axis", x, y, "m", ids=Ids(array=1, axis=1))


def dashed(x0: float, y: float, x1: float) -> Path:
    return Path("separator", (("M", (x0, y)), ("L", (x1, y))))


THROUGH = wire((0, 50), (200, 50))
BROKEN: dict[str, list[Mark]] = {
    "label_label": [THROUGH, name(20, 46), name(25, 46)],
    "label_symbol": [THROUGH, name(20, 30), square(1, 22, 20, 12)],
    "label_dot": [THROUGH, name(20, 46), Dot("dot", 26, 44, 3.6)],
    "label_wire": [THROUGH, name(20, 53)],
    "wire_symbol": [THROUGH, square(1, 60, 40)],
    "symbol_symbol": [THROUGH, square(1, 60, 60), square(2, 70, 70)],
    "over_title": [THROUGH, Text("heading", 50, 54, "Title", "middle")],
    "separator_label": [THROUGH, name(20, 46), dashed(10, 43, 60)],
    "separator_symbol": [THROUGH, square(1, 60, 60), dashed(10, 75, 80)],
    "coincident": [THROUGH, wire((50, 50), (150, 50), array=2)],
    "unconnected": [wire((0, 50), (80, 50)), wire((120, 50), (200, 50))],
    "loose": [wire((0, 50), (100, 50)), wire((0, 80), (200, 80), array=2)],
    "outside": [THROUGH, wire((0, 90), (230, 90), array=2)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_metric_finds_its_fault(fault: str) -> None:
    def faults(*marks: Mark) -> dict[str, int]:
        return Measured(Scene(200, 120, "", "", marks)).faults()

    assert not any(faults(THROUGH, name(20, 46), square(1, 60, 56), dashed(10, 100, 60)).values())
    assert faults(*BROKEN[fault])[fault] > 0


@pytest.mark.parametrize("name", ALL)
def test_every_wire_arrives_where_it_is_read(name: str) -> None:
    diagram, whole = ALL[name](), scene(name)
    assert missing(whole, diagram) == []


@pytest.mark.parametrize("name", ["mha_nomask", "unet", "residual"])
def test_a_wire_that_arrives_nowhere_is_noticed(name: str) -> None:
    diagram, whole = ALL[name](), scene(name)
    op = next(op for op in diagram.ops[1:] if op.symbol in ("linear", "conv", "norm", "softmax"))
    for a in op.inputs:
        without = replace(whole, marks=tuple(m for m in whole.marks if m.ids.array != a.id))
        assert (op.name, a.id) in missing(without, diagram)


def test_crossings_distance_and_slope_are_measured() -> None:
    curve = Path("wire", (("M", (0, 20)), ("C", (50, 20, 50, 90, 100, 90)), ("L", (200, 90))), Ids(array=2))
    measured = Measured(Scene(200, 120, "", "", (THROUGH, curve, wire((0, 62), (200, 62), array=3))))
    assert measured.crossing_pairs() == 2
    assert measured.distance() == pytest.approx(12)
    assert measured.steepest() == pytest.approx(0.7)


def test_a_title_gives_way_to_a_sign() -> None:
    assert _free(0, 200, 60, []) == 100
    assert _free(0, 200, 60, [(95, 115)]) in (61, 149)
    assert _free(0, 70, 60, [(30, 40)]) is None
