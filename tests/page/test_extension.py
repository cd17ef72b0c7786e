"""ncd in a real JupyterLab: figures and code linked both ways, the panel at the side, commands, files, no kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from ncd import Diagram
from ncd.show import MIME
from tests.page.conftest import REPOSITORY, Lab
from tests.page.notebooks import cell, command, opened, point_at, put_cursor, ready, run, write

LAYER = """
import ncd, torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        weights = torch.softmax(q @ k.mT / 4, dim=-1)
        return x + self.out(weights @ v)
"""
CELLS = {
    "layer": LAYER,
    "closed": "d = ncd.trace(nn.Sequential(Layer(16), Layer(16)), ncd.array('b=2 s=5 d=16')).view(depth=0)\nd",
    "open": "d.view(depth=2)",
    "widget": "d.widget(depth=2)",
    "name": "d",
}
PLACE = {name: i for i, name in enumerate(CELLS)}


@pytest.fixture(scope="module")
def live(chromium: Browser, lab: Lab) -> Iterator[Page]:
    """A notebook whose cells have run."""
    write(lab.folder / "live.ipynb", CELLS)
    tab = opened(chromium, lab, "live.ipynb")
    ready(tab)
    for name in list(CELLS)[:-1]:
        run(tab, name)
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def outputs(live: Page) -> dict[str, Any]:
    """The outputs of the cells, as they are saved."""
    return {name: run(live, name) for name in ("closed", "open")}


@pytest.fixture(autouse=True)
def nothing_pointed_at(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "live" in request.fixturenames:
        live: Page = request.getfixturevalue("live")
        live.mouse.move(2, 2)
        assert live.complaints == []  # type: ignore[attr-defined]


def figure(tab: Page, name: str) -> Locator:
    return cell(tab, PLACE[name]).locator(".ncd-view")


def op(tab: Page, name: str, label: str) -> Locator:
    return figure(tab, name).locator("g.ncd-op", has_text=label).first


def keys(tab: Page, name: str, what: str) -> set[str]:
    """The ids of the operations of a figure that are so called."""
    facts = figure(tab, name).evaluate("root => root.ncd.scene.facts.op")
    return {i for i, fact in facts.items() if fact["name"] == what}


def lit(tab: Page) -> list[str]:
    return tab.locator(".ncd-code").all_inner_texts()


def wait_lit(tab: Page, text: str, **how: float) -> None:
    wanted = "t => [...document.querySelectorAll('.ncd-code')].map(e => e.textContent).join('') === t"
    tab.wait_for_function(wanted, arg=text, **how)


def point_and_wait_lit(tab: Page, mark: Locator, text: str) -> None:
    """A page just opened still moves what is on it, away from under a mouse that stands still."""
    for _ in range(10):
        point_at(tab, mark)
        try:
            return wait_lit(tab, text, timeout=5000)
        except TimeoutError:
            tab.mouse.move(2, 2)
    point_at(tab, mark)
    wait_lit(tab, text)


def test_a_cell_shows_the_live_figure(live: Page) -> None:
    figure(live, "closed").locator("svg").first.wait_for()
    assert cell(live, PLACE["closed"]).locator(".jp-RenderedSVG").count() == 0


def test_an_operation_lights_its_very_tokens_and_they_are_followed_through_edits(live: Page) -> None:
    point_and_wait_lit(live, op(live, "open", "Q"), "self.qkv(x)")
    live.mouse.move(2, 2)
    wait_lit(live, "")
    put_cursor(live, "layer", "import ncd")
    live.keyboard.type("# a line above\n\n")
    point_and_wait_lit(live, op(live, "open", "Q"), "self.qkv(x)")
    live.mouse.move(2, 2)
    put_cursor(live, "layer", "qkv(x)")
    live.keyboard.type("uu")  # no longer what ran
    point_at(live, op(live, "open", "Q"))
    live.wait_for_timeout(150)
    assert lit(live) == []
    run_again = "id => window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel.setSource(id)"
    live.evaluate(run_again, LAYER.strip())
    run(live, "layer")


@pytest.mark.parametrize("name", ["open", "widget"])
def test_the_cursor_lights_the_operations_that_stand_there(live: Page, name: str) -> None:
    live.mouse.move(2, 2)
    put_cursor(live, "layer", "softmax")
    wanted = keys(live, name, "softmax")
    assert len(wanted) == 1
    (number,) = wanted
    figure(live, name).locator(f"[data-op='{number}'].ncd-lit").first.wait_for(state="attached")
    assert figure(live, name).locator(f".ncd-lit:not([data-op='{number}'], .ncd-wire)").count() == 0


def test_a_double_click_opens_a_block_in_place_and_another_closes_it(live: Page) -> None:
    ops = figure(live, "closed").locator("g.ncd-op")
    before = ops.count()
    live.mouse.dblclick(*point_at(live, op(live, "closed", "Layer")))
    plate = figure(live, "closed").locator("path.ncd-block[data-block='0']")
    plate.wait_for(state="attached")
    assert ops.count() > before
    plate.scroll_into_view_if_needed()
    box = plate.bounding_box()
    assert box
    live.mouse.dblclick(box["x"] + 6, box["y"] + box["height"] - 6)
    plate.wait_for(state="detached")
    assert ops.count() == before


def test_the_inspector_says_what_is_chosen(live: Page) -> None:
    command(live, "ncd:inspect")
    panel = live.locator("#ncd-inspector")
    panel.wait_for()
    live.mouse.click(*point_at(live, op(live, "open", "Q")))
    live.mouse.move(2, 2)
    panel.locator("h2", has_text="linear").wait_for()
    assert "b s [d]" in panel.inner_text()
    panel.get_by_role("button", name="Show code").click()
    live.wait_for_function("getSelection().toString() === 'self.qkv(x)'")
    live.mouse.click(*point_at(live, op(live, "open", "Q")))  # given up
    live.mouse.move(2, 2)
    panel.locator("h2").wait_for(state="detached")


def test_commands_are_in_palette_toolbar_and_menu(live: Page) -> None:
    command(live, "apputils:activate-command-palette")
    live.locator(".lm-CommandPalette-input").fill("neural circuit")
    for label in ("Draw Diagram", "Inspect Diagram", "Export Diagram as SVG", "Export Diagram as TikZ"):
        live.locator(".lm-CommandPalette-item", has_text=label).first.wait_for()
    live.keyboard.press("Escape")
    live.locator(".lm-CommandPalette-input").wait_for(state="hidden")
    assert live.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='ncd-draw']").count() == 1
    live.mouse.click(*point_at(live, op(live, "open", "Q")), button="right")
    live.locator(".lm-Menu-item[data-command='ncd:export']").first.wait_for()
    live.keyboard.press("Escape")


@pytest.mark.parametrize(("format_", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("tikz", b"%")])
def test_a_figure_is_saved(live: Page, format_: str, start: bytes) -> None:
    point_at(live, op(live, "open", "Q"))
    with live.expect_download() as download:
        command(live, "ncd:export", format=format_)
    assert download.value.path().read_bytes().startswith(start)


def test_what_is_selected_is_drawn(live: Page) -> None:
    live.evaluate(
        """i => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        notebook.activeCellIndex = i;
        notebook.activeCell.editor.setCursorPosition({ line: 0, column: 1 });
    }""",
        PLACE["name"],
    )
    command(live, "ncd:draw")
    cell(live, len(CELLS)).locator(".ncd-view").wait_for()
    live.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource('Layer'); }"
    )
    command(live, "ncd:draw")
    field = live.locator(".jp-Dialog input")
    field.wait_for()
    assert field.input_value() == 'ncd.trace(Layer(d=...), ncd.array("b=2 s=16 d=64"))'
    live.keyboard.press("Escape")
    field.wait_for(state="detached")


AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """axe.run({ include: [['.ncd-output'], ['#ncd-inspector']] })
    .then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 3)]))"""


def test_dark_as_the_lab_is_and_axe_finds_nothing(live: Page) -> None:
    command(live, "ncd:inspect")
    live.locator("#ncd-inspector").wait_for()
    live.mouse.click(*point_at(live, op(live, "open", "Q")))
    if AXE.exists():
        live.add_script_tag(path=AXE)
    fill = "getComputedStyle(document.querySelector('.ncd-output .ncd-background')).fill == '%s'"
    for theme, colour in (("JupyterLab Dark", "rgb(23, 24, 27)"), ("JupyterLab Light", "rgb(255, 255, 255)")):
        command(live, "apputils:change-theme", theme=theme)
        live.wait_for_function(fill % colour)
        assert not AXE.exists() or live.evaluate(VIOLATIONS) == []  # npm --prefix js ci brings it
    live.keyboard.press("Escape")


def test_a_reopened_notebook_is_alive_without_a_kernel(chromium: Browser, lab: Lab, outputs: dict[str, Any]) -> None:
    write(lab.folder / "reopened.ipynb", {k: CELLS[k] for k in ("layer", "closed", "open")}, outputs)
    tab = opened(chromium, lab, "reopened.ipynb")
    # Of a kernel that ends while it starts JupyterLab itself complains.
    ended = "async () => { const it = window.jupyterapp.shell.currentWidget.sessionContext;"
    tab.evaluate(ended + " await it.ready; await it.shutdown(); }")
    assert not tab.evaluate("window.jupyterapp.shell.currentWidget.content.widgets[2].model.trusted")
    point_and_wait_lit(tab, op(tab, "open", "Q"), "self.qkv(x)")
    assert tab.locator(".jp-RenderedSVG, .jp-RenderedText").count() == 0
    tab.mouse.dblclick(*point_at(tab, op(tab, "closed", "Layer")))
    assert tab.complaints == []  # type: ignore[attr-defined]
    tab.close()


def test_a_file_is_opened_as_a_document(chromium: Browser, lab: Lab, outputs: dict[str, Any]) -> None:
    data = outputs["open"][0]["data"]
    document = data[MIME]
    document["scenes"][0]["svg"] = data["image/svg+xml"]
    (lab.folder / "layer.ncd.json").write_text(json.dumps(document))
    tab = opened(chromium, lab, "layer.ncd.json")
    tab.locator(".jp-MimeDocument .ncd-view g.ncd-op").first.wait_for()
    (lab.folder / "bare.ncd.json").write_text(Diagram("bare", (), (), ()).to_json())
    command(tab, "docmanager:open", path="bare.ncd.json")
    tab.locator(".jp-Dialog", has_text="No picture is in this file: of a diagram as data one is made by").wait_for()
    assert tab.complaints == []  # type: ignore[attr-defined]
    tab.close()


EVIL = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>"
HOSTILE_SVG = """<svg xmlns="http://www.w3.org/2000/svg" id="ncd-1" viewBox="0 0 200 100" width="200" height="100"
 onload="window.ran=1"><title>t</title><style>
