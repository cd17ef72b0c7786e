"""An exported page in a real browser, with no network: the picture is alive, and nothing else runs."""

import pytest

from ncd.layout.scene import Ids, Path, Scene, Text
from ncd.render.html import page as html
from ncd.render.svg import render
from ncd.symbols import marks

EVIL = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>"


@pytest.fixture
def shown(chromium, tmp_path):
    """A page with one axis on two wires and a symbol between them; and what the browser complained of."""
    wires = [Path("wire", (("M", (x, 60)), ("L", (x + 80, 60))), Ids(axis=3, array=a)) for x, a in ((20, 0), (160, 1))]
    plate = Path(
        "block", (("M", (5, 5)), ("L", (255, 5)), ("L", (255, 115)), ("L", (5, 115)), ("Z", ())), Ids(block="b")
    )
    symbol = marks("linear", "L_+^Q", 100, 46, 160, 74, [60], [60], Ids(op=1, block="b"))
    scene = Scene(260, 120, EVIL, EVIL, (plate, *wires, *symbol, Text("axis", 22, 56, "m", ids=Ids(axis=3))))
    svg = render(scene, "auto")
    facts = {"op": {"1": {"name": "linear"}}, "axis": {"3": {"name": EVIL, "size": 512}}, "block": {"b": {"name": "b"}}}
    file = tmp_path / "figure.html"
    file.write_text(html(EVIL, svg, {"scenes": [{"svg": svg, "facts": facts}]}), encoding="utf-8")
    tab = chromium.new_page(viewport={"width": 400, "height": 300})
    complaints: list[str] = []
    tab.on("console", lambda m: complaints.append(m.text))
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.on("request", lambda r: r.url.startswith("file:") or complaints.append(r.url))
    tab.goto(file.as_uri())
    tab.wait_for_selector(".ncd-view svg")
    yield tab, complaints
    tab.close()


def at(tab, x, y):
    """Moves the mouse to a point of the figure."""
    box = tab.locator(".ncd-view svg").bounding_box()
    tab.mouse.move(box["x"] + x, box["y"] + y)


def test_an_axis_is_found_near_its_wire_and_lit_everywhere(shown):
    tab, complaints = shown
    at(tab, 40, 64)
    assert tab.locator(".ncd-lit").count() == 3
    assert "512" in tab.locator(".ncd-status").inner_text()
    dim = tab.locator(".ncd-op path").first.evaluate("e => getComputedStyle(e).opacity")
    lit = tab.locator("path.ncd-lit").first.evaluate("e => getComputedStyle(e).opacity")
    assert float(dim) < 0.5 and float(lit) == 1
    at(tab, 130, 60)
    assert "linear" in tab.locator(".ncd-status").inner_text()
    at(tab, 60, 100)
    assert tab.locator("svg.ncd-dimmed").count() == 0  # on the plate of a block
    assert complaints == []


def test_nothing_hostile_runs(shown):
    tab, complaints = shown
    at(tab, 40, 60)
    assert tab.locator(".ncd-status").inner_text().count("onerror") == 1
    assert tab.evaluate("window.ran") is None
    assert tab.title() == EVIL
    assert complaints == []


def test_it_zooms_with_ctrl_and_comes_back(shown):
    tab, _ = shown
    before = tab.locator(".ncd-view svg").bounding_box()
    at(tab, 130, 60)
    tab.mouse.wheel(0, -100)
    assert tab.locator(".ncd-view svg").bounding_box() == before
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -100)
    tab.keyboard.up("Control")
    tab.wait_for_function(
        "w => document.querySelector('.ncd-view svg').getBoundingClientRect().width > w * 1.2", arg=before["width"]
    )
    tab.locator(".ncd-stage").focus()
    tab.keyboard.press("0")
    assert tab.locator(".ncd-view svg").bounding_box() == before


def test_dark_where_the_reader_prefers_dark(shown):
    tab, _ = shown
    fill = "e => getComputedStyle(e).fill"
    assert tab.locator(".ncd-background").evaluate(fill) == "rgb(255, 255, 255)"
    tab.emulate_media(color_scheme="dark")
    assert tab.locator(".ncd-background").evaluate(fill) == "rgb(23, 24, 27)"
