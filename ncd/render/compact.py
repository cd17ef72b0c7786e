"""Scene -> SVG with nothing in it but the picture: what a file needs that no page is to find its way about in.

The same marks and classes as in ``ncd.render.svg``, without what each mark shows.  Marks that look alike
are one path or one group; what stands on top of all else (dots, arrowheads, text) is written last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ncd.layout.scene import Dot, Mark, Path, Scene, Text
from ncd.render.outline import Box, box, data, meet, place
from ncd.render.svg import (
    DARK,
    INITIAL,
    SERIF,
    framed,
    label,
    nightly,
    path_class,
    rules,
    sheet,
    style_of,
    tone_name,
)
from ncd.theme import Theme, toned
from ncd.theme import theme as named

ON_TOP = ("arrow", "carried")
BACK = 12
"""So many paths that were begun before are looked at, whether another may be part of them."""
LINES = ("fill:none", "stroke-width:1.5", "stroke-linejoin:round")
WORDS = (f"font-family:{SERIF}",)
"""What the whole is said to look like, and its lines and words need not say."""


def render(scene: Scene, theme: str = "light") -> str:
    """The figure as SVG, as ``ncd.render.svg.render`` draws it, in half the bytes."""
    day, night = (named("light"), named("dark")) if theme == "auto" else (named(theme), None)
    body = "\n".join(_body(scene.marks, day))
    prefix = "ncd-" + hashlib.sha256(f"{theme}\n{scene.title}\n{body}".encode()).hexdigest()[:4]
    style = f"#{prefix}{{{';'.join((*LINES, *WORDS))}}}\n"
    style += _together(sheet(rules(scene.marks, day, (*LINES, *INITIAL), WORDS), prefix))
    if night:
        style += f"\n{DARK}{{\n{_together(sheet(nightly(scene.marks, night, day), prefix))}\n}}"
    return framed(scene, prefix, style, body)


def _together(rules: str) -> str:
    """One rule for all that look alike."""
    same: dict[str, list[str]] = {}
    for line in rules.splitlines():
        selector, _, body = line.partition("{")
        same.setdefault(body, []).append(selector)
    return "\n".join(f"{','.join(names)}{{{body}" for body, names in same.items())


def _level(mark: Mark) -> tuple[int, str]:
    if isinstance(mark, Text):
        return 3, mark.role
    if isinstance(mark, Dot):
        return 2, mark.role
    return (1, mark.role) if mark.role in ON_TOP else (0, "")


def _body(marks: Iterable[Mark], look: Theme) -> Iterator[str]:
    for (level, role), group in groupby(sorted(marks, key=_level), key=_level):
        found = list(group)
        if level == 3:
            texts = "\n".join(label(m, role, "") for m in found if isinstance(m, Text))
            yield f'<g class="ncd-label ncd-text-{role}">\n{texts}\n</g>'
        elif level == 2:
            kind = "ncd-dot" if role == "dot" else f"ncd-dot ncd-{role}"
            discs = "\n".join(
                f'<circle cx="{place(m.x)}" cy="{place(m.y)}" r="{place(m.r)}"/>' for m in found if isinstance(m, Dot)
            )
            yield f'<g class="{kind}">\n{discs}\n</g>'
        else:
            yield from _paths([m for m in found if isinstance(m, Path)], look)


def _paths(paths: Iterable[Path], look: Theme) -> Iterator[str]:
    """Lines and shapes that look alike as one path, where nothing is drawn between them that any of them meets.

    A double line has its core on it at once, and what is filled hides what is below it.
    """
    heaps: list[_Heap] = []
    for m in paths:
        here = box(m.segments, 1 + style_of(look, m.role).width / 2)
        for heap in reversed(heaps[-BACK:]):
            meets = any(meet(here, other) for other in heap.boxes)
            if heap.role == m.role and heap.tone == m.tone and not (meets and _hides(m, look)):
                heap.paths.append(m)
                heap.boxes.append(here)
                break
            if meets:
                heaps.append(_Heap(m.role, m.tone, [m], [here]))
                break
        else:
            heaps.append(_Heap(m.role, m.tone, [m], [here]))
    for heap in heaps:
        d = "".join(data(m.segments, relative=True) for m in heap.paths)
        colour = f" ncd-{tone_name(heap.tone, look)}" if toned(heap.role, heap.tone) else ""
        yield f'<path class="{path_class(heap.role)}{colour}" d="{d}"/>'
        if style_of(look, heap.role).core:
            yield f'<path class="ncd-core" d="{d}"/>'


@dataclass
class _Heap:
    """Paths that are to be drawn as one, and where each is."""

    role: str
    tone: str
    paths: list[Path]
    boxes: list[Box]


def _hides(mark: Path, look: Theme) -> bool:
    """Whether it hides what is below it: then the next one is drawn over it, not with it."""
    style = style_of(look, mark.role)
    return bool(style.core) or toned(mark.role, mark.tone) or "none" not in (style.fill, style.stroke)
