"""``python -m tools.notebooks [NAME …]``: run ``notebooks/source/*.py`` and write them as notebooks with still outputs.

The sources are in the percent format, which jupytext and most editors read.  A cell tagged ``exercise`` is where the
reader writes an answer; the text before it holds the solution, folded.  Outputs are kept as what every viewer shows:
pictures as PNG (GitHub's preview leaves SVG out), tables, text.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
SOURCES = FOLDER / "source"

COLOURS = 32
SCALE, TALL, SCALE_OF_TALL = 1.6, 700, 1.25
"""Pixels of a PNG to one px of its picture, fewer for one that is taller than so many px."""
LINES = 40
"""More lines of text beside a picture are left out."""


@dataclass
class Cell:
    """``kind`` is markdown, code or exercise."""

    kind: str
    text: str


def names() -> list[str]:
    """All notebooks, in their order."""
    return sorted(path.stem for path in SOURCES.glob("*.py"))


def cells(source: str) -> Iterator[Cell]:
    """The cells of a source: ``# %%``, ``# %% [markdown]``, ``# %% tags=["exercise"]``."""
    _, *parts = re.split(r"^# %%(.*)$", source, flags=re.MULTILINE)
    for header, body in zip(parts[::2], parts[1::2], strict=True):
        if "[markdown]" in header:
            yield Cell("markdown", re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE))
        else:
            yield Cell("exercise" if '"exercise"' in header else "code", body.strip())


def solution(text: str) -> str:
    """The code of the folded solution in a text."""
    (found,) = re.findall(r"<details>.*?```python\n(.*?)```.*?</details>", text, re.DOTALL)
    return str(found).strip()


def notebook(name: str, solved: bool = False) -> NotebookNode:
    """A notebook without outputs; ``solved``: with the solutions in place of what the reader is to write."""
    made: list[NotebookNode] = []
    asked = ""
    for k, cell in enumerate(cells((SOURCES / f"{name}.py").read_text(encoding="utf-8"))):
        new = nbformat.v4.new_markdown_cell if cell.kind == "markdown" else nbformat.v4.new_code_cell
        text = solution(asked) if solved and cell.kind == "exercise" else cell.text
        made.append(new(text, id=f"cell-{k}", metadata={"tags": ["exercise"]} if cell.kind == "exercise" else {}))
        asked = cell.text if cell.kind == "markdown" else asked
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(nb: NotebookNode, seconds: int = 900) -> NotebookNode:
    """The same notebook, run from top to bottom.  Raises nbclient's CellExecutionError where a cell does."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    client = NotebookClient(nb, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=env)
    return nb


# ---------------------------------------------------------------------------- outputs that every viewer shows


def still(nb: NotebookNode) -> NotebookNode:
    """The notebook with outputs for any viewer, the same whenever the same was computed."""
    nb.metadata.pop("widgets", None)
    nb.metadata["language_info"] = {"name": "python"}
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _merged(kept for output in cell.outputs if (kept := _kept(output)) is not None)
    return nb


def _merged(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """What was printed in one go as one output, however it was cut on its way."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if merged and output.output_type == merged[-1].output_type == "stream":
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _kept(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    data = output.data
    live = any(kind.startswith("application/vnd.jupyter.widget") for kind in data)
    size = None
    if "image/svg+xml" in data:
        data["image/png"], size = _drawn(data["image/svg+xml"])
    elif "image/png" in data:
        image = b64decode(data["image/png"])
        size = output.metadata.get("image/png")
        data["image/png"] = b64encode(_smaller(image)).decode()
    elif live:
        return None  # a bar of progress, say: nothing is left of it
    for kind in list(data):
        if kind not in ("image/png", "text/html", "text/markdown", "text/latex", "text/plain"):
            del data[kind]
    if "image/png" in data:
        lines = data.get("text/plain", "").split("\n")
        data["text/plain"] = "\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES))
    output.metadata = {"image/png": size} if size else {}
    return output


def _drawn(svg: str) -> tuple[str, dict[str, int]]:
    """An SVG as a PNG in base 64, and its size on a page."""
    from resvg_py import svg_to_bytes

    root = svg[: svg.index(">")]
    w, h = (float(re.search(rf'\b{side}="([\d.]+)', root)[1]) for side in ("width", "height"))  # type: ignore[index]
    scale = SCALE if h <= TALL else SCALE_OF_TALL
    image = bytes(svg_to_bytes(svg_string=svg, width=round(scale * w), height=round(scale * h), background="white"))
    return b64encode(_smaller(image)).decode(), {"width": round(w), "height": round(h)}


def _smaller(png: bytes) -> bytes:
    """A picture of few colours in a palette: a third of the bytes."""
    from PIL import Image

    image = Image.open(io.BytesIO(png))
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image.convert("RGBA"), mask=image.convert("RGBA").getchannel("A"))
    out = io.BytesIO()
    flat.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return min(png, out.getvalue(), key=len)


def write(name: str) -> tuple[float, int]:
    """Run a notebook and write it; the seconds it took, and its bytes."""
    start = time.monotonic()
    text = nbformat.writes(still(run(notebook(name)))) + "\n"
    (FOLDER / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return time.monotonic() - start, len(text.encode())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", help="which ones, by the beginning of their names (default: all)")
    chosen: Any = parser.parse_args(argv).names
    for name in names():
        if not chosen or any(name.startswith(c) for c in chosen):
            seconds, size = write(name)
            print(f"{name:<32}{seconds:>6.0f} s {size / 1000:>6.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
