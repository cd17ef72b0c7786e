"""From a diagram to what a person sees: simplify, choose how much is open, lay out, write.

Every way of showing a diagram goes through ``draw``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncd.circuit.diagram import Diagram
from ncd.circuit.packed import packed
from ncd.errors import NCDError
from ncd.garbage import collecting_later
from ncd.options import checked, complete

if TYPE_CHECKING:
    from graphviz import Digraph

    from ncd.layout.programme import Solved
    from ncd.layout.scene import Scene

MIME = "application/vnd.ncd.v1+json"
REMEMBERED = 3
"""How often what is far from where it is read goes to memory: rows end elsewhere then, and more may be far."""


class Svg(str):
    """SVG text that shows itself as the last line of a cell."""

    def _repr_svg_(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """In place of the whole text, which IPython would print beside the picture."""
        printer.text(f"<SVG, {len(self)} characters>")


@dataclass(frozen=True)
class Picture:
    """A diagram as drawn: what is in it after simplifying and folding, where it stands, and the SVG.

    ``simple`` is all of it before folding, with every block.
    """

    drawn: Diagram
    scene: Scene
    svg: Svg
    simple: Diagram


@collecting_later()
def draw(diagram: Diagram, **options: Any) -> Picture:
    """Draw a diagram; the one road from a diagram to a picture."""
    from ncd.depth import best_that_fits, content, opened_while_it_fits
    from ncd.layout.arrays import with_arrays
    from ncd.layout.callouts import noted
    from ncd.layout.figure import Figure
    from ncd.layout.heat import heated
    from ncd.layout.legend import explained
    from ncd.layout.margin import coloured, lit
    from ncd.layout.pointing import pointed
    from ncd.render.svg import render
    from ncd.rewrite.memory import remembered
    from ncd.rewrite.present import depths, prepared, present, retitled

    o = complete(dict(diagram.options), options)
    simplified, o["expand"] = with_composites(diagram.simplify(), o["expand"])
    simple = retitled(prepared(simplified, numbered=o["stages"]), dict(o["titles"]))
    shown, hidden = _axes(simple, o["show"]), _axes(simple, o["hide"])
    simple = replace(simple, outer=tuple(i for i in simple.outer if i not in shown))
    chosen = {**{k: o[k] for k in ("width", "labels", "axis_order")}, "hide": hidden}

    def opened(depth: int, expand: Sequence[str] = (), collapse: Sequence[str] = ()) -> Diagram:
        return present(simple, depth=depth, expand=expand, collapse=collapse)

    figures: dict[object, Figure] = {}
    solved: Solved = {}

    def figure(drawn: Diagram) -> Figure:
        key = content(drawn)
        if key not in figures:
            figures[key] = Figure(drawn, **chosen, solved=solved)
        return figures[key]

    def laid_out(drawn: Diagram) -> tuple[Diagram, Scene]:
        """Without lanes that pass whole rows, unless asked for or where these take no more room."""
        scene = figure(drawn).picture(o["quality"])
        for _ in range(REMEMBERED if o["skips"] == "memory" else 0):
            if not scene.far:
                break
            again = remembered(drawn, scene.far)
            other = Figure(again, **chosen, solved=solved).picture(o["quality"])
            if other.height > scene.height:
                break
            drawn, scene = again, other
        return drawn, scene

    def sketched(drawn: Diagram) -> tuple[Diagram, Scene]:
        return drawn, figure(drawn).picture(0)

    if o["depth"] is None:
        choice = best_that_fits(depths(simple), o["width"], opened, laid_out, sketched)
        if o["expand"] or o["collapse"]:
            drawn, scene = laid_out(opened(choice.depth, o["expand"], o["collapse"]))
        else:
            choice = opened_while_it_fits(choice, o["width"], opened, laid_out, sketched)
            drawn, scene = choice.drawn, choice.scene
    else:
        drawn, scene = laid_out(opened(o["depth"], o["expand"], o["collapse"]))
    scene = coloured(scene, drawn, simple, dict(o["colors"]))
    scene = heated(scene, *_heat(drawn, o["heat"])) if o["heat"] != "none" else scene
    scene = lit(scene, (pointed(drawn, simple, name) for name in o["highlight"]))
    scene = with_arrays(scene, drawn, o["arrays"])
    scene = noted(scene, [(pointed(drawn, simple, name), text) for name, text in o["notes"]])
    scene = explained(scene, drawn) if o["legend"] else scene
    return Picture(drawn, scene, Svg(render(scene, theme=o["theme"])), simplified)


def _axes(diagram: Diagram, names: Iterable[str]) -> set[int]:
    """The ids of axes by name.  Raises NCDError on a name that no axis has."""
    for name in names:
        if name not in diagram.axes:
            known = ", ".join(sorted(diagram.axes))
            raise NCDError(f"no axis {name!r}", doing="choosing what to draw", fix=f"one of {known}")
    return {w.id for a in diagram.arrays for w in a.wires if w.name in names}


def with_composites(simple: Diagram, expand: Sequence[str]) -> tuple[Diagram, tuple[str, ...]]:
    """A simplified diagram with the composites among these names opened, and the names of blocks that are left."""
    from ncd.rewrite.present import called

    named = {name for b in simple.blocks for name in called(b)}
    for name in expand:
        if name not in named:
            simple = simple.open(name)
    return simple, tuple(name for name in expand if name in named)


_HEATS = {"flops": "FLOPs", "params": "parameters", "traffic": "bytes read and written"}


def _heat(drawn: Diagram, what: str) -> tuple[dict[int, float], str]:
    """The share of every op in the cost of the whole, and a title for it."""
    from ncd.analysis import cost
    from ncd.analysis.table import byte, scaled

    ops, _, whole = cost.drawn(drawn, cost.ledger(drawn), what)
    amount = byte(whole) if what == "traffic" else scaled(whole)
    return {i: n / whole for i, n in ops.items() if n}, f"share of {amount} {_HEATS[what]}"


def picture(diagram: Diagram, **options: Any) -> tuple[Scene, Svg]:
    """The geometry and the SVG of a diagram."""
    shown = draw(diagram, **options)
    return shown.scene, shown.svg


def with_options(diagram: Diagram, options: Mapping[str, Any]) -> Diagram:
    """The same diagram with other defaults for drawing."""
    return replace(diagram, options=tuple(sorted((dict(diagram.options) | checked(options)).items())))


def svg(diagram: Diagram, **options: Any) -> Svg:
    """The picture, or that alone where marks are not to say what they show."""
    from ncd.render.compact import render

    o = complete(dict(diagram.options), options)
    shown = draw(diagram, **options)
    return shown.svg if o["ids"] else Svg(render(shown.scene, o["theme"]))


def tikz(diagram: Diagram, **options: Any) -> str:
    from ncd.render.tikz import render

    return render(*_still(diagram, options))


def pdf(diagram: Diagram, **options: Any) -> bytes:
    from ncd.render.pdf import render

    return render(*_still(diagram, options))


def png(diagram: Diagram, scale: float = 2.0, **options: Any) -> bytes:
    from ncd.render.png import render

    if not (isinstance(scale, (int, float)) and 0 < scale <= 20):
        raise NCDError(f"scale={scale!r} means nothing", doing="writing a PNG", fix="pixels to one px, 20 at most")
    return render(*_still(diagram, options), scale=scale)


def _still(diagram: Diagram, options: Mapping[str, Any]) -> tuple[Scene, str]:
    """The geometry and the theme of a picture that no reader's preference can change."""
    theme = complete(dict(diagram.options), options)["theme"]
    return draw(diagram, **options).scene, "light" if theme == "auto" else theme


