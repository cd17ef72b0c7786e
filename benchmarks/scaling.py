"""``python -m benchmarks.scaling``: what doubling the number of ops does to the time of every stage.

Held to 2.3 times up to 1,500 ops.  Folded, a long stack is as small a picture as a short one, so
layout is timed on the chain, of which nothing folds, with every block open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log
from typing import Any

from benchmarks.forward import trace
from benchmarks.stacks import chain, gpt2
from benchmarks.timing import in_turns, table, verdict
from ncd.models.zoo import Example
from ncd.rewrite import simplify
from ncd.rewrite.present import prepared, present

DOUBLING, UP_TO = 2.3, 1600


def stages(example: Example, lay_out: bool) -> tuple[int, dict[str, Callable[[], Any]]]:
    """The number of exact ops, and each stage on what the stage before it made."""
    from ncd.layout.figure import layout
    from ncd.render.svg import render

    exact = trace(example)
    simple = simplify(exact)
    folded = prepared(simple)
    drawn = present(folded)
    found: dict[str, Callable[[], Any]] = {
        "trace": lambda: trace(example),
        "simplify": lambda: simplify(exact),
        "fold": lambda: prepared(simple),
        "open": lambda: present(folded),
    }
    if lay_out:
        scene = layout(drawn)
        found |= {"layout": lambda: layout(drawn), "svg": lambda: render(scene)}
    return len(exact), found


def rows(
    name: str, make: Callable[[int], Example], layers: Sequence[int], rounds: int, lay_out: bool
) -> list[list[object]]:
    prepared_stages = {n: stages(make(n), lay_out) for n in layers}
    tasks = {
        f"{n} {stage}": (lambda run=run: (run(), None)[1])
        for n, (_, found) in prepared_stages.items()
        for stage, run in found.items()
    }
    least = {k: t.least for k, t in in_turns(tasks, rounds).items()}
    out: list[list[object]] = []
    names = list(next(iter(prepared_stages.values()))[1])
    for stage in names:
        seconds = [least[f"{n} {stage}"] for n in layers]
        # Ops do not quite double from stack to stack: each ratio is put as what exact doubling would give.
        ops = [prepared_stages[n][0] for n in layers]
        ratios = [
            (t / s) ** (log(2) / log(b / a)) for (s, t), (a, b) in zip(pairwise(seconds), pairwise(ops), strict=True)
        ]
        held = [r for r, n in zip(ratios, ops[1:], strict=True) if n <= UP_TO]
        out.append([f"{name} {stage}", *(s * 1e3 for s in seconds), *ratios, verdict(max(held), DOUBLING)])
    out.insert(0, [f"{name} exact ops", *ops, *[""] * len(ratios), ""])
    return out


def main(argv: Sequence[str] = ()) -> None:
    rounds = int(argv[0]) if argv else 3
    for name, make, layers, lay_out in (
        ("gpt2", gpt2, (1, 2, 5, 10, 20, 43), False),
        ("chain", chain, (8, 16, 32, 64, 128, 250), True),
    ):
        found = rows(name, make, layers, rounds, lay_out)
        head = ["ms, and ratio per doubling", *(f"n={n}" for n in layers), *(f"×2 to {n}" for n in layers[1:]), ""]
        print(table(head, found), end="\n\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
