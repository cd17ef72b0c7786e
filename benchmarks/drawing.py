"""``python -m benchmarks.drawing [MODEL ...]``: from a traced diagram to an SVG.

Layout and SVG of folded GPT-2 are held to 0.3 s.  ``once`` is one layout of what is drawn, and its SVG;
``draw`` the whole road, simplifying included, on which more than one depth may be laid out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.forward import bare, trace
from benchmarks.timing import in_turns, table, verdict
from ncd import show
from ncd.layout.figure import layout
from ncd.models import zoo
from ncd.render.svg import render
from ncd.rewrite import simplify
from ncd.rewrite.present import prepared

MODELS = ("attn", "gpt2", "llama_tiny", "t5", "unet", "vit")
FOLDED_GPT2 = 0.3


def row(name: str, rounds: int) -> list[object]:
    example = zoo.get(name)
    exact = trace(example)
    simple = simplify(exact)
    shown = show.draw(exact)

    def once() -> None:
        render(layout(shown.drawn))

    def simplified() -> None:
        simplify(exact)

    def folded() -> None:
        prepared(simple)

    def drawn() -> None:
        show.draw(exact)

    tasks = {"bare": lambda: bare(example), "simplify": simplified, "fold": folded, "once": once, "draw": drawn}
    times = in_turns(tasks, rounds)
    least = {k: t.least for k, t in times.items()}
    return [
        name,
        len(exact),
        len(shown.drawn),
        least["bare"] * 1e3,
        *(least[k] * 1e3 for k in ("simplify", "fold", "once", "draw")),
        least["draw"] / least["bare"],
        verdict(least["once"], FOLDED_GPT2) if name == "gpt2" else "",
        f"{max(t.spread for t in times.values()):.0%}",
    ]


HEAD = "model|ops|drawn|bare ms|simplify ms|fold ms|layout+SVG once ms|draw ms|draw/bare||noise".split("|")


def main(argv: Sequence[str] = ()) -> None:
    print(table(HEAD, [row(name, 5) for name in argv or MODELS]))


if __name__ == "__main__":
    main(sys.argv[1:])
