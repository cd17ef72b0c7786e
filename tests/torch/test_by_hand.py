"""The page on diagrams by hand is what its code gives."""

import re
from pathlib import Path

from ncd.notation.by_hand import PICTURES, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_code_gives():
    text, pictures = page()
    assert (DOCS / "dsl.md").read_text() == text, "write it again: python -m ncd.notation.by_hand docs"
    assert set(pictures) == set(PICTURES.values())
    for name, drawn in pictures.items():
        kept = (DOCS / name).read_text()
        assert kept.startswith("<svg")
        assert without_numbers(kept) == without_numbers(drawn), "draw it again: python -m ncd.notation.by_hand docs"


def without_numbers(svg):
    """Coordinates may differ with the solver's version."""
    return re.sub(r' d="[^"]*"|ncd-[0-9a-f]{4,}|-?\d+(\.\d+)?', "0", svg)
