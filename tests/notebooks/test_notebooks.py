"""Every notebook runs from top to bottom, its exercises solved; what is committed is what its source says."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import nbformat
import pytest

from tools.notebooks import FOLDER, names, notebook, run

LARGEST = 350_000
SECONDS = 120
"""A cell may take so long."""


def printed(cell: Any) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")


@pytest.mark.parametrize("name", names())
def test_it_runs_and_its_solutions_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCD_QUICK", "1")
    nb = run(notebook(name, solved=True), SECONDS)
    code = [c for c in nb.cells if c.cell_type == "code"]
    shown = [o.data for c in code for o in c.outputs if o.output_type in ("execute_result", "display_data")]
    assert sum("image/svg+xml" in data or "image/png" in data for data in shown) >= 3, "pictures"
    asked = [k for k, c in enumerate(code) if "exercise" in c.metadata.get("tags", [])]
    assert asked, "an exercise"
    for k in asked:
        assert printed(code[k + 1]).startswith("Right"), f"the solution of {code[k].source!r}"


@pytest.mark.parametrize("name", names())
def test_what_is_committed_is_its_source_with_still_outputs(name: str) -> None:
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text.encode()) <= LARGEST
    kept = nbformat.reads(text, as_version=4)
    nbformat.validate(kept)
    source = [(c.id, c.cell_type, c.source) for c in notebook(name).cells]
    assert [(c.id, c.cell_type, c.source) for c in kept.cells] == source, f"make notebooks, or tools.notebooks {name}"
    outputs = [o for c in kept.cells if c.cell_type == "code" for o in c.outputs]
    assert {o.output_type for o in outputs} <= {"execute_result", "display_data", "stream"}
    kinds = {kind for o in outputs for kind in o.get("data", {})}
    assert kinds <= {"image/png", "text/html", "text/plain", "text/markdown", "text/latex"}
    assert "image/png" in kinds and "widgets" not in kept.metadata
    said = [o.get("text", "") + "".join(v for k, v in o.get("data", {}).items() if k != "image/png") for o in outputs]
    assert not re.search(r" at 0x[0-9a-f]+|/tmp/|/home/|/root/", "\n".join(said)), "another machine's, or another run's"


def test_they_lead_from_one_to_the_next() -> None:
    assert [name[:2] for name in names()] == [f"{k:02}" for k in range(1, 11)]
    for name, after in pairwise(names()):
        text = "".join(c.source for c in notebook(name).cells if c.cell_type == "markdown")
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert f"{after}.ipynb" in links
        for link in links:
            assert link.startswith("https://") or (FOLDER / link).exists(), link
