"""Which program shows the notebook, and what it can show.

JupyterLab and Notebook draw ncd's own mime type with the extension; VS Code, Colab and marimo do not
load such extensions, but they do show widgets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

VIEW = "application/vnd.jupyter.widget-view+json"

if TYPE_CHECKING:
    from ncd.circuit.diagram import Diagram


def host(environ: Mapping[str, str] | None = None, modules: Mapping[str, ModuleType] | None = None) -> str:
    """``colab``, ``marimo``, ``vscode``, or ``""`` for every other."""
    environ = os.environ if environ is None else environ
    modules = sys.modules if modules is None else modules
    if "google.colab" in modules:
        return "colab"
    marimo = modules.get("marimo")
    if marimo is not None and marimo.running_in_notebook():
        return "marimo"
    # A Jupyter server names its session in the kernel's environment; it may itself have been
    # started from a terminal inside VS Code, which is then not the one that shows the notebook.
    if "VSCODE_PID" in environ and "JPY_SESSION_NAME" not in environ:
        return "vscode"
    return ""


def live(diagram: Diagram, where: str) -> dict[str, Any]:
    """What to add to a cell's output so that the diagram is interactive there; nothing where it already is."""
    if not where:
        return {}
    widget = diagram.widget()
    if where == "marimo":
        import marimo

        return {"text/html": marimo.as_html(widget).text}
    if where == "colab":
        from google.colab import output

        output.enable_custom_widget_manager()
    shown = widget._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown
    return {VIEW: data[VIEW]} if data else {}  # picture and text are there, those of the diagram
