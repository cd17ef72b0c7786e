"""A real JupyterLab with a real kernel: a diagram in a cell, and its widget under the pointer.

Lab is driven by its commands, the widget by a real mouse.  All in one notebook, as starting a
kernel that loads torch costs more than everything it is asked here.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.page.conftest import PATIENCE_MS, TOKEN, Lab

CELLS = {
    "trace": """
        import ncd
        from torch import nn

        class Layer(nn.Module):
            def __init__(self):
                super().__init__()
                self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
                self.mlp = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))

            def forward(self, x):
                x = x + self.attention(x, x, x, need_weights=False)[0]
                return x + self.mlp(x)

        d = ncd.trace(Layer().eval(), ncd.array("b=2 s=5 d=16"))
        """,
    "widget": """
        w, told = d.widget(depth=0), []
        w.observe(lambda change: told.append([change.name, change.new]), ["hovered", "selected", "opened"])
        w
        """,
    "told": "import json; print(json.dumps([told, w.hovered, w.facts]))",
}
TRIES = 20
PLACE = {name: i for i, name in enumerate(CELLS)}
IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return !!context?.isReady && context.session?.kernel?.status === 'idle';
}"""
RUN = """i => {
    const { shell, commands } = window.jupyterapp;
    shell.currentWidget.content.activeCellIndex = i;
    shell.currentWidget.content.deselectAll();
    window.ran = false;
    commands.execute('notebook:run-cell').then(() => { window.ran = true; });
}"""
OUTPUTS = "i => window.jupyterapp.shell.currentWidget.content.widgets[i].outputArea.model.toJSON()"


def run(tab: Page, cell: str) -> list[dict[str, Any]]:
    """Runs a cell and gives its outputs; the promise of the command would be waited for without an end."""
    tab.evaluate(RUN, PLACE[cell])
    tab.wait_for_function("window.ran")
    outputs = tab.evaluate(OUTPUTS, PLACE[cell])
    assert not [line for o in outputs if o["output_type"] == "error" for line in o["traceback"]]
    return outputs


def told(tab: Page) -> tuple[list[list[Any]], str, dict[str, Any]]:
    """What the widget told Python so far, what it says is hovered, and its facts."""
    (output,) = run(tab, "told")
    changes, hovered, facts = json.loads(output["text"])
    return changes, hovered, facts


def knows(tab: Page, what: Callable[[list[list[Any]], str], bool]) -> bool:
    """Whether Python comes to know something: a widget tells one thing at a time, and a cell may run in between."""
    return any(what(*told(tab)[:2]) for _ in range(TRIES))


@pytest.fixture(scope="module")
def tab(chromium: Browser, lab: Lab) -> Iterator[Page]:
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(code).strip()) for code in CELLS.values()]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), lab.folder / "d.ipynb")
    tab = chromium.new_page(viewport={"width": 1300, "height": 1400})
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(f"{lab.url}/lab/tree/d.ipynb?reset&token={TOKEN}")
    tab.wait_for_function(IDLE)
    run(tab, "trace")
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def view(tab: Page) -> Locator:
    """The widget, shown and in the window."""
    run(tab, "widget")
    view = tab.locator(".ncd-view")
    view.locator(".ncd-pane svg").first.wait_for()
    view.scroll_into_view_if_needed()
    return view


@pytest.fixture(autouse=True)
def nothing_chosen(tab: Page) -> None:
    tab.mouse.move(2, 2)


def point_at(tab: Page, mark: Locator) -> tuple[float, float]:
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    return x, y


def test_an_op_under_the_pointer_is_lit_named_and_told_to_python(tab: Page, view: Locator) -> None:
    op = view.locator("g.ncd-op", has_text="+").first
    number = op.get_attribute("data-op")
    point_at(tab, op)
    view.locator("g.ncd-lit").first.wait_for(state="attached")
    words = view.locator(".ncd-status").text_content() or ""
    tab.wait_for_function(
        "Number(getComputedStyle(document.querySelector('.ncd-pane svg:nth-child(2)')).opacity) < 0.5"
    )
    assert knows(tab, lambda changes, _: ["hovered", f"op:{number}"] in changes)
    *_, facts = told(tab)
    fact = facts["op"][str(number)]
    assert words.startswith("add") and fact["weave"].endswith("-> b s d")
    assert all(part in words for part in (fact["words"], fact["shapes"]))
    assert fact["source"].endswith(":11 in Layer.forward")


