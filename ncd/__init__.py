"""ncd: neural circuit diagrams of any PyTorch module, drawn truthfully."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ncd.circuit.diagram import Diagram as Diagram
    from ncd.circuit.weave import Weave as Weave
    from ncd.emit.patch import put as put
    from ncd.emit.patch import scale as scale
    from ncd.emit.patch import zero as zero
    from ncd.errors import AxisError as AxisError
    from ncd.errors import CheckError as CheckError
    from ncd.errors import DSLError as DSLError
    from ncd.errors import NCDError as NCDError
    from ncd.errors import TraceError as TraceError
    from ncd.notebook.steps import Step as Step
    from ncd.notebook.walkthrough import walkthrough as walkthrough
    from ncd.notebook.widget import Widget as Widget
    from ncd.tracing.placeholders import array as array
    from ncd.tracing.placeholders import tokens as tokens
    from ncd.tracing.stopped import stopped as stopped
    from ncd.tracing.tracer import trace as trace

# No submodule may bear one of these names: with lazy loading it would shadow the verb.
_HOME = {
    "trace": "ncd.tracing.tracer",
    "stopped": "ncd.tracing.stopped",
    "array": "ncd.tracing.placeholders",
    "tokens": "ncd.tracing.placeholders",
    "walkthrough": "ncd.notebook.walkthrough",
    "Step": "ncd.notebook.steps",
    "zero": "ncd.emit.patch",
    "scale": "ncd.emit.patch",
    "put": "ncd.emit.patch",
    "Diagram": "ncd.circuit.diagram",
    "Weave": "ncd.circuit.weave",
    "Widget": "ncd.notebook.widget",
    "NCDError": "ncd.errors",
    "TraceError": "ncd.errors",
    "AxisError": "ncd.errors",
    "DSLError": "ncd.errors",
    "CheckError": "ncd.errors",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ncd' has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """What ``%load_ext ncd`` does: see ``ncd.notebook.magic``."""
    import_module("ncd.notebook.magic").load(ipython)


def __dir__() -> list[str]:
    return sorted(__all__)
