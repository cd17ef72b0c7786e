"""What can be wrong with a picture, counted from the marks of its scene alone.

Everything in ``FAULTS`` must be zero in any figure; the rest measures how good one is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import cos, pi, sin

from ncd.layout.scene import Dot, Path, Scene, Segment, Text
from ncd.text import FONTS, width

Point = tuple[float, float]
Box = tuple[float, float, float, float]

FAULTS = (
    "label_label", "label_symbol", "label_dot", "label_wire", "wire_symbol", "symbol_symbol", "over_title",
    "separator_label", "separator_symbol", "coincident", "unconnected", "loose", "outside",
)  # fmt: skip
SOLID = (
    "learned", "outline", "gained", "box", "window", "kernel", "mask", "shade", "frame", "index", "memory", "front",
    "side", "bar", "thin", "arrow",
)  # fmt: skip
NAMES = ("axis", "bundle")


@dataclass
class Line:
    """A wire or a separator as a polyline."""

    path: Path
    points: list[Point]
    box: Box

    @property
    def key(self) -> tuple[int | None, int | None]:
        return self.path.ids.array, self.path.ids.axis


def polyline(segments: Iterable[Segment]) -> list[Point]:
    """The points of a path, curves in sixteen pieces."""
    out: list[Point] = []
    for kind, v in segments:
        if kind in "ML":
            out.append((v[0], v[1]))
        elif kind == "C":
            x0, y0 = out[-1]
            for i in range(1, 17):
                t, u = i / 16, 1 - i / 16
                a, b, c, d = u**3, 3 * u * u * t, 3 * u * t * t, t**3
                out.append((a * x0 + b * v[0] + c * v[2] + d * v[4], a * y0 + b * v[1] + c * v[3] + d * v[5]))
        elif kind == "A":
            out += _arc(out[-1], v)
        elif kind == "Z":
            out.append(out[0])
    return out


def _arc(start: Point, v: tuple[float, ...]) -> list[Point]:
    """Quarter arcs are drawn as such, others by their chord with a bulge of one radius."""
    r, sweep, x, y = v
    x0, y0 = start
    if abs(abs(x - x0) - r) < 0.1 and abs(abs(y - y0) - r) < 0.1:
        # the centre of a clockwise quarter lies to the right of the direction of travel
        across = (x - x0) * (y - y0) > 0
        cx, cy = (x0, y) if across == bool(sweep) else (x, y0)
        a = (x0 - cx, y0 - cy)
        b = (x - cx, y - cy)
        angles = [i / 8 * pi / 2 for i in range(1, 9)]
        return [(cx + a[0] * cos(t) + b[0] * sin(t), cy + a[1] * cos(t) + b[1] * sin(t)) for t in angles]
    return [((x0 + x) / 2 + (r if sweep else -r) * (y > y0), (y0 + y) / 2), (x, y)]


def bounds(points: Iterable[Point]) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def text_box(t: Text) -> Box:
    """The ink of a label: from the height of its capitals to its baseline."""
    w, size = width(t.text, t.role), FONTS[t.role].size
    x = t.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[t.anchor] * w
    return x, t.y - 0.68 * size, x + w, t.y + 0.5


def overlap(a: Box, b: Box, slack: float = 0.0) -> bool:
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack


def enters(line: Line, b: Box) -> bool:
    """Whether a polyline has a point inside a box."""
    if not overlap(line.box, b) and not (
        line.box[1] == line.box[3] and b[1] < line.box[1] < b[3] and line.box[0] < b[2] and b[0] < line.box[2]
    ):
        return False
    return any(_clipped(p, q, b) for p, q in zip(line.points, line.points[1:], strict=False))


def _clipped(p: Point, q: Point, b: Box) -> bool:
    t0, t1 = 0.0, 1.0
    for k in (0, 1):
        d = q[k] - p[k]
        low, high = b[k] - p[k], b[k + 2] - p[k]
        if abs(d) < 1e-9:
            if low >= 0 or high <= 0:
                return False
            continue
        a, c = sorted((low / d, high / d))
        t0, t1 = max(t0, a), min(t1, c)
    return t0 < t1


def shrink(b: Box, by: float) -> Box:
    return b[0] + by, b[1] + by, b[2] - by, b[3] - by


def cross(a: Line, b: Line) -> bool:
    """Whether two polylines cross properly; meeting at an end is no crossing."""
    if not overlap(a.box, b.box, -0.01):
        return False
    for p, q in zip(a.points, a.points[1:], strict=False):
        for r, s in zip(b.points, b.points[1:], strict=False):
            d = (q[0] - p[0]) * (s[1] - r[1]) - (q[1] - p[1]) * (s[0] - r[0])
            if abs(d) < 1e-9:
                continue
            t = ((r[0] - p[0]) * (s[1] - r[1]) - (r[1] - p[1]) * (s[0] - r[0])) / d
            u = ((r[0] - p[0]) * (q[1] - p[1]) - (r[1] - p[1]) * (q[0] - p[0])) / d
            if 0 < t < 1 and 0 < u < 1 and not any(_near(x, y, 1.0) for x in _ends(a) for y in _ends(b)):
                return True
    return False


def _ends(line: Line) -> tuple[Point, Point]:
    return line.points[0], line.points[-1]


def _near(a: Point, b: Point, by: float) -> bool:
    return abs(a[0] - b[0]) <= by and abs(a[1] - b[1]) <= by


class Measured:
    """The marks of a scene sorted by what they are."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.wires: list[Line] = []
        self.separators: list[Line] = []
        self.names: list[tuple[Text, Box]] = []
        self.words: list[tuple[Text, Box]] = []
        self.titles: list[Box] = []
        self.above: list[Box] = []
        """Titles that are not on a symbol."""
        self.dots: list[Dot] = []
        solid: dict[int, list[Box]] = defaultdict(list)
        self.pieces: list[Box] = []
        self.turns: list[Point] = []
        self.tags: list[Box] = []
        for m in scene.marks:
            if isinstance(m, Dot):
                self.dots.append(m)
            elif isinstance(m, Text):
                box = text_box(m)
                if m.role in ("title", "heading"):
                    self.titles.append(box)
                    self.above += [box] if m.ids.op is None else []
                elif m.role in NAMES:
                    self.names.append((m, box))
                elif m.role != "count":
                    self.words.append((m, box))
                    if m.ids.op is not None:
                        solid[m.ids.op].append(box)
                        self.pieces.append((box[0] - 4, box[1], box[2] + 4, box[3] + 4))  # a wire may run into a word
            else:
                points = polyline(m.segments)
                if m.role in ("wire", "bundle") and m.ids.op is None:
                    self.wires.append(Line(m, points, bounds(points)))
                elif m.role == "separator":
                    self.separators.append(Line(m, points, bounds(points)))
                elif m.role in SOLID and m.ids.op is not None:
                    solid[m.ids.op].append(bounds(points))
                if m.role == "memory":
                    self.tags.append(bounds(points))
                if m.role == "arrow" and m.ids.op is None:
                    self.turns.append(points[1])
                if m.ids.op is not None or m.role in ("arrow", "carried"):
                    box = bounds(points)
                    room = 4 if m.role == "thin" else 0  # a letter that is drawn is a word
                    self.pieces.append((box[0] - room, box[1], box[2] + room, box[3]))
        self.symbols = {op: _merged(boxes) for op, boxes in solid.items()}

    def faults(self) -> dict[str, int]:
        names = [b for _, b in self.names]
        labels = names + [b for t, b in self.words if t.role in ("sum", "function") and t.ids.op is None]
        symbols = [(op, b) for op, boxes in self.symbols.items() for b in boxes]
        return {
            "label_label": sum(overlap(a, b) for a, b in combinations(labels, 2)),
            "label_symbol": sum(overlap(a, b, 0.5) for a in labels for _, b in symbols),
            "label_dot": sum(overlap(a, (d.x - 3, d.y - 3, d.x + 3, d.y + 3)) for a in labels for d in self.dots),
            "label_wire": sum(enters(w, shrink(b, 0.8)) for b in labels for w in self.wires),
            "wire_symbol": sum(enters(w, shrink(b, 1.5)) for _, b in symbols for w in self.wires),
            "symbol_symbol": sum(overlap(a, b, 1) for (p, a), (q, b) in combinations(symbols, 2) if p != q),
            "over_title": sum(enters(w, b) for b in self.titles for w in self.wires)
            + sum(overlap(a, b) for a in labels for b in self.titles)
            + sum(overlap(a, b, 0.5) for _, a in symbols for b in self.above),
            "separator_label": sum(enters(s, b) for s in self.separators for b in (*labels, *self.titles)),
            "separator_symbol": sum(enters(s, shrink(b, 1)) for s in self.separators for _, b in symbols),
            "coincident": self.coincident(),
            "unconnected": self.unconnected(),
            "loose": self.loose(),
            "outside": self.outside(),
        }

    def levels(self) -> list[tuple[float, float, float, Line]]:
        """Horizontal stretches: (y, x0, x1, wire)."""
        return [
            (p[1], p[0], q[0], w)
            for w in self.wires
            for p, q in zip(w.points, w.points[1:], strict=False)
            if abs(p[1] - q[1]) < 0.05 and q[0] - p[0] > 0.5
        ]

    def coincident(self) -> int:
        """Wires that lie on each other."""
        levels = sorted(self.levels(), key=lambda s: s[:3])
        count = 0
        for i, (y, x0, x1, w) in enumerate(levels):
            for y2, a, b, v in levels[i + 1 :]:
                if y2 - y > 0.5:
                    break
                count += v is not w and min(x1, b) - max(x0, a) > 1
        return count

    def distance(self) -> float:
        """The smallest distance of wires that run side by side for more than 6 px."""
        levels = sorted((s for s in self.levels() if s[2] - s[1] > 6), key=lambda s: s[:3])
        best = 1e9
        for i, (y, x0, x1, _) in enumerate(levels):
            for y2, a, b, _ in levels[i + 1 :]:
                if y2 - y >= best:
                    break
                if y2 - y > 0.6 and min(x1, b) - max(x0, a) > 6:
                    best = y2 - y
        return best

    def unconnected(self) -> int:
        """Pieces of one axis of one value that are not joined to the others; an axis may occur twice in a value."""
        pieces: dict[tuple[int | None, int | None], list[Line]] = defaultdict(list)
        for w in self.wires:
            pieces[w.key].append(w)
        count = 0
        for (array, axis), lines in pieces.items():
            group = list(range(len(lines)))

            def find(i: int, group: list[int] = group) -> int:
                while group[i] != i:
                    i = group[i]
                return i

            for i, j in combinations(range(len(lines)), 2):
                if any(_on(p, lines[j]) for p in _ends(lines[i])) or any(_on(p, lines[i]) for p in _ends(lines[j])):
                    group[find(i)] = find(j)
            # What leaves a row in an arrow comes back in the next one, what goes into memory from there.
            broken = [i for i in range(len(lines)) if any(self._at_turn(p) for p in _ends(lines[i]))]
            for i in broken[1:]:
                group[find(i)] = find(broken[0])
            arrays = self.scene.facts.get("array", {})
            axes = arrays.get(str(array), {}).get("axes", [])
            assert isinstance(axes, list)
            count += max(0, len({find(i) for i in range(len(lines))}) - max(1, axes.count(axis)))
        return count

    def _at_turn(self, p: Point) -> bool:
        at_tag = any(_near(p, (x, p[1]), 0.5) and b[1] < p[1] < b[3] for b in self.tags for x in (b[0], b[2]))
        return at_tag or any(_near(p, a, 12) for a in self.turns)

    def loose(self) -> int:
        """Ends of wires where there is nothing: no other wire, dot, symbol, arrow, nor the edge of the picture."""
        count = 0
        for w in self.wires:
            for p in _ends(w):
                if p[0] <= 12.0:
                    continue
                met = any(v is not w and _on(p, v) for v in self.wires)
                met = met or any(_near(p, (d.x, d.y), 4.0) for d in self.dots)
                met = met or any(b[0] - 2 <= p[0] <= b[2] + 2 and b[1] - 1 <= p[1] <= b[3] + 1 for b in self.pieces)
                count += not met and not (p is w.points[-1] and self._last(p))
        return count

    def _last(self, p: Point) -> bool:
        """Whether nothing is further right at about this height: the end of a row."""
        near = (w.box[2] for w in self.wires if w.box[1] < p[1] + 38 and w.box[3] > p[1] - 38)
        return p[0] >= max(near) - 0.5

    def outside(self) -> int:
        page = (0.0, 0.0, self.scene.width, self.scene.height)
        boxes = [
            *(w.box for w in self.wires),
            *(b for _, b in self.names),
            *self.titles,
            *(b for boxes in self.symbols.values() for b in boxes),
        ]
        return sum(b[0] < page[0] or b[1] < page[1] or b[2] > page[2] or b[3] > page[3] for b in boxes)

    def crossing_pairs(self) -> int:
        return sum(cross(a, b) for a, b in combinations(self.wires, 2))

    def bends(self) -> int:
        """How many S-curves wires make."""
        return sum(kind == "C" for w in self.wires for kind, _ in w.path.segments)

    def steepest(self) -> float:
        """The steepest S-curve, as rise over width."""
        out = 0.0
        for w in self.wires:
            x = y = 0.0
            for kind, v in w.path.segments:
                if kind == "C":
                    out = max(out, abs(v[5] - y) / max(1.0, v[4] - x))
                if v:
                    x, y = v[-2:]
        return out


