"""A few small pictures as they were approved: the same elements, texts and ids in the same order, in the same places.

``python tests/pure/test_golden.py`` writes them anew; look at each before it is committed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sketches import ALL

from ncd.layout.figure import layout
from ncd.render.svg import render

FOLDER = Path(__file__).parent / "golden"
NAMES = ("sdpa", "mha_nomask", "pointer")
PLACES = ("d", "x", "y", "cx", "cy", "r", "width", "height", "viewBox")
SLACK = 1.5
"""So many px may lie between two places that are called the same."""


def drawn(name: str) -> str:
    return render(layout(ALL[name]()), prefix="golden")


def elements(svg: str) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    """What every element is and says, and the numbers of where it is."""
    for e in ElementTree.fromstring(svg).iter():
        tag = e.tag.rpartition("}")[2]
        if tag in ("style", "desc"):
            continue
        where = {k: v for k, v in e.attrib.items() if k in PLACES}
        what = (f"{k}={v}" for k, v in sorted(e.attrib.items()) if k not in where)
        letters = (re.sub(r"[-\d. ]+", " ", v) for _, v in sorted(where.items()))
        numbers = [float(n) for _, v in sorted(where.items()) for n in re.findall(r"-?[\d.]+", v)]
        yield (tag, *what, *letters, (e.text or "").strip()), numbers


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_as_it_was_approved(name: str) -> None:
    now, then = list(elements(drawn(name))), list(elements((FOLDER / f"{name}.svg").read_text()))
    assert [what for what, _ in now] == [what for what, _ in then]
    for (what, here), (_, there) in zip(now, then, strict=True):
        assert here == pytest.approx(there, abs=SLACK), what


def test_another_place_and_another_text_are_noticed() -> None:
    svg = drawn("sdpa")
    said, moved = svg.replace(">y</text>", ">z</text>", 1), re.sub(r'viewBox="0 0 (\d)', r'viewBox="0 0 1\1', svg)
    assert said != svg != moved
    assert [w for w, _ in elements(said)] != [w for w, _ in elements(svg)] == [w for w, _ in elements(moved)]
    assert [n for _, n in elements(moved)] != [n for _, n in elements(svg)]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in sys.argv[1:] or NAMES:
        (FOLDER / f"{each}.svg").write_text(drawn(each))
