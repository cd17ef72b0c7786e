"""The page of the notation for those who read the repository: ``python -m ncd.notation.markdown docs``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ncd.layout.scene import Scene
from ncd.notation.catalogue import SECTIONS
from ncd.notation.entry import Section
from ncd.notation.sheet import sheet
from ncd.render.compact import render

WIDE = 1000.0
"""Pictures are as wide as such a page shows them, px."""
SAYS = """\
# The notation

Wires are axes. A symbol touches the axes it mixes, and is repeated over those that pass it. Every picture was traced
from the code below it, by `ncd.trace` on arrays of the axes that stand behind it; `make notation` writes the same page
with the code beside each picture.
"""


def page(sections: Sequence[Section]) -> str:
    """Every section's picture, and what its symbols are made by and mean."""
    return SAYS + "".join(map(_section, sections))


def _section(section: Section) -> str:
    rows = (f"| {e.title} | {_code(e.code)} | {_code(e.inputs)} | {_plain(e.meaning)} |\n" for e in section.entries)
    head = "| | torch | axes | |\n|-|-|-|-|\n"
    return f"\n## {section.title}\n\n![{section.title}]({_file(section)})\n\n{head}{''.join(rows)}"


def _code(text: str) -> str:
    return "`" + _plain(text) + "`"


def _plain(text: str) -> str:
    return text.replace("|", "\\|")


def _file(section: Section) -> str:
    return f"notation/{section.title.lower().replace(',', '').replace(' ', '-')}.svg"


def picture(section: Section) -> str:
    """All pictures of a section, as an SVG that follows the reader's choice of light or dark."""
    scenes: list[Scene] = [e.draw().scene for e in section.entries]
    return render(sheet([(section, scenes)], WIDE), "auto")


def main(folder: str) -> None:
    out = Path(folder)
    (out / "notation").mkdir(parents=True, exist_ok=True)
    (out / "notation.md").write_text(page(SECTIONS), encoding="utf-8")
    for section in SECTIONS:
        (out / _file(section)).write_text(picture(section), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
