"""Every operator of torch's own list, on every kind of numbers it takes: its weave, held to the running code.

``python -m benchmarks.sweep.operators [-k PATTERN] [-n WORKERS] [-s SAMPLES] [--out FILE]``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker a core; and threads do not survive a fork

import argparse
import multiprocessing
import platform
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.sweep.report import of
from ncd.ops.aten import is_declared
from tests.torch.opdb import KINDS, OPAQUE, WHOLE, Entry, by_name, survey


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep.operators", description=__doc__)
    parser.add_argument("-k", metavar="PATTERN", default="", help="only operators whose name it finds")
    parser.add_argument("-n", metavar="WORKERS", type=int, default=os.cpu_count() or 1, help="operators at a time")
    parser.add_argument("-s", metavar="SAMPLES", type=int, default=8, help="calls of an operator, at most, a kind")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the report here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = [n for n in sorted(by_name()) if re.search(args.k, n)]
    entries: list[Entry] = []
    with multiprocessing.get_context("fork").Pool(args.n, maxtasksperchild=50) as pool:
        found = pool.imap_unordered(partial(examined, count=args.s), names)
        for some in tqdm(found, "operators", len(names), smoothing=0):
            entries += some
    command = f"python -m benchmarks.sweep.operators -s {args.s}" + (f" -k {args.k}" if args.k else "")
    text = report(names, entries, command)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


def examined(name: str, count: int) -> list[Entry]:
    """One operator on all its kinds."""
    return [e for kind in KINDS if (e := survey(name, kind, count, lie=True)) is not None]


def report(names: Sequence[str], entries: Sequence[Entry], command: str) -> str:
    """Shares first, a column a kind, then every exception by name, with its reason."""
    entries = sorted(entries, key=lambda e: e.name)
    ran = [e for e in entries if e.rows]
    run = {e.name for e in ran}
    inexact = {e.name for e in ran if not e.exact}
    wrong = {e.name for e in ran if e.wrong}
    head = 48
    lines = [
        command,
        f"{date.today()}, Python {platform.python_version()}, torch {torch.__version__}",
        "",
        f"Operators of torch's own list (op_db): {len(names)}, {len(run)} of them run here",
        f"  {'a claim refuted':<{head}}{of(len(wrong), len(run))}",
        f"  {'an exact weave on every sample of every kind':<{head}}{of(len(run - inexact), len(run))}",
        f"  {'opaque somewhere':<{head}}{of(len(inexact), len(run))}",
        "",
        f"{'':<50}" + "".join(f"{kind:>9}" for kind in (*KINDS, "total")),
    ]
    columns = [[e for e in ran if e.kind == kind] for kind in KINDS]
    lines += [_line(what, [count(c) for c in columns]) for what, count in COUNTS.items()]
    lines += ["", "Wrong" if wrong else "Nothing is wrong"]
    lines += [f"  {e.name} ({e.kind}): {w}" for e in ran for w in e.wrong]
    lines += ["", "Opaque" if inexact else "Nothing is opaque"]
    lines += [f"  {n}: {OPAQUE.get(n, 'no reason is known')}" for n in sorted(inexact)]
    used: dict[str, set[str]] = {}
    for e in ran:
        for op in {op for r in e.rows if r.derived for op in r.derived.ops if is_declared(op)}:
            used.setdefault(op, set()).add(e.name)
    lines += ["", "Rows that make every axis a target, why that is exact, and who uses them"]
    lines += [f"  {op}: {WHOLE.get(op, '?')} ({', '.join(sorted(used[op]))})" for op in sorted(used)]
    lines += ["", "Not run"]
    lines += [f"  {n}: {_why_not(n, entries)}" for n in names if n not in run]
    spared: dict[str, Counter[bool | None]] = {}
    for e in ran:
        for r in e.rows:
            spared.setdefault(e.name, Counter()).update(r.lies)
    lines += ["", "False claims that were not refuted, of all on that operator: the values do not tell, or the"]
    lines += ["weave could say more"]
    lines += [f"  {n}: {c[True]} of {c[True] + c[False]}" for n, c in sorted(spared.items()) if c[True]]
    return "\n".join(lines) + "\n"


def _why_not(name: str, entries: Sequence[Entry]) -> str:
    why = sorted({e.idle for e in entries if e.name == name and e.idle})
    return "; ".join(why) or "no dtype on a CPU"


def _rows(entries: Sequence[Entry], count: str, verdict: object) -> int:
    return sum(getattr(r, count)[verdict] for e in entries for r in e.rows)


COUNTS = {
    "operators run": len,
    "answered on every sample": lambda c: sum(e.answered for e in c),
    "exact on every sample": lambda c: sum(e.exact for e in c),
    "calls": lambda c: sum(len(e.rows) for e in c),
    "  derived from values, not from shapes": lambda c: sum(r.real for e in c for r in e.rows),
    "tiled indices confirmed": lambda c: _rows(c, "checks", True),
    "  refuted": lambda c: _rows(c, "checks", False),
    "windowed indices confirmed": lambda c: _rows(c, "windows", True),
    "  not reached by any change": lambda c: _rows(c, "windows", None),
    "windowed dimensions that reach as far as said": lambda c: _rows(c, "windows", "equal"),
    "  less far (a maximum hides changes)": lambda c: _rows(c, "windows", "less"),
    "  further": lambda c: _rows(c, "windows", "more"),
    "re-indexings executed": lambda c: sum(r.moves for e in c for r in e.rows),
    "targets claimed tiled, and refuted": lambda c: _rows(c, "lies", False),
    "  not refuted": lambda c: _rows(c, "lies", True),
    "  no operand varies along them": lambda c: _rows(c, "lies", None),
}
"""What is counted of the entries of one kind."""


def _line(what: str, numbers: Sequence[int]) -> str:
    return f"  {what:<48}" + "".join(f"{n:>9}" for n in (*numbers, sum(numbers)))


if __name__ == "__main__":
    main()
