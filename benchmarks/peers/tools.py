"""Each tool in two steps, as its own documentation says: what it keeps of a model, and the file it makes of that.

``best`` variants are chosen for speed and size: what can be left out is, what can be folded is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ncd.models.zoo import Example


class Tool(NamedTuple):
    """``picture(trace(example))`` is what a user gets, as the bytes of a file of ``kind``."""

    trace: Callable[[Example], Any]
    picture: Callable[[Any], bytes]
    kind: str


def device(example: Example) -> str:
    return next((p.device.type for p in example.module.parameters()), "cpu")


class Positional(nn.Module):
    """A module that takes its keywords by position: not every tool has a place for keywords."""

    def __init__(self, example: Example) -> None:
        super().__init__()
        self.module, self.names = example.module, list(example.kwargs)

    def forward(self, *args: Any) -> Any:
        named = len(args) - len(self.names)
        return self.module(*args[:named], **dict(zip(self.names, args[named:], strict=True)))


def positional(example: Example) -> tuple[nn.Module, tuple[Any, ...]]:
    if not example.kwargs:
        return example.module, example.args
    return Positional(example).eval(), (*example.args, *example.kwargs.values())


def tensors(found: Any) -> Iterator[Tensor]:
    """Every tensor of a model's output."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, Mapping):
        yield from (t for part in found.values() for t in tensors(part))
    elif isinstance(found, (tuple, list)):
        yield from (t for part in found for t in tensors(part))


def ncd_trace(example: Example) -> Any:
    from benchmarks.forward import forget, trace

    forget()  # no run profits from the one before
    return trace(example)


def ncd_as(kind: str, best: bool) -> Tool:
    """What ncd is compared by: the same kind of file; at its ``best`` one level open, and the picture alone."""
    how: dict[str, Any] = {"depth": 1, "ids": False} if best else {}
    pictures: Mapping[str, Callable[[Any], str]] = {
        "svg": lambda d: d.to_svg(**how), "html": lambda d: d.to_html(**how), "json": lambda d: d.to_json(),
        "text": str,
    }  # fmt: skip
    return Tool(ncd_trace, lambda d: pictures[kind](d).encode(), kind)


def torchview(**how: Any) -> Tool:
    def trace(example: Example) -> Any:
        from torchview import draw_graph

        return draw_graph(example.module, example.kwargs or list(example.args), device=device(example), **how)

    return Tool(trace, lambda graph: graph.visual_graph.pipe(format="svg"), "svg")


def torchviz() -> Tool:
    def trace(example: Example) -> Any:
        from torchviz import make_dot

        with torch.enable_grad():
            found = example.module(*example.args, **example.kwargs)
        return make_dot(tuple(t for t in tensors(found) if t.requires_grad), dict(example.module.named_parameters()))

    return Tool(trace, lambda dot: dot.pipe(format="svg"), "svg")


def torchlens(capture: Mapping[str, Any], **drawn: Any) -> Tool:
    def trace(example: Example) -> Any:
        import torchlens
        from torchlens.options import CaptureOptions

        options = {"capture": CaptureOptions(**capture)} if capture else {}
        return torchlens.trace(example.module, list(example.args), dict(example.kwargs) or None, **options)

    def picture(found: Any) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            found.draw(vis_outpath=f"{folder}/graph", vis_fileformat="svg", vis_save_only=True, **drawn)
            return Path(folder, "graph.svg").read_bytes()

    return Tool(trace, picture, "svg")


def torchvista(**how: Any) -> Tool:
    """It traces and writes in one call: the trace is the whole."""

    def trace(example: Example) -> bytes:
        from torchvista.tracer import trace_model

        module, args = positional(example)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = Path(folder, "graph.html")
            trace_model(module, args, export_format="html", export_path=str(path), **how)
            return path.read_bytes()

    return Tool(trace, lambda page: page, "html")


def exported(example: Example) -> Any:
    return torch.export.export(example.module, example.args, example.kwargs, strict=False)


def model_explorer() -> Tool:
    def picture(program: Any) -> bytes:
        from model_explorer.consts import DEFAULT_SETTINGS
        from model_explorer.pytorch_exported_program_adapter_impl import PytorchExportedProgramAdapterImpl

        graphs = PytorchExportedProgramAdapterImpl(program, DEFAULT_SETTINGS).convert()
        return json.dumps(graphs, default=lambda x: dataclasses.asdict(x)).encode()

    return Tool(exported, picture, "json")


PEERS: Mapping[str, Tool] = {
    "torchview": torchview(),
    "torchview, best": torchview(depth=1),
    "torchlens": torchlens({}),
    "torchlens, best": torchlens(
        {"layers_to_save": "none", "structure_only": True}, collapse="auto", fold_repeats=True
    ),
    "torchviz": torchviz(),
    "torchvista": torchvista(),
    "torchvista, best": torchvista(collapse_modules_after_depth=0, show_compressed_view=True),
    "Model Explorer": model_explorer(),
    "torch.export": Tool(exported, lambda program: str(program).encode(), "text"),
}
