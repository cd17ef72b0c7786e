"""TikZ, PDF, PNG, DOT and networkx: the same figure in every format, and nothing in it that acts."""

from __future__ import annotations

import re
import struct
import sys

import pytest
import sketches
from test_svg import HOSTILE, example

from ncd import NCDError
from ncd.export.dot import digraph
from ncd.export.network import network
from ncd.layout.figure import layout
from ncd.render import latex, pdf, png, svg, tikz
from ncd.text import FONTS


@pytest.mark.parametrize(
    ("text", "role", "written"),
    [
        ("d_{model}", "axis", r"$d_{\mathrm{model}}$"),
        ("x'", "axis", "$x'$"),
        ("L_+^Q", "learned", r"$\mathbf{L}_{+}^{Q}$"),
        ("×12", "count", r"$\times 12$"),
        ("3×1", "function", r"$3{\times}1$"),
        ("p=1", "note", "$p{=}1$"),
        ("cls", "weight", r"$\mathbf{cls}$"),
        ("E^{pos}", "learned", r"$\mathbf{E}^{\mathrm{pos}}$"),
        ("×d_k^{-½}", "function", r"$\times d_{k}^{-\frac{1}{2}}$"),
        ("my_block #2 & co", "title", r"my\_block \#2 \& co"),
        ("a\\b{c}", "word", r"a\textbackslash{}b\{c\}"),
        ("語", "title", r"\ncdsign{8A9E}"),
        ("語", "axis", r"$\mbox{\ncdsign{8A9E}}$"),
        ("", "axis", ""),
    ],
)
def test_a_label_is_what_a_person_would_type(text: str, role: str, written: str) -> None:
    assert latex.label(text, role) == written


@pytest.mark.parametrize("text", [*HOSTILE, r"\input{/etc/passwd}", r"}\write18{rm}", "$$%", "^^M\\end"])
def test_no_label_can_command_tex(text: str) -> None:
    known = set(re.findall(r"\\([A-Za-z]+)", "".join(latex._SIGNS.values()) + "".join(latex._SPECIAL.values())))
    for role in FONTS:
        written = latex.label(text, role)
        assert set(re.findall(r"\\([A-Za-z]+)", written)) <= known | {"mathit", "mathrm", "mathbf", "mbox", "ncdsign"}
        assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(r"\}")
        assert written.isascii() and "%" not in written.replace(r"\%", "") and "^^" not in written
    figure = tikz.render(example(text))
    assert figure.isascii()
    if set(text) & set("\\{}$&#%_^~"):
        assert all(line.startswith("%") or text not in line for line in figure.splitlines())


def test_an_arc_stays_on_its_circle() -> None:
    for sweep in (True, False):
        curves = list(tikz.arc((10, 0), 10, sweep, (0, 10)))
        assert len(curves) == 1 and curves[-1][-2:] == pytest.approx((0, 10))
        x1, y1, x2, y2, x, y = curves[0]
        middle = (10 + 3 * x1 + 3 * x2 + x) / 8, (0 + 3 * y1 + 3 * y2 + y) / 8
        centre = (0, 0) if sweep else (10, 10)
        assert ((middle[0] - centre[0]) ** 2 + (middle[1] - centre[1]) ** 2) ** 0.5 == pytest.approx(10, abs=0.01)


def test_every_format_has_the_marks_of_the_svg() -> None:
    scene = layout(sketches.mha())
    drawn = svg.render(scene)
    text = tikz.render(scene)
    strokes = sum(d.count("M") for d in re.findall(r'<path[^>]* d="([^"]*)"', drawn))  # one path has several
    assert text.count(r"\path[") == strokes + drawn.count("<circle") + drawn.count("<rect")
    assert text.count(r"\node[") == drawn.count("<text")
    assert tikz.render(scene, "dark") != text == tikz.render(scene)


def test_pdf_and_png_have_the_size_of_the_figure_and_are_the_same_every_time() -> None:
    scene = layout(sketches.sdpa())
    page = pdf.render(scene)
    assert page.startswith(b"%PDF-") and page == pdf.render(scene)
    w, h = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", page).groups())
    assert (w, h) == pytest.approx((scene.width * 0.75, scene.height * 0.75), abs=0.01)
    for scale in (1, 2.5):
        image = png.render(scene, scale=scale)
        assert image == png.render(scene, scale=scale)
        size = struct.unpack(">II", image[16:24])
        assert size == pytest.approx((scene.width * scale, scene.height * scale), abs=1.01)


def test_no_fonts_no_silent_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_letters", lambda: False)
    with pytest.raises(NCDError, match="no font"):
        png.render(layout(sketches.sdpa()))


@pytest.mark.parametrize(("module", "render", "extra"), [("typst", pdf.render, "pdf"), ("resvg_py", png.render, "png")])
def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, module: str, render, extra: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NCDError, match=rf'pip install "ncd\[{extra}\]"'):
        render(example())


def test_the_overview_has_every_op_block_and_edge() -> None:
    d = sketches.gpt()
    graph, source = network(d), digraph(d).source
    made = {a.id for op in d.ops for a in op.outputs} | {a.id for a in d.inputs}
    edges = sum(a.id in made for op in d.ops for a in op.inputs) + sum(a.id in made for a in d.outputs)
    assert graph.number_of_edges() == edges == len(re.findall(r"^\s*\w+ -> ", source, re.M))
    assert {i for i in graph if isinstance(i, int)} == set(range(len(d.ops)))
    assert source.count("subgraph") == len(d.blocks)
    assert all(f"op{i} [" in source for i in range(len(d.ops)))