def _on(p: Point, line: Line) -> bool:
    """Whether a point is an end of a line, or lies on a level stretch of it or on its arc."""
    if any(_near(p, e, 0.3) for e in _ends(line)):
        return True
    if not (line.box[0] - 0.3 <= p[0] <= line.box[2] + 0.3 and line.box[1] - 0.3 <= p[1] <= line.box[3] + 0.3):
        return False
    for q, r in zip(line.points, line.points[1:], strict=False):
        if abs(q[1] - r[1]) < 0.05 and abs(p[1] - q[1]) < 0.3 and q[0] - 0.3 <= p[0] <= r[0] + 0.3:
            return True
        if abs(q[0] - r[0]) < 0.8 and abs(p[0] - q[0]) < 0.8 and min(q[1], r[1]) - 0.3 <= p[1] <= max(q[1], r[1]) + 0.3:
            return True
    return False


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes that touch, as one; the parts of a symbol that stand apart stay apart."""
    out: list[Box] = []
    for b in sorted(boxes):
        again = True
        while again:
            again = False
            for o in out:
                if overlap(o, b, -1):
                    out.remove(o)
                    b = (min(o[0], b[0]), min(o[1], b[1]), max(o[2], b[2]), max(o[3], b[3]))
                    again = True
                    break
        out.append(b)
    return out
