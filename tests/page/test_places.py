"""Every label stands in the same place in SVG, TikZ and PDF, and is read in the order of execution."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sketches

from ncd.layout.figure import layout
from ncd.layout.scene import Scene, Text
from ncd.render import pdf, svg, tikz
from ncd.text import width

SKETCHES = ["mha", "unet", "transformer"]
LEFT = {"start": 0.0, "base west": 0.0, "middle": 0.5, "base": 0.5, "end": 1.0, "base east": 1.0}


def scene(name: str) -> Scene:
    return layout(sketches.ALL[name](), width=900)


def in_the_scene(figure: Scene) -> list[tuple[float, float]]:
    """Where each label begins, in the order they are drawn."""
    labels = [m for m in figure.marks if isinstance(m, Text)]
    return [(m.x - LEFT[m.anchor] * width(m.text, m.role), m.y) for m in labels]


@pytest.mark.parametrize("name", SKETCHES)
def test_labels_stand_at_one_place_in_svg_and_tikz(name: str) -> None:
    figure = scene(name)
    places = in_the_scene(figure)
    labels = [m for m in figure.marks if isinstance(m, Text)]
    root = ElementTree.fromstring(svg.render(figure))
    texts = [e for e in root.iter() if e.tag.endswith("}text")]
    assert len(texts) == len(labels) > 10
    for e, mark, (x, y) in zip(texts, labels, places, strict=True):
        share = LEFT[e.get("text-anchor", "start")] * width(mark.text, mark.role)
        assert (float(e.get("x")) - share, float(e.get("y"))) == pytest.approx((x, y), abs=0.051)
    nodes = re.findall(r"\\node\[ncd text \w+,anchor=([a-z ]+)\] at \(([-\d.]+),([-\d.]+)\)", tikz.render(figure))
    assert len(nodes) == len(labels)
    for (anchor, x, y), mark in zip(nodes, labels, strict=True):
        assert (float(x), float(y)) == pytest.approx((mark.x, mark.y), abs=0.011)
        assert LEFT[anchor] == LEFT[mark.anchor]


@pytest.mark.parametrize("name", SKETCHES)
def test_words_stand_at_the_same_place_in_pdf_and_can_be_searched(name: str, tmp_path: Path) -> None:
    figure = scene(name)
    path = tmp_path / "figure.pdf"
    path.write_bytes(pdf.render(figure))
    run = subprocess.run(["pdftotext", "-bbox", path, "-"], check=True, capture_output=True, text=True)
    found = re.findall(
        r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]+)</word>', run.stdout
    )
    starts = [(word, 4 / 3 * float(x), 4 / 3 * float(y0), 4 / 3 * float(y1)) for x, y0, _, y1, word in found]
    firsts = [(m.text.split()[0], p) for m, p in zip(_texts(figure), in_the_scene(figure), strict=True)]
    plain = [(word, p) for word, p in firsts if re.fullmatch(r"[A-Za-z-]{2,}", word)]
    assert plain
    for word, (x, y) in plain:
        assert any(w == word and abs(a - x) < 2 and y0 < y < y1 + 2 for w, a, y0, y1 in starts), (word, x, y)


def _texts(figure: Scene) -> list[Text]:
    return [m for m in figure.marks if isinstance(m, Text)]


@pytest.mark.parametrize("name", SKETCHES)
def test_symbols_are_read_after_what_they_read(name: str) -> None:
    diagram = sketches.ALL[name]()
    text = svg.render(scene(name))
    first: dict[int, int] = {}
    for place, found in enumerate(re.finditer(r'<g class="ncd-op" data-op="(\d+)"', text)):
        first.setdefault(int(found[1]), place)
    maker = {a.id: i for i, op in enumerate(diagram.ops) for a in op.outputs}
    wrong = Counter(
        (maker[a.id], i)
        for i, op in enumerate(diagram.ops)
        for a in op.inputs
        if a.id in maker and maker[a.id] in first and i in first and first[maker[a.id]] > first[i]
    )
    assert not wrong and len(first) > 5
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and len(root.get("aria-labelledby", "").split()) == 2
