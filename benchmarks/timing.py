"""Timing several things in turns, and setting what was found as a table."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time

Task = Callable[[], float | None]
"""Something to time.  One that returns seconds has timed itself: what it had to set up first does not count."""


@dataclass(frozen=True)
class Times:
    """All that was measured of one task, in seconds."""

    seconds: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return sorted(self.seconds)[len(self.seconds) // 2]

    @property
    def spread(self) -> float:
        """How much more than the least the median is: 0 on a quiet machine."""
        return self.median / self.least - 1


def in_turns(tasks: Mapping[str, Task], rounds: int, warm_up: int = 1) -> dict[str, Times]:
    """Every task once a round, so that a busy spell of the machine falls on all of them."""
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for k in range(warm_up + rounds):
        for name, task in tasks.items():
            gc.collect()
            start = thread_time()
            own = task()
            taken = thread_time() - start if own is None else own
            if k >= warm_up:
                found[name].append(taken)
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns set to their widest entry: the first to the left, numbers to the right."""
    lines = [list(head), *([_text(x) for x in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            word.ljust(w) if k == 0 else word.rjust(w) for k, (word, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _text(x: object) -> str:
    return f"{x:.3g}" if isinstance(x, float) and abs(x) < 100 else f"{x:.0f}" if isinstance(x, float) else str(x)


def verdict(found: float, most: float) -> str:
    return "ok" if found <= most else f"OVER by {found / most - 1:.0%}"
