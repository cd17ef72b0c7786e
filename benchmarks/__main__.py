"""``python -m benchmarks [FILE]``: everything, printed, and written to a file if one is named."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import sys

import torch

from benchmarks import drawing, fresh, scaling, tracing


def machine() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    said = [
        "python -m benchmarks",
        f"{machine()}, {os.cpu_count()} cores, load {load} at the start",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        "least of several rounds in turns, seconds of the thread's own; noise: median over least",
    ]
    print("\n".join(said), flush=True)
    for part in (tracing, drawing, scaling, fresh):
        heading = f"\n{part.__name__}"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            part.main()
        print(heading, out.getvalue().rstrip(), sep="\n", flush=True)
        said += [heading, out.getvalue().rstrip()]
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as f:
            f.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