def graphviz(diagram: Diagram, **options: Any) -> Digraph:
    """The overview of what would be drawn with these options."""
    from ncd.export.dot import digraph

    return digraph(draw(diagram, **options).drawn)


@collecting_later()
def html(diagram: Diagram, **options: Any) -> str:
    """A page that needs nothing else: the picture, and what it knows about each op and axis.

    Unless a theme was chosen, the picture is light or dark as the reader's pages are.
    """
    from ncd.render.html import page
    from ncd.render.tikz import render as write

    shown = draw(diagram, **{"theme": "auto", **dict(diagram.options), **options})
    tikz = packed(write(shown.scene, "light"))
    return page(diagram.title, shown.svg, {**document(diagram, shown), "tikz": tikz})


def content(shown: Picture) -> dict[str, Any]:
    """What a front end shows of a picture: the SVG, what is known of the ids in it, and the code of its ops."""
    from ncd.document import document as made

    return made([shown])


def document(diagram: Diagram, shown: Picture) -> dict[str, Any]:
    """All that a front end needs with no kernel.

    The diagram goes along packed, to be read back by ``from_json`` and by nothing else.
    """
    from ncd.document import with_insides

    return {**with_insides(diagram, shown, draw), "diagram": packed(diagram.to_json())}


@collecting_later()
def mimebundle(diagram: Diagram) -> dict[str, Any]:
    """What a cell shows: for ncd's own renderer, as a picture, as text; and live where only widgets are.

    The first shows the SVG that is there as a picture, rather than carry it a second time.
    """
    from ncd.notebook import ask
    from ncd.notebook.host import host, live

    shown = draw(diagram, **{"theme": "auto", **dict(diagram.options)})
    still, night = _by_day(shown.svg)
    whole = document(diagram, shown)
    whole["scenes"] = [{k: v for k, v in scene.items() if k != "svg"} for scene in whole["scenes"]]
    whole["scenes"][0]["night"] = night
    ask.shown(diagram, whole["diagram"])
    bundle = {MIME: whole, "image/svg+xml": still, "text/plain": str(shown.drawn)}
    return bundle | live(diagram, host())