#ncd-1 .a{fill:url(http://evil.example/x)}
@import "http://evil.example/y";
body{display:none}
</style><script>window.ran=1</script>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="window.ran=1"/></body></foreignObject>
<a href="javascript:window.ran=1"><text x="10" y="20">link</text></a>
<g class="ncd-op" data-op="0" onclick="window.ran=1"><path d="M20,20L180,20L180,80L20,80Z"/></g></svg>"""


def test_a_hostile_notebook_runs_nothing(chromium: Browser, lab: Lab) -> None:
    fact = {"name": EVIL, "path": EVIL, "weave": EVIL, EVIL: EVIL, "at": [0, 1, 0, 1, 9], "block": EVIL}
    source = {"file": "/tmp/ipykernel_1/1.py", "function": EVIL, "line": 1, "text": EVIL, "tokens": "t99<img>"}
    document = {
        "ncd": 1,
        "title": EVIL,
        "diagram": EVIL,
        "scenes": [{"svg": HOSTILE_SVG, "facts": {"op": {"0": fact}, "__proto__": {"op": EVIL}}, "night": EVIL}],
        "sources": [source],
    }
    output = {"output_type": "display_data", "metadata": {}, "data": {MIME: document, "text/plain": "d"}}
    broken = {"output_type": "display_data", "metadata": {}, "data": {MIME: {"scenes": EVIL}, "text/plain": "d"}}
    write(lab.folder / "hostile.ipynb", {"a": EVIL, "b": "b"}, {"a": [output], "b": [broken]})
    tab = opened(chromium, lab, "hostile.ipynb")
    foreign: list[str] = []
    tab.on("request", lambda r: r.url.startswith((lab.url, "data:", "blob:", "ws:")) or foreign.append(r.url))
    command(tab, "ncd:inspect")
    tab.mouse.click(*point_at(tab, cell(tab, 0).locator(".ncd-view g.ncd-op").first))
    tab.locator("#ncd-inspector h2").wait_for()
    assert "onerror" in tab.locator("#ncd-inspector").inner_text()
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.ran") is None and foreign == []
    tab.close()


def test_notebook_7_loads_it_too(chromium: Browser, lab: Lab, outputs: dict[str, Any]) -> None:
    pytest.importorskip("notebook")
    write(lab.folder / "seven.ipynb", {k: CELLS[k] for k in ("layer", "closed", "open")}, outputs)
    tab = opened(chromium, lab, "seven.ipynb", app="notebooks")
    point_and_wait_lit(tab, op(tab, "open", "Q"), "self.qkv(x)")
    put_cursor(tab, "layer", "softmax")
    tab.locator(".ncd-lit").first.wait_for(state="attached")
    tab.close()


KEYS = 25
TYPE = """async keys => {
    const { activeCell } = window.jupyterapp.shell.currentWidget.content;
    const view = activeCell.editor.editor;
    const frame = () => new Promise(done => requestAnimationFrame(done));
    for (let i = 0; i < keys; i++) {
        await frame();
        const at = view.state.selection.main.head;
        view.dispatch({ changes: { from: at, insert: 'x' }, selection: { anchor: at + 1 }, userEvent: 'input.type' });
        view.dom.getBoundingClientRect();
    }
    await frame();
}"""


def typed(tab: Page) -> float:
    """Milliseconds that the page's thread works for a key; by the clock it would be what else the machine does."""
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def worked() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    start = worked()
    tab.evaluate(TYPE, KEYS)
    return (worked() - start) / KEYS * 1e3


def test_ten_figures_do_not_slow_typing(chromium: Browser, lab: Lab, outputs: dict[str, Any]) -> None:
    took = {}
    for many in (0, 10):
        cells = {"layer": LAYER, **{f"figure{i}": "d" for i in range(many)}}
        write(lab.folder / f"many{many}.ipynb", cells, {f"figure{i}": outputs["open"] for i in range(many)})
        tab = opened(chromium, lab, f"many{many}.ipynb")
        expect(tab.locator(".ncd-view")).to_have_count(many)  # JupyterLab makes those below when it has time
        put_cursor(tab, "layer", "softmax")
        took[many] = min(typed(tab) for _ in range(4))
        tab.close()
    assert took[10] < took[0] + 16, took  # ms a key: less than a frame more
