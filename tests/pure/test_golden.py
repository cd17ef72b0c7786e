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
        letters = (re.sub(r"[-\d. ]+", " ", v).upper() for _, v in sorted(where.items()))
        numbers = [n for k, v in sorted(where.items()) for n in (absolute(v) if k == "d" else map(float, v.split()))]
        yield (tag, *what, *letters, (e.text or "").strip()), numbers


def absolute(d: str) -> Iterator[float]:
    """The numbers of a path as if all its letters were capitals."""
    x = y = 0.0
    for letter, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", d):
        v = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        size, v = (v[:5], v[5:]) if letter in "Aa" else ([], v)
        if letter.islower():
            v = [n + (x, y)[letter == "v" or k % 2] for k, n in enumerate(v)]
        if letter in "Hh":
            x = v[0]
        elif letter in "Vv":
            y = v[0]
        elif v:
            x, y = v[-2:]
        yield from (*size, *v)


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