def _by_day(svg: str) -> tuple[str, str]:
    """A figure of the theme "auto" as it is by day, and the rules that make it dark; of another theme, as it is.

    A picture in a page cannot know whether that page is dark: the reader's preference says nothing about it.
    """
    found = re.search(r"\n@media \(prefers-color-scheme:dark\)\{\n.*?\n\}(?=\n</style>)", svg, re.DOTALL)
    return (svg[: found.start()] + svg[found.end() :], found[0]) if found else (svg, "")


def _json(diagram: Diagram, **options: Any) -> str:
    return with_options(diagram, options).to_json()


def _document_json(diagram: Diagram, **options: Any) -> str:
    return json.dumps(document(diagram, draw(diagram, **options)), sort_keys=True, separators=(",", ":"))


def _dot(diagram: Diagram, **options: Any) -> str:
    return graphviz(diagram, **options).source


WRITERS: Mapping[str, Callable[..., str | bytes]] = {
    ".svg": svg,
    ".pdf": pdf,
    ".png": png,
    ".tex": tikz,
    ".html": html,
    ".dot": _dot,
    ".ncd.json": _document_json,
    ".json": _json,
}
"""What each ending of a file name stands for; the first that matches."""


def save(diagram: Diagram, path: str | Path, **options: Any) -> Path:
    """Write the diagram in the format that the path's ending names; returns the path."""
    path = Path(path)
    for ending, write in WRITERS.items():
        if path.name.lower().endswith(ending):
            made = write(diagram, **options)
            path.write_bytes(made.encode() if isinstance(made, str) else made)
            return path
    raise NCDError(
        f"no format is known for {path.name!r}",
        doing=f"saving {diagram.title!r}",
        fix="a path that ends in one of " + ", ".join(WRITERS),
    )
