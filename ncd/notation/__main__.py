"""``python -m ncd.notation OUT``: the page of the notation, and all its pictures on one sheet, as SVG and PNG."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ncd.notation.catalogue import SECTIONS
from ncd.notation.entry import Entry
from ncd.notation.sheet import sheet
from ncd.render import png, svg
from ncd.show import Picture
from ncd.theme import THEMES


def page(drawn: Sequence[tuple[str, Sequence[tuple[Entry, Picture]]]]) -> str:
    """Every symbol with its code and its meaning, by section."""
    parts = "\n".join(f"<section>\n<h2>{escape(title)}</h2>\n{_rows(rows)}\n</section>" for title, rows in drawn)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ncd: the notation</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; color: #111;
  background: #fff }}
article {{ display: grid; grid-template-columns: minmax(200px, 2fr) 3fr; gap: 0 2rem; align-items: center;
  border-top: 1px solid #ddd; padding: .8rem 0 }}
article > div {{ overflow-x: auto }}
p {{ margin: .3rem 0 }}
code {{ font-size: 13px; overflow-wrap: anywhere; color: #444 }}
</style>
<h1>The notation</h1>
<p>Wires are axes. A symbol touches the axes it mixes, and is repeated over those that pass it. Every picture was traced
from the code beside it.</p>
{parts}
</html>
"""


def _rows(rows: Sequence[tuple[Entry, Picture]]) -> str:
    return "\n".join(
        f"<article>\n<div>{picture.svg}</div>\n<div><p>{escape(entry.meaning)}</p>\n"
        f"<code>{escape(entry.code)}</code> <code>({escape(entry.inputs)})</code></div>\n</article>"
        for entry, picture in rows
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ncd.notation", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--theme", choices=list(THEMES), default="light")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    drawn = [(s, [(e, e.draw(theme=options.theme)) for e in s.entries]) for s in SECTIONS]
    (options.out / "index.html").write_text(page([(s.title, rows) for s, rows in drawn]), encoding="utf-8")
    every = sheet((s, [p.scene for _, p in rows]) for s, rows in drawn)
    (options.out / "notation.svg").write_text(svg.render(every, options.theme), encoding="utf-8")
    (options.out / "notation.png").write_bytes(png.render(every, options.theme))
    print(f"{sum(len(rows) for _, rows in drawn)} symbols; see {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
