"""A walk as one picture, its steps below one another: for where nothing can be pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ncd.layout.margin import lit
from ncd.layout.scene import Path, Scene
from ncd.notebook.markdown import to_text
from ncd.notebook.steps import Stop
from ncd.render.svg import escape, number, render
from ncd.text import width as measured

EDGE, LINE, HEAD, GAP = 16.0, 20.0, 30.0, 26.0
WIDEST_IMAGE, WIDEST_CODE = 160.0, 900.0
CHARACTER = 7.3
"""The width of one in code."""
MONO = 'ui-monospace,"Liberation Mono",monospace'


def still(
    scene: Scene,
    stops: Sequence[Stop],
    code: Sequence[Sequence[tuple[str, bool]]],
    values: Sequence[Sequence[Mapping[str, Any]]],
) -> str:
    """The steps as SVG: each with its number, title, the figure with its part lit, its text, code and values.

    ``code`` are, a step, lines and whether each is lit; ``values`` what ``payload`` says of its wires.
    """
    longest = max((len(line) for lines in code for line, _ in lines), default=0)
    wide = max(scene.width, 520.0, min(CHARACTER * longest + 8, WIDEST_CODE)) + 2 * EDGE
    figure = render(scene)
    name = figure.partition('id="')[2].partition('"')[0]
    body: list[str] = []
    y = EDGE
    for k, stop in enumerate(stops):
        y += LINE
        body.append(_text(f"{k + 1}.  {stop.title}", EDGE, y, "font-weight:bold;font-size:15px"))
        y += 10
        body.append(f'<use href="#{name}" x="{number(EDGE)}" y="{number(y)}"/>')
        glow = _glow(scene, stop, f"{name}-{k}")
        if glow:
            body.append(glow.replace("<svg ", f'<svg x="{number(EDGE)}" y="{number(y)}" ', 1))
        y += scene.height + 6
        for paragraph in to_text(stop.text):
            for line in _wrapped(paragraph, wide - 2 * EDGE):
                y += LINE
                body.append(_text(line, EDGE, y))
        y += 6 if code[k] else 0
        for line, own in code[k]:
            y += LINE - 3
            look = f"font-family:{MONO};font-size:12px" + (";font-weight:bold" if own else ";opacity:.75")
            body.append(_text(line.replace(" ", "\u00a0"), EDGE + 8, y, look))  # not every viewer keeps spaces
        for said in values[k]:
            y += LINE + 4
            body.append(_text("  ·  ".join(f"{a} {b}" for a, b in said["stats"].items()), EDGE, y, "opacity:.8"))
            if "heat" in said:
                y = _image(said["heat"], y + 6, body)
        y += GAP
    words = "; ".join(f"{k + 1}. {stop.title}" for k, stop in enumerate(stops))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(wide)} {number(y)}" width="{number(wide)}" '
        f'height="{number(y)}" role="img">\n<title>{escape(scene.title)}</title>\n<desc>{escape(words)}</desc>\n'
        f'<defs>{figure}</defs>\n<rect width="{number(wide)}" height="{number(y)}" fill="#fff"/>\n'
        f'<g fill="#1b1b1b" style="font:13px Arial,\'Liberation Sans\',sans-serif">\n'
        + "\n".join(body)
        + "\n</g>\n</svg>\n"
    )


def _text(text: str, x: float, y: float, look: str = "") -> str:
    style = f" style='{look}'" if look else ""
    return f'<text x="{number(x)}" y="{number(y)}"{style}>{escape(text)}</text>'


def _glow(scene: Scene, stop: Stop, name: str) -> str:
    """The glow of a step by itself, to be laid over the figure."""
    bare = {id(m) for m in scene.marks}
    own = tuple(m for m in lit(scene, [stop.found]).marks if id(m) not in bare and isinstance(m, Path))
    if not own:
        return ""
    drawn = render(replace(scene, marks=own, title="", description=""), prefix=name)
    start, end = drawn.index('<rect class="ncd-background"'), drawn.index("/>", drawn.index("<rect")) + 2
    drawn = drawn[:start] + drawn[end:]
    return f'<g style="mix-blend-mode:multiply">{drawn}</g>'


def _image(heat: Mapping[str, Any], y: float, body: list[str]) -> float:
    by = max(1, min(12, int(WIDEST_IMAGE // max(heat["width"], heat["height"]))))
    w, h = heat["width"] * by, heat["height"] * by
    body.append(
        f'<image href="{escape(heat["image"])}" x="{number(EDGE)}" y="{number(y)}" width="{w}" height="{h}" '
        'style="image-rendering:pixelated"/>'
    )
    body.append(_text(heat["caption"], EDGE + w + 12, y + 14, "opacity:.8"))
    body.append(_text(heat["scale"], EDGE + w + 12, y + 14 + LINE, "opacity:.8"))
    return y + max(h, 2 * LINE) + 4


def _wrapped(text: str, room: float) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        if lines and measured(f"{lines[-1]} {word}", "word") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
