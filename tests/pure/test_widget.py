"""The widget: what it sends, what redraws it, and that it cannot show what is not so."""

from dataclasses import replace
from pathlib import Path

import pytest

from ncd import NCDError, show
from ncd.circuit.diagram import Block, Diagram, Origin
from ncd.layout.scene import Scene
from ncd.notebook.widget import Widget, widget


@pytest.fixture
def calls(monkeypatch):
    """Drawing replaced by a record of what was asked for."""
    asked = []

    def draw(diagram, **options):
        asked.append(options)
        if "nowhere" in options["expand"]:
            raise NCDError("no block 'nowhere'")
        name = " ".join(options["expand"])
        scene = Scene(1, 1, "", "", (), lambda: {"op": {0: {"name": name, "shape": (2, 3)}}})
        return show.Picture(diagram, scene, f"<svg>{name}</svg>", diagram)

    monkeypatch.setattr(show, "draw", draw)
    return asked


DIAGRAM = Diagram("d", (), (), (), options=(("labels", "sizes"),))


def test_it_holds_the_picture_and_its_facts(calls):
    shown = widget(DIAGRAM, depth=2)
    assert isinstance(shown, Widget)
    assert calls == [{"theme": "auto", "labels": "sizes", "depth": 2, "expand": [], "collapse": []}]
    assert shown.svg == "<svg></svg>"
    assert shown.facts == {"op": {"0": {"name": "", "shape": [2, 3]}}, "block": {}}  # as JSON has it
    assert (shown.opened, shown.selected, shown.hovered) == ([], "", "")


def test_what_is_opened_is_drawn_open(calls):
    shown = widget(DIAGRAM, expand="a", theme="dark")
    assert shown.opened == ["a"] and shown.svg == "<svg>a</svg>"
    shown.opened = ["a", "b"]
    assert shown.svg == "<svg>a b</svg>" and shown.facts["op"]["0"]["name"] == "a b"
    shown.opened = ["a", "b"]
    assert [c["expand"] for c in calls] == [["a"], ["a", "b"]]
    assert all(c["theme"] == "dark" for c in calls)


def test_opening_what_is_not_there_changes_nothing(calls):
    shown = widget(DIAGRAM, expand=["a"])
    with pytest.raises(NCDError, match="nowhere"):
        shown.opened = ["nowhere"]
    assert shown.opened == ["a"] and shown.svg == "<svg>a</svg>"
    shown.opened = ["b"]
    assert shown.svg == "<svg>b</svg>"


def test_what_the_first_picture_has_open_stays_open(monkeypatch):
    asked = []

    def draw(diagram, **options):
        asked.append((options.get("depth"), options["expand"], options["collapse"]))
        return show.Picture(
            diagram, Scene(1, 1, "", "", (), lambda: {"block": {"h.0": {}, "h.0.attn": {}}}), "<svg/>", diagram
        )

    monkeypatch.setattr(show, "draw", draw)
    shown = widget(DIAGRAM)
    shown.opened = ["h.0.mlp"]
    shown.closed = ["h.0.attn"]
    assert asked == [
        (None, [], []),
        (0, ["h.0", "h.0.attn", "h.0.mlp"], []),
        (0, ["h.0", "h.0.attn", "h.0.mlp"], ["h.0.attn"]),
    ]


def test_what_is_closed_is_drawn_closed_but_for_what_was_opened_by_name(calls):
    layers = tuple(Block(f"h.{i}", "Layer") for i in range(2))
    shown = widget(replace(DIAGRAM, blocks=layers, source=Origin(exact=DIAGRAM)), collapse="Layer")
    assert shown.closed == ["Layer"]
    shown.opened = ["h.1"]
    shown.closed = ["Layer", "x"]
    assert [c["collapse"] for c in calls] == [["h.0", "h.1"], ["h.0"], ["h.0", "x"]]


def test_in_a_new_picture_another_op_has_the_place_of_the_chosen_one(calls):
    shown = widget(DIAGRAM)
    shown.selected, shown.hovered = "op:0", "axis:3"
    shown.opened = ["a"]
    assert (shown.selected, shown.hovered) == ("", "axis:3")


def test_traits_can_be_observed_and_set(calls):
    shown, seen = widget(DIAGRAM), []
    shown.observe(lambda change: seen.append(change.new), "selected")
    shown.selected = "op:0"
    assert seen == ["op:0"] and len(calls) == 1


def test_every_trait_is_shared_with_the_page(calls):
    traits = {"document", "opened", "closed", "selected", "hovered", "marked", "values", "state"}
    assert traits <= set(widget(DIAGRAM).get_state())


def test_the_code_that_every_saved_widget_carries_is_small():
    for name in ("widget.js", "widget.css", "page.js"):
        file = Path(show.__file__).parent / "static" / name
        assert 0 < file.stat().st_size <= (31_000 if file.name == "page.js" else 30_000)
        assert b"http" not in file.read_bytes().replace(b"http://www.w3.org/2000/svg", b"")


def test_it_brings_its_picture_to_where_no_widget_can_be(calls):
    data, _ = widget(DIAGRAM)._repr_mimebundle_()
    assert data["image/svg+xml"] == "<svg></svg>" and data["text/plain"] == "<ncd.Widget of d>"
    assert "application/vnd.jupyter.widget-view+json" in data
