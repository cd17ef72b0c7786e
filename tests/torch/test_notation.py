"""Every symbol of the notation: traced exactly, drawn as its row says, without fault, and true."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metrics import FAULTS, Measured

from ncd.layout.scene import Mark
from ncd.layout.scene import Path as Outline
from ncd.notation import __main__ as notation
from ncd.notation import markdown
from ncd.notation.catalogue import SECTIONS
from ncd.notation.entry import Entry
from ncd.notation.sheet import GAP, HEADING, moved, sheet

ENTRIES = [(s.title, e) for s in SECTIONS for e in s.entries]


@pytest.mark.parametrize(("section", "entry"), ENTRIES, ids=[f"{s}: {e.title}" for s, e in ENTRIES])
def test_a_symbol_is_what_its_row_says(section: str, entry: Entry) -> None:
    diagram = entry.trace()
    assert not diagram.opaque
    drawn = entry.draw()
    assert " ".join(op.symbol for op in drawn.drawn.ops) == entry.symbols
    assert Measured(drawn.scene).faults() == dict.fromkeys(FAULTS, 0)


def test_the_page_and_the_sheet_hold_every_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notation, "SECTIONS", SECTIONS[:2])
    assert notation.main([str(tmp_path), "--theme", "dark"]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<article>") == page.count("<svg") == sum(len(s.entries) for s in SECTIONS[:2])
    assert (tmp_path / "notation.png").stat().st_size > 10_000


DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_in_the_documents_is_up_to_date() -> None:
    """If not: ``python -m ncd.notation.markdown docs``."""
    text = (DOCS / "notation.md").read_text(encoding="utf-8")
    assert text == markdown.page(SECTIONS)
    pictures = re.findall(r"\]\((notation/.*\.svg)\)", text)
    assert len(pictures) == len(SECTIONS) == len(list((DOCS / "notation").iterdir()))
    for section, name in list(zip(SECTIONS, pictures, strict=True))[::4]:
        assert (DOCS / name).read_text(encoding="utf-8") == markdown.picture(section)


def test_the_sheet_moves_every_mark_alike() -> None:
    scene = next(e for e in SECTIONS[0].entries if e.title == "Permute").draw().scene  # with arcs and curves
    there = sheet([(SECTIONS[0], [scene])]).marks[1:]
    back = [moved(m, -GAP, -GAP - HEADING) for m in there]
    for a, b in zip(back, scene.marks, strict=True):
        assert replace(a, **_place(b)) == b and _numbers(a) == pytest.approx(_numbers(b))


def _place(mark: Mark) -> dict[str, Any]:
    return {"segments": mark.segments} if isinstance(mark, Outline) else {"x": mark.x, "y": mark.y}


def _numbers(mark: Mark) -> list[float]:
    return [x for _, v in mark.segments for x in v] if isinstance(mark, Outline) else [mark.x, mark.y]
