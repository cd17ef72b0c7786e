"""An SVG of the picture alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ncd.layout.figure import layout
from ncd.render import compact, svg
from ncd.render.outline import data
from tests.pure.sketches import ALL


@pytest.mark.parametrize(
    ("segments", "written"),
    [
        ((("M", (1, 2)), ("L", (30, 2)), ("L", (40.04, 2))), "M1 2H40"),
        ((("M", (100, 200)), ("L", (101.5, 200)), ("L", (101.5, 203)), ("L", (100, 203)), ("Z", ())),
         "M100 200h1.5v3H100Z"),
        ((("M", (100, 200)), ("L", (100, 203)), ("L", (95, 203)), ("L", (90, 203))), "M100 200v3H90"),
        ((("M", (100, 200)), ("C", (110, 200, 110, 180, 120.5, 180))), "M100 200c10 0 10-20 20.5-20"),
        ((("M", (100, 200)), ("A", (3, 1, 97, 203))), "M100 200a3 3 0 0 1-3 3"),
    ],
)  # fmt: skip
def test_a_line_is_written_with_few_letters(segments: tuple, written: str) -> None:
    assert data(segments, relative=True) == written


@pytest.mark.parametrize("name", ALL)
def test_the_same_picture_in_fewer_bytes(name: str) -> None:
    scene = layout(ALL[name](), width=1000)
    small, full = compact.render(scene), svg.render(scene)
    assert len(small) < 0.75 * len(full) and "data-" not in small

    def said(text: str) -> list[str]:
        root = ElementTree.fromstring(text)
        return sorted("".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text"))

    assert said(small) == said(full)
    classes = [set(re.findall(r"ncd-(?!diagram|[0-9a-f]{4,8}\b)[a-z-]+", text)) for text in (small, full)]
    assert classes[0] == classes[1] - {"ncd-op"}
