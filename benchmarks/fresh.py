"""``python -m benchmarks.fresh``: what only a new interpreter shows: time to import, and the memory of a large trace.

``import ncd`` is held to 100 ms of its own; tracing Llama-7B, which has no weights, to 2 s and 300 MB.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.timing import table, verdict

IMPORT = """
from time import perf_counter as now
a = now(); import ncd; b = now()
print(b - a)
"""
LLAMA = """
import resource, time
from ncd.models import zoo
from benchmarks.forward import bare, trace
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def peak():
    # Not getrusage: that remembers the process this one was started from.
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
def timed(what):
    wall, own = time.perf_counter(), time.thread_time()
    kept = what()
    return kept, time.perf_counter() - wall, time.thread_time() - own
import ncd, ncd.tracing.tracer
trace(zoo.get("attn"))
example = zoo.get("llama_7b")
before = resident()
diagram, wall, own = timed(lambda: trace(example))
print(wall, own, (resident() - before) / 2**20, (peak() - before) / 2**20, len(diagram))
_, wall, own = timed(lambda: trace(example))
print(wall, own)
print(min(bare(example) for _ in range(3)))
"""


def run(program: str) -> list[list[float]]:
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return [[float(x) for x in line.split()] for line in out.splitlines()]


def main(argv: Sequence[str] = ()) -> None:
    rounds = 3
    took = min(run(IMPORT)[0][0] for _ in range(2 * rounds))
    found = [run(LLAMA) for _ in range(rounds)]
    wall, own, after, most = (min(first[k] for first, *_ in found) for k in range(4))
    again = min(second[1] for _, second, _ in found)
    bare = min(third[0] for *_, third in found)
    print(
        table(
            ["in a fresh process", "found", "allowed", ""],
            [
                ["import ncd, ms", took * 1e3, 100, verdict(took, 0.1)],
                [f"trace Llama-7B, s ({found[0][0][4]:.0f} ops)", wall, 2, verdict(wall, 2)],
                ["  of its own thread, s", own, "", ""],
                ["  the second time, s", again, "", ""],
                ["  bare pass on fakes, s", bare, "", ""],
                ["  memory kept, MB", after, 300, verdict(after, 300)],
                ["  memory at most, MB", most, 300, verdict(most, 300)],
            ],
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
