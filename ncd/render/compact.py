"""Scene -> SVG with nothing in it but the picture: what a file needs that no page is to find its way about in.

The same marks and classes as in ``ncd.render.svg``, without what each mark shows.  Marks that look alike
are one path or one group; what stands on top of all else (dots, arrowheads, text) is written last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from ncd.layout.scene import Dot, Mark, Path, Scene, Segment, Text
from ncd.render.svg import SERIF, framed, label, path_class, style_of, tone_name
from ncd.render.svg import rules as rules_of
from ncd.theme import Theme, toned
from ncd.theme import theme as named

ON_TOP = ("arrow", "carried")
IMPLIED = ("fill:none", "stroke:none", "stroke-width:1.5", "stroke-linecap:butt", "stroke-linejoin:round",
           f"font-family:{SERIF}")  # fmt: skip
"""What the whole is said to look like, and its marks need not say."""


def render(scene: Scene, theme: str = "light") -> str:
    """The figure as SVG, as ``ncd.render.svg.render`` draws it, in half the bytes."""
    day, night = (named("light"), named("dark")) if theme == "auto" else (named(theme), None)
    body = "\n".join(_body(scene.marks, day))
    prefix = "ncd-" + hashlib.sha256(f"{theme}\n{scene.title}\n{body}".encode()).hexdigest()[:4]
    rules = _short(rules_of(scene.marks, day, prefix), prefix)
    if night:
        dark = _short(rules_of(scene.marks, night, prefix, colours=True), prefix, ())
        rules += f"\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"
    return framed(scene, prefix, rules, body)


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
            texts = "\n".join(label(m, role, "", written) for m in found if isinstance(m, Text))
            yield f'<g class="ncd-label ncd-text-{role}">\n{texts}\n</g>'
        elif level == 2:
            kind = "ncd-dot" if role == "dot" else f"ncd-dot ncd-{role}"
            discs = "\n".join(
                f'<circle cx="{written(m.x)}" cy="{written(m.y)}" r="{written(m.r)}"/>'
                for m in found
                if isinstance(m, Dot)
            )
            yield f'<g class="{kind}">\n{discs}\n</g>'
        else:
            yield from _paths([m for m in found if isinstance(m, Path)], look)


def _paths(paths: Iterable[Path], look: Theme) -> Iterator[str]:
    """Lines that follow one another as one path; a double line has its core on it at once."""
    for (role, tone, _), group in groupby(paths, key=lambda m: (m.role, m.tone, _alone(m, look) and id(m))):
        style = style_of(look, role)
        d = "".join(data(m.segments) for m in group)
        colour = f" ncd-{tone_name(tone, look)}" if toned(role, tone) else ""
        yield f'<path class="{path_class(role)}{colour}" d="{d}"/>'
        if style.core:
            yield f'<path class="ncd-core" d="{d}"/>'


def _alone(mark: Path, look: Theme) -> bool:
    """Whether it hides what is below it: then the next one is drawn over it, not with it."""
    style = style_of(look, mark.role)
    return bool(style.core) or toned(mark.role, mark.tone) or "none" not in (style.fill, style.stroke)


def written(value: float) -> str:
    """A number with one decimal at most."""
    out = f"{value:.1f}".removesuffix(".0")
    return "0" if out == "-0" else out


def data(segments: Iterable[Segment]) -> str:
    """Segments as the ``d`` of a path, each from where the last one ended; level lines that go on are one."""
    out: list[str] = []
    x = y = 0
    for kind, values in _straightened(list(segments)):
        if kind == "Z":
            out.append("Z")
            continue
        if kind == "A":
            r, sweep, *point = values
            head = f"{written(r)} {written(r)} 0 0 {sweep:.0f}"
        else:
            head, point = "", list(values)
        v = [round(c * 10) for c in point]
        far = [c - (x, y)[k % 2] for k, c in enumerate(v)]
        if kind == "L" and 0 in far:
            flat = far[1] == 0
            out.append(min("HV"[not flat] + _tenths(v[:1] if flat else v[1:]),
                           "hv"[not flat] + _tenths(far[:1] if flat else far[1:]), key=len))  # fmt: skip
        elif kind == "M":
            out.append("M" + _tenths(v))
        else:
            out.append(min(kind + _tenths(v, head), kind.lower() + _tenths(far, head), key=len))
        x, y = v[-2:]
    return "".join(out)


def _straightened(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Without the points that a level line goes through on its way."""
    height: float | None = None
    for here, after in pairwise([*segments, ("", ())]):
        level = here[0] == after[0] == "L" and height == here[1][1] == after[1][1]
        if not level:
            yield here
        height = here[1][-1] if here[1] else None


def _tenths(numbers: Iterable[int], out: str = "") -> str:
    """Numbers of tenths after what is there, with nothing between them where a sign is."""
    for n in numbers:
        text = written(n / 10)
        text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
        out += text if not out or text.startswith("-") else f" {text}"
    return out


def _short(rules: str, prefix: str, implied: Collection[str] = IMPLIED) -> str:
    """The rules without what goes without saying, and one for all that look alike."""
    same: dict[str, list[str]] = {}
    for line in rules.splitlines():
        selector, _, body = line.rstrip("}").partition("{")
        said = ";".join(_colour(part) for part in body.split(";") if part not in (*implied, "stroke-width:0"))
        if said:
            same.setdefault(said, []).append(selector)
    whole = [f"#{prefix}{{{';'.join(implied)}}}"] if implied else []
    return "\n".join([*whole, *(f"{','.join(names)}{{{body}}}" for body, names in same.items())])


def _colour(part: str) -> str:
    name, _, value = part.partition(":")
    double = len(value) == 7 and value[0] == "#" and value[1::2] == value[2::2]
    return f"{name}:#{value[1::2]}" if double else part
