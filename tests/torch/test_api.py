"""The page of public names is what the code says today, and its examples print what it shows."""

from __future__ import annotations

from pathlib import Path

import ncd
from tools.api import PAGE, SECTIONS, page

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "write it again: python -m tools.api"
    assert "docs/api.md" in README


def test_every_public_name_is_on_it() -> None:
    listed = {name for names in SECTIONS.values() for name in names}
    assert {f"ncd.{name}" for name in ncd.__all__ if name != "__version__"} <= listed
