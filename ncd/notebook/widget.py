"""The picture as a widget: it tells Python what is hovered, chosen and opened, and Python can say so, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError

_STATIC = Path(__file__).parent.parent / "static"


class Widget(anywidget.AnyWidget):
    """A diagram's picture, with traits to ``observe``, ``link`` and ``interact`` with.

    ``opened``: paths of the blocks drawn open beyond what the options say; setting it draws anew.
    ``selected`` and ``hovered``: what was clicked and what is under the pointer, as ``op:3``,
    ``axis:7``, ``block:h.0``, or ``""``; ``facts`` says what those are.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    svg = traitlets.Unicode("").tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    hovered = traitlets.Unicode("").tag(sync=True)

    def __init__(self, diagram: Diagram, **options: Any) -> None:
        self.diagram = diagram
        self._options = {"theme": "auto", **dict(diagram.options), **options}
        opened = self._options.pop("expand", ())
        opened = [opened] if isinstance(opened, str) else list(opened)
        self._shown = opened
        super().__init__(opened=opened, **self._draw(opened))

    def _draw(self, opened: list[str]) -> dict[str, Any]:
        from ncd import show

        scene, svg = show.picture(self.diagram, **self._options, expand=opened)
        return {"svg": str(svg), "facts": _plain(scene.facts)}

    @traitlets.observe("opened")
    def _redraw(self, change: Any) -> None:
        if change.new == self._shown:
            return
        try:
            drawn = self._draw(change.new)
        except NCDError:
            self.opened = self._shown  # what is said to be open is what one sees
            raise
        self._shown = list(change.new)
        with self.hold_sync():
            self.facts = drawn["facts"]
            self.svg = drawn["svg"]


def widget(diagram: Diagram, **options: Any) -> Widget:
    """The picture of a diagram as a widget; options as for ``to_svg``, the theme that of the reader if not given."""
    return Widget(diagram, **options)


def _plain(value: Any) -> Any:
    """Mappings as dicts and sequences as lists, all the way down: what can be sent."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