def test_an_axis_is_lit_on_all_its_wires(tab: Page, view: Locator) -> None:
    wire = view.locator("path.ncd-wire").first
    axis = wire.get_attribute("data-axis")
    point_at(tab, wire)
    view.locator(".ncd-lit").first.wait_for(state="attached")
    moves = "es => es.map(e => e.getAttribute('d').split('M').length - 1).reduce((a, b) => a + b, 0)"
    wires = view.locator(f"path.ncd-wire[data-axis='{axis}']")
    assert view.locator(".ncd-thread").evaluate_all(moves) == wires.evaluate_all(moves) > 0
    assert "size" in (view.locator(".ncd-status").text_content() or "")
    tab.mouse.move(2, 2)
    view.locator(".ncd-lit").first.wait_for(state="detached")
    assert knows(tab, lambda _, hovered: hovered == "")


def test_a_double_click_opens_a_block_in_place_and_another_closes_it(tab: Page, view: Locator) -> None:
    ops = view.locator("g.ncd-op")
    before = ops.count()
    open_attention(tab, view)
    assert ops.count() > before
    assert knows(tab, lambda changes, _: ["opened", ["attention"]] in changes)
    close_attention(tab, view)
    assert ops.count() == before


def open_attention(tab: Page, view: Locator) -> None:
    closed = view.locator("g.ncd-op", has_text="Attention").first
    tab.mouse.dblclick(*point_at(tab, closed))
    view.locator("path.ncd-block[data-block='attention']").wait_for(state="attached")


def close_attention(tab: Page, view: Locator) -> None:
    plate = view.locator("path.ncd-block[data-block='attention']")
    plate.scroll_into_view_if_needed()
    box = plate.bounding_box()
    assert box
    tab.mouse.dblclick(box["x"] + 6, box["y"] + box["height"] - 6)
    plate.wait_for(state="detached")


def test_what_stays_glides_to_its_place_but_not_for_who_wants_no_motion(tab: Page, view: Locator) -> None:
    tab.evaluate(
        "() => { const { animate } = Element.prototype; window.glides = 0;"
        "Element.prototype.animate = function (...how) { window.glides += 1; return animate.apply(this, how); }; }"
    )
    open_attention(tab, view)
    gliding = tab.evaluate("window.glides")
    assert gliding > 0
    tab.emulate_media(reduced_motion="reduce")
    close_attention(tab, view)
    assert tab.evaluate("window.glides") == gliding
    tab.emulate_media(reduced_motion="no-preference")


def test_keys_act_on_the_picture_and_not_on_the_notebook(tab: Page, view: Locator) -> None:
    stage = view.locator(".ncd-stage")
    stage.focus()
    width = "v => v.querySelector('.ncd-pane').getBoundingClientRect().width"
    before = view.evaluate(width)
    tab.keyboard.press("+")
    assert view.evaluate(width) > 1.2 * before
    for key in "00":  # in a notebook: start the kernel anew
        tab.keyboard.press(key)
    assert view.evaluate(width) == before
    tab.keyboard.press("ArrowRight")
    assert view.locator(".ncd-status").text_content()
    tab.keyboard.press("Escape")
    assert view.locator(".ncd-status").text_content() == ""
    assert view.locator(".ncd-lit").count() == tab.locator(".jp-Dialog").count() == 0


def test_dark_as_the_lab_is(tab: Page, view: Locator) -> None:
    fill = "v => getComputedStyle(v.querySelector('.ncd-background')).fill"
    assert view.evaluate(fill) == "rgb(255, 255, 255)"
    tab.evaluate("() => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'}); }")
    tab.wait_for_function(
        "getComputedStyle(document.querySelector('.ncd-view .ncd-background')).fill == 'rgb(23, 24, 27)'"
    )
