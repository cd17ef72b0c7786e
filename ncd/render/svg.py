"""Scene -> SVG: one self-contained, deterministic string that any viewer shows alike.

Pages, tests and users' style sheets rely on the classes ``ncd-wire ncd-separator ncd-op ncd-label
ncd-block ncd-dot`` and on ``data-op data-axis data-array data-block``.  Every rule is scoped by the
id of the root, so that figures of different themes can share a page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import assert_never

from ncd.errors import NCDError
from ncd.layout.scene import Dot, Ids, Mark, Path, Scene, Text
from ncd.render.outline import Box, box, data, meet, number, place
from ncd.text import FONTS, runs, width
from ncd.theme import HEX, Style, Theme, toned
from ncd.theme import theme as named

SERIF = '"Times New Roman","Liberation Serif",Tinos,serif'
SANS = 'Arial,"Liberation Sans",Arimo,sans-serif'

PIECES = ("wire", "bundle", "side")
"""Roles of paths that may be drawn as one where they follow each other."""
TOGETHER = 12
"""At most so many double wires have their cores in one path."""
DARK = "@media (prefers-color-scheme:dark)"
INITIAL = ("stroke:none", "stroke-width:0", "stroke-linecap:butt")
"""What need not be said of a mark that no other rule is for."""
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
        prefix = "ncd-" + hashlib.sha256(content.encode()).hexdigest()[:6]
    elif not re.fullmatch(r"[A-Za-z][\w-]*", prefix, re.ASCII):
        raise NCDError(f"{prefix!r} cannot begin an id", doing="writing an SVG", fix="letters, digits, - and _")
    lines, words = ["stroke-linejoin:round"], [f"fill:{day.ink}", f"font-family:{SERIF}"]
    found = sheet({"path": lines, "text": words, **rules(scene.marks, day, (*lines, *INITIAL), words)}, prefix)
    if night:
        found += f"\n{DARK}{{\n{sheet(nightly(scene.marks, night, day), prefix)}\n}}"
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


def escape(text: str) -> str:
    """Text as XML may hold it, in content and in quoted attributes; characters XML forbids are replaced."""
    text = _ILLEGAL.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


# -- marks -------------------------------------------------------------------------------------


def _body(marks: Iterable[Mark], look: Theme) -> Iterator[str]:
    """The marks in order, neighbours of one op in a group."""
    for (op, block), group in groupby(marks, key=_group):
        if op is None:
            yield from _drawn(((m, _data(m.ids)) for m in _joined(group)), look)
        else:
            place = "" if block is None else f' data-block="{escape(block)}"'
            yield f'<g class="ncd-op" data-op="{op}"{place}>'
            yield from _drawn(((m, _data(Ids(axis=m.ids.axis, array=m.ids.array))) for m in _joined(group)), look)
            yield "</g>"


def _joined(marks: Iterable[Mark]) -> Iterator[Mark]:
    """The marks in order, the stretches of one wire that follow each other as one path, and the sides of a block."""
    for same, group in groupby(
        marks, key=lambda m: (m.role, m.ids, m.tone) if isinstance(m, Path) and m.role in PIECES else id(m)
    ):
        pieces = list(group)
        if isinstance(same, tuple) and len(pieces) > 1:
            yield Path(same[0], tuple(s for m in pieces if isinstance(m, Path) for s in m.segments), *same[1:])
        else:
            yield from pieces


def _drawn(marks: Iterable[tuple[Mark, str]], look: Theme) -> Iterator[str]:
    """Marks and their attributes; the cores of double wires as one path, before any other mark that one meets."""
    cores: list[tuple[str, Box]] = []
    for mark, attributes in marks:
        style = style_of(look, mark.role) if isinstance(mark, Path) else None
        here = box(mark.segments, style.width / 2 + 1) if isinstance(mark, Path) and style else None
        level = here and style and here[3] - here[1] < style.width + 2.01
        if cores and not (here and all((level and here[1::2] == b[1::2]) or not meet(here, b) for _, b in cores)):
            yield _core(cores)  # what goes on from a line on one level may be drawn before its core all the same
        yield _mark(mark, look, attributes)
        if isinstance(mark, Path) and style and style.core and here:
            cores.append((data(mark.segments), here))
        if len(cores) == TOGETHER:
            yield _core(cores)
    if cores:
        yield _core(cores)


def _core(cores: list[tuple[str, Box]]) -> str:
    d = "".join(d for d, _ in cores)
    cores.clear()
    return f'<path class="ncd-core" d="{d}"/>'


def _group(mark: Mark) -> tuple[int | None, str | None]:
    return (None, None) if mark.ids.op is None else (mark.ids.op, mark.ids.block)


def _data(ids: Ids) -> str:
    out = "" if ids.axis is None else f' data-axis="{ids.axis}"'
    out += "" if ids.array is None else f' data-array="{ids.array}"'
    return out if ids.block is None else out + f' data-block="{escape(ids.block)}"'


def _mark(mark: Mark, look: Theme, attributes: str) -> str:
    match mark:
        case Path():
            tone = f" ncd-{tone_name(mark.tone, look)}" if toned(mark.role, mark.tone) else ""
            return f'<path class="{path_class(mark.role)}{tone}"{attributes} d="{data(mark.segments)}"/>'
        case Dot():
            style_of(look, mark.role)
            x, y, r = place(mark.x), place(mark.y), place(mark.r)
            kind = "ncd-dot" if mark.role == "dot" else f"ncd-dot ncd-{mark.role}"
            return f'<circle class="{kind}"{attributes} cx="{x}" cy="{y}" r="{r}"/>'
        case Text():
            if mark.role not in FONTS:
                raise NCDError(f"no text role {mark.role!r}", doing="writing an SVG", fix=", ".join(FONTS))
            return label(mark, mark.role, f' class="ncd-label ncd-text-{mark.role}"{attributes}')
        case _:
            assert_never(mark)


def label(mark: Text, role: str, attributes: str) -> str:
    """A text and its coordinates."""
    inner, stacked = _spans(mark.text, role)
    left, anchor = mark.x, f' text-anchor="{mark.anchor}"'
    if stacked or mark.anchor == "start":  # not every viewer counts a pen going back as part of the width
        left -= width(mark.text, role) * {"start": 0, "middle": 0.5, "end": 1}[mark.anchor]
        anchor = ""
    return f'<text{attributes} x="{place(left)}" y="{place(mark.y)}"{anchor}>{inner}</text>'


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

Rules = dict[str, list[str]]
"""By selector, what is declared."""


def sheet(found: Mapping[str, Iterable[str]], prefix: str) -> str:
    """A style sheet for the figure with this id."""
    rules = {selector: ";".join(map(_short, said)) for selector, said in found.items()}
    return "\n".join(f"#{prefix} {selector}{{{rule}}}" for selector, rule in rules.items() if rule)


def rules(marks: Iterable[Mark], look: Theme, shape: Collection[str], text: Collection[str]) -> Rules:
    """A rule per role and tone in use, without what goes without saying of a shape and of a text."""
    return {
        selector: [d for d in said if d not in (text if selector.startswith(".ncd-text-") else shape)]
        for selector, said in _declared(marks, look).items()
    }


def nightly(marks: Sequence[Mark], night: Theme, day: Theme) -> Rules:
    """What is different by night."""
    before, now = _declared(marks, day), _declared(marks, night)
    return {s: [d for d in said if d not in before[s]] for s, said in now.items()}


def _declared(marks: Iterable[Mark], look: Theme) -> Rules:
    drawn = {(type(m), m.role, m.tone if isinstance(m, Path) and toned(m.role, m.tone) else None) for m in marks}
    found = {".ncd-background": [f"fill:{look.background}"]}
    for kind, role, tone in sorted(drawn, key=lambda k: (k[0].__name__, k[1], k[2] or "")):
        if kind is Text:
            found[f".ncd-text-{role}"] = [f"fill:{look.letters[role]}", *_font(role)]
            continue
        style = style_of(look, role)
        selector = "." + path_class(role).replace(" ", ".")
        if kind is Dot:
            selector = ".ncd-dot" if role == "dot" else f".ncd-dot.ncd-{role}"
        found[selector] = _declare(style)
        if tone is not None:
            t = look.tone(tone)
            fill, stroke = t.side if role == "side" else t.fill, {"block": t.edge, "heat": "none"}.get(role, look.ink)
            found[f"{selector}.ncd-{tone_name(tone, look)}"] = [f"fill:{fill}", f"stroke:{stroke}"]
        if style.core:  # past its end, so that no tick of ink is left where two stretches of a wire meet
            found[".ncd-core"] = _declare(Style(stroke=look.background, width=style.core, cap="square"))
    return found


def _declare(style: Style) -> list[str]:
    out = [f"fill:{style.fill}", f"stroke:{style.stroke}", f"stroke-width:{number(style.width)}"]
    if style.dash:
        out.append("stroke-dasharray:" + " ".join(map(number, style.dash)))
    if style.stroke == "none":  # its tone may give it one
        return [*out, "stroke-linejoin:miter"] if style.width else out
    return [*out, f"stroke-linecap:{style.cap}", "stroke-linejoin:round"]


def _font(role: str) -> Iterator[str]:
    font = FONTS[role]
    yield f"font-family:{SANS if font.face.startswith('sans') else SERIF}"
    yield f"font-size:{number(font.size)}px"
    if "bold" in font.face:
        yield "font-weight:bold"
    if "italic" in font.face:
        yield "font-style:italic"


def _short(said: str) -> str:
    name, _, value = said.partition(":")
    double = len(value) == 7 and value[0] == "#" and value[1::2] == value[2::2]
    return f"{name}:#{value[1::2]}" if double else said


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
