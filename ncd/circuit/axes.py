"""The axes of a diagram by name, with their sizes as formulas of the input axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ncd.circuit.axis import Axis
from ncd.errors import NCDError

if TYPE_CHECKING:
    from ncd.circuit.diagram import Diagram


class Axes(Mapping[str, Axis]):
    """The atomic axes of a diagram by name.

    ``formulas`` are found when first asked for, by recording the program at other sizes (about a
    forward pass on shapes, some three times); they are then kept with the diagram.
    """

    def __init__(self, diagram: Diagram, found: Mapping[str, Axis]) -> None:
        self._diagram, self._found = diagram, found

    def __getitem__(self, name: str) -> Axis:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def formulas(self) -> Mapping[str, Any]:
        """Size as a sympy expression in the names of the input axes; axes of which none is known are left out.

        Raises NCDError for a diagram whose program is not at hand (one read from a file).
        """
        known = self._diagram.sizes().axes
        return {name: known[name] for name in self._found if name in known}

    def at(self, **sizes: int) -> dict[str, int]:
        """The sizes of all axes with a formula, with the input axes of these sizes and the others as traced.

        Raises AxisError on an axis that cannot vary, and on sizes for which the formulas do not hold.
        """
        return {name: n for name, n in self._diagram.sizes().at(**sizes).items() if name in self._found}

    def __repr__(self) -> str:
        try:
            sizes = self._diagram.sizes()
        except NCDError as error:
            rows = [f"{a.name} = {a.size}" for a in self._found.values()]
            return "\n".join([*rows, f"({error.cause})"])
        return sizes.table(self._found.values())
