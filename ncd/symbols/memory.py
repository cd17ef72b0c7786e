"""Memory: what is saved for later, and what is loaded from there."""

from __future__ import annotations

from ncd import text
from ncd.symbols.pen import Pen


def save(pen: Pen) -> None:
    """Wires end at a box that says under which name they are kept."""
    pen.rect("memory")
    pen.say("count", f"→ {pen.label}")


def load(pen: Pen) -> None:
    """Wires begin at a box that says under which name they were kept."""
    pen.rect("memory")
    pen.say("count", f"{pen.label} →")


def width(label: str) -> float:
    return text.width(f"→ {label}", "count") + 16
