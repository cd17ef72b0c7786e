"""A page asks for a picture with other blocks open, and the kernel that showed the diagram draws it.

What can be asked for is a diagram that this kernel has shown and that still exists; a request names it
by the packed text that its document carries.  Nothing else in a request is run or looked up.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError

TARGET = "ncd"
_shown: WeakValueDictionary[str, Diagram] = WeakValueDictionary()


def shown(diagram: Diagram, name: str) -> None:
    """Remember a diagram by its packed text for as long as it exists, and listen if this is a kernel."""
    _shown[name] = diagram
    ip = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(ip, "kernel", None)
    if kernel is not None and TARGET not in kernel.comm_manager.targets:
        kernel.comm_manager.register_target(TARGET, _asked)


def _asked(comm: Any, message: Mapping[str, Any]) -> None:
    """Answer what a page asks when it opens a comm, and close it.  An exception would only be logged."""
    try:
        comm.send(answer(message["content"]["data"]))
    except Exception as error:
        comm.send({"error": str(error)})
    comm.close()


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The picture in which these blocks are open and no others, as ``document``, or as ``tikz`` if that is asked for.

    ``request``: ``diagram``, a text that was ``shown``; ``open``, paths of blocks; ``width`` in px or None; ``tikz``.
    Raises NCDError on anything else.
    """
    from ncd import show

    doing = "drawing a block open in a page"
    name, opened, width = (request.get(k) for k in ("diagram", "open", "width"))
    diagram = _shown.get(name) if isinstance(name, str) else None
    if diagram is None:
        raise NCDError("this diagram is gone", doing=doing, fix="run the cell again")
    if not (isinstance(opened, list) and all(isinstance(path, str) for path in opened)):
        raise NCDError(f"open={opened!r} is no list of paths", doing=doing)
    wide = {} if width is None else {"width": width}
    options = {**dict(diagram.options), **wide, "depth": 0, "expand": opened, "collapse": ()}
    if request.get("tikz"):
        return {"tikz": show.tikz(diagram, **options)}
    return {"document": show.content(show.draw(diagram, **{"theme": "auto", **options}))}
