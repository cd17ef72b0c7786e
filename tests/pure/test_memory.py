"""Long skips through memory: the same arrays, drawn twice, and nothing else changed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache

import pytest
import sketches
from metrics import FAULTS, Measured

from ncd import Diagram
from ncd.layout.figure import layout
from ncd.layout.scene import Path, Scene, Text
from ncd.rewrite.memory import called, remembered


@cache
def plain(name: str, width: float) -> Scene:
    return layout(sketches.ALL[name](), width=width)


@cache
def through_memory(name: str, width: float) -> tuple[Diagram, Scene]:
    drawn = remembered(sketches.ALL[name](), plain(name, width).far)
    return drawn, layout(drawn, width=width)


def forgotten(diagram: Diagram) -> Diagram:
    """The diagram with what is loaded read where it was made."""
    kept = {op.outputs[0].id: op.inputs[0] for op in diagram.ops if op.symbol == "load"}
    ops = [op for op in diagram.ops if op.symbol not in ("save", "load")]
    return replace(diagram, ops=tuple(replace(op, inputs=tuple(kept.get(a.id, a) for a in op.inputs)) for op in ops))


CASES = [("unet", 1000), ("unet_closed", 700), ("encoder_decoder", 700)]


@pytest.mark.parametrize(("name", "width"), CASES)
def test_what_is_read_is_what_was_made(name: str, width: int) -> None:
    diagram = sketches.ALL[name]()
    far = plain(name, width).far
    drawn, scene = through_memory(name, width)
    assert far and forgotten(drawn) == diagram
    assert {op.inputs[0].id for op in drawn.ops if op.symbol == "save"} == {a for a, _ in far}
    assert Measured(scene).faults() == dict.fromkeys(FAULTS, 0)
    assert scene.height < plain(name, width).height


@pytest.mark.parametrize(("name", "width"), CASES)
def test_both_ends_have_the_same_name_and_array_and_the_wires_too(name: str, width: int) -> None:
    drawn, scene = through_memory(name, width)
    tags = defaultdict(list)
    for m in scene.marks:
        if isinstance(m, Path) and m.role == "memory":
            tags[m.ids.array].append(drawn.ops[m.ids.op].symbol)
    words = {m.ids.op: m.text for m in scene.marks if isinstance(m, Text) and m.role == "count" and m.ids.op}
    names = set()
    for array, ends in tags.items():
        of = [op for op in drawn.ops if op.symbol in ("save", "load") and op.inputs[0].id == array]
        assert sorted(ends) == sorted(op.symbol for op in of)
        assert ends.count("save") == 1 and ends.count("load") >= 1
        assert len({op.label for op in of}) == 1
        names.add(of[0].label)
        for k, op in enumerate(drawn.ops):
            if op in of:
                assert words[k] == (f"→ {op.label}" if op.symbol == "save" else f"{op.label} →")
        wires = [
            m for m in scene.marks if isinstance(m, Path) and m.role in ("wire", "bundle") and m.ids.array == array
        ]
        ys = {round(y) for m in wires for _, (*_, y) in m.segments}
        assert len(ys) > len(of[0].inputs[0].wires)
    assert len(names) == len(tags)


@pytest.mark.parametrize(("name", "width"), [("transformer", 500), ("residual", 300), ("mha", 400)])
def test_residual_streams_stay_wires(name: str, width: int) -> None:
    assert plain(name, width).far == ()


def test_in_one_row_nothing_is_far() -> None:
    assert layout(sketches.ALL["unet"]()).far == ()


def test_an_array_of_its_own_name() -> None:
    diagram = sketches.ALL["unet"]()
    assert called(diagram, 1) == ["C"] and called(diagram, 2) == ["C_{1}", "C_{2}"]
    drawn, _ = through_memory("unet", 1000)
    assert called(drawn, 2) == ["M_{1}", "M_{2}"]
