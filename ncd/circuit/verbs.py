"""What a diagram can do, each verb one lazy import and one call.

This is the one place where the heart looks up to the layers above it, so that ``import ncd`` and
reading a diagram from JSON load neither torch nor any drawing code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphviz import Digraph
    from networkx import MultiDiGraph
    from torch import nn

    from ncd.analysis.cost import Cost
    from ncd.analysis.sizes import Sizes
    from ncd.analysis.stream import Transfer
    from ncd.circuit.diagram import Diagram, Op
    from ncd.emit.values import Values
    from ncd.notebook.explore import Explore
    from ncd.notebook.widget import Widget
    from ncd.rewrite.sameness import Equivalence
    from ncd.truth import Report


class Verbs:
    """The methods of ``Diagram`` that need another layer."""

    def __rshift__(self: Diagram, other: Diagram) -> Diagram:  # type: ignore[misc]
        """This diagram and then the other: arrays meet by the names of their axes; see ``ncd.dsl``."""
        from ncd.dsl.term import term

        return term(self) >> other

    def __matmul__(self: Diagram, other: Diagram) -> Diagram:  # type: ignore[misc]
        """Both diagrams side by side, on arrays of their own; see ``ncd.dsl``."""
        from ncd.dsl.term import term

        return term(self) @ other

    def __add__(self: Diagram, other: Diagram) -> Diagram:  # type: ignore[misc]
        """Both diagrams on the same arrays, their results added; see ``ncd.dsl``."""
        from ncd.dsl.term import term

        return term(self) + other

    def rename(self: Diagram, names: Mapping[str, str]) -> Diagram:  # type: ignore[misc]
        """The same diagram with axes renamed, ``{"old": "new"}``.  Raises AxisError on unknown or clashing names."""
        from ncd.rewrite.rename import rename

        return rename(self, names)

    def simplify(self: Diagram) -> Diagram:  # type: ignore[misc]
        """The diagram as it is drawn: views become renamings, regions become the function they compute.

        Every op of the result is executable and lists the recorded ops it covers and the evidence.
        """
        from ncd.rewrite import simplify

        return simplify(self)

    def sizes(self: Diagram) -> Sizes:  # type: ignore[misc]
        """The size of every axis, and every literal in the recorded calls, as a formula of the input axes' sizes.

        Found by recording the program again at other sizes; see ``Sizes``.  Raises NCDError for a
        diagram whose program is not at hand (one read from a file).
        """
        from ncd.analysis.sizes import sizes

        return sizes(self)

    def cost(self: Diagram) -> Cost:  # type: ignore[misc]
        """FLOPs, parameters, bytes moved and kept: of every op, every block and in total, as numbers and formulas.

        FLOPs are two for each multiply-add of contractions, convolutions and attention (``macs`` counts
        these once).  Nothing is run; formulas are found when asked for (see ``sizes``).
        """
        from ncd.analysis.cost import cost

        return cost(self)

    def backward(  # type: ignore[misc]
        self: Diagram, inputs: bool | Collection[str] = True, parameters: bool | Collection[str] | None = None
    ) -> Diagram:
        """This diagram and its reverse: cotangents ∂y of the outputs go in, gradients ∂x come out, of x's axes.

        ``inputs`` and ``parameters``: all of them, none, or those named; left out, all inputs, or all
        parameters where no input can have a gradient.  The backward pass is the block "∂":
        ``d.backward()["∂"]`` is it alone, what goes in there is kept for it, and ``d.backward().cost()["∂"]`` is
        what it costs.  Where no formula is known a box ∂name runs autograd on that one call.

        Raises NCDError where no program is at hand, and on names of nothing that has a gradient.
        """
        from ncd.analysis.backward import backward

        return backward(self, inputs, parameters)

    def stream(self: Diagram, axis: str, tile: int) -> Diagram:  # type: ignore[misc]
        """This diagram with attention along ``axis`` as a loop over tiles of it, with a running maximum and sum.

        It computes the same, and no array of it has the axis whole beside the queries' (FlashAttention).  Its
        ``to_module()`` takes inputs of other sizes, too; a last tile may be smaller.  Where no attention is along the
        axis, products of two arrays that are summed over it are so, with the sum so far.
        Raises AxisError where there is neither, or ``tile`` is larger than the axis.
        """
        from ncd.analysis.stream import streamed

        return streamed(self, axis, tile)

    def transfer(self: Diagram, axis: str, tile: int | str, **groups: int | str) -> Transfer:  # type: ignore[misc]
        """What that moves between a large and a small memory, in elements, as in ``d.transfer("x", "t", y="g")``.

        ``groups`` partitions axes: y is worked through g at a time.  Sizes are numbers or names of symbols.
        Raises AxisError on axes that attention, or the product, does not have.
        """
        from ncd.analysis.stream import transfer

        return transfer(self, axis, tile, groups)

    def shard(self: Diagram, axes: Mapping[str, str] | None = None) -> Diagram:  # type: ignore[misc]
        """What is drawn, with marks on the wires that are split over a mesh of devices, and where these must talk.

        ``d.shard({"b": "dp", "h": "tp"})``; left out, the placements of parameters that are DTensors say it, as
        ``parallelize_module`` makes them.
        Behind a sum over a split axis stands an all-reduce, before whatever else acts on one an all-gather.
        Raises AxisError on names of no axis, and where nothing is split.
        """
        from ncd.analysis.shard import shard

        return shard(self, axes)

    def open(self: Diagram, which: str | Op) -> Diagram:  # type: ignore[misc]
        """The same diagram with composites replaced by the operations they are defined by.

        ``which`` is the name of an op (``"layer_norm"``: all of them), a path, a pattern of paths
        (``"h.*.ln_1"``), or an op of the diagram.  A path of a block draws it open; a block around a
        single composite opens that.  What was written out and recognised is shown as it was written;
        a block closed by ``close`` is as it was before.  An op's body takes its place only if both
        give the same numbers; the new ops' ``evidence`` says so.

        Raises NCDError on names of nothing, and where a body would not be what is computed.
        """
        from ncd.rewrite.opened import opened

        return opened(self, which)

    def close(self: Diagram, which: str | Op) -> Diagram:  # type: ignore[misc]
        """The inverse of ``open``: composites as one op again, and any block (by path or class) as one op.

        A closed block runs what is inside it, and acts on an index if any op inside does.
        Raises NCDError on names of nothing.
        """
        from ncd.rewrite.opened import closed

        return closed(self, which)

    def rewrite(self: Diagram, *rules: str, **sizes: int) -> Diagram:  # type: ignore[misc]
        """The diagram as rules of linear algebra rewrite it, one after the other, each as often as it applies.

        ``rules`` are names out of ``ncd.rewrite.rules.RULES`` (``"reassociate"``, ``"absorb_linear"``), which
        says each one's condition; costs are compared at ``sizes`` where given.  The result computes the
        same, and runs.  Raises NCDError on unknown rules and axes.
        """
        from ncd.rewrite.rules import rewrite

        return rewrite(self, rules, sizes)

    def equivalent(self: Diagram, other: Diagram, tolerance: float = 1e-4) -> Equivalence:  # type: ignore[misc]
        """Whether another diagram computes the same of the same inputs, in order; true or false, and says how it knows.

        By normal form, in which linear algebra is done (a proof), else by running both on random inputs
        with the same weights: differences up to ``tolerance`` of the largest number are rounding.
        """
        from ncd.rewrite.sameness import equivalent

        return equivalent(self, other, tolerance)

    def view(self: Diagram, **options: Any) -> Diagram:  # type: ignore[misc]
        """The same diagram with other defaults for drawing.

        Options: ``depth``, ``expand`` and ``collapse`` (lists of paths or classes; ``expand`` also of
        composites, as in ``open``), ``width`` (px, wraps into rows), ``theme``, ``labels``,
        ``legend``, ``hide`` and ``show`` (axes), ``titles``, ``highlight``, ``notes``, ``heat``, ``axis_order``,
        ``quality``.
        """
        from ncd.show import with_options

        return with_options(self, options)

    def to_svg(self: Diagram, **options: Any) -> str:  # type: ignore[misc]
        """The picture as SVG text, which shows itself in a notebook.  Options as in ``view``."""
        from ncd.show import svg

        return svg(self, **options)

    def to_html(self: Diagram, **options: Any) -> str:  # type: ignore[misc]
        """A standalone interactive page with the picture in it.  Options as in ``view``."""
        from ncd.show import html

        return html(self, **options)

    def to_tikz(self: Diagram, **options: Any) -> str:  # type: ignore[misc]
        """The picture as a ``tikzpicture`` whose labels are LaTeX.  Options as in ``view``."""
        from ncd.show import tikz

        return tikz(self, **options)

    def to_pdf(self: Diagram, **options: Any) -> bytes:  # type: ignore[misc]
        """The picture as one vector page.  Options as in ``view``.  Needs ``ncd[pdf]``."""
        from ncd.show import pdf

        return pdf(self, **options)

    def to_png(self: Diagram, scale: float = 2.0, **options: Any) -> bytes:  # type: ignore[misc]
        """The picture as PNG, ``scale`` pixels to one px.  Options as in ``view``.  Needs ``ncd[png]``."""
        from ncd.show import png

        return png(self, scale=scale, **options)

    def to_graphviz(self: Diagram, **options: Any) -> Digraph:  # type: ignore[misc]
        """An overview in boxes and arrows: what ``view`` would show, as a ``graphviz.Digraph``."""
        from ncd.show import graphviz

        return graphviz(self, **options)

    def to_networkx(self: Diagram) -> MultiDiGraph:  # type: ignore[misc]
        """Ops as nodes and arrays as edges, for algorithms on graphs."""
        from ncd.export.network import network

        return network(self)

    def save(self: Diagram, path: str | Path, **options: Any) -> Path:  # type: ignore[misc]
        """Write ``.svg .pdf .png .tex .html .dot .json``; the suffix decides.  Returns the path written.

        Options as in ``view``; for a PNG also ``scale``.
        """
        from ncd.show import save

        return save(self, path, **options)

    def widget(self: Diagram, **options: Any) -> Widget:  # type: ignore[misc]
        """The picture as an anywidget with traits ``opened``, ``selected``, ``hovered``."""
        from ncd.notebook.widget import widget

        return widget(self, **options)

    def live(self: Diagram, name: str = "", **options: Any) -> Widget:  # type: ignore[misc]
        """The widget of the cell that runs: running it again, it shows the new diagram and what is new in it.

        ``name`` stands for one drawing wherever it is called from, else it is the cell's own.
        """
        from ncd.notebook.live import live

        return live(self, name, **options)

    def explore(self: Diagram, **options: Any) -> Explore:  # type: ignore[misc]
        """The widget over controls: run, change a range of a wire, and see the other sizes that a size brings."""
        from ncd.notebook.explore import Explore

        return Explore(self, **options)

    def _repr_mimebundle_(self: Diagram, **_: Any) -> dict[str, Any]:  # type: ignore[misc]
        from ncd.show import mimebundle

        return mimebundle(self)

    def check(self: Diagram, *args: Any, trials: int = 2, seed: int = 0, **kwargs: Any) -> Report:  # type: ignore[misc]
        """Test every broadcasting claim against the running code, on these inputs or the traced ones."""
        from ncd.truth import check

        return check(self, args, kwargs, trials=trials, seed=seed)

    def run(  # type: ignore[misc]
        self: Diagram,
        *args: Any,
        patch: Mapping[Any, Any] | None = None,
        keep: Collection[Any] | None = None,
        **kwargs: Any,
    ) -> Values:
        """Every array's value on these inputs, with statistics and maps of them; see ``Values``.

        Without inputs: on those it was traced with, placeholders as random values.
        ``patch`` changes values at wires before they are read: ``{"h.0.attn": ncd.zero(h=3)}``.
        With ``keep`` only those arrays and the outputs are held, and of all drawn ones a summary.
        """
        from ncd.emit.values import run

        return run(self, args, kwargs, patch=patch, keep=keep)

    def to_code(self: Diagram) -> str:  # type: ignore[misc]
        """The same computation as Python that reads as if written by hand: functions, loops, einops.

        Where the program is at hand to learn how, it holds for other sizes of the inputs too.
        """
        from ncd.emit.code import to_code
        from ncd.errors import NCDError

        try:
            sizes = self.sizes()
        except NCDError:
            sizes = None
        return to_code(self, sizes)

    def to_module(self: Diagram, module: nn.Module | None = None) -> nn.Module:  # type: ignore[misc]
        """A module that computes the same, sharing the traced module's parameters."""
        from ncd.emit.module import to_module

        return to_module(self, module)

    def to_json(self: Diagram) -> str:  # type: ignore[misc]
        """The diagram as JSON, versioned and deterministic; without the module and its tensors."""
        from ncd.circuit.codec import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str) -> Diagram:
        """Read what ``to_json`` or ``save("x.json")`` wrote.  Raises NCDError on unknown versions."""
        from ncd.circuit.codec import from_json

        return from_json(text)
