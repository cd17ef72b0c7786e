"""Every case in a process of its own, so that one that hangs or eats the memory ends alone."""

from __future__ import annotations

import dataclasses
import json
import math
import multiprocessing
import resource
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch._dynamo  # noqa: F401  seconds, and tracing asks for it: here once, not in the process of every case

from benchmarks.sweep.case import Case, Outcome, hold

SECONDS = 120
BYTES = 12 << 30
"""Limits of one case: processor time, and address space.  Ten times the seconds may pass on a busy machine."""


def hold_all(
    cases: Sequence[Case], workers: int, kept: Path | None, draw: bool = True, until: float = math.inf
) -> Iterator[Outcome]:
    """The outcomes of all cases as they come.

    ``kept`` is a file of JSON lines: the outcomes in it are not worked out again, new ones are added.
    ``draw``: whether to draw; no case is begun later than ``until`` on the monotonic clock.
    """
    old = {x.name: x for x in read(kept)} if kept is not None and kept.exists() else {}
    waiting = [c for c in cases if c.name not in old]
    yield from (old[c.name] for c in cases if c.name in old)
    fork = multiprocessing.get_context("fork")
    running: dict[Connection, tuple[Case, multiprocessing.process.BaseProcess, float]] = {}
    while waiting or running:
        if time.monotonic() > until:
            waiting = []
        while waiting and len(running) < workers:
            case = waiting.pop(0)
            here, there = fork.Pipe(duplex=False)
            process = fork.Process(target=_work, args=(case, there, draw))
            process.start()
            there.close()
            running[here] = (case, process, time.monotonic())
        ready = wait(list(running), timeout=1)
        for end, (case, process, start) in list(running.items()):
            late = time.monotonic() - start > 10 * SECONDS
            if end not in ready and not late:
                continue
            try:
                outcome = end.recv() if end in ready else _ended(case, f"took longer than {10 * SECONDS} s")
            except EOFError:
                process.join()
                outcome = _ended(case, f"the process ended with {process.exitcode}")
            process.kill()
            process.join()
            end.close()
            del running[end]
            if kept is not None:
                with kept.open("a", encoding="utf-8") as f:
                    f.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
            yield outcome


def read(path: Path) -> list[Outcome]:
    """The outcomes kept in a file of JSON lines."""
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _work(case: Case, end: Connection, draw: bool) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    end.send(hold(case, draw))
    end.close()


def _ended(case: Case, why: str) -> Outcome:
    return Outcome(case.name, errors={"limit": why})
