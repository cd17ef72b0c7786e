"""``ncd.walkthrough(d, steps)``: a player that goes through a picture step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as ui
import traitlets

from ncd.circuit.diagram import Diagram
from ncd.emit.values import Values
from ncd.errors import NCDError
from ncd.notebook.markdown import to_html
from ncd.notebook.payload import payload
from ncd.notebook.steps import Given, Stop, closed, given, stops
from ncd.notebook.widget import Widget

AROUND = 2
"""So many lines of code are shown before and after those of a step."""
SECONDS = 4
WIRES = 2
"""The values of so many wires are shown at most at a step."""


class Walkthrough(ui.VBox):
    """A widget of a diagram (``.picture``), the controls of a player, and what is said at each ``step``, from 0.

    Its saved output, where no widget can be, is one SVG with all steps below one another.
    """

    step = traitlets.Int(0)

    def __init__(
        self,
        diagram: Diagram,
        steps: Iterable[Given] | Mapping[str, str] | None = None,
        values: Values | bool | None = None,
        **options: Any,
    ) -> None:
        self.picture = Widget(diagram, **options)
        plan = None if steps is None else given(steps)
        while plan and (hidden := closed(plan, self.picture.drawn, self.picture.simple)):
            self.picture.opened = [*self.picture.opened, *hidden]
        self.stops = stops(plan, self.picture.drawn, self.picture.simple, self.picture.facts)
        if not self.stops:
            raise NCDError("there are no steps", doing="planning a walk through a diagram", fix="name at least one")
        self.values = diagram.run(keep=()) if values is True else values or None
        if self.values is not None:
            self.picture.values = payload(self.values, self.picture.drawn)
        self._text, self._controls = ui.HTML(), self._player()
        self.add_traits(step=traitlets.Int(0, min=0, max=len(self.stops) - 1))
        super().__init__([self.picture, self._controls, self._text])
        self.observe(self._shown, "step")
        self.picture.observe(self._chosen, "selected")
        self._shown()

    def _player(self) -> ui.Box:
        last = len(self.stops) - 1
        back = ui.Button(description="←", tooltip="Previous step", layout=ui.Layout(width="44px"))
        on = ui.Button(description="→", tooltip="Next step", layout=ui.Layout(width="44px"))
        back.on_click(lambda _: self.set_trait("step", max(0, self.step - 1)))
        on.on_click(lambda _: self.set_trait("step", min(last, self.step + 1)))
        play = ui.Play(min=0, max=last, interval=1000 * SECONDS)
        self.slider = ui.IntSlider(min=0, max=last, readout=False, description="step", continuous_update=False)
        self.count = ui.Label()
        traitlets.link((self, "step"), (self.slider, "value"))
        traitlets.link((self, "step"), (play, "value"))
        self.back, self.on, self.play = back, on, play
        return ui.HBox([back, on, play, self.slider, self.count])

    def _shown(self, _: Any = None) -> None:
        stop = self.stops[self.step]
        self.count.value = f"{self.step + 1} of {len(self.stops)}"
        self.picture.marked = list(stop.keys)
        title = f'<h4 style="margin:.4em 0">{escape(stop.title)}</h4>'
        said = [title, to_html(stop.text), code_html(self._code(stop)), *map(value_html, self._values(stop))]
        # A widget's lines are as high as its buttons; these are to be read.
        self._text.value = f'<div style="line-height:1.5;max-width:75em">{"".join(said)}</div>'

    def _chosen(self, change: Any) -> None:
        """A click on an operation goes to its step, the next that has it."""
        order = [*range(self.step, len(self.stops)), *range(self.step)]
        self.step = next((k for k in order if change["new"] in self.stops[k].keys), self.step)

    # ---------------------------------------------------------------- what belongs to a step
    def _code(self, stop: Stop) -> list[tuple[str, bool]]:
        """Lines of the function that the first operation was written in, and which are the step's."""
        functions, facts = self.picture.document.get("sources", []), self.picture.facts.get("op", {})
        known = [facts.get(str(k), {}).get("at", ()) for k in stop.ops]
        places = [at for at in known if len(at) > 1]  # of a closed block only its function is known
        if not places:
            return []
        source = functions[places[0][0]]
        own = {n for at in places if at[0] == places[0][0] for n in range(at[1], at[3] + 1)}
        lines = source["text"].split("\n")
        first, last = min(own) - AROUND, max(own) + AROUND
        return [
            (line, n in own)
            for n, line in enumerate(lines, source["line"])
            if first <= n <= last and (line or n in own)
        ]

    def _values(self, stop: Stop) -> list[dict[str, Any]]:
        wires = [str(a.id) for k in stop.ops for a in self.picture.drawn.ops[k].outputs]
        return [self.picture.values[i] for i in wires if i in self.picture.values][:WIRES]

    # ---------------------------------------------------------------- where no widget can be
    def to_svg(self) -> str:
        """All steps below one another, as one picture."""
        from ncd.notebook.still import still

        code, values = [self._code(s) for s in self.stops], [self._values(s) for s in self.stops]
        return still(self.picture.scene, self.stops, code, values)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        shown = super()._repr_mimebundle_(**kwargs) or {}
        return {**shown, "image/svg+xml": self.to_svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<walk through {self.picture.diagram.title}, {len(self.stops)} steps>"


def walkthrough(
    diagram: Diagram,
    steps: Iterable[Given] | Mapping[str, str] | None = None,
    values: Values | bool | None = None,
    **options: Any,
) -> Walkthrough:
    """A player through a diagram: buttons, a slider, and at each step a part lit, a text, its code, its values.

    A step is a name as in ``highlight`` (``"h.0.attn:softmax"``, an axis, a path), a pair of a name (or several) and
    a text in Markdown, or a dict of ``at``, ``title`` and ``text``.  Without steps it goes from operation to
    operation.  ``values``: what ran through (``d.run(x)``), or True to run on the traced inputs.  ``options``
    as in ``view``; a block that a step is inside of is drawn open.

    Raises NCDError on names of nothing.
    """
    return Walkthrough(diagram, steps, values, **options)


def code_html(lines: Sequence[tuple[str, bool]]) -> str:
    """Code, its own lines marked."""
    if not lines:
        return ""
    lit = "display:block;background:rgba(255,190,0,.28);color:inherit"
    marked = ((escape(line), own) for line, own in lines)
    body = "".join(f'<mark style="{lit}">{line}\n</mark>' if own else f"{line}\n" for line, own in marked)
    return f'<pre style="margin:.4em 0;padding:.4em .6em;overflow-x:auto;white-space:pre">{body}</pre>'


def value_html(said: Mapping[str, Any]) -> str:
    """What is said of a wire's values."""
    words = escape("  ·  ".join(f"{a} {b}" for a, b in said["stats"].items()))
    heat = said.get("heat")
    if not heat:
        return f"<p>{words}</p>"
    by = max(1, min(8, 200 // max(heat["width"], heat["height"])))
    caption = escape(f"{heat['caption']}; {heat['scale']}")
    size = f'width="{heat["width"] * by}" height="{heat["height"] * by}"'
    return (
        f'<p>{words}<br><img src="{escape(heat["image"])}" alt="{caption}" {size} '
        f'style="image-rendering:pixelated"><br><small>{caption}</small></p>'
    )
