"""Finding and replacing the tensors in whatever a model takes and returns.

Inputs and outputs come as tensors, tuples, lists, dicts, named tuples, mappings such as
Hugging Face's ``BatchEncoding`` and ``ModelOutput``, dataclasses, and objects that hold tensors.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from ncd.tracing.placeholders import Placeholder

DEPTH = 3
"""How many objects deep a tensor is looked for inside things that are no container."""


def map_leaves(tree: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """The same structure with every leaf replaced by ``change(dotted name, leaf)``."""

    def at(key: object) -> str:
        return f"{name}.{key}" if name else str(key)

    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        # Not by its constructor, which may do more (torch's ``PackedSequence``).
        changed = (map_leaves(v, change, at(k)) for k, v in zip(tree._fields, tree, strict=True))
        return tuple.__new__(type(tree), changed)
    if type(tree) in (tuple, list):
        return type(tree)(map_leaves(v, change, at(i)) for i, v in enumerate(tree))
    if isinstance(tree, Mapping):
        items = {k: map_leaves(v, change, at(k)) for k, v in tree.items()}
        if type(tree) is dict:
            return items
        twin = copy.copy(tree)
        for k, v in items.items():
            twin[k] = v  # type: ignore[index]
        return twin
    if dataclasses.is_dataclass(tree) and not isinstance(tree, (type, Placeholder)):
        twin: Any = copy.copy(tree)  # type: ignore[no-redef]
        for f in dataclasses.fields(tree):
            object.__setattr__(twin, f.name, map_leaves(getattr(tree, f.name), change, at(f.name)))
        return twin
    return change(name, tree)


def tensors(tree: Any, name: str = "", depth: int = DEPTH) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of a structure with its dotted name, in order."""

    def at(key: object) -> str:
        return f"{name}.{key}" if name else str(key)

    if isinstance(tree, torch.Tensor):
        yield name, tree
    elif isinstance(tree, Mapping):
        for k, v in tree.items():
            yield from tensors(v, at(k), depth)
    elif isinstance(tree, (tuple, list)):
        keys = getattr(tree, "_fields", range(len(tree)))
        for k, v in zip(keys, tree, strict=True):
            yield from tensors(v, at(k), depth)
    elif depth and hasattr(tree, "__dict__") and not isinstance(tree, (type, torch.nn.Module)):
        for k, v in vars(tree).items():
            yield from tensors(v, at(k), depth - 1)


def shown(output: Any) -> list[tuple[str, torch.Tensor]]:
    """The tensors of a model's output that a picture shows: all but caches of keys and values."""

    def without_caches(tree: Any) -> Any:
        if isinstance(tree, Mapping):
            return {k: without_caches(v) for k, v in tree.items() if k not in ("past_key_values", "cache_params")}
        if type(tree) in (tuple, list):
            return [without_caches(v) for v in tree]
        return None if type(tree).__name__.endswith("Cache") else tree

    found: dict[int, tuple[str, torch.Tensor]] = {}
    for name, t in tensors(without_caches(output)):
        found.setdefault(id(t), (name, t))
    return list(found.values())
