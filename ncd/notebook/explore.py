"""``d.explore()``: a picture with a bench beside it: run, change something on the way, other sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as ui

from ncd.analysis.table import scaled
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.emit.patch import Intervention, axis_names, scale
from ncd.errors import NCDError
from ncd.notebook.payload import finder
from ncd.notebook.widget import Widget

if TYPE_CHECKING:
    from ncd.analysis.cost import Cost

SPREAD = 8
"""A slider of a size goes so many times as far as the size traced."""

WHOLE = -1
"""Stands for no axis in particular: a choice of None would be shown as no choice."""


class Explore(ui.VBox):
    """A widget of a diagram (``.picture``) over three rows of controls.

    *Run* sends the traced inputs, or those of ``run(...)``, through the model, and shows at every
    wire what was in it.  *Change* scales a range of an axis at a wire (0 ablates it), the one that
    was clicked or another, and says what that does to the outputs; several changes add up.
    *Sizes* are sliders of the input axes: the FLOPs and parameters of the whole follow, and all other sizes.
    """

    def __init__(self, diagram: Diagram, **options: Any) -> None:
        self.picture = Widget(diagram, **options)
        self.patch: dict[int, list[Intervention]] = {}
        self._ops: dict[int, tuple[Op, int]] = {}
        self._said: list[str] = []
        self._runs()
        self._changes()
        rows = [self.picture, self._run_row, self._change_row, self._result, *self._size_rows(diagram)]
        super().__init__(rows)
        self.picture.observe(lambda _: self._wires_drawn(), "document")
        self.picture.observe(self._chosen, "selected")
        self._wires_drawn()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and its picture for wherever no widget can be."""
        shown = super()._repr_mimebundle_(**kwargs) or {}
        return {**shown, "image/svg+xml": self.picture.svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<bench of {self.picture.diagram.title}>"

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Run on these inputs, without any change on the way."""
        self._forget()
        self.picture.run(*args, **kwargs)

    # ---------------------------------------------------------------- run
    def _runs(self) -> None:
        self.button = ui.Button(description="Run", tooltip="Send inputs through, and see what is in every wire")
        self.button.on_click(self._told(lambda: self._run()))
        self.turn = ui.BoundedIntText(1, min=1, max=1, description="block", layout=ui.Layout(width="110px"))
        self.turn.observe(lambda c: self.picture.set_trait("turn", c["new"] - 1), "value")
        self._run_row = row([self.button, self.turn])

    def _run(self) -> None:
        self.picture.run(patch=self.patch or None)
        said = [*self._said, *(repr(c)[1:-1] for c in self.picture.changes())]
        self._result.value = "<br>".join(map(html, said))

    # ---------------------------------------------------------------- change
    def _changes(self) -> None:
        self.wire = ui.Dropdown(
            options=[],
            description="at",
            tooltip="A wire; click an operation to choose what it makes",
            layout=ui.Layout(width="340px"),
        )
        self.axis = ui.Dropdown(description="axis", layout=ui.Layout(width="130px"))
        self.range = ui.IntRangeSlider(value=(0, 0), min=0, max=0, description="from, to")
        self.by = ui.BoundedFloatText(
            0.0, min=-100, max=100, step=0.1, description="times", layout=ui.Layout(width="110px")
        )
        self.apply = ui.Button(description="Change", tooltip="Run with this range of the wire times that number")
        self.clear = ui.Button(description="Undo all")
        self.wire.observe(lambda _: self._axes_of_wire(), "value")
        self.axis.observe(lambda _: self._range_of_axis(), "value")
        self.apply.on_click(self._told(self._change))
        self.clear.on_click(self._told(self._undo))
        self._change_row = row([self.wire, self.axis, self.range, self.by, self.apply, self.clear])
        self._result = ui.HTML()

    def _wires_drawn(self) -> None:
        """The wires that the model has, too: what its operations make, of a folded one in the block chosen."""
        drawn, before = self.picture.drawn, self._array()
        find = finder(self.picture.simple, self.turn.value - 1)
        self._ops = {}
        names = []
        for k, op in enumerate(drawn.ops):
            for j, a in enumerate(op.outputs):
                if find(op, j) is None:
                    continue
                n = len(self._ops)
                self._ops[n] = (op, j)
                where = f"{op.path}: " if op.path else ""
                names.append((f"{k}. {where}{op.name} [{' '.join(w.name for w in a.wires)}]", n))
        self.wire.options = names
        self.wire.value = next((n for n, (op, j) in self._ops.items() if before and op.outputs[j].id == before.id), 0)
        count = max((b.repeat for b in drawn.blocks), default=1)
        self.turn.max, self.turn.layout.display = count, "" if count > 1 else "none"

    def _chosen(self, change: Any) -> None:
        kind, _, k = str(change["new"]).partition(":")
        if kind == "op":
            op = self.picture.drawn.ops[int(k)]
            self.wire.value = next((n for n, (o, _) in self._ops.items() if o is op), self.wire.value)

    def _array(self) -> Array | None:
        found = self._ops.get(self.wire.value)
        return found[0].outputs[found[1]] if found else None

    def _axes_of_wire(self) -> None:
        a = self._array()
        names = axis_names(a) if a is not None else []
        self.axis.options = [("all of it", WHOLE), *((name, k) for k, name in enumerate(names))]
        self.axis.value = WHOLE

    def _range_of_axis(self) -> None:
        a = self._array()
        k = self.axis.value
        size = 1 if a is None or k is None or k == WHOLE else a.wires[k].size
        self.range.value = (0, 0)
        self.range.max = size - 1
        self.range.layout.display = "" if size > 1 else "none"

    def _change(self) -> None:
        found = self._ops.get(self.wire.value)
        if found is None:
            return
        at = finder(self.picture.simple, self.turn.value - 1)(*found)
        if at is None:
            raise NCDError("this wire is not one of the model's own", doing="changing a value")
        first, last = self.range.value
        # The heads of another layer are another axis, with a name of its own.
        names = axis_names(next(a for a in self.picture.simple.arrays if a.id == at[0]))
        where = {} if self.axis.value == WHOLE else {names[self.axis.value]: range(first, last + 1)}
        self.patch.setdefault(at[0], []).append(scale(self.by.value, **where))
        part = f"{self.axis.label} {first}…{last}" if where else "all"
        name = self.wire.options[self.wire.index][0]
        self._said.append(f"{at[1] or name}: {part} × {self.by.value:g}")
        self._run()

    def _undo(self) -> None:
        self._forget()
        self._run()

    def _forget(self) -> None:
        self.patch.clear()
        self._said.clear()

    # ---------------------------------------------------------------- sizes
    def _size_rows(self, diagram: Diagram) -> list[Any]:
        try:
            found, cost = diagram.sizes(), diagram.cost()
            traced = found.at()
        except NCDError:
            return []
        if not found.variables:
            return []
        steps = found.steps
        self.sizes = {
            name: ui.IntSlider(n, min=steps.get(name, 1), max=SPREAD * n, step=steps.get(name, 1), description=name)
            for name, n in found.variables.items()
        }
        self._sized = ui.HTML()

        def show(_: Any = None) -> None:
            chosen = {name: s.value for name, s in self.sizes.items()}
            try:
                other = {name: n for name, n in found.at(**chosen).items() if name not in chosen and n != traced[name]}
                said = amounts(cost, chosen)
            except NCDError as error:
                self._sized.value = html(error.cause)
                return
            follow = ", ".join(f"{name} = {n}" for name, n in other.items())
            self._sized.value = said + (html(f" · then {follow}") if follow else "")

        for s in self.sizes.values():
            s.observe(show, "value")
        show()
        return [row(list(self.sizes.values())), self._sized]

    def _told(self, act: Callable[[], Any]) -> Callable[[Any], None]:
        """An action whose error is said below the controls, where it would else be lost."""

        def pressed(_: Any) -> None:
            try:
                act()
            except NCDError as error:
                self._result.value = html(str(error))
            except Exception as error:  # the model's own
                self._result.value = html(f"{type(error).__name__}: {error}")

        return pressed


def amounts(cost: Cost, sizes: Mapping[str, int]) -> str:
    """FLOPs and parameters of the whole at these sizes, and by how much those are more than as traced, as HTML.

    Raises AxisError where they are not known there.
    """
    said = []
    for name, amount in (("FLOPs", cost.total.flops), ("parameters", cost.total.params)):
        now, before = amount.at(**sizes), int(amount)
        times = f" ({now / before:.3g} × as traced)" if before and now != before else ""
        said.append(f"{name} <b>{scaled(now)}</b>{times}")
    if cost.unknown:
        said.append(html(f"not in the FLOPs: {', '.join(sorted({op.name for op in cost.unknown}))}"))
    return " · ".join(said)


def row(controls: list[Any]) -> ui.HBox:
    """Controls side by side, in as many lines as it takes, each with its name close to it."""
    for control in controls:
        control.layout.margin = "2px 12px 2px 2px"
        if isinstance(control, ui.Button):
            control.layout.width = "max-content"
        else:
            control.style.description_width = "initial"
    return ui.HBox(controls, layout=ui.Layout(flex_flow="row wrap"))


def html(text: str) -> str:
    """Plain text as HTML."""
    return escape(text).replace("\n", "<br>")
