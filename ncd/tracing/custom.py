"""Custom operators whose kernel is written in Python: what it does can be watched like any function."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch._library.custom_ops import OPDEFS
from torch.overrides import TorchFunctionMode

_UNSEEN = frozenset(["data_ptr", "numpy", "__array__", "__dlpack__", "untyped_storage", "tolist", "item"])
"""Ways to a tensor's memory past torch's operators."""


def kernel(func: Any) -> Callable[..., Any] | None:
    """The Python function that a ``torch.library.custom_op`` runs on every device, if it writes no operand."""
    name = getattr(getattr(func, "_schema", None), "name", "")
    found = OPDEFS.get(name)
    if found is None or func._schema.is_mutable or set(found._backend_fns) - {None, "cpu"}:
        return None
    return found._init_fn if len(found._backend_fns) == 1 else None


class _NothingUnseen(TorchFunctionMode):
    def __torch_function__(self, fn: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(fn, "__name__", "") in _UNSEEN:
            raise NotImplementedError(f"{fn.__name__}: the kernel reads memory that nobody watches")
        return fn(*args, **(kwargs or {}))


def nothing_unseen() -> AbstractContextManager[Any]:
    """Within, whoever reaches for a tensor's memory raises: what is done there cannot be watched."""
    return _NothingUnseen()


def left_open(ops: list[str]) -> bool:
    """Whether memory was asked for that a kernel of another language may have been meant to fill."""
    return any(op.startswith(("empty", "new_empty", "resize", "set_")) for op in ops)


def is_meta(xs: list[torch.Tensor]) -> bool:
    return bool(xs) and all(x.is_meta for x in xs)
