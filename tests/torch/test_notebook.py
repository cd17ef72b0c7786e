"""A real kernel: what a cell shows, and that its code is found."""

from __future__ import annotations

import json
import re
import textwrap

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import ncd
from ncd import Diagram
from ncd.models import zoo
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


def test_what_is_in_a_closed_block_can_be_found() -> None:
    model = zoo.get("gpt2")
    d = ncd.trace(model.module, *model.args, axes=model.axes, **model.kwargs).view(depth=0)
    facts = d._repr_mimebundle_()[MIME]["scenes"][0]["facts"]
    (within,) = (f["within"] for f in facts["op"].values() if f.get("block") == "transformer.h.0")
    known = {"block:transformer.h.0.attn", "op:transformer.h.0.attn/scale", "op:transformer.h.0/layer_norm", "axis:d_k"}
    assert known <= set(within)
    assert "axis:d_model" not in within, "it is drawn"
    assert len(within) == len(set(within))


STOPS = """
%%ncd
import torch
from torch import nn

class Wrong(nn.Module):
    def forward(self, x):
        return (x * 2) @ x.new_zeros(7)

nn.Sequential(nn.Linear(3, 3), Wrong())(torch.zeros(2, 3))
"""


def test_a_traceback_below_the_magic_is_the_users_own() -> None:
    cells = ("%load_ext ncd", STOPS, "%%ncd depth=0 no_such=1\n1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    _, stops, usage = (c.outputs for c in notebook.cells)
    (error,) = (o for o in stops if o.output_type == "error")
    said = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    assert error.ename == "RuntimeError" and "x.new_zeros(7)" in said and "line 7" in said
    for ours in ("/ncd/", "run_cell_magic", "__torch_function__"):
        assert ours not in said, said
    (wrong,) = (o for o in usage if o.output_type == "error")
    assert wrong.ename == "NCDError" and "no_such" in "\n".join(wrong.traceback)
