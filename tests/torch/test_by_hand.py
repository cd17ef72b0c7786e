"""The page on diagrams by hand is what its code gives."""

from pathlib import Path

from ncd.notation.by_hand import PICTURES, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_code_gives():
    text, pictures = page()
    assert (DOCS / "dsl.md").read_text() == text, "write it again: python -m ncd.notation.by_hand docs"
    assert set(pictures) == set(PICTURES.values())
    for name in pictures:
        assert (DOCS / name).read_text().startswith("<svg")
