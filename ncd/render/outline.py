"""Segments as the ``d`` of a path, in few bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ncd.layout.scene import Segment

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def number(value: float, digits: int = 2) -> str:
    """A number with at most so many decimals and no superfluous character."""
    out = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if out == "-0" else out


def place(value: float) -> str:
    """A coordinate: nobody sees less than a tenth of a px."""
    return number(value, 1)


def data(segments: Iterable[Segment], relative: bool = False) -> str:
    """Level lines that go on are one; ``relative``: each from where the last ended, where that is shorter."""
    out: list[str] = []
    x = y = 0
    for kind, values in _straightened(list(segments)):
        if kind == "Z":
            out.append("Z")
            continue
        head, point = "", values
        if kind == "A":
            size = place(values[0])
            head, point = f"{size} {size} 0 0 {values[1]:.0f}", values[2:]
        v = [round(c * 10) for c in point]
        far = [c - (x, y)[k % 2] for k, c in enumerate(v)]
        x, y = v[-2:]
        if kind == "L" and 0 in far:
            k = int(far[1] != 0)
            kind, v, far = "HV"[k], v[k : k + 1], far[k : k + 1]
        found = kind + _joined(v, head)
        if relative and kind != "M":
            found = min(found, kind.lower() + _joined(far, head), key=len)
        out.append(found)
    return "".join(out)


def box(segments: Iterable[Segment], edge: float) -> Box:
    """What a line is within if its stroke reaches so far."""
    xs: list[float] = []
    ys: list[float] = []
    for kind, v in segments:
        r, at = (2 * v[0], v[2:]) if kind == "A" else (0.0, v)
        xs += [x + d for x in at[::2] for d in (-r, r)]
        ys += [y + d for y in at[1::2] for d in (-r, r)]
    return min(xs) - edge, min(ys) - edge, max(xs) + edge, max(ys) + edge


def meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _straightened(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Without the points that a level line goes through on its way."""
    height: float | None = None
    for here, after in pairwise([*segments, ("", ())]):
        level = here[0] == after[0] == "L" and height == here[1][1] == after[1][1]
        if not level:
            yield here
        height = here[1][-1] if here[1] else None


def _joined(tenths: Iterable[int], out: str = "") -> str:
    """Numbers of tenths after what is there, with nothing between them where a sign is."""
    for n in tenths:
        text = place(n / 10)
        text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
        out += text if not out or text.startswith("-") else f" {text}"
    return out
