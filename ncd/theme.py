"""Colours and strokes by role: four themes, and which colour a block of a model gets.

A scene names roles; a theme says how each looks.  All colours are literal, because renderers
outside a browser know neither CSS variables nor blending of group opacities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from ncd.errors import NCDError
from ncd.text import FONTS


@dataclass(frozen=True, slots=True)
class Style:
    """How an outline looks.  ``core`` > 0: a second stroke so wide in the background colour, making it double."""

    fill: str = "none"
    stroke: str = "none"
    width: float = 0.0
    dash: tuple[float, ...] = ()
    core: float = 0.0
    cap: str = "butt"


@dataclass(frozen=True, slots=True)
class Tone:
    """A block's colour: the plate, its border, and the top and right faces of a closed block."""

    fill: str
    edge: str
    side: str


@dataclass(frozen=True)
class Theme:
    """The look of a figure: ``styles`` by role of path and dot, ``letters`` by role of text, ``tones`` by name."""

    name: str
    ink: str
    background: str
    styles: Mapping[str, Style]
    letters: Mapping[str, str]
    tones: Mapping[str, Tone]

    def tone(self, name: str) -> Tone:
        """A block's colour by its name; or from one such as ``#aaddff``, changed until ink can be read on it."""
        if not HEX.fullmatch(name):
            return self.tones.get(name, self.tones["grey"])
        shares = (mix(name, self.background, k / 20) for k in range(21))
        fill = next(c for c in shares if contrast(self.ink, mix(c, self.ink, SIDE)) >= LEGIBLE)
        return _tone(fill, self.ink)


TONES = ("orange", "violet", "yellow", "blue", "green", "red", "grey")
"""Block colours.  "" on a mark means grey."""


HEX = re.compile("#[0-9A-Fa-f]{6}")
"""A colour of the user's own, in place of the name of one."""

TONED = ("block", "front", "side")
"""Roles of a path whose colours depend on its tone; any other has that of its tone if it is given one."""


def toned(role: str, tone: str) -> bool:
    return role in TONED or bool(tone)


