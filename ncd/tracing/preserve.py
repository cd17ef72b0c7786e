"""Leaving a model exactly as it was found, also after an exception."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_CONTAINERS = (list, dict, set)


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, _CONTAINERS) else value


def _restore_container(kept: Any, before: Any) -> None:
    if isinstance(kept, list):
        kept[:] = before
    else:
        kept.clear()
        kept.update(before)


def _same(now: Any, before: Any) -> bool:
    """Equality by identity of the elements: values may be tensors."""
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return list(now) == list(before) and all(now[k] is before[k] for k in now)
    if isinstance(now, set):
        return {id(x) for x in now} == {id(x) for x in before}
    return all(x is y for x, y in zip(now, before, strict=True))


@contextmanager
def untouched(root: nn.Module | None) -> Iterator[None]:
    """Within, the model may be changed at will; afterwards every submodule's attributes, hooks,
    parameters and buffers are the objects they were, and the random states too.

    Tensors written in place are the caller's concern: give the model clones.  An attribute whose
    new value cannot be told from the old is left; one that could not be set back is named in a warning.
    """
    modules = list(root.modules()) if root is not None else []
    kept = [
        (m, dict(vars(m)), {k: _copy(v) for k, v in vars(m).items() if isinstance(v, _CONTAINERS)}) for m in modules
    ]
    scripted = [
        (store, dict(store.items()))
        for m in modules
        if isinstance(m, torch.jit.ScriptModule)
        for store in (m._parameters, m._buffers)
    ]
    torch_state = torch.random.get_rng_state()
    python_state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    grad, fast = torch.is_grad_enabled(), torch.backends.mha.get_fastpath_enabled()
    try:
        yield
    finally:
        for module, attributes, containers in kept:
            state = vars(module)
            if state.keys() != attributes.keys() or any(state[k] is not v for k, v in attributes.items()):
                state.clear()
                state.update(attributes)
            for name, before in containers.items():
                if (before or attributes[name]) and not _same(attributes[name], before):
                    try:
                        _restore_container(attributes[name], before)
                    except Exception as error:
                        warnings.warn(f"could not restore {type(module).__name__}.{name}: {error}", stacklevel=3)
        for store, tensors in scripted:  # kept in C++, not in the module's __dict__
            for name, t in tensors.items():
                store[name] = t
        torch.random.set_rng_state(torch_state)
        random.setstate(python_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
        torch.set_grad_enabled(grad)
        torch.backends.mha.set_fastpath_enabled(fast)
