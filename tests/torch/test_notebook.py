"""A real kernel: what a cell shows, and that its code is found."""

from __future__ import annotations

import json
import textwrap

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from ncd import Diagram
from ncd.show import MIME

CELLS = (
    """
    import torch, ncd
    from torch import nn
    """,
    """
    class Gate(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.open = nn.Linear(d, d)

        def forward(self, x):
            share = torch.sigmoid(self.open(x))
            return share * x
    """,
    """
    d = ncd.trace(Gate(4), ncd.array("b=2 s=3 d=4"))
    d
    """,
    "d.to_svg(theme='dark')",
    "d.widget()",
    "ncd.trace(Gate(4), ncd.array('b=2 d'))",
)


def test_a_diagram_is_the_last_line_of_a_cell() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(c).strip()) for c in CELLS])
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    imports, definition, diagram, svg, widget, wrong = (cell.outputs for cell in notebook.cells)
    assert imports == definition == []

    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert page.count("<svg ") + page.count("data:image/svg+xml") >= 2, "what is seen of it where nothing runs"

    (shown,) = diagram
    assert {MIME, "image/svg+xml", "text/plain"} <= set(shown.data)
    assert shown.data["image/svg+xml"].startswith("<svg")
    read = Diagram.from_json(json.dumps(shown.data[MIME]))
    assert [a.name for a in read.outputs[0].axes] == ["b", "s", "d"]
    (code,) = (s["text"].splitlines() for s in shown.data[MIME]["sources"] if s["function"].endswith("forward"))
    assert [line.strip() for line in code[-2:]] == ["share = torch.sigmoid(self.open(x))", "return share * x"]

    assert svg[0].data["image/svg+xml"].startswith("<svg") and len(svg[0].data["text/plain"]) < 100
    assert "application/vnd.jupyter.widget-view+json" in widget[0].data
    assert (wrong[0].output_type, wrong[0].ename) == ("error", "AxisError")
