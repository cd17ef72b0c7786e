"""Scene -> SVG: one self-contained, deterministic string that any viewer shows alike.

Pages, tests and users' style sheets rely on the classes ``ncd-wire ncd-separator ncd-op ncd-label
ncd-block ncd-dot`` and on ``data-op data-axis data-array data-block``.  Every rule is scoped by the
id of the root, so that figures of different themes can share a page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import assert_never

from ncd.errors import NCDError
from ncd.layout.scene import Dot, Ids, Mark, Path, Scene, Segment, Text
from ncd.text import FONTS, runs, width
from ncd.theme import HEX, Style, Theme, toned
from ncd.theme import theme as named

SERIF = '"Times New Roman","Liberation Serif",Tinos,serif'
SANS = 'Arial,"Liberation Sans",Arimo,sans-serif'

WIRES = ("wire", "bundle")
_PATH_CLASS = {"bundle": "ncd-wire ncd-bundle"}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(scene: Scene, theme: str = "light", prefix: str = "") -> str:
    """The figure as SVG.  ``theme="auto"`` is light, and dark where the reader prefers dark.

    ``prefix`` begins every id in the document; by default it is made from the content.
    """
    day, night = (named("light"), named("dark")) if theme == "auto" else (named(theme), None)
    body = "\n".join(_body(scene.marks, day))
    w, h = number(scene.width), number(scene.height)
    title, description = escape(scene.title), escape(scene.description)
    if not prefix:
        content = "\n".join((theme, w, h, title, description, body))
        prefix = "ncd-" + hashlib.sha256(content.encode()).hexdigest()[:8]
    elif not re.fullmatch(r"[A-Za-z][\w-]*", prefix, re.ASCII):
        raise NCDError(f"{prefix!r} cannot begin an id", doing="writing an SVG", fix="letters, digits, - and _")
    found = rules(scene.marks, day, prefix)
    if night:
        found += "\n@media (prefers-color-scheme:dark){\n" + rules(scene.marks, night, prefix, colours=True) + "\n}"
    return framed(scene, prefix, found, body)


def framed(scene: Scene, prefix: str, rules: str, body: str) -> str:
    """The document around the marks: size, title, description, rules, background."""
    w, h = number(scene.width), number(scene.height)
    title, description = escape(scene.title), escape(scene.description)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{prefix}" class="ncd-diagram" viewBox="0 0 {w} {h}" '
        f'width="{w}" height="{h}" role="img" aria-labelledby="{prefix}-title {prefix}-desc">\n'
        f'<title id="{prefix}-title">{title}</title>\n<desc id="{prefix}-desc">{description}</desc>\n'
        f"<style>\n{rules}\n</style>\n"
        f'<rect class="ncd-background" width="{w}" height="{h}"/>\n{body}\n</svg>\n'
    )


def number(value: float) -> str:
    """A coordinate with at most two decimals and no superfluous character."""
    out = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if out == "-0" else out


def escape(text: str) -> str:
    """Text as XML may hold it, in content and in quoted attributes; characters XML forbids are replaced."""
    text = _ILLEGAL.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def data(segments: Iterable[Segment]) -> str:
    """Segments as the ``d`` of a path."""
    out: list[str] = []
    x = y = ""
    for kind, values in segments:
        v = [number(c) for c in values]
        match kind:
            case "Z":
                out.append("Z")
                continue
            case "L" if v[1] == y:
                out.append(f"H{v[0]}")
            case "L" if v[0] == x:
                out.append(f"V{v[1]}")
            case "A":
                out.append(f"A{v[0]} {v[0]} 0 0 {v[1]} {v[2]} {v[3]}")
            case _:
                out.append(kind + " ".join(v))
        x, y = v[-2:]
    return "".join(out)


# -- marks -------------------------------------------------------------------------------------


def _body(marks: Iterable[Mark], look: Theme) -> Iterator[str]:
    """The marks in order, neighbours of one op in a group."""
    for (op, block), group in groupby(marks, key=_group):
        if op is None:
            for mark in _joined(group):
                yield _mark(mark, look, _data(mark.ids))
        else:
            place = "" if block is None else f' data-block="{escape(block)}"'
            yield f'<g class="ncd-op" data-op="{op}"{place}>'
            for mark in group:
                yield _mark(mark, look, _data(Ids(axis=mark.ids.axis, array=mark.ids.array)))
            yield "</g>"


def _joined(marks: Iterable[Mark]) -> Iterator[Mark]:
    """The marks in order, the stretches of one wire that follow each other as one path."""
    for same, group in groupby(
        marks, key=lambda m: (m.role, m.ids) if isinstance(m, Path) and m.role in WIRES else id(m)
    ):
        stretches = list(group)
        if isinstance(same, tuple):
            joined = tuple(s for m in stretches if isinstance(m, Path) for s in m.segments)
            yield Path(same[0], joined, same[1], getattr(stretches[0], "tone", ""))
        else:
            yield from stretches


def _group(mark: Mark) -> tuple[int | None, str | None]:
    return (None, None) if mark.ids.op is None else (mark.ids.op, mark.ids.block)


def _data(ids: Ids) -> str:
    out = "" if ids.axis is None else f' data-axis="{ids.axis}"'
    out += "" if ids.array is None else f' data-array="{ids.array}"'
    return out if ids.block is None else out + f' data-block="{escape(ids.block)}"'


def _mark(mark: Mark, look: Theme, attributes: str) -> str:
    match mark:
        case Path():
            style, d = style_of(look, mark.role), data(mark.segments)
            tone = f" ncd-{tone_name(mark.tone, look)}" if toned(mark.role, mark.tone) else ""
            out = f'<path class="{path_class(mark.role)}{tone}"{attributes} d="{d}"/>'
            return out + f'<path class="ncd-core" d="{d}"/>' if style.core else out
        case Dot():
            style_of(look, mark.role)
            x, y, r = number(mark.x), number(mark.y), number(mark.r)
            kind = "ncd-dot" if mark.role == "dot" else f"ncd-dot ncd-{mark.role}"
            return f'<circle class="{kind}"{attributes} cx="{x}" cy="{y}" r="{r}"/>'
        case Text():
            if mark.role not in FONTS:
                raise NCDError(f"no text role {mark.role!r}", doing="writing an SVG", fix=", ".join(FONTS))
            return label(mark, mark.role, f' class="ncd-label ncd-text-{mark.role}"{attributes}', number)
        case _:
            assert_never(mark)


def label(mark: Text, role: str, attributes: str, written: Callable[[float], str]) -> str:
    """A text and its coordinates."""
    inner, stacked = _spans(mark.text, role)
    left, anchor = mark.x, f' text-anchor="{mark.anchor}"'
    if stacked or mark.anchor == "start":  # not every viewer counts a pen going back as part of the width
        left -= width(mark.text, role) * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
        anchor = ""
    return f'<text{attributes} x="{written(left)}" y="{written(mark.y)}"{anchor}>{inner}</text>'


@lru_cache(maxsize=4096)
def _spans(text: str, role: str) -> tuple[str, bool]:
    """A label's runs, each shifting the pen by what it is off; and whether the pen ever goes back."""
    font, out = FONTS[role], []
    pen = level = 0.0
    stacked = False
    for run in runs(text, role):
        shift = ""
        stacked |= run.x < pen - 0.01
        if abs(run.x - pen) > 0.01:
            shift += f' dx="{number(run.x - pen)}"'
        if abs(run.dy - level) > 0.01:
            shift += f' dy="{number(run.dy - level)}"'
        if run.size != font.size:
            shift += f' font-size="{number(run.size)}"'
        if run.face != font.face:
            for word, name in (("bold", "weight"), ("italic", "style")):
                if (word in run.face) != (word in font.face):
                    shift += f' font-{name}="{word if word in run.face else "normal"}"'
        inner = escape(run.text)
        out.append(f"<tspan{shift}>{inner}</tspan>" if shift else inner)
        pen, level = run.x + run.width, run.dy
    return "".join(out), stacked


