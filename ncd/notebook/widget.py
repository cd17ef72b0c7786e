"""The picture as a widget: it tells Python what is hovered, chosen and opened, and Python can say so, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError
from ncd.notebook.differ import changed, matched
from ncd.options import checked

if TYPE_CHECKING:
    from ncd.emit.change import Change
    from ncd.emit.values import Values
    from ncd.notebook.experiment import Experiment

_STATIC = Path(__file__).parent.parent / "static"


class Widget(anywidget.AnyWidget):
    """A diagram's picture, with traits to ``observe``, ``link`` and ``interact`` with.

    ``opened`` and ``closed``: paths (or classes) of the blocks drawn open, and closed, whatever the
    options say; setting them draws anew, and a double click on a block sets them.
    ``selected`` and ``hovered``: what was clicked and what is under the pointer, as ``op:3``,
    ``axis:7``, ``block:h.0``, or ``""``; ``facts`` says what those are.  ``marked``: what is lit, and
    all else dimmed, while nothing is hovered.  ``values``: by an array's id, what is shown of its numbers
    where its wire is pointed at.  ``state``: a small dict of what one looks at, to be set again later.
    ``turn``: of which of the blocks that one is drawn for the values are, from 0.
    ``document``: what is drawn, as ``ncd.show.content`` gives it.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    document = traitlets.Dict().tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    closed = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    hovered = traitlets.Unicode("").tag(sync=True)
    marked = traitlets.List(traitlets.Unicode()).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, diagram: Diagram, **options: Any) -> None:
        self._experiment: Experiment | None = None
        self._chosen: tuple[list[str], list[str], list[str]] | None = None
        super().__init__(**self._begun(diagram, options))

    def _begun(self, diagram: Diagram, options: Mapping[str, Any]) -> dict[str, Any]:
        """The traits of a diagram drawn for the first time."""
        self.diagram = diagram
        self.simple = diagram.simplify()  # once: what is drawn of it changes with every click
        self._options = checked({"theme": "auto", **dict(diagram.options), **options})
        opened, closed = (list(self._options.pop(name, ())) for name in ("expand", "collapse"))
        self._first = self._shown = (opened, closed)
        self._open: list[str] = []
        first = self._draw(opened, closed)
        # What the first picture has open stays so: a click on one block changes nothing about others.
        self._options |= {"depth": 0}
        self._open = list(first["scenes"][0]["facts"].get("block", ()))
        return {"opened": opened, "closed": closed, "document": first}

    def become(self, diagram: Diagram, **options: Any) -> None:
        """Show another diagram from now on, one of the same model perhaps, traced again.

        What was opened, closed and chosen stays so where it is still there; ``document["changed"]`` are
        the keys of the operations that are new, or do something else than before.
        """
        before, mine = self.drawn, (list(self.opened), list(self.closed))
        chosen = (*mine, self._open) if mine != self._first else self._chosen
        traits, self._chosen = self._begun(diagram, options), chosen
        if chosen is not None:
            known = {name for b in self.simple.blocks for name in (b.path, b.cls, *b.also)}
            opened, closed, kept = ([p for p in paths if p in known] for paths in chosen)
            first, self._open = self._open, kept
            try:
                traits = {"opened": opened, "closed": closed, "document": self._draw(opened, closed)}
                self._shown = (opened, closed)
            except NCDError:  # so little is left of a block that it is not drawn: as if for the first time
                self._open = first
                self._draw(*self._shown)
        traits["document"]["changed"] = [f"op:{k}" for k in changed(before, self.drawn)]
        now = matched(before, self.drawn)

        def still(key: str) -> str:
            kind, _, k = key.partition(":")
            if kind == "op":
                return f"op:{now[int(k)]}" if k.isdigit() and int(k) in now else ""
            return "" if kind == "axis" else key  # another trace counts axes anew

        self._experiment = None
        with self.hold_sync(), self.hold_trait_notifications():
            self.selected, self.hovered, self.marked = still(self.selected), "", []
            self.values = {}
            for name, value in traits.items():
                setattr(self, name, value)

    @property
    def svg(self) -> str:
        """The picture."""
        return str(self.document["scenes"][0]["svg"])

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the ids in the picture."""
        return dict(self.document["scenes"][0]["facts"])

    def _draw(self, opened: list[str], closed: list[str]) -> dict[str, Any]:
        """The picture with its facts and its code.  A class among ``closed`` gives way to a path among ``opened``."""
        from ncd import show

        of = {name: [b.path for b in self.simple.blocks if b.cls == name] or [name] for name in closed}
        collapse = [path for name in closed for path in of[name] if path not in opened]
        expand = list(dict.fromkeys([*self._open, *opened]))
        picture = show.draw(self.simple, **self._options, expand=expand, collapse=collapse)
        self.drawn, self.scene = picture.drawn, picture.scene
        return _plain(show.content(picture))

    def run(self, *args: Any, patch: Mapping[Any, Any] | None = None, **kwargs: Any) -> Values:
        """Run the diagram, as ``Diagram.run`` does, and show at every wire what ran through it.

        Without inputs: on those of the last run, or else those it was traced with.
        """
        if self._experiment is None:
            from ncd.notebook.experiment import Experiment

            self._experiment = Experiment(self.diagram)
        values = self._experiment.run(args, kwargs, patch)
        self._show_values()
        return values

    def changes(self) -> list[Change]:
        """How far the outputs of the last run are from those of one without ``patch``."""
        return self._experiment.changes() if self._experiment is not None else []

    @traitlets.observe("turn")
    def _show_values(self, _: Any = None) -> None:
        if self._experiment is not None:
            self.values = self._experiment.shown(self.drawn, self.turn)

    def __repr__(self) -> str:
        return f"<ncd.Widget of {self.diagram.title}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and its picture for wherever no widget can be: exported, previewed, opened again."""
        shown = super()._repr_mimebundle_(**kwargs)
        return shown and ({**shown[0], "image/svg+xml": self.svg}, shown[1])

    @traitlets.observe("opened", "closed")
    def _redraw(self, change: Any) -> None:
        wanted = (list(self.opened), list(self.closed))
        if wanted == self._shown:
            return
        try:
            drawn = self._draw(*wanted)
        except NCDError:
            self.opened, self.closed = self._shown  # what is said to be open is what one sees
            raise
        self._shown = wanted
        with self.hold_sync():
            # Ids of axes and paths of blocks mean the same in every picture, positions of ops do not.
            self.selected, self.hovered = (_lasting(k) for k in (self.selected, self.hovered))
            self.document = drawn
            self._show_values()


def widget(diagram: Diagram, **options: Any) -> Widget:
    """The picture of a diagram as a widget; options as for ``to_svg``, the theme that of the reader if not given."""
    return Widget(diagram, **options)


def _lasting(key: str) -> str:
    return "" if key.startswith("op:") else key


def _plain(value: Any) -> Any:
    """Mappings as dicts and sequences as lists, all the way down: what can be sent."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
