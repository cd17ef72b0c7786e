"""SVG: valid, safe, deterministic, and with the names that pages rely on."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from work import counted

from ncd import NCDError
from ncd.layout.scene import Dot, Ids, Path, Scene, Text
from ncd.render.svg import data, escape, number, render
from ncd.symbols import At, marks
from ncd.theme import ROLES, THEMES

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    "svg": {"id", "class", "viewBox", "width", "height", "role", "aria-labelledby"},
    "title": {"id"},
    "desc": {"id"},
    "style": set(),
    "rect": {"class", "width", "height"},
    "g": {"class", "data-op", "data-block"},
    "path": {"class", "d", "data-axis", "data-array", "data-block"},
    "circle": {"class", "cx", "cy", "r", "data-axis", "data-array", "data-block"},
    "text": {"class", "x", "y", "text-anchor", "data-axis", "data-array", "data-block"},
    "tspan": {"dx", "dy", "font-size", "font-weight", "font-style"},
}
HOSTILE = (
    "</text><script>alert(1)</script>",
    '" onload="alert(1)',
    "' onclick='alert(1)",
    "]]><!--",
    "</style><script>alert(1)</script>",
    "&lt;script&gt;&#x3c;script>",
    "javascript:alert(1)",
    "a\x00b\x1b\ud800\ufffe\x0c",
    "\u202e\u2028",
)


def line(*points, role="wire", ids=None):
    segments = tuple(("L" if i else "M", p) for i, p in enumerate(points))
    return Path(role, segments, ids or Ids())


def scene(*drawn, title="A title", description="What it shows."):
    return Scene(200, 100, title, description, tuple(drawn))


def example(words="x"):
    return scene(
        Path("block", (("M", (1, 1)), ("L", (99, 1)), ("L", (99, 99)), ("Z", ())), Ids(block=words), "blue"),
        line((0, 10), (50, 10), ids=Ids(axis=3, array=1)),
        line((0, 34), (50, 34), role="bundle", ids=Ids(axis=4, array=1)),
        line((0, 53), (50, 53), role="separator"),
        *marks("linear", "L_+^Q", 50, 0, 90, 52, [At(10)], [At(10), At(34)], Ids(op=0, block=words)),
        *marks("softmax", "", 100, 0, 126, 28, [At(10)], [At(14)], Ids(op=1)),
        Dot("dot", 95, 10, 3.6, Ids(axis=3, array=2)),
        Text("axis", 10, 6, words, "start", Ids(axis=3)),
        Text("title", 10, 90, words),
        title=words,
        description=words,
    )


def parse(svg):
    return ET.fromstring(svg)


def check(svg):
    for element in parse(svg).iter():
        name = element.tag.removeprefix(SVG)
        assert name in ALLOWED, name
        assert set(element.attrib) <= ALLOWED[name], (name, element.attrib)
        if name == "path":
            assert re.fullmatch(r"[MLHVCAZ0-9 .\-]*", element.get("d"))
    rules = next(parse(svg).iter(SVG + "style")).text
    assert not re.search(r"url|@import|expression|var\(|[<\\]", rules)
    assert svg.count("http") == 1  # the namespace


@pytest.mark.parametrize("theme", [*THEMES, "auto"])
def test_only_what_is_allowed_is_in_it(theme):
    check(render(example(), theme))


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_words(words):
    svg = render(example(words))
    check(svg)
    root = parse(svg)
    readable = re.sub("[\x00\x1b\ud800\ufffe\x0c]", "\ufffd", words)
    assert root.find(SVG + "title").text == readable
    assert root.find(SVG + "desc").text == readable
    assert next(t for t in root.iter(SVG + "text") if "ncd-text-title" in t.get("class")).text == readable
    assert root.find(SVG + "g").get("data-block") == readable


def test_no_prefix_can_break_out():
    for prefix in ('"><script>', "a b", "1a", "é", "a;}"):
        with pytest.raises(NCDError):
            render(example(), prefix=prefix)
    assert parse(render(example(), prefix="fig-1_a")).get("id") == "fig-1_a"


def test_the_contract_of_names():
    root = parse(render(example("block.path")))
    by_class = {c: e for e in root.iter() for c in e.get("class", "").split()}
    for name in ("ncd-wire", "ncd-separator", "ncd-op", "ncd-label", "ncd-block", "ncd-dot"):
        assert name in by_class
    assert root.get("viewBox") == "0 0 200 100" and root.get("role") == "img"
    wire = next(e for e in root.iter(SVG + "path") if e.get("class") == "ncd-wire" and e.get("data-axis"))
    assert (wire.get("data-axis"), wire.get("data-array")) == ("3", "1")
    assert by_class["ncd-block"].get("data-block") == "block.path"
    assert by_class["ncd-block"].get("class") == "ncd-block ncd-blue"
    labels = root.get("aria-labelledby").split()
    assert [root.find(SVG + t).get("id") for t in ("title", "desc")] == labels


def test_neighbours_of_one_op_form_one_group():
    groups = list(parse(render(example())).iter(SVG + "g"))
    assert [g.get("data-op") for g in groups] == ["0", "1"]
    assert {len(list(g)) > 1 for g in groups} == {True}
    inside = scene(Dot("dot", 1, 1, 3, Ids(op=4, axis=5, array=6, block="b")))
    (group,) = parse(render(inside)).iter(SVG + "g")
    assert group.attrib == {"class": "ncd-op", "data-op": "4", "data-block": "b"}
    assert (group[0].get("data-axis"), group[0].get("data-array"), group[0].get("data-block")) == ("5", "6", None)
    split = scene(line((0, 0), (1, 1), ids=Ids(op=0)), line((0, 0), (2, 2)), line((0, 0), (3, 3), ids=Ids(op=0)))
    assert [g.get("data-op") for g in parse(render(split)).iter(SVG + "g")] == ["0", "0"]


def test_drawing_order_is_kept():
    drawn = [line((0, i), (9, i), ids=Ids(op=i // 2 if i % 3 else None)) for i in range(9)]
    found = [e.get("d") for e in parse(render(scene(*drawn))).iter(SVG + "path")]
    assert "".join(found) == "".join(f"M0 {i}H9" for i in range(9))


def test_a_double_wire_is_two_strokes():
    svg = render(scene(line((0, 5), (9, 5), role="bundle", ids=Ids(axis=1))))
    over, under = reversed(list(parse(svg).iter(SVG + "path")))
    assert under.get("class") == "ncd-wire ncd-bundle" and over.get("class") == "ncd-core"
    assert under.get("d") == over.get("d")
    assert "stroke-width:4.8" in svg and "stroke-width:1.8" in svg


def test_it_is_the_same_every_time_and_ids_follow_the_content():
    one, two = render(example()), render(example())
    assert one == two
    other = render(replace(example(), title="Another"))
    ids = [re.findall(r'id="([^"]*)"', s) for s in (one, other)]
    assert not set(ids[0]) & set(ids[1])
    assert all(rule.startswith(f"#{ids[0][0]} ") for rule in parse(one).find(SVG + "style").text.strip().splitlines())
    assert re.findall(r'id="([^"]*)"', render(example(), "dark"))[0] not in ids[0]


def test_auto_is_light_and_dark_where_preferred():
    rules = parse(render(example(), "auto")).find(SVG + "style").text
    light, dark = rules.split("@media (prefers-color-scheme:dark)")
    assert THEMES["light"].background == "#ffffff" and "#fff}" in light and "#fff" not in dark
    assert THEMES["dark"].background in dark and THEMES["dark"].tones["blue"].fill in dark
    assert "font" not in dark
    assert "@media" not in render(example(), "light")


def test_every_role_can_be_drawn_and_no_other():
    drawn = [line((0, 0), (1, 1), role=r) for r in ROLES] + [Dot("ring", 1, 1, 3)]
    check(render(scene(*drawn)))
    for wrong in (line((0, 0), (1, 1), role="wyre"), Dot("dott", 1, 1, 3), Text("axle", 1, 1, "x")):
        with pytest.raises(NCDError, match="role"):
            render(scene(wrong))


def test_no_rule_of_a_shape_hits_a_text():
    """A text and a shape whose roles share a name must not share a class."""
    svg = render(
        scene(*marks("linear", "L", 0, 0, 40, 28, [At(14)], [At(14)]), *marks("index", "i", 0, 0, 28, 28, [At(14)], []))
    )
    shapes = {c for e in parse(svg).iter(SVG + "path") for c in e.get("class").split()}
    texts = {c for e in parse(svg).iter(SVG + "text") for c in e.get("class").split()}
    assert not shapes & texts


def test_numbers_are_short():
    assert [number(v) for v in (1.0, 1.005, -0.001, 2.5, 1234.567, -3.0)] == ["1", "1", "0", "2.5", "1234.57", "-3"]
    assert data((("M", (0, 1)), ("L", (5, 1)), ("L", (5, 2)), ("L", (6, 3)), ("Z", ()))) == "M0 1H5V2L6 3Z"
    assert data((("M", (0, 0)), ("A", (7, 1, 14, 0)), ("C", (1, 2, 3, 4, 5, 6)))) == "M0 0A7 7 0 0 1 14 0C1 2 3 4 5 6"


def test_scripts_are_set_by_shifts_that_return_to_the_baseline():
    (element,) = parse(render(scene(Text("axis", 50, 50, "d_mx", "end")))).iter(SVG + "text")
    spans = list(element)
    assert [s.text for s in spans] == ["m", "x"]
    assert sum(float(s.get("dy", 0)) for s in spans) == pytest.approx(0)
    assert element.get("text-anchor") == "end"


def test_stacked_scripts_do_not_rely_on_the_viewers_anchor():
    (element,) = parse(render(scene(Text("learned", 50, 50, "L_+^Q", "middle")))).iter(SVG + "text")
    assert element.get("text-anchor") is None
    assert float(element.get("x")) < 50


def test_escape():
    assert escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;'"


def test_work_grows_with_the_number_of_marks():
    def work(n):
        drawn = scene(*(line((0, i), (9, i + 1), ids=Ids(op=i // 4, axis=i)) for i in range(n)))
        return counted(lambda: render(drawn))[1]

    assert work(4000) < 10.5 * work(400)
