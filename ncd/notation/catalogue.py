"""Every section of the notation, in the order of the page."""

from __future__ import annotations

from ncd.notation.maps import LEARNED, MASKS, NORMS, WINDOWS
from ncd.notation.moves import BLOCKS, PARTS, REDUCTIONS, SOURCES
from ncd.notation.wires import FUNCTIONS, PRODUCTS, WIRES

SECTIONS = (WIRES, FUNCTIONS, PRODUCTS, LEARNED, WINDOWS, NORMS, MASKS, REDUCTIONS, PARTS, SOURCES, BLOCKS)
