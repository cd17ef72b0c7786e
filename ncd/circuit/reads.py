"""Where values decided what a program did, and how to say so.

A traced diagram is one path through the code.  Where the code looked at a value to choose it (an
``if``, an ``int()``, as many rows as ``nonzero`` found), the diagram is that of these values.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncd.circuit.diagram import Op, Place

SHAPE = "shape"
"""What is read where an operation makes as many elements as its values say."""
LONGEST = 72
"""A longer line of code is cut short, characters."""


@dataclass(frozen=True, repr=False)
class Read:
    """A place where a tensor's value decided what the program did next.

    ``op`` is the position in ``Diagram.ops`` of the operation that the value came from, None if it came
    from an input or from nothing drawn.  ``what`` asked for it (``__bool__``, ``item``; ``shape`` where
    the op itself makes an array of as many elements as its values say) and ``value`` is the answer.
    """

    op: int | None
    what: str
    source: Place | None = None
    value: str = ""

    def __repr__(self) -> str:
        at = "an input or nothing drawn" if self.op is None else f"op {self.op}"
        return f"<Read of {at}: {_where(self)} {_answered(self.what, [self.value])}>"


def sentences(reads: Sequence[Read], ops: Sequence[Op] | None = None) -> list[str]:
    """One sentence for each place in the code: what was asked, the answers in turn, and of which op."""
    places: dict[tuple[str, str], list[Read]] = {}
    for r in reads:
        places.setdefault((_where(r), r.what), []).append(r)
    out = []
    for (where, what), found in places.items():
        text = f"{where} {_answered(what, [r.value for r in found])}"
        names = dict.fromkeys(ops[r.op].label or ops[r.op].name for r in found if r.op is not None) if ops else {}
        if names and what != SHAPE:
            text += f", from what {', '.join(names)} made"
        out.append(text)
    return out


def path_taken(reads: Sequence[Read]) -> str:
    """In one sentence, for the values of which run a diagram is true."""
    return f"the path taken when {'; '.join(sentences(reads))}" if reads else ""


def _where(r: Read) -> str:
    """``if done.all()`` at decode.py:14; the name of the asking method where the code is not to be had."""
    if r.source is None:
        return f"`{r.what.strip('_')}()`"
    line = linecache.getline(r.source.file, r.source.line).strip().rstrip(":").strip()
    if len(line) > LONGEST:
        line = line[: LONGEST - 1].rstrip() + "…"
    file = r.source.file.replace("\\", "/").split("/")[-1]
    return f"`{line or r.what.strip('_') + '()'}` at {file}:{r.source.line}"


def _answered(what: str, values: Iterable[str]) -> str:
    """``was False 3 times, then True``."""
    runs = [(v or "some value", sum(1 for _ in same)) for v, same in groupby(values)]
    words = [v + (f" {n} times" if n > 1 else "") for v, n in runs[:3]]
    more = "" if len(runs) <= 3 else ", …"
    return ("made an array of shape " if what == SHAPE else "was ") + ", then ".join(words) + more
