"""``python -m benchmarks.sweep SUITE [-k PATTERN] [-n WORKERS] [--minutes N] [--undrawn] [--out FILE]``, and more."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker a core; and threads do not survive a fork

import argparse
import logging
import math
import random
import re
import time
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from benchmarks.sweep.case import Suite
from benchmarks.sweep.pool import hold_all
from benchmarks.sweep.report import report, wrong

SUITES = ("transformers", "timm", "torch_modules", "programs")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description="Hold many programs to the truth.")
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("-k", metavar="PATTERN", default="", help="only cases whose name this regular expression finds")
    parser.add_argument("-n", metavar="WORKERS", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the report here")
    parser.add_argument("--keep", metavar="FILE", type=Path, help="JSON lines: outcomes there are kept, new ones added")
    parser.add_argument("--undrawn", action="store_true", help="leave out the drawing, which takes a third of the time")
    parser.add_argument("--minutes", metavar="N", type=float, help="begin no case after so many minutes")
    parser.add_argument("-v", action="store_true", help="print tracebacks and failing claims")
    args = parser.parse_args()
    logging.disable(logging.WARNING)

    suite: Suite = import_module(f"benchmarks.sweep.{args.suite}").suite()
    cases = [c for c in suite.cases if re.search(args.k, c.name)]
    random.Random(0).shuffle(cases)  # so that a part of a sweep is a sample of it
    until = math.inf if args.minutes is None else time.monotonic() + 60 * args.minutes
    outcomes = []
    for x in tqdm(hold_all(cases, args.n, args.keep, not args.undrawn, until), suite.title, len(cases), smoothing=0):
        outcomes.append(x)
        if not x.fine:
            tqdm.write(f"{x.name}: {'; '.join(wrong(x))}")
            if args.v:
                tqdm.write("\n".join([*x.traces.values(), *x.failures]))
    command = f"python -m benchmarks.sweep {args.suite}" + (f" -k '{args.k}'" if args.k else "")
    command += " --undrawn" if args.undrawn else ""
    command += f" --minutes {args.minutes:g}" if args.minutes is not None else ""
    command += " --keep (outcomes of several runs)" if args.keep else ""
    text = report(suite, outcomes, command, len(cases) - len(outcomes))
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
