"""``python -m benchmarks.tracing [MODEL ...]``: what recording and tracing cost beside a bare pass on fakes.

Recording is held to 1.5 times the bare pass, a whole trace that derives every signature anew to
2.5 times and 2 ms per signature.  A model with a named axis of size 1 (Llama-7B's batch) is run
twice, at a larger size and at the given one; what is allowed is counted from one pass all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.forward import bare, forget, kept, recorded, trace
from benchmarks.timing import in_turns, table, verdict
from ncd.models import zoo
from ncd.models.zoo import Example

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
        1 + (1 in _named_sizes(example)),
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


def _named_sizes(example: Example) -> set[int]:
    """The sizes of all dimensions that have a name, of inputs given by keyword."""
    return {
        n
        for name, pattern in example.axes.items()
        if name in example.kwargs
        for word, n in zip(pattern.split(), example.kwargs[name].shape, strict=True)
        if word != "1"
    }


HEAD = "model|passes|ops|signatures|bare ms|recorded/bare||trace/bare|again/bare|trace/allowed||noise".split("|")


def main(argv: Sequence[str] = ()) -> None:
    rounds = 7
    print(table(HEAD, [row(name, rounds) for name in argv or MODELS]))


if __name__ == "__main__":
    main(sys.argv[1:])
