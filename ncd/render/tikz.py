"""Scene -> TikZ: one ``tikzpicture`` to ``\\input`` into an article that says ``\\usepackage{tikz}``.

The geometry is that of the SVG, one px being 1/96 inch; labels are LaTeX, in the fonts of the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import atan2, ceil, cos, hypot, pi, sin, sqrt, tan

from ncd.layout.scene import Dot, Mark, Path, Scene, Segment, Text
from ncd.render.latex import SIGN, label
from ncd.render.svg import number, tone_name
from ncd.text import FONTS
from ncd.theme import Style, Theme, toned
from ncd.theme import theme as named

PT = 72.27 / 96
"""TeX points in one px."""

_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_FACES = {
    "sans": r"\sffamily",
    "sans-bold": r"\sffamily\bfseries",
    "serif-bold": r"\boldmath",
    "serif-bold-italic": r"\boldmath",
}


def render(scene: Scene, theme: str = "light") -> str:
    """The figure as TikZ.  To fit a column: ``\\resizebox{\\linewidth}{!}{\\input{figure.tex}}``.

    Every role has a style of its own (``ncd wire``, ``ncd separator``, ``ncd text axis``) to change by hand.
    """
    book = _Book(named(theme))
    marks = "\n".join(f"  {line};" for mark in scene.marks for line in book.mark(mark))
    w, h = number(scene.width), number(scene.height)
    back = book.colour(book.look.background)
    colours = "\n".join(f"\\definecolor{{{name}}}{{HTML}}{{{value[1:]}}}%" for value, name in book.colours.items())
    styles = "".join(f",\n  {name}/.style={{{options}}}" for name, options in book.styles.items())
    return (
        f"% {_comment(scene.title)}\n% {_comment(scene.description)}\n"
        "% needs \\usepackage{tikz}; to fit a column: \\resizebox{\\linewidth}{!}{\\input{...}}\n"
        f"\\begingroup\n{SIGN}%\n{colours}\n"
        f"\\begin{{tikzpicture}}[x={PT:.5f}pt,y=-{PT:.5f}pt,inner sep=0pt,outer sep=0pt,line join=round{styles}]\n"
        f"  \\path[use as bounding box,fill={back}] (0,0) rectangle ({w},{h});\n{marks}\n"
        "\\end{tikzpicture}%\n\\endgroup\n"
    )


class _Book:
    """The colours and styles that a figure uses, by name, in order of first use."""

    def __init__(self, look: Theme) -> None:
        self.look = look
        self.colours: dict[str, str] = {}
        self.styles: dict[str, str] = {}

    def colour(self, value: str) -> str:
        return self.colours.setdefault(value.upper(), f"ncd{len(self.colours)}")

    def named(self, name: str, style: Style) -> str:
        self.styles[name] = self.stroke(style)
        return name

    def mark(self, mark: Mark) -> Iterator[str]:
        match mark:
            case Path():
                style, d = _styled(mark, self.look), outline(mark.segments)
                tone = f" {tone_name(mark.tone, self.look)}" if toned(mark.role, mark.tone) else ""
                yield f"\\path[{self.named(f'ncd {mark.role}{tone}', style)}] {d}"
                if style.core:
                    core = Style(stroke=self.look.background, width=style.core)
                    yield f"\\path[{self.named('ncd core', core)}] {d}"
            case Dot():
                name = self.named(f"ncd {mark.role}", self.look.styles[mark.role])
                yield f"\\path[{name}] {_point(mark.x, mark.y)} circle[radius={number(mark.r)}]"
            case Text():
                if inner := label(mark.text, mark.role):
                    name = f"ncd text {mark.role}"
                    self.styles[name] = self.letters(mark.role)
                    where = _point(mark.x, mark.y)
                    yield f"\\node[{name},anchor={_ANCHORS[mark.anchor]}] at {where} {{{inner}}}"

    def letters(self, role: str) -> str:
        font = FONTS[role]
        size = font.size * PT
        face = f"\\fontsize{{{size:.2f}}}{{{1.2 * size:.2f}}}\\selectfont{_FACES.get(font.face, '')}"
        return f"text={self.colour(self.look.letters[role])},font={face}"

    def stroke(self, style: Style) -> str:
        out = [] if style.fill == "none" else [f"fill={self.colour(style.fill)}"]
        if style.stroke != "none" and style.width:
            out += [f"draw={self.colour(style.stroke)}", f"line width={style.width * PT:.3g}pt"]
            out += ["line cap=round"] if style.cap == "round" else []
            if style.dash:
                on = " ".join(f"{w} {n * PT:.3g}pt" for w, n in zip(("on", "off"), style.dash, strict=True))
                out.append(f"dash pattern={on}")
        return ",".join(out)


def _comment(text: str) -> str:
    """Text that stays on its comment line."""
    return " ".join(re.sub(r"[^ -~]", " ", text).split())


def _styled(mark: Path, look: Theme) -> Style:
    """The style of a path's role, coloured by its tone where it has one."""
    style = look.styles[mark.role]
    if not toned(mark.role, mark.tone):
        return style
    tone = look.tone(mark.tone)
    fill = tone.side if mark.role == "side" else tone.fill
    return Style(
        fill,
        {"block": tone.edge, "heat": "none"}.get(mark.role, look.ink),
        style.width,
        style.dash,
        style.core,
        style.cap,
    )


def _point(x: float, y: float) -> str:
    return f"({number(x)},{number(y)})"


def outline(segments: Iterable[Segment]) -> str:
    out: list[str] = []
    here = (0.0, 0.0)
    for kind, v in segments:
        match kind:
            case "Z":
                out.append("-- cycle")
                continue
            case "M":
                out.append(_point(v[0], v[1]))
            case "L":
                out.append("-- " + _point(v[0], v[1]))
            case "C":
                out.append(_curve(v))
            case "A":
                out += [_curve(c) for c in arc(here, v[0], bool(v[1]), (v[2], v[3]))]
        here = (v[-2], v[-1])
    return " ".join(out)


def _curve(v: tuple[float, ...]) -> str:
    return f".. controls {_point(v[0], v[1])} and {_point(v[2], v[3])} .. {_point(v[4], v[5])}"


def arc(
    start: tuple[float, float], radius: float, sweep: bool, end: tuple[float, float]
) -> Iterator[tuple[float, ...]]:
    """The shorter arc of a circle from start to end as Bézier curves of at most a quarter each."""
    (x0, y0), (x1, y1) = start, end
    chord = hypot(x1 - x0, y1 - y0)
    if not chord:
        return
    r = max(radius, chord / 2)
    away = sqrt(max(0.0, r * r - chord * chord / 4)) * (1 if sweep else -1)
    cx = (x0 + x1) / 2 - away * (y1 - y0) / chord
    cy = (y0 + y1) / 2 + away * (x1 - x0) / chord
    first, last = atan2(y0 - cy, x0 - cx), atan2(y1 - cy, x1 - cx)
    turn = (last - first) % (2 * pi) if sweep else -((first - last) % (2 * pi))
    n = max(1, ceil(abs(turn) / (pi / 2) - 1e-9))
    step = turn / n
    k = 4 / 3 * tan(step / 4) * r
    for i in range(n):
        a, b = first + i * step, first + (i + 1) * step
        ax, ay, bx, by = cx + r * cos(a), cy + r * sin(a), cx + r * cos(b), cy + r * sin(b)
        yield ax - k * sin(a), ay + k * cos(a), bx + k * sin(b), by - k * cos(b), bx, by
