"""What a call did to the memory of its tensors, and the modes it ran under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from ncd.tracing.plain import facts, flat


def state(t: torch.Tensor) -> tuple[object, ...]:
    """What changes when a tensor is written in place: its version, or its shape."""
    return (0 if t.is_inference() else t._version, t.shape)


def declared_writes(
    fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any], known: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """The operands that an aten op says it writes, without those ``known`` to be written.

    Below autograd no version is counted: there, only the schema tells.
    """
    if not isinstance(fn, torch._ops.OpOverload) or not facts(fn).writes:
        return []
    found = [t for i, name in facts(fn).writes for t in flat([args[i] if i < len(args) else kwargs.get(name)])]
    return [t for t in found if all(t is not k for k in known)]


def wrapped(tree: Any) -> bool:
    """Whether some tensor is one of a transform (vmap, grad) that has ended or is not the innermost."""
    if isinstance(tree, torch.Tensor):
        return is_functorch_wrapped_tensor(tree)
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (tuple, list)):
        return False
    return any(wrapped(x) for x in tree if isinstance(x, (torch.Tensor, tuple, list, dict)))


def same_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors of one storage are the same numbers in the same places."""
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and a.stride() == b.stride()
        and a.storage_offset() == b.storage_offset()
        and a.is_conj() == b.is_conj()
        and a.is_neg() == b.is_neg()
    )


def autocast() -> tuple[str, ...]:
    """The device and dtype of the automatic casts in force, if any."""
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return device, str(torch.get_autocast_dtype(device)).removeprefix("torch.")
    return ()
