"""Names that a program gives to the dimensions of its own arrays, as their attribute ``axis_names``.

A diagram written by hand does; a name given to an input goes before these.
"""

from __future__ import annotations

from ncd.circuit.axis import leaves
from ncd.tracing.recording import Recording


def named_by_program(recording: Recording) -> None:
    """Give atomic axes these names, the first that is said.  Call it once the axes are inferred."""
    for v, t in recording.tensors.items():
        for word, dim in zip(getattr(t, "axis_names", ()), v.dims or (), strict=False):
            parts = leaves(dim)
            if len(parts) == 1 and parts[0].rank and word.isidentifier():
                parts[0].name, parts[0].rank = word, 0
