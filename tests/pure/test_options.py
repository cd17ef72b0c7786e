"""Options of a picture: what is allowed, what is refused and how that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncd import Diagram, NCDError, cli
from ncd.options import OPTIONS, checked, complete, page

EMPTY = Diagram("empty", (), (), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", None), ("depth", 0), ("depth", 7),
        ("expand", "h.0"), ("expand", ["h.0", "h.1"]), ("collapse", ("GPT2MLP",)), ("collapse", ()),
        ("width", None), ("width", 200), ("width", 640.5),
        *(("theme", t) for t in ("light", "dark", "paper", "teach", "auto")),
        ("labels", "sizes"), ("labels", "both"), ("legend", True), ("hide", "b"), ("show", ["b", "s"]),
        ("titles", {"h.0": "Block"}), ("notes", (("softmax", "weights"),)), ("highlight", ["d_k", "softmax"]),
        ("colors", {"Layer": "orange"}), ("colors", [("h.0", "#AAddff")]),
        ("labels", "boundaries"), ("axis_order", "memory"), ("quality", 3), ("skips", "lanes"),
        ("stages", False), ("ids", False),
    ],
)  # fmt: skip
def test_allowed(name: str, value: object) -> None:
    assert set(checked({name: value})) == {name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", -1), ("depth", 1.5), ("depth", True), ("depth", "all"),
        ("expand", 3), ("expand", None), ("expand", [1]), ("collapse", {"h.0": 1}),
        ("width", 199), ("width", -5), ("width", float("nan")), ("width", float("inf")), ("width", "wide"),
        ("width", True),
        ("legend", 1), ("hide", 3), ("titles", {"a": 1}), ("titles", "h.0"), ("notes", [("a", "b", "c")]),
        ("colors", {"Layer": "pink"}), ("colors", {"Layer": "#abc"}), ("colors", "red"), ("colors", {"Layer": 3}),
        ("theme", "pink"), ("theme", None), ("labels", True), ("axis_order", "best"), ("quality", 0), ("quality", 1.0),
    ],
)  # fmt: skip
def test_refused(name: str, value: object) -> None:
    with pytest.raises(NCDError, match=f"{name}=") as e:
        checked({name: value})
    assert e.value.fix == OPTIONS[name].says


def test_an_unknown_option_names_the_near_one_or_all() -> None:
    with pytest.raises(NCDError, match="did you mean 'width'"):
        checked({"widht": 3})
    with pytest.raises(NCDError, match="one of depth, expand, collapse, width"):
        checked({"zzz": 3})


def test_every_default_is_allowed() -> None:
    assert complete() == complete({name: option.default for name, option in OPTIONS.items()})


def test_later_layers_decide() -> None:
    assert complete({"depth": 1, "theme": "dark"}, {"depth": 2})["depth"] == 2
    assert complete({"expand": "h.0"})["expand"] == ("h.0",)


def test_a_view_is_another_diagram_with_other_defaults() -> None:
    d = EMPTY.view(depth=2, expand="h.0")
    assert d.options == (("depth", 2), ("expand", ("h.0",)))
    assert d.view(depth=3).options == (("depth", 3), ("expand", ("h.0",)))
    assert EMPTY.options == ()
    d = d.view(titles={"h.0": "Block"}, notes={"s": "time"})
    assert dict(d.options)["titles"] == (("h.0", "Block"),)
    assert Diagram.from_json(d.to_json()) == d


def test_a_view_with_a_wrong_option_is_refused_at_once() -> None:
    with pytest.raises(NCDError, match="no option 'dept'"):
        EMPTY.view(dept=2)


def test_the_page_of_options_is_up_to_date() -> None:
    kept = (Path(__file__).parents[2] / "docs" / "options.md").read_text(encoding="utf-8")
    assert kept == page(), "write it again: python -m ncd.options > docs/options.md"
    assert all(f"| `{name}` |" in kept for name in OPTIONS)


ON_THE_COMMAND_LINE = {
    "depth": ["--depth", "2"],
    "expand": ["--expand", "h.0", "--expand", "layer_norm"],
    "collapse": ["--collapse", "GPT2MLP"],
    "width": ["--width", "none"],
    "theme": ["--theme", "dark"],
    "labels": ["--labels", "both"],
    "arrays": ["--arrays", "all"],
    "hide": ["--hide", "b"],
    "show": ["--show", "b"],
    "legend": ["--legend"],
    "ids": ["--no-ids"],
    "titles": ["--titles", "=The whole", "--titles", "h.0=First"],
    "highlight": ["--highlight", "softmax"],
    "notes": ["--notes", "s=time = position"],
    "colors": ["--colors", "GPT2MLP=#aaddff"],
    "heat": ["--heat", "flops"],
    "axis_order": ["--axis-order", "memory"],
    "stages": ["--no-stages"],
    "skips": ["--skips", "lanes"],
    "quality": ["--quality", "3"],
}
SAID = {
    "depth": 2, "expand": ("h.0", "layer_norm"), "collapse": ("GPT2MLP",), "width": None, "theme": "dark",
    "labels": "both", "arrays": "all", "hide": ("b",),
    "show": ("b",), "legend": True, "titles": (("", "The whole"), ("h.0", "First")),
    "highlight": ("softmax",), "notes": (("s", "time = position"),), "colors": (("GPT2MLP", "#aaddff"),),
    "heat": "flops", "axis_order": "memory", "quality": 3, "skips": "lanes", "stages": False, "ids": False,
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_can_be_given_on_the_command_line(name: str, monkeypatch, tmp_path) -> None:
    seen: list[Diagram] = []
    monkeypatch.setattr(cli, "_diagram", lambda options: EMPTY)
    monkeypatch.setattr(Diagram, "save", lambda d, path: seen.append(d) or path)
    assert cli.main(["draw", "a:b", *ON_THE_COMMAND_LINE[name]]) == 0
    assert seen[0].options == ((name, SAID[name]),)
    assert seen[0] == EMPTY.view(**{name: SAID[name]})
