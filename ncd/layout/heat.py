"""A finished figure with its operations coloured by a share, and the scale of the colours below it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import replace

from ncd.layout.margin import EDGE, LINE, rectangle
from ncd.layout.pointing import Found, boxes
from ncd.layout.scene import Mark, Path, Scene, Text
from ncd.text import width
from ncd.theme import TONED, mix

SCALE = ("#fff4dd", "#fdc57b", "#e66101")
"""From nothing to the largest share; one hue that gets darker, which anyone can tell apart."""
FILLED = (*TONED, "learned", "outline", "box", "window", "memory")
"""Roles of paths that have an inside to be coloured; of an operation without one the ground is."""
COLOURED = (*TONED, "window", "memory")
"""Those that have a colour of their own: grey, where nothing is taken."""
STEPS, STEP, HIGH = 24, 5.0, 12.0


def heated(scene: Scene, shares: Mapping[int, float], title: str) -> Scene:
    """Operations, by position, in the colour of their share, from 0 to the largest; frames of open blocks in grey."""
    most = max(shares.values(), default=0.0)
    if not most:
        return scene
    tones = {op: colour(share / most) for op, share in shares.items()}
    filled = {m.ids.op for m in scene.marks if isinstance(m, Path) and m.role in FILLED}
    plates = [k for k, m in enumerate(scene.marks) if isinstance(m, Path) and m.role == "block" and m.ids.op is None]
    behind: dict[int, list[Mark]] = {}
    for op in sorted(tones.keys() - filled):
        for k, box in boxes(scene, Found(ops=frozenset([op]))):
            below = bisect(plates, k)
            ground = Path("heat", rectangle(box, 4.0), tone=tones[op])
            behind.setdefault(plates[below - 1] + 1 if below else 0, []).append(ground)

    def own(mark: Mark) -> Mark:
        if not isinstance(mark, Path) or mark.role not in FILLED:
            return mark
        hot = None if mark.ids.op is None else tones.get(mark.ids.op)
        return replace(mark, tone=hot or "grey") if hot or mark.role in COLOURED else mark

    marks = [m for k, mark in enumerate(scene.marks) for m in (*behind.get(k, ()), own(mark))]
    return _scaled(replace(scene, marks=tuple(marks)), most, title)


def colour(share: float) -> str:
    """The colour of a share of the largest, from 0 to 1."""
    place = max(0.0, min(1.0, share)) * (len(SCALE) - 1)
    k = min(int(place), len(SCALE) - 2)
    return mix(SCALE[k], SCALE[k + 1], place - k)


def _scaled(scene: Scene, most: float, title: str) -> Scene:
    """With the scale below."""
    y = scene.height + 12
    marks: list[Mark] = list(scene.marks)
    x = EDGE

    def say(text: str) -> None:
        nonlocal x
        marks.append(Text("word", x, y, text))
        x += width(text, "word") + 8

    say(title + ":")
    say("0")
    for k in range(STEPS):
        box = (x, y - HIGH + 2, x + STEP + (0.3 if k < STEPS - 1 else 0), y + 2)
        marks.append(Path("heat", rectangle(box, 0.0), tone=colour(k / (STEPS - 1))))
        x += STEP
    x += 8
    say(f"{100 * most:.3g} %")
    return replace(scene, marks=tuple(marks), width=max(scene.width, x + EDGE), height=y + LINE - EDGE)
