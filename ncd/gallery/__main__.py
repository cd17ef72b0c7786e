"""``python -m ncd.gallery OUT``: the figures in every format, and the page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ncd.gallery.figures import figures
from ncd.gallery.page import KINDS, NIGHT, index


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figures named, or all, in every format."""
    every = figures()
    parser = argparse.ArgumentParser(prog="python -m ncd.gallery", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("figures", nargs="*", choices=[*every, []], help="which figures (default: all)")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {name: every[name] for name in options.figures or every}
    for name, figure in chosen.items():
        diagram = figure.trace()
        for kind in KINDS:
            diagram.save(options.out / f"{name}.{kind}")
        diagram.save(options.out / f"{name}{NIGHT}.svg", theme="dark")
        print(f"{name:<20}{len(diagram):>4} ops, {len(diagram.opaque)} opaque", flush=True)
    (options.out / "index.html").write_text(index(chosen), encoding="utf-8")
    print(f"{len(chosen)} figures; see {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
