"""Parameters, buffers and submodules as attributes: ``h.0.attn.weight`` is ``m.attn.weight`` for the block ``h.0``."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Array, Diagram
from ncd.emit.binding import tensors_by_name

SMALL = 16
"""A constant of so many elements is written out."""


def module_path(path: str) -> str:
    """Where the module of a block is: the second call of ``h.0`` is the block ``h.0#2``."""
    return re.sub(r"#\d+", "", path)


def under(name: str, path: str) -> str | None:
    """A dotted name as seen from ``path``, None when it is not below."""
    if not path:
        return name
    return name[len(path) + 1 :] if name.startswith(f"{path}.") else None


class Owned:
    """What of a diagram the module has, and what it is called from any of its submodules."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.module: nn.Module | None = diagram.source.module
        self.names: dict[int, list[str]] = defaultdict(list)
        self.of: dict[str, Tensor] = {}
        if isinstance(self.module, nn.Module):
            self.of = tensors_by_name(self.module)
            for name, x in self.of.items():
                self.names[id(x)].append(name)

    def attribute(self, array: Array, path: str = "") -> str | None:
        """A parameter or buffer below a module as the attribute's dotted name from there, or None."""
        if array.kind not in ("parameter", "buffer") or not array.name:
            return None
        if self.module is None:
            return None if array.id in self.diagram.source.tensors else under(array.name, path)
        x = self.of.get(array.name)
        if x is None:
            return None
        found = [under(name, path) for name in dict.fromkeys([array.name, *self.names[id(x)]])]
        return next((name for name in found if name is not None), None)

    def spelled(self, start: str, path: str, name: str) -> str:
        """``m.h[0].weight`` for the name ``h.0.weight`` below ``path``, checked where the module is at hand."""
        here: Any = self.submodule(path)
        text = start
        for part in name.split("."):
            wanted = None
            if here is not None:
                wanted = _member(here, part)
            options = [f".{part}", f"[{part}]"] if part.isidentifier() else [f"[{part}]"]
            step = next((o for o in options if here is None or _gives(here, o, wanted)), f'._modules["{part}"]')
            if step.startswith("._modules") and isinstance(wanted, Tensor):
                kind = "_parameters" if part in here._parameters else "_buffers"
                step = f'.{kind}["{part}"]'
            text += step
            here = wanted if isinstance(wanted, nn.Module) else None
        return text

    def length(self, path: str) -> int | None:
        """How many modules a container has that can be looped over; -1 if it is not at hand."""
        here = self.submodule(path)
        if here is None:
            return -1
        names = list(here._modules)
        listed = isinstance(here, (nn.ModuleList, nn.Sequential)) and names == list(map(str, range(len(names))))
        return len(names) if listed else None

    def submodule(self, path: str) -> nn.Module | None:
        here: Any = self.module
        for part in path.split(".") if path else ():
            here = here._modules[part] if here is not None and part in here._modules else None
        return here


def _member(owner: nn.Module, name: str) -> Any:
    """A submodule, parameter or buffer by its name."""
    for kind in (owner._modules, owner._parameters, owner._buffers):
        # A scripted module's are no dictionaries.
        if name in kind:
            return kind[name]
    return None


def _gives(owner: Any, step: str, wanted: Any) -> bool:
    try:
        found = owner[int(step[1:-1])] if step.startswith("[") else getattr(owner, step[1:])
    except Exception:
        return False
    return found is wanted


def written_out(diagram: Diagram, array: Array) -> str | None:
    """A small constant as the text that makes it."""
    value = diagram.source.tensors.get(array.id)
    if array.kind != "constant" or not isinstance(value, Tensor) or value.numel() > SMALL or value.numel() == 0:
        return None
    if type(value) is not Tensor or value.is_meta or value.layout is not torch.strided:
        return None
    if value.device.type != "cpu" or value.is_complex():
        return None
    if value.is_floating_point() and not bool(value.isfinite().all()):
        return None
    return f"torch.tensor({value.tolist()!r}, dtype={value.dtype})"


def looked_up(diagram: Diagram, owned: Owned) -> dict[int, str]:
    """Arrays that are looked up in ``constants``: no module has them and they are not written out."""
    found: dict[int, str] = {}
    for a in diagram.arrays:
        if a.hidden and owned.attribute(a) is None and written_out(diagram, a) is None:
            found[a.id] = f"{re.sub(r'[^0-9a-zA-Z]+', '_', a.name).strip('_') or 'c'}_{a.id}"
    return found
