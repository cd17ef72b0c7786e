"""The scene: what a figure consists of, in pixels, after every decision has been made.

A format file (``ncd/render``) sees only this.  Marks are in drawing order.  Every mark may carry
the ids of what it shows, and ``Scene.facts`` says in words what those ids mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

Segment = tuple[str, tuple[float, ...]]
"""('M', (x, y)), ('L', (x, y)), ('C', (x1, y1, x2, y2, x, y)), ('A', (r, sweep, x, y)) or ('Z', ())."""


@dataclass(frozen=True, slots=True)
class Ids:
    """What a mark shows: op (position in ``Diagram.ops``), axis id, array id, block path."""

    op: int | None = None
    axis: int | None = None
    array: int | None = None
    block: str | None = None


NOTHING = Ids()


@dataclass(frozen=True, slots=True)
class Path:
    """A line or an outline.  ``role`` picks its colours and stroke in the theme; ``tone`` a block's colour.

    ``leaves``: a wire that leaves the figure where it ends.
    """

    role: str
    segments: tuple[Segment, ...]
    ids: Ids = NOTHING
    tone: str = ""
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc: a copy, a shared index or a sum (role ``dot``); a discarded wire (role ``ring``)."""

    role: str
    x: float
    y: float
    r: float
    ids: Ids = NOTHING


@dataclass(frozen=True, slots=True)
class Text:
    """A label.  ``text`` is plain but for ``_`` and ``^`` (one character or ``{...}``); y is the baseline."""

    role: str
    x: float
    y: float
    text: str
    anchor: str = "start"
    ids: Ids = NOTHING


Mark = Path | Dot | Text
Facts = Mapping[str, Mapping[str, Mapping[str, object]]]


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    """The same mark somewhere else."""
    if not isinstance(mark, Path):
        return replace(mark, x=mark.x + dx, y=mark.y + dy)
    return replace(mark, segments=tuple(_moved(s, dx, dy) for s in mark.segments))


def _moved(segment: Segment, dx: float, dy: float) -> Segment:
    kind, v = segment
    if kind == "A":
        return kind, (v[0], v[1], v[2] + dx, v[3] + dy)
    return kind, tuple(x + (dy if k % 2 else dx) for k, x in enumerate(v))


@dataclass(frozen=True)
class Scene:
    """A figure of ``width`` by ``height`` px."""

    width: float
    height: float
    title: str
    description: str
    marks: tuple[Mark, ...]
    told: Callable[[], Facts] = field(default=dict, compare=False, repr=False)
    far: tuple[tuple[int, int], ...] = ()
    """Arrays (by id) that pass a whole row on their way to an operation (by position)."""

    @cached_property
    def facts(self) -> Facts:
        """By ``op``/``axis``/``array``/``block`` and id what is known of it, in words: found when somebody asks."""
        return self.told()
