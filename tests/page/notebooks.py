"""Notebooks in a real JupyterLab, driven by its commands; the figures in them by a real mouse."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page

from tests.page.conftest import PATIENCE_MS, TOKEN, Lab

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return !!context?.isReady && context.session?.kernel?.status === 'idle';
}"""
RUN = """id => {
    const { shell, commands } = window.jupyterapp;
    const notebook = shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(c => c.model.id === id);
    notebook.deselectAll();
    window.ran = false;
    commands.execute('notebook:run-cell').then(() => { window.ran = true; });
}"""
OUTPUTS = """id => window.jupyterapp.shell.currentWidget.content.widgets
    .find(c => c.model.id === id).outputArea.model.toJSON()"""
COMMAND = """([name, args]) => {
    window.done = false;
    window.jupyterapp.commands.execute(name, args).then(() => { window.done = true; });
}"""


def write(path: Path, cells: Mapping[str, str], outputs: Mapping[str, list[Any]] | None = None) -> None:
    """A notebook whose cells have these ids and texts, and these outputs as if they had run."""
    made = [
        nbformat.v4.new_code_cell(
            textwrap.dedent(code).strip(), id=i, outputs=nbformat.from_dict((outputs or {}).get(i, []))
        )
        for i, code in cells.items()
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": KERNEL}), path)


def opened(browser: Browser, lab: Lab, name: str, app: str = "lab/tree") -> Page:
    """A tab with a file of the lab's folder.  What the page complains of is its attribute ``complaints``."""
    tab = browser.new_page(viewport={"width": 1400, "height": 1000})
    tab.set_default_timeout(PATIENCE_MS)
    tab.complaints = []  # type: ignore[attr-defined]
    tab.on("pageerror", lambda e: tab.complaints.append(str(e)))  # type: ignore[attr-defined]
    tab.goto(f"{lab.url}/{app}/{name}?reset&token={TOKEN}")
    tab.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.isReady")
    return tab


def ready(tab: Page) -> None:
    """Until the notebook's kernel can run something: before, a run asks which kernel to take."""
    tab.wait_for_function(READY)


def run(tab: Page, cell: str) -> list[dict[str, Any]]:
    """Runs a cell and gives its outputs; the promise of the command would be waited for without an end."""
    tab.evaluate(RUN, cell)
    tab.wait_for_function("window.ran")
    outputs = tab.evaluate(OUTPUTS, cell)
    assert not [line for o in outputs if o["output_type"] == "error" for line in o["traceback"]]
    return outputs


def command(tab: Page, name: str, **args: Any) -> None:
    tab.evaluate(COMMAND, [name, args])


def put_cursor(tab: Page, cell: str, text: str) -> None:
    """Puts the cursor before a piece of the text of a cell, as if somebody had clicked there."""
    tab.evaluate(
        """([id, text]) => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        notebook.activeCellIndex = notebook.widgets.findIndex(c => c.model.id === id);
        notebook.mode = 'edit';
        const { editor, model } = notebook.activeCell;
        editor.focus();
        editor.setCursorPosition(editor.getPositionAt(model.sharedModel.getSource().indexOf(text)));
    }""",
        [cell, text],
    )


def cell(tab: Page, number: int) -> Locator:
    return tab.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").nth(number)


def point_at(tab: Page, mark: Locator) -> tuple[float, float]:
    """Moves the mouse to the middle of something in a figure."""
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    return x, y
