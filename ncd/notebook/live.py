"""``d.live()``: a drawing that stays when its cell is run again, and shows what has changed."""

from __future__ import annotations

from typing import Any

from ncd.circuit.diagram import Diagram
from ncd.notebook.widget import Widget

LIMIT = 64
"""The drawings of so many cells are remembered."""
_DRAWINGS: dict[str, Widget] = {}


def live(diagram: Diagram, name: str = "", **options: Any) -> Widget:
    """The widget of this cell, which from now on shows this diagram; a new one the first time.

    What is open, chosen and looked at stays so, and what is new lights up for a moment.  ``name``
    stands for a drawing wherever it is called from; left out, the drawing is the running cell's.
    Where it is not known which cell runs, every call makes a new one.
    """
    name = name or running_cell()
    known = _DRAWINGS.pop(name, None)
    if known is None:
        known = Widget(diagram, **options)
    else:
        known.become(diagram, **options)
    if name:
        _DRAWINGS[name] = known
        while len(_DRAWINGS) > LIMIT:
            del _DRAWINGS[next(iter(_DRAWINGS))]
    return known


def running_cell() -> str:
    """The id of the notebook's cell that is being run, ``""`` if nobody said so."""
    try:
        from IPython import get_ipython
    except ImportError:
        return ""
    shell: Any = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return str(parent.get("metadata", {}).get("cellId") or "")
