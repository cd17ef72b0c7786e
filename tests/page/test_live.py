"""A cell that is run again, an exception in it, and a walk, in a real JupyterLab."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.conftest import Lab
from tests.page.notebooks import OUTPUTS, RUN, cell, opened, point_at, ready, run, write

LAYER = """
%%ncd depth=0
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.LayerNorm(d)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        weights = torch.softmax(q @ k.mT / 4, dim=-1)
        return x + self.out(weights @ v)

class Model(nn.Sequential):
    def __init__(self):
        super().__init__(Layer(16), nn.Linear(16, 16), Layer(16))

Model()(torch.zeros(2, 5, 16))
"""
CELLS = {
    "load": "%load_ext ncd\nimport ncd",
    "live": LAYER,
    "told": "import json; w = ncd.notebook.live._DRAWINGS; print(json.dumps([list(v.opened) for v in w.values()]))",
    "walk": """
        torch.manual_seed(0)
        d = ncd.trace(Layer(16), torch.randn(2, 5, 16), axes="b s d")
        steps = [("softmax", "The **weights**."), ("qkv", "<script>window.harmed = 1</script>")]
        walk = ncd.walkthrough(d, steps, values=True)
        walk
        """,
    "bench": "b = d.explore()\nb",
}
PLACE = {name: i for i, name in enumerate(CELLS)}
TEXT = """([id, text]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.widgets.find(c => c.model.id === id).model.sharedModel.setSource(text);
}"""


@pytest.fixture(scope="module")
def tab(chromium: Browser, lab: Lab) -> Iterator[Page]:
    write(lab.folder / "again.ipynb", CELLS)
    tab = opened(chromium, lab, "again.ipynb")
    ready(tab)
    run(tab, "load")
    yield tab
    assert tab.complaints == []  # type: ignore[attr-defined]
    tab.close()


def figure(tab: Page, name: str) -> Locator:
    return cell(tab, PLACE[name]).locator(".ncd-view")


def failed(tab: Page, name: str) -> list[dict[str, Any]]:
    """The outputs of a cell that raises."""
    tab.evaluate(RUN, name)
    tab.wait_for_function("window.ran")
    return tab.evaluate(OUTPUTS, name)


def test_a_cell_run_again_keeps_what_was_opened_and_tells_what_is_new(tab: Page) -> None:
    run(tab, "live")
    view = figure(tab, "live")
    ops = view.locator("g.ncd-op")
    expect(ops).to_have_count(3)
    tab.mouse.dblclick(*point_at(tab, ops.first))
    view.locator("path.ncd-block[data-block='0']").first.wait_for(state="attached")
    before = ops.count()
    tab.evaluate(TEXT, ["live", LAYER.strip().replace("weights @ v)", "self.norm(weights @ v))")])
    run(tab, "live")
    expect(ops).to_have_count(before + 1)
    # The norm, the linear map that no longer ends attention, and the other layer, which is closed.
    expect(view.locator(".ncd-flash")).to_have_count(3)
    assert json.loads(run(tab, "told")[0]["text"]) == [["0"]]


def test_an_exception_shows_how_far_the_model_came(tab: Page) -> None:
    tab.evaluate(TEXT, ["live", LAYER.strip().replace("weights @ v)", "weights @ v[:, 1:])")])
    outputs = failed(tab, "live")
    (error,) = (o for o in outputs if o["output_type"] == "error")
    plain = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))
    assert error["ename"] == "RuntimeError" and "weights @ v[:, 1:]" in plain
    text = figure(tab, "live").locator("text", has_text="RuntimeError:")
    expect(text.first).to_be_attached()
    tab.evaluate(TEXT, ["live", LAYER.strip()])
    run(tab, "live")
    expect(text).to_have_count(0)


def test_a_walk_is_gone_through_by_its_buttons(tab: Page) -> None:
    (output,) = run(tab, "walk")
    assert output["data"]["image/svg+xml"].startswith("<svg")
    here = cell(tab, PLACE["walk"])
    here.locator(".ncd-view svg").first.wait_for()
    expect(here.locator("h4")).to_have_text("softmax")
    expect(here.locator("strong")).to_have_text("weights")
    expect(here.locator("mark")).to_contain_text("torch.softmax(q @ k.mT / 4, dim=-1)")
    assert here.locator("img[src^='data:image/png']").evaluate("e => e.complete && e.naturalWidth > 4")
    here.get_by_role("button", name="→").click()
    expect(here.get_by_text("2 of 2")).to_be_visible()
    expect(here.get_by_text("<script>window.harmed = 1</script>", exact=True)).to_be_visible()
    assert tab.evaluate("window.harmed") is None


def test_at_the_bench_a_size_a_run_and_a_change_are_one_press_each(tab: Page) -> None:
    run(tab, "bench")
    here = cell(tab, PLACE["bench"])
    here.locator(".ncd-view svg").first.wait_for()
    handle = here.locator(".widget-hslider", has_text="s").get_by_role("slider").last
    handle.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    expect(here.get_by_text("× as traced")).to_be_visible()
    here.get_by_role("button", name="Run", exact=True).click()
    point_at(tab, here.locator("path.ncd-wire").first)
    expect(here.locator(".ncd-tip img")).to_be_visible()
    softmax = here.locator(".ncd-view").evaluate(
        "root => Object.entries(root.ncd.scene.facts.op).find(([, fact]) => fact.name === 'softmax')[0]"
    )
    tab.mouse.click(*point_at(tab, here.locator(f"g.ncd-op[data-op='{softmax}']")))
    expect(here.locator("select").first.locator("option:checked")).to_contain_text("softmax")
    here.get_by_role("button", name="Change", exact=True).click()
    expect(here.get_by_text("changed by")).to_be_visible()
    here.get_by_role("button", name="Undo all").click()
    expect(here.get_by_text("changed by")).to_have_count(0)
