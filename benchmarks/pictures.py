"""``python -m benchmarks.pictures OUT [-k PATTERN] [--table FILE]``: models that no test knows, drawn in many ways.

Every model is drawn at each depth and width, light and dark, into ``OUT/MODEL/``; what is measured of the
pictures goes to ``OUT/rows.jsonl``.  Pictures whose row is there are not drawn again.
"""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import json
import logging
import re
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

import ncd
from benchmarks import plain
from benchmarks.sweep import torch_modules, transformers
from benchmarks.sweep.case import SEED, Case
from benchmarks.timing import table
from ncd import show
from ncd.circuit.diagram import Diagram
from ncd.render.png import render
from tests.pure.metrics import Measured

VISION = """beit dinov2 segformer vit_mae mobilenet_v2 data2vec-vision sam poolformer regnet efficientnet hiera levit
focalnet cvt""".split()
LANGUAGE = """deberta deberta-v2 longformer big_bird reformer xlnet rwkv falcon opt gemma mistral phi funnel zamba fnet
codegen""".split()
SOUND_AND_MORE = """wav2vec2 hubert clap encodec data2vec-audio speech_to_text blip perceiver clipseg vilt
decision_transformer patchtst""".split()
TORCH = """GRU deep both ways|TransformerDecoder|MultiheadAttention masks|TransformerEncoderLayer norm first|LSTM
""".strip().split("|")
DEPTHS: Sequence[int | None] = (None, 1, 2, 3)
WIDTHS = (600, 1000, 1600)
THEMES = ("light", "dark")
SCALE = 1.2
MOST_OPS = 120
"""A picture of more is neither measured nor kept."""


