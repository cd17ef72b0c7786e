"""The importable name of a torch callable, and the short one people call it by."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

import torch

_HOMES: tuple[tuple[str, Any], ...] = (
    ("torch.nn.functional", torch.nn.functional),
    ("torch", torch),
    ("torch.Tensor", torch.Tensor),
    ("torch.special", torch.special),
    ("torch.linalg", torch.linalg),
    ("torch.fft", torch.fft),
    ("torch._C._nn", torch._C._nn),
    ("torch._C._VariableFunctions", torch._C._VariableFunctions),
)


@functools.lru_cache(maxsize=4096)
def dotted(fn: Any) -> str | None:
    """A text that evaluates to ``fn`` where torch is imported, or None."""
    if isinstance(fn, torch._ops.OpOverload):
        return f"torch.ops.{fn}"
    name = getattr(fn, "__name__", None)
    if name in ("__get__", "__set__"):
        attribute = getattr(getattr(fn, "__self__", None), "__name__", None)
        return f"torch.Tensor.{attribute}.{name}" if attribute and hasattr(torch.Tensor, attribute) else None
    if name is None:
        return None
    for home, module in _HOMES:
        if getattr(module, name, None) is fn:
            return f"{home}.{name}"
    where, path = getattr(fn, "__module__", None), getattr(fn, "__qualname__", name)
    if where and where.startswith(("torch", "ncd.analysis.")) and "<" not in path:
        try:
            found: Any = importlib.import_module(where)
            for part in path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        if found is fn and not isinstance(found, ModuleType):
            return f"{where}.{path}"
    return None


@functools.lru_cache(maxsize=4096)
def short(fn: Any) -> str:
    """``linear``, ``add``, ``getitem``: the last word, without underscores around it."""
    if isinstance(fn, torch._ops.OpOverload):
        return fn._schema.name.split("::")[-1].strip("_") or "op"
    name = getattr(fn, "__name__", type(fn).__name__)
    if name in ("__get__", "__set__"):
        name = getattr(getattr(fn, "__self__", None), "__name__", name)
    plain = name.strip("_")
    return plain[1:] if plain in _REFLECTED and name.startswith("__") else plain or name


_REFLECTED = frozenset(["radd", "rmul", "rand", "ror", "rxor", "iadd", "isub", "imul", "itruediv"])
"""``__radd__`` and ``__iadd__`` are additions; ``__rsub__`` and ``__rpow__`` are not what their names say;
``rand`` without underscores is random."""
