"""Leaving a model exactly as it was found, also after an exception."""

from __future__ import annotations

import random
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import nn

_CONTAINERS = (list, dict, set, deque)
_PLAIN = frozenset([type(None), bool, int, float, str, tuple, torch.Tensor, nn.Parameter])
"""Of most attributes; none of them is a container that can change."""


DEPTH = 4
"""So deep are containers looked for in containers."""


def _nested(value: Any, depth: int = DEPTH) -> Iterator[Any]:
    """A container and those in it."""
    if isinstance(value, _CONTAINERS):
        yield value
        if depth and not isinstance(value, set):
            for x in _inside(value):
                if type(x) in _CONTAINERS:
                    yield from _nested(x, depth - 1)


def _containers(attributes: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """All containers in attributes, each with the attribute's name and a copy; most of a module's are empty."""
    found: list[tuple[str, Any, Any]] = []
    for name, value in attributes.items():
        if type(value) in _PLAIN or not isinstance(value, _CONTAINERS):
            continue
        if value:
            found += [(name, c, c.copy()) for c in _nested(value)]
        else:
            found.append((name, value, ()))
    return found


def _inside(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)


def _restore_container(kept: Any, before: Any) -> None:
    if isinstance(kept, list):
        kept[:] = before
    elif isinstance(kept, deque):
        kept.clear()
        kept.extend(before)
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
    kept = [(m, dict(vars(m)), _containers(vars(m))) for m in modules]
    generators = {
        id(x): (x, x.get_state())
        for _, attributes, containers in kept
        for x in chain(attributes.values(), *(_inside(before) for _, _, before in containers if before))
        if type(x) is torch.Generator
    }
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
            if state.keys() != attributes.keys() or not all(map(is_, state.values(), attributes.values())):
                state.clear()
                state.update(attributes)
            for name, container, before in containers:
                if (before or container) and not _same(container, before):
                    try:
                        _restore_container(container, before)
                    except Exception as error:
                        warnings.warn(f"could not restore {type(module).__name__}.{name}: {error}", stacklevel=3)
        for store, tensors in scripted:  # kept in C++, not in the module's __dict__
            for name, t in tensors.items():
                store[name] = t
        for generator, found in generators.values():
            generator.set_state(found)
        torch.random.set_rng_state(torch_state)
        random.setstate(python_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
        torch.set_grad_enabled(grad)
        torch.backends.mha.set_fastpath_enabled(fast)
