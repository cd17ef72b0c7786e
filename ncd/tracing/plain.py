"""An aten call as plain data, read off torch's schema and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ncd.ops.aten import AtenCall, Operand

_TAGS = {
    torch.Tag.pointwise: "pointwise",
    torch.Tag.reduction: "reduction",
    torch.Tag.nondeterministic_seeded: "random",
    torch.Tag.dynamic_output_shape: "sized by values",
    torch.Tag.data_dependent_output: "reads values",
}
_COPIES_OF_VIEWS = frozenset(
    ["_unsafe_view", "_reshape_copy", "unsafe_split", "unsafe_chunk", "unsafe_split_with_sizes"]
)


@dataclass(frozen=True)
class Facts:
    """What the schema of an overload says, read once."""

    name: str
    overload: str
    arguments: tuple[str, ...]
    defaults: Mapping[str, Any]
    tags: frozenset[str]
    reshapes: bool
    """Changes the shape of its operand in place (``t_``)."""
    writes: tuple[tuple[int, str], ...] = ()
    """Position and name of the arguments that are written."""


def tensors(tree: Any) -> list[Tensor]:
    """The tensors of any container, in pytree order."""
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]


def flat(args: Any) -> list[Tensor]:
    """``tensors`` for the arguments and results of aten ops: lists of lists at most, so much faster."""
    if isinstance(args, Tensor):
        return [args]
    if isinstance(args, dict):
        args = args.values()
    elif not isinstance(args, list | tuple):
        return []
    return [x for a in args if isinstance(a, Tensor | list | tuple | dict) for x in flat(a)]


def _plain(x: Any) -> Any:
    if isinstance(x, Tensor):
        return operand(x)
    return [_plain(y) for y in x] if isinstance(x, list | tuple) else x


@lru_cache(None)
def facts(func: Any) -> Facts:
    schema = func._schema
    name = schema.name.split("::")[1]
    aliases = [a for a in schema.arguments if a.alias_info is not None]
    view = any(not a.alias_info.is_write for a in aliases) and any(r.alias_info is not None for r in schema.returns)
    view |= torch.Tag.view_copy in func.tags or torch.Tag.inplace_view in func.tags or name in _COPIES_OF_VIEWS
    tags = {word for tag, word in _TAGS.items() if tag in func.tags}
    return Facts(
        name=name,
        overload=schema.overload_name or "default",
        arguments=tuple(a.name for a in schema.arguments),
        defaults={a.name: a.default_value for a in schema.arguments if a.has_default_value()},
        tags=frozenset(tags | ({"view"} if view else set())),
        reshapes=torch.Tag.inplace_view in func.tags,
        writes=tuple(
            (i, a.name) for i, a in enumerate(schema.arguments) if a.alias_info is not None and a.alias_info.is_write
        ),
    )


def operand(x: Tensor) -> Operand:
    """A tensor's shape, dtype and place in memory."""
    if x.layout != torch.strided:
        return Operand(tuple(x.shape), str(x.dtype)[6:])
    return Operand(tuple(x.shape), str(x.dtype)[6:], tuple(x.stride()), x.storage_offset())


def on_meta(x: Tensor) -> Tensor:
    """An empty dense tensor of the same shape and dtype on the meta device."""
    if x.layout != torch.strided or x.is_quantized:
        raise NotImplementedError(f"a tensor of layout {x.layout}")
    return torch.empty(x.shape, dtype=x.dtype, device="meta")


def aten_call(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> AtenCall:
    """The call as its rule may see it; a view is looked at as if its operand were dense."""
    known = facts(func)
    ins, outs = flat((args, kwargs)), flat(out)
    if "view" in known.tags and not known.name.startswith("as_strided") and len(ins) == 1 and ins[0] is args[0]:
        seen = _on_dense(func, args, kwargs)
        if seen is not None:
            ins, outs = seen
    named = {**known.defaults, **dict(zip(known.arguments, map(_plain, args), strict=False))}
    named |= {k: _plain(v) for k, v in kwargs.items()}
    return AtenCall(known.name, known.overload, named, tuple(map(operand, ins)), tuple(map(operand, outs)), known.tags)


def _on_dense(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Tensor], list[Tensor]] | None:
    """The view of a dense tensor instead: its strides then count in the operand's own shape."""
    dense = on_meta(args[0])
    try:
        outs = flat(_viewing(func)(dense, *args[1:], **kwargs))
    except Exception:
        return None
    if any(o.untyped_storage()._cdata != dense.untyped_storage()._cdata for o in outs):
        return None
    return [on_meta(args[0])], outs


@lru_cache(None)
def _viewing(func: Any) -> Any:
    """The view that a copying op is the copy of."""
    known = facts(func)
    if torch.Tag.view_copy not in func.tags and known.name not in _COPIES_OF_VIEWS:
        return func
    name = known.name.removesuffix("_copy").removeprefix("unsafe_")
    name = {"_unsafe_view": "view", "_reshape": "view"}.get(name, name)
    packet = getattr(torch.ops.aten, name, None)
    return getattr(packet, known.overload, None) or packet or func