# -- rules -------------------------------------------------------------------------------------


def rules(marks: Iterable[Mark], look: Theme, prefix: str, colours: bool = False) -> str:
    """A rule per role and tone in use; with ``colours`` only what a second theme changes."""
    drawn = {(type(m), m.role, m.tone if isinstance(m, Path) and toned(m.role, m.tone) else None) for m in marks}
    found = {".ncd-background": f"fill:{look.background}"}
    for kind, role, tone in sorted(drawn, key=lambda k: (k[0].__name__, k[1], k[2] or "")):
        if kind is Text:
            font = "" if colours else ";" + _font(role)
            found[f".ncd-text-{role}"] = f"fill:{look.letters[role]}{font}"
            continue
        style = style_of(look, role)
        selector = "." + path_class(role).replace(" ", ".")
        if kind is Dot:
            selector = ".ncd-dot" if role == "dot" else f".ncd-dot.ncd-{role}"
        found[selector] = _declare(style, colours)
        if tone is not None:
            t = look.tone(tone)
            fill, stroke = t.side if role == "side" else t.fill, {"block": t.edge, "heat": "none"}.get(role, look.ink)
            found[f"{selector}.ncd-{tone_name(tone, look)}"] = f"fill:{fill};stroke:{stroke}"
        if style.core:
            found[".ncd-core"] = _declare(
                Style(stroke=look.background, width=style.core, cap="square"), colours
            )  # past its end, so that no tick of ink is left where two stretches of a wire meet
    return "\n".join(f"#{prefix} {selector}{{{rule}}}" for selector, rule in found.items() if rule)


def _declare(style: Style, colours: bool) -> str:
    out = [f"fill:{style.fill}", f"stroke:{style.stroke}"]
    if not colours:
        out.append(f"stroke-width:{number(style.width)}")
        if style.dash:
            out.append("stroke-dasharray:" + " ".join(map(number, style.dash)))
        if style.stroke != "none":
            out.append(f"stroke-linecap:{style.cap};stroke-linejoin:round")
    return ";".join(out)


def _font(role: str) -> str:
    font = FONTS[role]
    out = f"font-family:{SANS if font.face.startswith('sans') else SERIF};font-size:{number(font.size)}px"
    out += ";font-weight:bold" if "bold" in font.face else ""
    return out + (";font-style:italic" if "italic" in font.face else "")


def path_class(role: str) -> str:
    return _PATH_CLASS.get(role, f"ncd-{role}")


def tone_name(tone: str, look: Theme) -> str:
    """What a block's colour is called in classes and styles."""
    own = HEX.fullmatch(tone)
    return "own" + tone[1:].lower() if own else tone if tone in look.tones else "grey"


def style_of(look: Theme, role: str) -> Style:
    try:
        return look.styles[role]
    except KeyError:
        raise NCDError(f"no role {role!r}", doing="writing an SVG", fix="one of " + ", ".join(look.styles)) from None
