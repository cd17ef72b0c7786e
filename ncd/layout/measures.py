"""The numbers of a drawing: distances in px, and what it costs to break a preference."""

from __future__ import annotations

from dataclasses import dataclass

AXIS = 24.0
"""Between neighbouring wires of one array."""
ARRAY = 38.0
"""Between neighbouring arrays: room for a dashed line and a label."""
WIRE_EXTENT, SYMBOL_EXTENT, BLOCK_EXTENT = 19.0, 5.0, 8.0
"""What a wire, the edge of a symbol, the edge of a block keep free on their outer side.

The numbers add up to the pitch (14 + 5 + 19 = 38), or wires would jog by a few px everywhere.
"""
WORD_EXTENT, SIGN_EXTENT = 29.0, 19.0
"""Above the top wire under a word, and of a sum with its sign."""
UNDER_SYMBOL = 8.0
"""More room for a sign under the edge of a symbol, and a dashed line between them."""
STRIP = 20.0
"""The strip at the top of a block that holds its title."""
PADDING = 9.0


@dataclass(frozen=True)
class Weights:
    """What it costs, per px, that two ends of a piece of wire differ in height, or a symbol is stretched.

    ``level`` and ``passing``: a branch to an operation, and to a lane.  Usually operations stay level
    and a residual connection dips; where skips span the picture it is the other way round.
    ``closed`` and ``joining``: a closed block of one array, and of several.
    """

    level: float = 1.5
    passing: float = 1.0

    lane: float = 6.0
    piece: float = 3.0
    cohesion: float = 0.4
    port_cohesion: float = 1.2
    cup: float = 0.5
    beside: float = 0.03
    bar: float = 0.6
    closed: float = 2.5
    joining: float = 1.2
    inner: float = 1.0
    extent: float = 0.06
    residual: float = 6.0


SPINE = Weights(level=1.0, passing=1.5)
