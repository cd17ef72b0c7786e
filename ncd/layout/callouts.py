"""Notes: boxes above and below the figure, each with a line to what it is about; by number where none gets through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ncd.layout.margin import EDGE, LINE, wrapped
from ncd.layout.pointing import Box, Found, boxes, points
from ncd.layout.scene import Dot, Mark, Path, Scene, Segment, Text, moved
from ncd.text import FONTS, width

BADGE = 8.0
"""Radius of the disc that a note's number stands in."""
ROOM = 240.0
"""The widest a note is set."""
PAD, LEAD = 8.0, 18.0
"""Inside a note's box; between the boxes and the figure."""
FREE = 3.0
"""What a line keeps from letters and symbols."""
TITLE = 30.0
"""The title's room."""


@dataclass
class Note:
    """A note with where its line meets what it is about: at (x, y), from above or from below."""

    lines: list[str]
    x: float
    y: float
    above: bool
    left: float = 0.0

    @property
    def wide(self) -> float:
        return max(width(line, "word") for line in self.lines) + 2 * PAD

    @property
    def high(self) -> float:
        return LINE * 0.8 * len(self.lines) + 2 * PAD - 4


def noted(scene: Scene, notes: Iterable[tuple[Found, str]]) -> Scene:
    """The figure with notes: those that a line from above or below gets to in boxes, the others by number."""
    obstacles = list(_obstacles(scene))
    lined: list[Note] = []
    rest: list[tuple[Found, str]] = []
    for found, text in notes:
        note = _lined(scene, found, text, obstacles)
        sides = [n for n in (*lined, note) if note and n and n.above == note.above]
        if note and sum(n.wide + EDGE for n in sides) + EDGE <= scene.width:
            lined.append(note)
        else:
            rest.append((found, text))
    scene = _numbered(scene, rest)
    top, bottom = ([n for n in lined if n.above is side] for side in (True, False))
    down = max((n.high for n in top), default=0.0) + LEAD if top else 0.0
    marks = [m if m.role == "title" else moved(m, 0.0, down) for m in scene.marks]
    height = scene.height + down
    start = TITLE if scene.title else EDGE
    for n in _side_by_side(top, scene.width):
        marks += _boxed(n, start + down - LEAD - n.high, n.y + down)
    for n in _side_by_side(bottom, scene.width):
        marks += _boxed(n, height + LEAD - EDGE, n.y + down)
    height += max((n.high for n in bottom), default=0.0) + LEAD if bottom else 0.0
    return replace(scene, marks=tuple(marks), height=height)


def _lined(scene: Scene, found: Found, text: str, obstacles: Sequence[Box]) -> Note | None:
    """The note with the shortest upright line to it that meets no letters and no symbols; None if there is none."""
    best: tuple[float, Note] | None = None
    lines = wrapped(text, "word", ROOM)
    for x0, y0, x1, y1 in _targets(scene, found):
        steps = max(1, int((x1 - x0 - 4) / 6))
        for k in sorted(range(steps + 1), key=lambda k: abs(k - steps / 2)):
            x = x0 + 2 + (x1 - x0 - 4) * k / steps if x1 - x0 > 4 else (x0 + x1) / 2
            for above, y, far in ((True, y0, TITLE if scene.title else 0.0), (False, y1, scene.height)):
                low, high = sorted((y + (-1 if above else 1), far))
                if not any(b[0] - FREE < x < b[2] + FREE and b[1] < high and low < b[3] for b in obstacles):
                    long = high - low
                    if best is None or long < best[0] - 0.5:
                        best = long, Note(lines, x, y, above)
    return best[1] if best else None


def _targets(scene: Scene, found: Found) -> Iterator[Box]:
    """The boxes of what a note is about; of an axis, level stretches of its wires."""
    for _, box in boxes(scene, found):
        yield box
    for m in scene.marks:
        if found.axes and isinstance(m, Path) and found.has(m):
            here: tuple[float, ...] = ()
            for kind, v in m.segments:
                if kind == "L" and here and abs(here[1] - v[1]) < 0.1 and abs(v[0] - here[0]) > 12:
                    yield min(here[0], v[0]), v[1], max(here[0], v[0]), v[1]
                here = v[-2:] or here