@dataclass(frozen=True)
class Row:
    """One picture: how large, what it shows, what is wrong with it."""

    model: str
    depth: int | None
    width: int
    size: tuple[int, int] = (0, 0)
    drawn: int = 0
    exact: int = 0
    opaque: tuple[str, ...] = ()
    faults: dict[str, int] | None = None
    seconds: float = 0.0
    error: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is as narrow as was asked."""
        return self.size[0] <= self.width


def cases() -> dict[str, list[Case]]:
    """The models by family."""
    known = {c.name: c for c in transformers.suite().cases}
    modules = {c.name: c for c in torch_modules.suite().cases}
    return {
        "vision": [known[n] for n in VISION],
        "language": [known[n] for n in LANGUAGE],
        "sound, time and both eyes and ears": [known[n] for n in SOUND_AND_MORE],
        "torch.nn": [modules[n] for n in TORCH],
        "written by hand": list(plain.CASES),
    }


def traced(case: Case) -> Diagram:
    torch.manual_seed(SEED)
    subject = case.make()
    if isinstance(subject.target, nn.Module):
        subject.target.train(case.train)
    return ncd.trace(subject.target, *subject.args, axes=subject.axes, **subject.kwargs)


def drawn(case: Case, out: Path, done: set[tuple[int | None, int]], themes: Sequence[str]) -> Iterable[Row]:
    """The rows of one model that are not done; its pictures are kept in these themes."""
    left = [(depth, width) for depth in DEPTHS for width in WIDTHS if (depth, width) not in done]
    if not left:
        return
    try:
        d = traced(case)
        d.simplify()
    except Exception as error:
        yield from (Row(case.name, *at, error=f"{type(error).__name__}: {error}"[:300]) for at in left)
        return
    for depth, width in left:
        row = Row(case.name, depth, width, exact=len(d.ops), opaque=tuple(op.name for op in d.opaque))
        start = time.process_time()
        try:
            shown = show.draw(d, depth=depth, width=width)
        except Exception as error:
            yield replace(row, error=f"{type(error).__name__}: {error}"[:300])
            continue
        seconds = round(time.process_time() - start, 2)
        size = round(shown.scene.width), round(shown.scene.height)
        ops = len(shown.drawn.ops)
        faults = {k: n for k, n in Measured(shown.scene).faults().items() if n} if ops <= MOST_OPS else None
        folder = out / case.name.replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        for theme in themes if ops <= MOST_OPS else ():
            name = f"{'default' if depth is None else depth}-{width}-{theme}.png"
            (folder / name).write_bytes(render(shown.scene, theme, scale=SCALE))
        yield replace(row, size=size, drawn=ops, faults=faults, seconds=seconds)


def report(rows: Sequence[Row]) -> str:
    """What is wrong, and a line for every model: the pictures of all widths at each depth."""
    measured = [r for r in rows if r.faults is not None]
    by_model: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        by_model[r.model].append(r)
    lines = []
    for family, members in cases().items():
        for case in members:
            for depth in DEPTHS:
                at = {r.width: r for r in by_model[case.name] if r.depth == depth}
                if not at:
                    continue
                one = next(iter(at.values()))
                found = [at[w] if w in at else replace(one, drawn=0) for w in WIDTHS]
                sizes = [f"{r.size[0]}×{r.size[1]}{'' if r.kept else ' wide'}" if r.drawn else "–" for r in found]
                wrong = sorted({f"{k} {n}" for r in at.values() for k, n in (r.faults or {}).items()})
                wrong += sorted({r.error for r in at.values() if r.error})
                unmeasured = ["not measured"] if any(r.faults is None and not r.error for r in at.values()) else []
                lines.append(
                    [family, case.name, "default" if depth is None else depth, one.exact,
                     "/".join(dict.fromkeys(str(r.drawn) for r in at.values())), len(one.opaque), *sizes,
                     max(r.seconds for r in at.values()), "; ".join(wrong + unmeasured)]
                )  # fmt: skip
    head = "family|model|depth|ops|drawn|opaque".split("|") + [f"width {w}" for w in WIDTHS] + ["s at most", "faults"]
    faulty = [r for r in measured if r.faults]
    wide = [r for r in rows if r.drawn and not r.kept]
    opaque = sorted({f"{r.model}: {' '.join(sorted(set(r.opaque)))}" for r in rows if r.opaque})
    unfit = [r for r in rows if r.depth is None and r.drawn and (not r.kept or r.size[1] > 900)]
    return "\n".join(
        (
            "Pictures of models that no test of ncd draws: python -m benchmarks.pictures OUT",
            f"torch {torch.__version__}; depths {DEPTHS}, widths {WIDTHS}",
            "",
            f"{len(by_model)} models, {len(rows)} pictures (a theme changes no place); {len(measured)} measured",
            f"with faults: {len(faulty)}; errors: {sum(bool(r.error) for r in rows)}",
            f"wider than asked: {len(wide)}; default pictures wider than asked or over 900 px high: {len(unfit)}",
            "opaque operations: " + (", ".join(opaque) or "none"),
            "",
            table(head, lines),
            "",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder of the pictures")
    parser.add_argument("-k", metavar="PATTERN", default="", help="only models whose name it finds")
    parser.add_argument("--unkept", action="store_true", help="measure only, and keep no pictures")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the table here")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "rows.jsonl"
    rows = [read(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    with kept.open("a", encoding="utf-8") as file:
        for case in (c for members in cases().values() for c in members if re.search(args.k, c.name)):
            done = {(r.depth, r.width) for r in rows if r.model == case.name}
            for row in drawn(case, args.out, done, () if args.unkept else THEMES):
                rows.append(row)
                file.write(json.dumps(asdict(row)) + "\n")
                file.flush()
                if row.faults or row.error or not row.kept:
                    print(row, flush=True)
    text = report(rows)
    print(text)
    if args.table:
        args.table.write_text(text, encoding="utf-8")


def read(line: str) -> Row:
    held = json.loads(line)
    return Row(**held | {"size": tuple(held["size"]), "opaque": tuple(held["opaque"])})


if __name__ == "__main__":
    main()
