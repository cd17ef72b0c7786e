"""Writes ncd/text_widths.json: how wide each character is in the faces that figures are set in.

The faces are Liberation's, whose widths equal those of Times New Roman and Arial by design, so
one table is right wherever any of these fonts is installed.  Needs fontTools and the fonts
(Debian: fonts-liberation).  Run again only to add characters:

    python tools/text_widths.py [FOLDER WITH THE .ttf FILES]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fontTools.ttLib import TTFont

FACES = {
    "serif": "LiberationSerif-Regular",
    "serif-italic": "LiberationSerif-Italic",
    "serif-bold": "LiberationSerif-Bold",
    "serif-bold-italic": "LiberationSerif-BoldItalic",
    "sans": "LiberationSans-Regular",
    "sans-bold": "LiberationSans-Bold",
}
LATIN = [chr(c) for c in (*range(0x20, 0x7F), *range(0xA0, 0x100))]
GREEK = [chr(c) for c in range(0x391, 0x3CA) if c != 0x3A2] + list("ϑϕϵ")
SIGNS = list("′″‖–—‘’“”…‹›⁄ℓ←↑→↓↔∂∆∇∈∏∑−∗√∞∧∨∩∫∼≈≠≡≤≥⊗⊙⊤⋆★□○△▽◇⟨⟩⌈⌉⌊⌋ıſŁłŒœŠšŽžƒ")


def table(folder: Path) -> dict[str, dict[str, int]]:
    """Face -> character -> advance in thousandths of the font size."""
    out: dict[str, dict[str, int]] = {}
    for face, file in FACES.items():
        font = TTFont(folder / f"{file}.ttf")
        glyphs, advance, em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        known = [c for c in (*LATIN, *GREEK, *SIGNS) if ord(c) in glyphs]
        out[face] = {c: round(advance[glyphs[ord(c)]][0] * 1000 / em) for c in known}
    return out


if __name__ == "__main__":
    fonts = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/fonts/truetype/liberation")
    target = Path(__file__).parent.parent / "ncd" / "text_widths.json"
    lines = [f" {json.dumps(face)}: {json.dumps(row, ensure_ascii=False)}" for face, row in table(fonts).items()]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes")
