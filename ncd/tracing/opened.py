"""Python composites of torch whose inside is worth recording.

Such a function stays one call, but what it does is recorded one level below it.  It cannot simply be called
again under the mode, since its body asks ``has_torch_function`` and would come back to us; so a
copy of it is called whose globals answer no.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch.nn.functional as F

OPENED = frozenset(["multi_head_attention_forward"])


def _no(*_: Any) -> bool:
    return False


@functools.cache
def _copy(fn: FunctionType) -> Callable[..., Any]:
    names = {k: _no for k in fn.__globals__ if k.startswith("has_torch_function")}
    twin = FunctionType(fn.__code__, {**fn.__globals__, **names}, fn.__name__, fn.__defaults__, fn.__closure__)
    twin.__kwdefaults__ = fn.__kwdefaults__
    return twin


def opened_copy(fn: Any) -> Callable[..., Any] | None:
    """A copy of ``fn`` that does not come back to the mode, or None if it is not to be opened."""
    if isinstance(fn, FunctionType) and fn.__name__ in OPENED and getattr(F, fn.__name__, None) is fn:
        return _copy(fn)
    return None
