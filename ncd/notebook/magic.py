"""``%load_ext ncd``: ``%%ncd`` draws what a cell calls, and an exception shows how far the forward pass came."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn

from ncd.circuit.diagram import Diagram
from ncd.errors import NCDError
from ncd.notebook.live import live, running_cell
from ncd.options import OPTIONS
from ncd.tracing.stopped import stopped
from ncd.tracing.tracer import trace

USAGE = "let the cell end in a call, model(x), or write what to trace behind %%ncd: %%ncd model, x"


def load(shell: Any) -> None:
    """Add the magic to an IPython shell, and show the diagram up to an exception below it."""

    def drawn(line: str, cell: str) -> None:
        try:
            magic(shell, line, cell)
        except Exception as error:
            _without_ours(shell, error)
            raise

    shell.register_magic_function(drawn, "cell", "ncd")

    def ran(result: Any) -> None:
        diagram = stopped(result.error_in_exec) if result.error_in_exec is not None else None
        if diagram is not None:
            with suppress(Exception):  # the error is what matters, and it stands above
                show(diagram)

    shell.events.register("post_run_cell", ran)


def _without_ours(shell: Any, error: Exception) -> None:
    """Let the shell show of a traceback what is the user's and torch's: the frames of this package say nothing."""
    own = str(Path(__file__).parents[1]) + os.sep
    frames, at = [], error.__traceback__
    while at is not None:
        if not at.tb_frame.f_code.co_filename.startswith(own):
            frames.append(at)
        at = at.tb_next
    found = None
    for f in reversed(frames):
        found = TracebackType(found, f.tb_frame, f.tb_lasti, f.tb_lineno)
    show = shell.InteractiveTB.structured_traceback
    # The shell asks an exception for this before it draws a traceback by itself.
    error._render_traceback_ = lambda: show(type(error), error, found, tb_offset=0)  # type: ignore[attr-defined]


def magic(shell: Any, line: str, cell: str) -> None:
    """Run the cell, and draw the call in its last line instead of making it.

    Behind ``%%ncd`` stand arguments as of ``ncd.trace``, if it is not the last line that is to be
    traced (``%%ncd model, x``), names for axes (``axes="b s d"``) and options of drawing
    (``depth=2``).  A last line that gives a diagram is shown.  The diagram is then ``_ncd``.
    """
    said = arguments(line)
    file = _file()
    body = "\n" + shell.transform_cell(cell)  # the line of the magic is the first
    if file:
        raw = f"%%ncd {line}".rstrip() + "\n" + cell
        # Else the file holds nothing but the call of this magic.
        for known in (linecache.cache, getattr(linecache, "_ipython_cache", {})):
            known[file] = (len(raw), None, raw.splitlines(True), file)
    file = file or "<ncd>"
    tree = ast.parse(body, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) and not said.args else None
    names = shell.user_ns
    exec(compile(tree, file, "exec"), names)

    def value(node: ast.expr, where: str = "<%%ncd>") -> Any:
        return eval(compile(ast.Expression(node), where, "eval"), names)

    options = {str(k.arg): value(k.value) for k in said.keywords}
    axes = options.pop("axes", None)
    if said.args:
        found = trace(*map(value, said.args), axes=axes)
    else:
        found = _drawn(last, lambda node: value(node, file), axes)
    names["_ncd"] = found
    show(found, **options)


def arguments(line: str) -> ast.Call:
    """What stands behind the magic, as a call.  Raises NCDError on what means nothing."""
    try:
        call = ast.parse(f"f({line})", mode="eval").body
    except SyntaxError:
        call = None  # type: ignore[assignment]
    if not isinstance(call, ast.Call) or any(k.arg is None for k in call.keywords):
        raise NCDError(f"cannot read {line!r}", doing="reading %%ncd", fix=USAGE)
    for k in call.keywords:
        if k.arg not in OPTIONS and k.arg != "axes":
            raise NCDError(
                f"no option {k.arg!r}",
                doing="reading %%ncd",
                fix="arguments of the model by name go into a call at the end of the cell; options are axes, "
                + ", ".join(OPTIONS),
            )
    return call


def _drawn(last: ast.stmt | None, value: Callable[[ast.expr], Any], axes: Any) -> Diagram:
    """The diagram of the call that the last line is, or that it gives."""
    node = last.value if isinstance(last, ast.Expr) else None
    if isinstance(node, ast.Call):
        target = value(node.func)
        if isinstance(target, nn.Module) or not str(getattr(target, "__module__", "")).startswith("ncd."):
            args: list[Any] = []
            for a in node.args:
                args += value(a.value) if isinstance(a, ast.Starred) else [value(a)]
            kwargs: dict[str, Any] = {}
            for k in node.keywords:
                kwargs |= value(k.value) if k.arg is None else {k.arg: value(k.value)}
            return trace(target, *args, axes=axes, **kwargs)
    found = value(node) if node is not None else None
    if not isinstance(found, Diagram):
        raise NCDError("the last line is neither a call nor a diagram", doing="drawing a cell", fix=USAGE)
    return found


def show(diagram: Diagram, **options: Any) -> None:
    """Show a diagram in the drawing of the running cell."""
    from IPython.display import display

    display(live(diagram, running_cell(), **options))


def _file() -> str:
    """The name under which the running cell was compiled: the code that it holds is to be found there."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and "get_ipython" in frame.f_globals:
            return frame.f_code.co_filename
        frame = frame.f_back  # type: ignore[assignment]
    return ""
