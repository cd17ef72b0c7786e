"""Where things stand vertically, as slots of the programme: what heights are asked for and what they are read from."""

from __future__ import annotations

from dataclasses import dataclass, field

from ncd.layout.net import Container, End, Item, Slot, Wire


@dataclass
class Stand:
    """Where the parts of a box-style operation stand; ``inner_*`` are wires led round the symbol."""

    top: Slot
    bottom: Slot
    ins: list[Slot]
    outs: list[Slot]
    tiled: dict[str, Slot]
    inner_in: list[tuple[End, Slot]] = field(default_factory=list)
    inner_out: list[tuple[End, Slot]] = field(default_factory=list)


Edge = tuple[Slot, float]
"""What limits an item above or below, and how much it keeps free."""


@dataclass
class Piece:
    """A wire across a gap: from an item's right face to the next item's left face."""

    start: Slot
    end: End
    source: Item
    target: Item


@dataclass
class Frame:
    """A container's heights: (top, bottom) per row it is drawn in, and what crosses each of its gaps."""

    extents: list[tuple[Slot, Slot]] = field(default_factory=list)
    row: list[tuple[int, int]] = field(default_factory=list)
    """For the left face, each column and the right face: the rows in which it begins and ends."""
    cuts: list[tuple[Container, int]] = field(default_factory=list)
    """Where its rows end, from left to right; also in blocks inside."""
    pieces: list[list[Piece]] = field(default_factory=list)
    broken: dict[int, list[tuple[Wire, Slot, Item]]] = field(default_factory=dict)
    """At a gap where a row ends: the wires that go on in the next row, with their heights in this one."""
