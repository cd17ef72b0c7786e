"""``python -m benchmarks.tracing [MODEL ...]``: what recording and tracing cost beside a bare pass on fakes.

Recording is held to 1.5 times the bare pass, a whole trace that derives every signature anew to
2.5 times and 2 ms per signature.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.forward import bare, forget, kept, recorded, trace
from benchmarks.timing import in_turns, table, verdict
from ncd.models import zoo

MODELS = ("attn", "gpt2", "llama_tiny", "t5", "unet", "vit", "llama_7b")
RECORDING, WHOLE, SIGNATURE = 1.5, 2.5, 0.002


def row(name: str, rounds: int) -> list[object]:
    example = zoo.get(name)

    def whole() -> None:
        forget()
        trace(example)

    def again() -> None:
        trace(example)

    facts = kept(example)
    times = in_turns(
        {
            "bare": lambda: bare(example),
            "recorded": lambda: recorded(example),
            "whole": whole,
            "again": again,
        },
        rounds,
    )
    least = {k: t.least for k, t in times.items()}
    ratio = least["recorded"] / least["bare"]
    most = WHOLE * least["bare"] + SIGNATURE * facts["signatures"]
    return [
        name,
        facts["ops"],
        facts["signatures"],
        least["bare"] * 1e3,
        ratio,
        verdict(ratio, RECORDING),
        least["whole"] / least["bare"],
        least["again"] / least["bare"],
        least["whole"] / most,
        verdict(least["whole"], most),
        f"{max(t.spread for t in times.values()):.0%}",
    ]


HEAD = "model|ops|signatures|bare ms|recorded/bare||trace/bare|again/bare|trace/allowed||noise".split("|")


def main(argv: Sequence[str] = ()) -> None:
    rounds = 7
    print(table(HEAD, [row(name, rounds) for name in argv or MODELS]))


if __name__ == "__main__":
    main(sys.argv[1:])
