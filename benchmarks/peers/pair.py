"""One pair in one process: ncd and a peer on a model, in turns.  Prints what was found as a line of JSON.

Seconds are of the processor, of this process and those it waits for (graphviz's ``dot``), on one thread; the least of
the rounds.  A page is a picture when a browser shows it, which counts by the clock.  Memory is the peak above what was
there before.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import warnings
from pathlib import Path
from time import process_time
from typing import Any

import torch

from benchmarks.peers.browser import shown
from benchmarks.peers.tools import PEERS, Tool, ncd_as
from ncd.models import zoo
from ncd.models.zoo import Example

ROUNDS, ENOUGH = 3, 60.0
"""Rounds, and the seconds after which there is no further one."""


def spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def resident(peak: bool) -> float:
    """Megabytes of this process now, or the most since ``start_peak``."""
    name = "VmHWM:" if peak else "VmRSS:"
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) / 1024


def start_peak() -> float:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return resident(peak=False)


def once(tool: Tool, example: Example) -> dict[str, float]:
    before, began = start_peak(), spent()
    kept = tool.trace(example)
    traced = spent()
    picture = tool.picture(kept)
    ended = spent()
    memory = resident(peak=True) - before
    seen = shown(picture) if tool.kind == "html" else 0.0
    return {
        "trace": traced - began,
        "written": ended - began,
        "picture": ended - began + seen,
        "memory": memory,
        "size": len(picture) / 1024,
    }


def example_of(model: str) -> Example:
    """A model of the zoo with its own inputs, or as ``name@length`` with so many tokens."""
    name, _, length = model.partition("@")
    example = zoo.get(name)
    if not length:
        return example
    ids = torch.randint(0, 1000, (1, int(length)))
    return example._replace(kwargs={**example.kwargs, "input_ids": ids})


def main(model: str, peer: str) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    example = example_of(model)
    tools = {"ncd": ncd_as(PEERS[peer].kind, peer.endswith("best")), "peer": PEERS[peer]}
    found: dict[str, Any] = {name: [] for name in tools}
    for k in range(1 + ROUNDS):
        for name, tool in tools.items():
            try:
                one = once(tool, example)
            except Exception as e:
                lines = str(e).strip().splitlines()
                found[name] = f"{type(e).__name__}: {lines[0] if lines else ''}"[:100]
                print(json.dumps(found))
                return
            # The first round imports and warms up; it counts where it is the only one.
            found[name] = [*found[name], one] if k != 1 else [one]
        if spent() > ENOUGH:
            break
    print(json.dumps({name: summed(rounds) for name, rounds in found.items()}))


def summed(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The least time and size, the most memory."""
    return {key: (max if key == "memory" else min)(one[key] for one in rounds) for key in rounds[0]}


if __name__ == "__main__":
    main(*sys.argv[1:])
