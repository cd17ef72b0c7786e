"""What is added to a finished figure: glows, notes, the legend; and what may be left out of one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import sketches
from metrics import Line, Measured, bounds, enters, overlap, polyline, shrink, text_box

from ncd import NCDError
from ncd.layout.callouts import noted
from ncd.layout.figure import layout
from ncd.layout.legend import explained
from ncd.layout.margin import coloured, lit, wrapped
from ncd.layout.pointing import Found, boxes, pointed
from ncd.layout.scene import Dot, Path, Text
from ncd.render import svg, tikz
from ncd.text import width

D = sketches.transformer()
SCENE = layout(D, width=900)


def at(name: str) -> Found:
    return pointed(D, D, name)


def roles(scene) -> list[str]:
    return [m.role for m in scene.marks]


def test_a_name_points_at_axes_operations_or_blocks() -> None:
    assert at("x").axes == {w.id for a in D.arrays for w in a.wires if w.name == "x"}
    assert at("softmax").ops == {i for i, op in enumerate(D.ops) if op.name == "softmax"} != set()
    block = D.blocks[0]
    assert at(block.path).blocks == {block.path}
    some = D.ops[next(iter(at("softmax").ops))]
    assert at(f"{some.path}:softmax").ops and not at(f"{some.path}:softmax").axes
    with pytest.raises(NCDError, match="nothing is called 'sofmax'") as e:
        at("sofmax")
    assert "softmax" in e.value.fix


def test_what_another_diagram_has_is_not_found_and_not_refused() -> None:
    assert pointed(sketches.residual(), D, "softmax") == Found()


def test_glows_lie_behind_what_they_light_and_before_the_plates_under_it() -> None:
    shown = lit(SCENE, [at("m"), at("softmax")])
    assert [m for m in shown.marks if m.role not in ("glow", "spot")] == list(SCENE.marks)
    wires = [m for m in SCENE.marks if isinstance(m, Path) and at("m").has(m) and m.role == "wire"]
    assert roles(shown).count("glow") == len(wires) > 5
    assert roles(shown).count("spot") == len(at("softmax").ops)
    for k, mark in enumerate(shown.marks):
        if mark.role == "glow":
            lit_one = next(i for i, m in enumerate(shown.marks) if m.role == "wire" and m.segments == mark.segments)
            over = [m for m in shown.marks[k:lit_one] if m.role == "block" and m.ids.op is None]
            assert k < lit_one and not over


def test_a_block_is_framed_in_every_row_it_is_in() -> None:
    path = D.blocks[0].path
    frames = [m for m in SCENE.marks if m.role == "block" and m.ids.block == path and m.ids.op is None]
    shown = lit(SCENE, [at(path)])
    assert roles(shown)[-len(frames) :] == ["halo"] * len(frames)
    assert len(boxes(SCENE, at(path))) == len(frames)


def test_a_block_has_the_colour_asked_for_by_path_or_class_open_and_closed() -> None:
    block = D.blocks[0]
    for name in (block.path, block.cls):
        shown = coloured(SCENE, D, D, {name: "#aaddff"})
        own = {m.ids.block for m in shown.marks if isinstance(m, Path) and m.tone == "#aaddff"}
        assert own == {b.path for b in D.blocks if name in (b.path, b.cls)}
        assert [replace(m, tone="") if isinstance(m, Path) else m for m in shown.marks] == [
            replace(m, tone="") if isinstance(m, Path) else m for m in SCENE.marks
        ]
        text = svg.render(shown)
        assert "ncd-ownaaddff{fill:#adf;" in text and "ncd ownaaddff" not in text
        assert "ncd block ownaaddff/.style={fill=" in tikz.render(shown)
    drawn = sketches.ALL["unet_closed"]()
    scene = layout(drawn)
    shown = coloured(scene, drawn, drawn, {"DoubleConv": "red"})
    faces = {m.ids.op for m in shown.marks if m.role == "front" and m.tone == "red"}
    assert faces == {i for i, op in enumerate(drawn.ops) if op.symbol == "block" and op.name == "DoubleConv"} != set()
    with pytest.raises(NCDError, match="no block is called 'Dubble'"):
        coloured(scene, drawn, drawn, {"Dubble": "red"})


def test_notes_have_boxes_and_lines_that_meet_nothing() -> None:
    d = sketches.mha()
    scene = layout(d)
    told = {"h": "side by side", "softmax": "weights that add up to one " * 4, "linear": "learned"}
    shown = noted(scene, [(pointed(d, d, name), text) for name, text in told.items()])
    plates = [bounds(polyline(m.segments)) for m in shown.marks if isinstance(m, Path) and m.role == "note"]
    lines = [m for m in shown.marks if isinstance(m, Path) and m.role == "leader"]
    tips = [m for m in shown.marks if isinstance(m, Dot) and m.role == "tip"]
    assert len(plates) == len(lines) == len(tips) == len(told)
    assert not any(overlap(a, b) for a, b in combinations(plates, 2))
    words = [text_box(m) for m in shown.marks if isinstance(m, Text) and m.role == "word"]
    own = [w for w in words if any(p[0] <= w[0] and w[2] <= p[2] and p[1] <= w[1] and w[3] <= p[3] for p in plates)]
    assert len(own) == len(words) == sum(len(wrapped(t, "word", 240.0)) for t in told.values())
    measured = Measured(shown)
    letters = [b for _, b in measured.names] + measured.titles
    symbols = [b for found in measured.symbols.values() for b in found]
    for line in lines:
        points = polyline(line.segments)
        mine = Line(line, points, bounds(points))
        assert not any(enters(mine, shrink(b, 1.0)) for b in (*letters, *symbols))
        assert mine.box[1] > 0 and mine.box[3] < shown.height
    assert {k: v for k, v in measured.faults().items() if v} == {}
    moved = [m for m in shown.marks if m.role not in ("note", "leader", "tip", "word")]
    assert [(m.role, m.ids) for m in moved] == [(m.role, m.ids) for m in scene.marks if m.role != "word"]
    assert noted(SCENE, []) == SCENE


def test_a_note_that_no_line_gets_to_has_a_number_there_and_below() -> None:
    text = "A sentence about the softmax that is so long that it cannot be set in one line of this figure. " * 3
    shown = noted(SCENE, [(Found(), "of something closed"), (Found(), text)])
    badges = [m for m in shown.marks if isinstance(m, Dot) and m.role == "badge"]
    assert shown.marks[: len(SCENE.marks)] == SCENE.marks and len(badges) == 2
    added = [m for m in shown.marks[len(SCENE.marks) :] if isinstance(m, Text) and m.role == "word"]
    assert " ".join(m.text for m in added).split() == ("of something closed " + text).split()
    assert all(m.x + width(m.text, "word") <= shown.width and m.y < shown.height for m in added)


def test_the_legend_names_every_drawn_axis_once_and_stays_in_the_figure() -> None:
    shown = explained(SCENE, D)
    entries = [m for m in shown.marks[len(SCENE.marks) :] if isinstance(m, Text)]
    drawn = {m.ids.axis for m in SCENE.marks if m.ids.axis is not None}
    assert {e.text for e in entries} == {f"{w.label} = {w.size}" for a in D.arrays for w in a.wires if w.id in drawn}
    assert len({e.text for e in entries}) == len(entries)
    assert all(e.x + width(e.text, "axis") <= shown.width and e.y < shown.height for e in entries)


def test_a_hidden_axis_is_nowhere_and_said_to_be_missing() -> None:
    ids = at("x").axes
    shown = layout(D, hide=ids)
    assert not any(m.ids.axis in ids for m in shown.marks)
    assert shown.description.endswith("Not drawn: x.")


def test_both_name_and_size() -> None:
    d = sketches.sdpa()
    texts = {m.text for m in layout(d, labels="both").marks if isinstance(m, Text) and m.role == "axis"}
    assert texts >= {f"{w.label}={w.size}" for w in d.inputs[0].wires}


def test_lines_are_cut_at_spaces() -> None:
    assert wrapped("a b c", "word", 1000) == ["a b c"]
    assert wrapped("aaa bbb", "word", 1.0) == ["aaa", "bbb"]
    assert wrapped("", "word", 10) == [""]
