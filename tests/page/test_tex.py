"""TikZ in a plain article: it compiles, and the page looks like the PDF of the same figure."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sketches
from test_svg import HOSTILE, example

from ncd.layout.figure import layout
from ncd.layout.scene import Scene
from ncd.render import pdf, tikz

ARTICLE = r"""\documentclass{article}
\usepackage[paperwidth=%.3fbp,paperheight=%.3fbp,margin=0pt,noheadfoot]{geometry}
\usepackage{tikz}
\pagestyle{empty}\parindent0pt\topskip0pt
\begin{document}
\input{figure.tex}
\end{document}
"""


def page(path: Path) -> np.ndarray:
    """The ink on a page, 0 to 1, one number a px of the figure."""
    out = subprocess.run(["pdftoppm", "-r", "96", "-gray", path], check=True, capture_output=True).stdout
    width, height = map(int, re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", out).groups())
    return 1 - np.frombuffer(out[-width * height :], np.uint8).reshape(height, width) / 255


def compiled(scene: Scene, folder: Path) -> Path:
    (folder / "figure.tex").write_text(tikz.render(scene, "paper"))
    # A hair more room than the figure: TeX rounds.
    (folder / "article.tex").write_text(ARTICLE % (0.75 * scene.width + 0.5, 0.75 * scene.height + 0.5))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "article.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, re.findall(r"^!.*(?:\n.*){3}", run.stdout, re.M)
    assert "Overfull" not in run.stdout and "(1 page" in run.stdout
    return folder / "article.pdf"


@pytest.mark.parametrize("sketch", ["mha", "unet"])
def test_the_page_looks_like_the_figure(tmp_path: Path, sketch: str) -> None:
    scene = layout(getattr(sketches, sketch)(), width=900)
    tex = page(compiled(scene, tmp_path))
    (tmp_path / "figure.pdf").write_bytes(pdf.render(scene, "paper"))
    ours = page(tmp_path / "figure.pdf")
    h, w = (min(a, b) for a, b in zip(tex.shape, ours.shape, strict=True))
    # Letters differ in face, all else is in its place: most ink of either is ink of the other.
    one, other = tex[:h, :w], ours[:h, :w]
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8
    assert np.corrcoef(np.roll(one, 9, 0).ravel(), other.ravel())[0, 1] < 0.7  # and not anywhere else


def test_any_label_compiles(tmp_path: Path) -> None:
    texts = (*HOSTILE, r"\input{/etc/passwd}", "}$%_^~#&\\", "語 é ß ½ ★")
    scene = replace(example(), marks=tuple(mark for text in texts for mark in example(text).marks))
    compiled(scene, tmp_path)
