"""What a name points at in a figure: axes, operations, blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError
from ncd.layout.scene import Dot, Mark, Path, Scene, Text

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """Ids as marks carry them: of axes, of operations, of blocks."""

    axes: frozenset[int] = frozenset()
    ops: frozenset[int] = frozenset()
    blocks: frozenset[str] = frozenset()

    def has(self, mark: Mark) -> bool:
        """Whether a mark is part of what was found; of an axis its wires, of a block its frame."""
        i = mark.ids
        if isinstance(mark, Path) and mark.role in ("wire", "bundle"):
            return i.axis in self.axes
        if i.op is not None:
            return i.op in self.ops
        return i.axis is None and i.block in self.blocks


def pointed(drawn: Diagram, whole: Diagram, name: str) -> Found:
    """What a name means: an axis, a block by path, title or class, or operations by name, label or path and name.

    ``h.0.attn:softmax`` are the softmaxes in that block.  Of what a closed block of the ``whole`` hides
    it is that block; of a module too small for a frame of its own, what it does.  Raises NCDError if there
    is nothing of this name.
    """
    found = _named(drawn, name)
    if found == Found():
        covered = _covered(whole, name)
        found = Found(ops=frozenset(i for i, op in enumerate(drawn.ops) if covered.intersection(op.covers)))
    if found == Found() and _named(whole, name) == Found():
        known = {w.name for a in whole.arrays for w in a.wires} | {op.name for op in whole.ops}
        known |= {x for b in whole.blocks for x in (b.path, b.cls)} - {""}
        near = get_close_matches(name, known, 5) or sorted(known)[:8]
        raise NCDError(
            f"nothing is called {name!r}",
            doing="pointing at a part of the picture",
            fix="an axis, an operation, a path or a class, such as " + ", ".join(near),
        )
    return found


def _named(diagram: Diagram, name: str) -> Found:
    axes = {w.id for a in diagram.arrays for w in a.wires if w.name == name}
    if axes:
        return Found(axes=frozenset(axes))
    blocks = {b.path for b in diagram.blocks if name in (b.path, b.cls, b.title) or name in b.also}
    path, colon, kind = name.rpartition(":")
    ops = {
        i
        for i, op in enumerate(diagram.ops)
        if kind in (op.name, op.label, op.symbol) and (not colon or op.path == path or op.path.startswith(path + "."))
    }
    return Found(ops=frozenset(ops), blocks=frozenset(map(str, blocks)))


def _covered(whole: Diagram, name: str) -> set[int]:
    """The recorded operations of what is called so in the whole, or of modules that have no frame there."""
    known = _named(whole, name)
    inside = {b for b in known.blocks if b}
    found = {c for i, op in enumerate(whole.ops) if i in known.ops or _within(op.path, inside) for c in op.covers}
    exact = whole.source.exact
    if not found and exact is not None:
        paths = {b.path for b in exact.blocks if name in (b.path, b.cls) and b.path}
        found = {i for i, op in enumerate(exact.ops) if _within(op.path, paths)}
    return found


def _within(path: str, blocks: set[str]) -> bool:
    """Whether a path is that of one of these blocks, or of something in it."""
    words = path.split(".")
    return any(".".join(words[:k]) in blocks for k in range(1, len(words) + 1))


def points(mark: Mark) -> Iterator[tuple[float, float]]:
    """Points that a mark reaches; of a text only its anchor."""
    match mark:
        case Path():
            for _, v in mark.segments:
                if v:
                    yield v[-2], v[-1]
        case Dot():
            yield mark.x - mark.r, mark.y - mark.r
            yield mark.x + mark.r, mark.y + mark.r
        case Text():
            yield mark.x, mark.y


def boxes(scene: Scene, found: Found) -> list[tuple[int, Box]]:
    """The rectangle around each operation, and each part of a block's frame, and the place of its first mark."""
    around: dict[int, list[tuple[float, float]]] = {}
    first: dict[int, int] = {}
    out: list[tuple[int, Box]] = []
    for k, mark in enumerate(scene.marks):
        if not found.has(mark) or (isinstance(mark, Path) and mark.role in ("wire", "bundle", "bracket")):
            continue
        if mark.ids.op is not None:
            around.setdefault(mark.ids.op, []).extend(points(mark))
            first.setdefault(mark.ids.op, k)
        elif isinstance(mark, Path):
            out.append((k, _box(list(points(mark)))))
    return [(first[op], _box(p)) for op, p in around.items() if p] + out


def _box(reached: list[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in reached], [y for _, y in reached]
    return min(xs), min(ys), max(xs), max(ys)
