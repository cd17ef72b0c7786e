"""Programs of ``torch.export``: run node by node, each call where the model's own code made it.

An exported graph remembers of every node the modules it came from and the lines of code.  So its
diagram has the blocks, names and places of the model it was exported from.
"""

from __future__ import annotations

import inspect
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.fx import Interpreter, Node
from torch.fx._pytree import tree_flatten_spec

from ncd.circuit.diagram import Place
from ncd.errors import TraceError
from ncd.tracing.program import Program, running
from ncd.tracing.record import Recorder
from ncd.tracing.recording import Activation
from ncd.tracing.source import is_users_file

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')


def load(path: str | Path) -> torch.export.ExportedProgram:
    """The program in a ``.pt2`` file.  Nothing in the file is run: one that holds pickled objects is refused.

    Raises TraceError where there is no such file, or no program that can be read without running code.
    """
    path = Path(path)
    if not path.is_file():
        raise TraceError(f"there is no file {str(path)!r}", fix="a path to a program saved by torch.export.save")
    trusted = "if you trust the file, pass torch.export.load(path) instead"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise TraceError(f"{path.name!r} is no archive", fix="save it with torch.export.save") from error
    if not any(n.endswith("archive_format") for n in names):
        raise TraceError(f"{path.name!r} is no archive of this version of torch.export", fix=trusted)
    if any("custom_obj" in n for n in names):
        raise TraceError(f"{path.name!r} holds pickled objects, and to read those is to run their code", fix=trusted)
    try:
        with _weights_only():
            return torch.export.load(path)
    except Exception as error:
        raise TraceError(f"{path.name!r} cannot be read: {error}", fix=trusted) from error


@contextmanager
def _weights_only() -> Iterator[None]:
    """No ``torch.load`` unpickles anything but tensors, whoever calls it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Exported(Program):
    """An exported program as something to call; while it is recorded, every call says where it belongs."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self.module: nn.Module = program.module()
        self.example: tuple[tuple[Any, ...], dict[str, Any]] | None = program.example_inputs
        self.title = next((_stack(n)[0][1] for n in program.graph.nodes if _stack(n)), "GraphModule")
        self.__name__ = self.title
        self.__signature__ = inspect.signature(self.module.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = running()
        if recorder is None:
            return self.module(*args, **kwargs)
        given = inspect.signature(self.module.forward).bind(*args, **kwargs).arguments
        codegen: Any = self.module.graph._codegen  # type: ignore[union-attr]
        spec = codegen.pytree_info.in_spec
        keywords = spec.child(1).context
        placed = [v for k, v in given.items() if k not in keywords]
        leaves = tree_flatten_spec((placed, {k: given[k] for k in keywords if k in given}), spec)
        recorder.root.cls = self.title
        walk = _Walk(self.module, recorder)
        try:
            return codegen.process_outputs(walk.run(*leaves, enable_io_processing=False))
        finally:
            recorder.at = None


class _Walk(Interpreter):
    def __init__(self, module: Any, recorder: Recorder) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self.recorder = recorder
        self.activations: dict[tuple[str, ...], Activation] = {}

    def run_node(self, n: Node) -> Any:
        if n.op == "call_function":
            self.recorder.at = self.activation(n), place(n)
        return super().run_node(n)

    def fetch_args_kwargs_from_env(self, n: Node) -> Any:
        return _plain(super().fetch_args_kwargs_from_env(n))

    def activation(self, n: Node) -> Activation:
        """The module call that a node was made in, as its stack of modules tells."""
        here = self.recorder.root
        paths: tuple[str, ...] = ()
        for path, cls in _stack(n)[1:]:
            paths = (*paths, path)
            if paths not in self.activations:
                self.activations[paths] = Activation(None, path, cls, here)
                self.recorder.activations.append(self.activations[paths])
            here = self.activations[paths]
        return here


def _plain(x: Any) -> Any:
    """The same with lists for the immutable ones of a graph."""
    if isinstance(x, list):
        return [_plain(y) for y in x]
    if isinstance(x, dict):
        return {k: _plain(y) for k, y in x.items()}
    return tuple(map(_plain, x)) if type(x) is tuple else x


def _stack(n: Node) -> list[tuple[str, str]]:
    """Path and class of every module call around a node, outermost first; the second call of ``h.0`` is ``h.0#2``."""
    found = []
    for key, (path, cls) in (n.meta.get("nn_module_stack") or {}).items():
        if key.startswith("_empty_nn_module_stack"):
            return []
        _, again, count = key.rpartition("@")
        path = path.removeprefix("L['self'].").partition("@")[0]
        name = cls if isinstance(cls, str) else cls.__qualname__
        found.append((f"{path}#{int(count) + 1}" if again and count.isdecimal() else path, name.rpartition(".")[2]))
    return found


def place(n: Node) -> Place | None:
    """The innermost line of the user's own code that a node came from."""
    own = [m for m in _FRAME.finditer(n.meta.get("stack_trace") or "") if is_users_file(m["file"])]
    if not own:
        return None
    line = int(own[-1]["line"])
    return Place(own[-1]["file"], line, 0, line, 0, own[-1]["function"])
