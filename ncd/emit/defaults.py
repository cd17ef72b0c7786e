"""Arguments that need not be written: those that are the default, and by which name the others go."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from ncd.circuit.diagram import Array, Call, Name, Ref
from ncd.emit.calls import refs, resolve
from ncd.emit.lines import Size, leaves, short
from ncd.errors import CheckError

NO_DEFAULT = inspect.Parameter.empty
KNOWN: dict[str, dict[str, Any]] = {
    "max_pool1d": {"return_indices": False}, "max_pool2d": {"return_indices": False},
    "max_pool3d": {"return_indices": False}, "pad": {"mode": "constant", "value": None},
}  # fmt: skip


BY_NAME = ("torch.nn.functional.", "torch.lstm", "torch.gru", "torch.rnn_tanh", "torch.rnn_relu")
IN_PLACE = re.compile(r"(pool\dd|pad|interpolate|one_hot)$")
"""Functions whose first plain argument needs no name."""


WINDOW = ("stride", "padding", "dilation", "output_padding", "output_size", "kernel_size")


def with_names(call: Call) -> Call:
    """The call with plain arguments by name, where a reader would not know what they are."""
    names, args = list(_parameters(call.name)), list(call.args)
    if not call.name.startswith(BY_NAME) or len(names) < len(args):
        return call
    tensors = 1 + max((k for k, a in enumerate(args) if any(True for _ in refs(a))), default=0)
    tensors += bool(IN_PLACE.search(call.name)) and tensors == 1
    extra = dict(zip(names[tensors:], args[tensors:], strict=False))
    if not all(_plain(v) for v in extra.values()) or extra.keys() & dict(call.kwargs).keys():
        return call
    return replace(call, args=tuple(args[:tensors]), kwargs=(*extra.items(), *call.kwargs))


def without_defaults(call: Call, arrays: Mapping[int, Array]) -> Call:
    """The call with every argument left out that says the default."""
    parameters = _parameters(call.name)
    names, args = list(parameters), list(call.args)
    kwargs = [
        (k, _single(v) if k in WINDOW else v) for k, v in call.kwargs if not _default(call, parameters, k, v, arrays)
    ]
    while call.name.startswith(BY_NAME) and args and len(args) <= len(names) and args[-1] is None:
        if parameters[names[len(args) - 1]] is not None:
            break
        args.pop()
    while call.name.startswith(BY_NAME) and kwargs and len(args) < len(names) and kwargs[0][0] == names[len(args)]:
        if not isinstance(kwargs[0][1], Ref):
            break
        args.append(kwargs.pop(0)[1])
    return replace(call, args=tuple(args), kwargs=tuple(kwargs))


def _plain(x: Any) -> bool:
    return all(y is None or isinstance(y, (bool, int, float, str, Size)) for y in leaves(x))


def _single(x: Any) -> Any:
    """``(2, 2)`` is 2 to a convolution."""
    if isinstance(x, (tuple, list)) and x and type(x[0]) is not bool and all(y == x[0] for y in x):
        return x[0]
    return x


def _default(call: Call, parameters: Mapping[str, Any], name: str, value: Any, arrays: Mapping[int, Array]) -> bool:
    function = short(call.name)
    if function == "scaled_dot_product_attention" and name == "scale" and isinstance(call.args[0], Ref):
        q = arrays.get(call.args[0].id)
        usual = q is not None and q.shape and isinstance(value, float) and math.isclose(value, q.shape[-1] ** -0.5)
        if usual:
            return True
    if name == "stride" and "pool" in function and len(call.args) > 1:
        return bool(_single(value) == _single(call.args[1]))
    default = KNOWN.get(function, {}).get(name, parameters.get(name, NO_DEFAULT))
    if default is NO_DEFAULT or isinstance(value, (Ref, Name, Size)):
        return False
    value, default = _single(value), _single(default)
    return type(value) is type(default) and value == default


@cache
def _parameters(name: str) -> dict[str, Any]:
    """Name and default of every parameter, as far as Python or torch's schema says."""
    try:
        fn = resolve(name)
    except CheckError:
        return {}
    try:
        found = {p.name: p.default for p in inspect.signature(fn).parameters.values()}
        if "args" not in found:
            return found
    except (TypeError, ValueError):
        pass
    packet = getattr(torch.ops.aten, short(name), None)
    if packet is None or not hasattr(packet, "overloads") or name.startswith("torch.ops."):
        return {}
    overload = "input" if "input" in packet.overloads() else packet.overloads()[0]
    schema = getattr(packet, overload)._schema
    return {a.name: a.default_value if a.has_default_value() else NO_DEFAULT for a in schema.arguments}
