"""An exported page in a real browser, with no network: the picture is alive, and nothing else runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from ncd.circuit.packed import packed
from ncd.layout.scene import Ids, Path, Scene, Text
from ncd.render.html import page as html
from ncd.render.svg import render
from ncd.symbols import marks

EVIL = "</script><img src=x onerror='window.ran=1'><script>window.ran=1</script>\"'><a href='javascript:window.ran=1'>"
AXE = File(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"


def document(words: str = "linear") -> tuple[str, dict[str, Any]]:
    """One axis on two wires, an operation between them, and a closed block with an inside."""
    wires = [Path("wire", (("M", (x, 60)), ("L", (x + 80, 60))), Ids(axis=3, array=a)) for x, a in ((20, 0), (160, 1))]
    plate = Path(
        "block", (("M", (5, 5)), ("L", (255, 5)), ("L", (255, 115)), ("L", (5, 115)), ("Z", ())), Ids(block="b")
    )
    symbol = marks("linear", "L_+^Q", 100, 46, 160, 74, [60], [60], Ids(op=1, block="b"))
    closed = marks("block", "Inner", 40, 84, 100, 108, [], [], Ids(op=2, block="b"))
    label = Text("axis", 22, 56, "m", ids=Ids(axis=3))
    svg = render(Scene(260, 120, words, words, (plate, *wires, *symbol, *closed, label)), "auto")
    fact = {
        "name": words,
        "path": "b",
        "words": words,
        "weave": words,
        "shapes": words,
        "source": words,
        "label": words,
    }
    facts = {
        "op": {"1": fact | {"ins": [0], "outs": [1], "at": [0, 2, 4, 2, 10]}, "2": {"name": words, "block": "b.inner"}},
        "axis": {"3": {"name": "m" if words == "linear" else words, "size": 512}},
        "array": {"0": {"name": words, "shape": [512], "axes": [3]}, "1": {"name": "", "shape": [512], "axes": [3]}},
        "block": {"b": {"title": words, "turns": words, "parameters": 12}},
    }
    text = f"def forward(self, x):\n    linear(x)  # {words}\n    return x\n"
    source = {"file": words, "function": words, "line": 1, "text": text, "tokens": "k3t1f7t15t6"}
    inner = {"svg": svg.replace("Inner", "Core"), "facts": {"op": {"1": {"name": "inside"}}}, "title": words}

    scenes = [{"svg": svg, "facts": facts}, {"path": "b.inner", "packed": packed(json.dumps(inner))}]
    return svg, {
        "title": words,
        "scenes": scenes,
        "sources": [source],
        "insides": {"b.inner": 1},
        "tikz": packed("\\tikz"),
    }


class Shown:
    """A page in a tab, and what the browser complained of."""

    def __init__(self, chromium: Browser, folder: File, words: str) -> None:
        self.file = folder / "figure.html"
        svg, data = document(words)
        self.file.write_text(html(words, svg, data), encoding="utf-8")
        self.complaints: list[str] = []
        self.context = chromium.new_context(viewport={"width": 700, "height": 500})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.tab = self.context.new_page()
        self.tab.on("console", lambda m: self.complaints.append(m.text))
        self.tab.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.tab.on("dialog", lambda d: self.complaints.append(d.message))
        self.context.route("http*://**", self.refuse)
        self.open()

    def refuse(self, route: Route) -> None:
        self.complaints.append(route.request.url)
        route.abort()

    def open(self, hash: str = "") -> Page:
        self.tab.mouse.move(1, 1)
        self.tab.goto("about:blank")
        self.tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.tab.goto(self.file.as_uri() + hash)
        self.tab.wait_for_selector(".ncd-view svg")
        return self.tab


@pytest.fixture(scope="module")
def pages(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shown]]:
    made = {w: Shown(chromium, tmp_path_factory.mktemp("page"), w) for w in ("linear", EVIL)}
    yield made
    for shown in made.values():
        shown.context.close()


@pytest.fixture
def tab(pages: dict[str, Shown]) -> Iterator[Page]:
    shown = pages["linear"]
    yield shown.open()
    assert shown.complaints == []


def at(tab: Page, x: float, y: float) -> tuple[float, float]:
    """Moves the mouse to a point of the figure."""
    box = tab.locator(".ncd-pane").bounding_box()
    assert box
    scale = box["width"] / 260
    to = box["x"] + x * scale, box["y"] + y * scale
    tab.mouse.move(*to)
    return to


def status(tab: Page, text: str) -> None:
    tab.wait_for_function("t => document.querySelector('.ncd-status').textContent.includes(t)", arg=text)


def test_an_axis_is_found_near_its_wire_and_lit_everywhere(tab: Page) -> None:
    at(tab, 40, 64)
    status(tab, "512")
    assert (tab.locator(".ncd-thread").get_attribute("d") or "").count("M") == 2
    opacity = "e => getComputedStyle(e).opacity"
    assert float(tab.locator(".ncd-pane svg").nth(1).evaluate(opacity)) < 0.5
    assert float(tab.locator(".ncd-over").evaluate(opacity)) == 1
    at(tab, 130, 60)
    status(tab, "linear")
    at(tab, 200, 100)
    tab.wait_for_function("() => !document.querySelector('.ncd-dim')")  # on the plate of a block


def test_what_is_pointed_at_is_never_covered_and_nothing_moves(tab: Page) -> None:
    rest = tab.locator(".ncd-view").bounding_box()
    for x, y in ((130, 60), (40, 60), (70, 96)):
        mx, my = at(tab, x, y)
        tip = tab.locator(".ncd-tip")
        tip.wait_for()
        box = tip.bounding_box()
        assert box and not (box["x"] <= mx <= box["x"] + box["width"] and box["y"] <= my <= box["y"] + box["height"])
        assert tab.locator(".ncd-view").bounding_box() == rest
        tab.mouse.move(1, 1)
        tip.wait_for(state="hidden")


def test_it_zooms_with_ctrl_and_comes_back(tab: Page) -> None:
    pane = tab.locator(".ncd-pane")
    before = pane.bounding_box()
    at(tab, 130, 60)
    tab.mouse.wheel(0, -100)
    assert pane.bounding_box() == before
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -100)
    tab.keyboard.up("Control")
    tab.wait_for_function(
        "w => document.querySelector('.ncd-pane').getBoundingClientRect().width > w * 1.2", arg=before["width"]
    )
    tab.locator(".ncd-stage").focus()
    tab.keyboard.press("0")
    assert pane.bounding_box() == before


def test_what_the_browser_must_ask_before_it_scrolls_is_no_region_of_every_mark(tab: Page) -> None:
    action = "e => getComputedStyle(e).touchAction"
    for around in (".ncd-view", ".ncd-stage", ".ncd-pane"):
        assert tab.locator(around).evaluate(action) == "auto"
    glass = tab.locator(".ncd-glass")
    assert glass.evaluate(action) == "pan-x pan-y" and glass.evaluate("e => e.childElementCount") == 0


def test_everything_can_be_done_with_keys(tab: Page) -> None:
    stage = tab.locator(".ncd-stage")
    stage.focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".ncd-title").inner_text() == "linear"
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".ncd-title").inner_text() == "m"
    tab.keyboard.press("l")
    assert tab.locator(".ncd-chip[aria-pressed=true]").count() == 1
    tab.keyboard.press("c")
    assert tab.locator(".ncd-line").count() == 3
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog").is_visible()
    tab.keyboard.press("Escape")
    tab.get_by_role("dialog").wait_for(state="hidden")
    assert stage.evaluate("e => e === document.activeElement")
    tab.keyboard.press("/")
    tab.keyboard.type("512")
    tab.keyboard.press("Enter")
    assert stage.evaluate("e => e === document.activeElement")
    for _ in range(4):
        tab.keyboard.press("Escape")
    assert tab.locator(".ncd-aside").is_hidden() and tab.locator(".ncd-lit").count() == 0


def test_code_and_figure_point_at_each_other(tab: Page) -> None:
    tab.locator(".ncd-stage").focus()
    tab.keyboard.press("c")
    at(tab, 130, 60)
    tab.locator(".ncd-line.ncd-on").wait_for()
    assert tab.locator(".ncd-token").all_inner_texts() == ["linear"]
    tab.locator(".ncd-line").nth(1).hover()
    tab.locator("g.ncd-lit[data-op='1']").wait_for(state="attached")
    tab.locator(".ncd-line").nth(2).hover()
    tab.locator("g.ncd-lit").wait_for(state="detached")


def test_the_line_of_what_is_chosen_is_brought_into_sight(tab: Page, tmp_path: File) -> None:
    """Also in the second of two long functions, of which the browser lays out only what is seen."""
    svg, data = document()
    text = "def forward(self, x):\n" + "    x = x + 1\n" * 150 + "    return linear(x)\n"
    data["sources"] = [{**data["sources"][0], "text": text, "tokens": ""}] * 2
    data["scenes"][0]["facts"]["op"]["1"]["at"] = [1, 152, 11, 152, 20]
    (tmp_path / "long.html").write_text(html("linear", svg, data), encoding="utf-8")
    tab.goto((tmp_path / "long.html").as_uri())
    tab.wait_for_selector(".ncd-view svg")
    tab.mouse.click(*at(tab, 130, 60))
    tab.locator(".ncd-stage").focus()
    tab.keyboard.press("c")
    line = tab.locator(".ncd-line.ncd-on")
    assert line.inner_text() == "    return linear(x)"
    tab.wait_for_timeout(200)  # what has come into sight is laid out by now
    around, lit = tab.locator(".ncd-source").bounding_box(), line.bounding_box()
    assert around and lit
    assert around["y"] < lit["y"] < lit["y"] + lit["height"] < around["y"] + around["height"]


def test_a_closed_block_is_entered_and_left(tab: Page) -> None:
    tab.mouse.dblclick(*at(tab, 70, 98))
    tab.locator(".ncd-pane text", has_text="Core").wait_for()
    assert tab.locator(".ncd-crumb").all_inner_texts() == ["linear", "inner"]
    tab.locator(".ncd-crumb").first.click()
    tab.locator(".ncd-pane text", has_text="Inner").wait_for()


def test_a_link_shows_what_one_saw(tab: Page, pages: dict[str, Shown]) -> None:
    tab.mouse.click(*at(tab, 130, 60))
    tab.locator(".ncd-chip").click()
    tab.wait_for_function("() => location.hash.includes('locked')")
    hash = tab.evaluate("location.hash")
    again = pages["linear"].open(hash)
    assert again.locator(".ncd-title").inner_text() == "linear"
    assert again.locator(".ncd-chip[aria-pressed=true]").count() == 1


def test_the_picture_is_taken_along(tab: Page) -> None:
    def take(name: str) -> None:
        tab.get_by_title("Copy or save").click()
        tab.get_by_role("button", name=name, exact=True).click()
        status(tab, f"{name}: done")

    clipboard = "navigator.clipboard.readText()"
    take("Copy SVG")
    assert tab.evaluate(clipboard).startswith("<svg")
    take("Copy TikZ")
    assert tab.evaluate(clipboard) == "\\tikz"
    take("Copy PNG")
    assert "image/png" in tab.evaluate("navigator.clipboard.read().then(items => items[0].types)")
    with tab.expect_download() as waiting:
        take("Save PNG")
    assert (
        File(waiting.value.path()).read_bytes()[:4] == b"\x89PNG" and waiting.value.suggested_filename == "linear.png"
    )


def test_nothing_hostile_runs_wherever_it_is_shown(pages: dict[str, Shown]) -> None:
    shown = pages[EVIL]
    tab = shown.open()
    for x, y in ((40, 60), (130, 60), (70, 96), (200, 100)):
        there = at(tab, x, y)
        tab.locator(".ncd-tip", has_text="onerror").wait_for()
        tab.mouse.click(*there)
        assert "onerror" in (tab.locator(".ncd-details").text_content() or "")
        tab.locator(".ncd-stage").focus()
        tab.keyboard.press("Escape")
        tab.mouse.move(1, 1)
    tab.mouse.click(*at(tab, 130, 60))
    assert "onerror" in tab.locator(".ncd-crumbs").inner_text()
    tab.keyboard.press("c")
    tab.locator(".ncd-source .ncd-line", has_text="onerror").first.wait_for()  # painted a frame later
    tab.keyboard.press("/")
    tab.keyboard.type("<img src=x onerror")
    assert tab.locator(".ncd-hit").count() >= 3
    tab.keyboard.press("Enter")
    tab.get_by_title("Copy or save").click()
    tab.get_by_role("button", name="Copy SVG", exact=True).click()
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.ran") is None
    assert tab.locator(".ncd-view :is(script, img, a, iframe, object)").count() == 0
    assert tab.title() == EVIL
    assert shown.complaints == []


def test_dark_where_the_reader_prefers_dark(tab: Page) -> None:
    fill = "e => getComputedStyle(e).fill"
    assert tab.locator(".ncd-background").evaluate(fill) == "rgb(255, 255, 255)"
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("() => document.querySelector('.ncd-view').dataset.scheme == 'dark'")
    assert tab.locator(".ncd-background").evaluate(fill) == "rgb(23, 24, 27)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(tab: Page, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is installed by npm --prefix js ci")
    tab.emulate_media(color_scheme=scheme)
    tab.evaluate(AXE.read_text())  # the page's own policy lets in no other script
    tab.mouse.click(*at(tab, 130, 60))
    tab.keyboard.press("c")
    tab.locator(".ncd-chip").click()
    tab.mouse.move(1, 1)
    check = "axe.run('.ncd-view').then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 3)]))"
    assert tab.evaluate(check) == []
    tab.keyboard.press("/")
    tab.keyboard.type("li")
    assert tab.evaluate(check) == []
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    assert tab.evaluate(check) == []