SIDE = 0.09
"""How much of the ink is in the side of a closed block."""
LEGIBLE = 4.5
"""The least contrast of text with what it stands on (WCAG 2.1, level AA)."""


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours as WCAG 2.1 defines it, from 1 to 21."""
    low, high = sorted(map(_luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _tone(fill: str, ink: str) -> Tone:
    return Tone(fill, mix(fill, ink, 0.3), mix(fill, ink, SIDE))


@dataclass(frozen=True, slots=True)
class _Palette:
    ink: str
    background: str
    learned: str
    plain: str
    window: str
    mask: str
    shade: str
    index: str
    memory: str
    tones: tuple[str, ...]
    line: float = 1.5
    glyph: float = 1.5
    separator: tuple[float, tuple[float, ...]] = (1.5, (6.0, 5.0))


_PALETTES = {
    "light": _Palette(
        "#111111", "#ffffff", "#e8edeb", "#f6f6f6", "#bfe6fb", "#f8c9df", "#8a8a8a", "#1346fe", "#fdfac8",
        ("#ffe4c7", "#d5d0ec", "#faf5c2", "#d2eefc", "#dff5de", "#ebd2d6", "#eeeeee"),
    ),
    "paper": _Palette(
        "#000000", "#ffffff", "#e8eeeb", "#f8f8f8", "#a9e3ff", "#f9cbdf", "#808080", "#1346fe", "#fdfac8",
        ("#f8dcb8", "#c5bedf", "#faf7c2", "#c1e8f7", "#cce7cf", "#efd7df", "#f4f4f4"),
        line=1.0, glyph=1.0, separator=(1.25, (6.5, 5.5)),
    ),
    "dark": _Palette(
        "#e6e6e6", "#17181b", "#363c3f", "#26282c", "#1f5673", "#7a3c5c", "#b0b0b0", "#1746d1", "#3f3d1d",
        ("#483321", "#2f2f52", "#423e18", "#1c3a4a", "#2a4934", "#411d21", "#333333"),
    ),
    "teach": _Palette(
        "#111111", "#ffffff", "#e8eeeb", "#f3f3f4", "#8fd8ff", "#f7b3d2", "#7a7a7a", "#1346fe", "#fdf7a4",
        ("#ffd89d", "#c7b3e7", "#fdf39a", "#9dd5ff", "#b7e782", "#ffb9bf", "#e4e4e6"),
        line=2.0, glyph=2.0, separator=(2.0, (7.5, 6.0)),
    ),
}  # fmt: skip


def mix(a: str, b: str, share: float) -> str:
    """The colour between a (share 0) and b (share 1)."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def _theme(name: str, p: _Palette) -> Theme:
    quiet = mix(p.learned, p.ink, 0.5)
    glow = mix(p.index, p.background, 0.7)
    dashes = p.separator[1]
    styles = {
        "wire": Style(stroke=p.ink, width=p.line),
        "bundle": Style(stroke=p.ink, width=1.8 + 2 * p.line, core=1.8),
        "separator": Style(stroke=p.ink, width=p.separator[0], dash=dashes),
        "bracket": Style(stroke=p.ink, width=2 * p.line, cap="round"),
        "arrow": Style(fill=p.ink),
        "carried": Style(fill=p.ink),
        "block": Style(width=0.8),
        "front": Style(width=0.8 * p.glyph),
        "side": Style(width=0.8 * p.glyph),
        "learned": Style(p.learned, quiet, 0.8),
        "outline": Style(p.background, p.ink, p.glyph),
        "gained": Style(p.background, p.ink, 1.6 * p.glyph),
        "box": Style(p.plain, p.ink, 0.8 * p.glyph),
        "window": Style(p.window, p.ink, 0.8 * p.glyph),
        "kernel": Style(p.window, p.ink, 1.5 * p.glyph),
        "mask": Style(p.mask),
        "shade": Style(p.shade),
        "memory": Style(p.memory, p.ink, 0.8 * p.glyph),
        "hatch": Style(stroke=p.shade, width=p.line),
        "frame": Style(stroke=p.ink, width=0.8 * p.glyph),
        "stroke": Style(stroke=p.ink, width=p.glyph, cap="round"),
        "thin": Style(stroke=p.ink, width=0.75 * p.glyph, cap="round"),
        "bar": Style(fill=p.ink),
        "index": Style(mix(p.index, p.background, 0.84), mix(p.index, p.ink, 0.25), 0.8 * p.glyph),
        "dot": Style(fill=p.ink),
        "glow": Style(stroke=glow, width=8.0 + p.line, cap="round"),
        "spot": Style(glow, p.index, 0.8),
        "halo": Style(stroke=p.index, width=2.0 * p.glyph),
        "badge": Style(p.index),
        "heat": Style(p.background),
        "decision": Style(p.background, p.ink, 0.8 * p.glyph),
        "note": Style(p.memory, p.ink, 0.6),
        "leader": Style(stroke=p.ink, width=0.8),
        "tip": Style(p.ink),
        "ring": Style(p.background, p.ink, p.line),
    }
    letters = {role: "#ffffff" if role == "badge" else p.ink for role in FONTS}
    tones = {n: _tone(c, p.ink) for n, c in zip(TONES, p.tones, strict=True)}
    return Theme(name, p.ink, p.background, styles, letters, tones)


THEMES: Mapping[str, Theme] = {name: _theme(name, p) for name, p in _PALETTES.items()}
ROLES: tuple[str, ...] = tuple(THEMES["light"].styles)
"""Every role a path or a dot may have; ``block``, ``front`` and ``side`` take their colours from the tone."""


def theme(name: str) -> Theme:
    """A theme by name."""
    try:
        return THEMES[name]
    except KeyError:
        raise NCDError(
            f"no theme {name!r}", doing="choosing colours", fix="one of " + ", ".join([*THEMES, "auto (SVG only)"])
        ) from None


_WORDS = (
    ("grey", "norm layernorm rmsnorm batchnorm groupnorm dropout activation"),
    ("violet", "sdpa scaled core"),
    ("orange", "attention attn mha multihead selfattention crossattention"),
    ("blue", "mlp feedforward feed ffn ff act intermediate expert experts moe mixture swiglu geglu"),
    ("red", "embed embedding embeddings patch stem double tokenizer"),
    ("yellow", "layer layers"),
    ("green", "decoder decode up upsample lstm gru rnn recurrent"),
    ("yellow", "block blocks stage encoder residual resnet bottleneck basic down"),
    ("grey", "linear conv1d conv2d conv3d identity loop"),
)
"""Words in the name of a module class, the first that occurs decides; a decoder layer is a layer."""


def tone(cls: str) -> str:
    """The colour of a block, by the words in its class's name: ``LlamaDecoderLayer`` is yellow.

    A name that says nothing has a colour all the same, one that looks random and is the same in every picture.
    """
    words = {w.lower() for w in (cls, *re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", cls))}
    found = next((colour for colour, known in _WORDS if words & set(known.split())), "")
    if found:
        return found
    # Capitals run together: ViTMLP.
    ends = (c for c, known in _WORDS if any(len(w) > 2 and cls.lower().endswith(w) for w in known.split()))
    return next(ends, TONES[crc32(cls.encode()) % (len(TONES) - 1)] if cls else "grey")