def _obstacles(scene: Scene) -> Iterator[Box]:
    """What a line keeps off: letters, symbols and dots."""
    for m in scene.marks:
        if isinstance(m, Text):
            long, size = width(m.text, m.role), FONTS[m.role].size
            x = m.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[m.anchor] * long
            yield x, m.y - 0.75 * size, x + long, m.y + 0.2 * size
        elif isinstance(m, Dot) or (m.ids.op is not None and m.role not in ("wire", "bundle")) or m.role == "bracket":
            xs, ys = zip(*points(m), strict=True)
            yield min(xs), min(ys), max(xs), max(ys)


def _side_by_side(notes: Sequence[Note], room: float) -> Sequence[Note]:
    """Boxes under or over their lines, moved aside where they would meet."""
    ordered = sorted(notes, key=lambda n: n.x)
    at = EDGE
    for n in ordered:
        n.left = at = max(at, n.x - n.wide / 2)
        at += n.wide + EDGE
    at = room - EDGE
    for n in reversed(ordered):
        n.left = min(n.left, at - n.wide)
        at = n.left - EDGE
    return ordered


def _boxed(n: Note, y: float, tip: float) -> Iterator[Mark]:
    x0, x1, edge = n.left, n.left + n.wide, y + n.high if n.above else y
    foot = min(max(n.x, x0 + PAD), x1 - PAD)
    knee = edge + (LEAD - 6 if n.above else 6 - LEAD)
    line: tuple[Segment, ...] = (("M", (foot, edge)), ("L", (n.x, knee)), ("L", (n.x, tip)))
    yield Path("leader", line)
    yield Dot("tip", n.x, tip, 2.4)
    yield Path("note", (("M", (x0, y)), ("L", (x1, y)), ("L", (x1, y + n.high)), ("L", (x0, y + n.high)), ("Z", ())))
    for k, words in enumerate(n.lines):
        yield Text("word", x0 + PAD, y + PAD + 9 + LINE * 0.8 * k, words)


def _numbered(scene: Scene, notes: Sequence[tuple[Found, str]]) -> Scene:
    """A numbered disc at what each note is about, and the notes below the figure."""
    marks, y, right = list(scene.marks), scene.height, scene.width
    for k, (found, text) in enumerate(notes, 1):
        for x, top in _corners(scene, found):
            marks += _badge(x, top, k)
        marks += _badge(EDGE + BADGE, y - 4.5, k)
        for line in wrapped(text, "word", max(scene.width, 300.0) - 3 * EDGE - 2 * BADGE):
            marks.append(Text("word", 2 * EDGE + 2 * BADGE, y, line))
            right = max(right, 3 * EDGE + 2 * BADGE + width(line, "word"))
            y += LINE
    return replace(scene, marks=tuple(marks), width=right, height=y - LINE + EDGE + 4) if notes else scene


def _corners(scene: Scene, found: Found) -> list[tuple[float, float]]:
    """Where a note's disc goes: a corner where no wire has its name, or behind the first name of an axis."""
    if around := boxes(scene, found):
        return [(x0 if found.ops else x1, y0) for _, (x0, y0, x1, _) in around]
    for mark in scene.marks:
        if isinstance(mark, Text) and mark.role in ("axis", "bundle") and mark.ids.axis in found.axes:
            behind = {"start": 1.0, "middle": 0.5, "end": 0.0}[mark.anchor] * width(mark.text, mark.role)
            return [(mark.x + behind + BADGE + 3, mark.y - 6)]
    return [next(points(m)) for m in scene.marks if found.has(m)][:1]


def _badge(x: float, y: float, number: int) -> list[Mark]:
    return [Dot("badge", x, y, BADGE), Text("badge", x, y + 3.9, str(number), "middle")]
