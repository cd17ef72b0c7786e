"""Derivatives that stay one call in a diagram: drawn as one box, opened like any function.

Each is plain tensor operations, so its weave is derived like that of any other call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import wrap_torch_function
from torch.utils._pytree import tree_leaves, tree_map


def whole(fn: Callable[..., Any], opens: bool = True) -> Callable[..., Any]:
    """The function as one call to whoever records calls, with itself as its body if that is what it ``opens`` into."""

    def tensors(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        return tuple(x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor))

    call: Callable[..., Any] = wrap_torch_function(tensors)(fn)
    if opens:
        call.written_out = fn  # type: ignore[attr-defined]
    return call


@whole
def d_softmax(g: Tensor, y: Tensor, dim: int) -> Tensor:
    """y (g - Σ g y): of softmax, from what it made.  (…, dim, …) -> the same."""
    return y * (g - (g * y).sum(dim, keepdim=True))


@whole
def d_log_softmax(g: Tensor, y: Tensor, dim: int) -> Tensor:
    """g - e^y Σ g: of the logarithm of softmax, from what it made."""
    return g - y.exp() * g.sum(dim, keepdim=True)


def _rest(x: Tensor, shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


@whole
def d_layer_norm(g: Tensor, x: Tensor, shape: Sequence[int], eps: float) -> Tensor:
    """(g - mean(g) - n mean(g n)) / σ with n = (x - mean(x)) / σ: of a layer norm without its weights."""
    dims = _rest(x, shape)
    away = x - x.mean(dims, keepdim=True)
    scale = (away.square().mean(dims, keepdim=True) + eps).rsqrt()
    n = away * scale
    return (g - g.mean(dims, keepdim=True) - n * (g * n).mean(dims, keepdim=True)) * scale


@whole
def d_rms_norm(g: Tensor, x: Tensor, shape: Sequence[int], eps: float) -> Tensor:
    """(g - n mean(g n)) / r with n = x / r and r the root of the mean square."""
    dims = _rest(x, shape)
    scale = (x.square().mean(dims, keepdim=True) + eps).rsqrt()
    n = x * scale
    return (g - n * (g * n).mean(dims, keepdim=True)) * scale


@whole
def normalised(x: Tensor, shape: Sequence[int], eps: float, centred: bool) -> Tensor:
    """What a norm multiplies its weight with."""
    dims = _rest(x, shape)
    away = x - x.mean(dims, keepdim=True) if centred else x
    return away * (away.square().mean(dims, keepdim=True) + eps).rsqrt()


@whole
def d_cumsum(g: Tensor, dim: int) -> Tensor:
    """The sum of all that come after."""
    return g.flip(dim).cumsum(dim).flip(dim)


@whole
def d_embedding(g: Tensor, ids: Tensor, rows: int) -> Tensor:
    """Every row of the table has the sum of what was done with it: gathering turns into adding up."""
    table = torch.zeros(rows, g.shape[-1], dtype=g.dtype, device=g.device)
    return table.index_add(0, ids.reshape(-1), g.reshape(-1, g.shape[-1]))


@whole
def d_index(g: Tensor, shape: Sequence[int], index: Any) -> Tensor:
    """Zeros with ``g`` added where it was read from."""
    zeros = torch.zeros(shape, dtype=g.dtype, device=g.device)
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, (Tensor, list)) for i in index) and all(
        i is None or isinstance(i, (Tensor, list)) for i in index
    ):
        read = [torch.as_tensor(i, device=g.device) for i in index if i is not None]
        return zeros.index_put(tuple(read), g, accumulate=True) if None not in index else _written(zeros, index, g)
    return _written(zeros, index, g)


def _written(zeros: Tensor, index: tuple[Any, ...], g: Tensor) -> Tensor:
    """Zeros with ``g`` added at an index of any kind, through the places that it names."""
    places = torch.arange(zeros.numel(), device=zeros.device).reshape(zeros.shape)[index]
    return zeros.reshape(-1).index_add(0, places.reshape(-1), g.reshape(-1)).reshape(zeros.shape)


@whole
def d_gather(g: Tensor, shape: Sequence[int], dim: int, index: Tensor) -> Tensor:
    """Zeros with ``g`` added where it was gathered from."""
    return torch.zeros(shape, dtype=g.dtype, device=g.device).scatter_add(dim, index, g)


@whole
def d_tanh(y: Tensor) -> Tensor:
    """1 - y², from what it made."""
    return 1 - y.square()


@whole
def d_sigmoid(y: Tensor) -> Tensor:
    """y (1 - y), from what it made."""
    return y * (1 - y)


@whole
def d_relu(y: Tensor) -> Tensor:
    """1 where it let something through."""
    return (y > 0).to(y.dtype)


@whole
def d_silu(x: Tensor) -> Tensor:
    """σ (1 + x (1 - σ))."""
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


@whole
def d_gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Φ(x) + x φ(x), with the tanh in place of the error function where the call has it there."""
    if approximate == "none":
        return 0.5 * (1 + torch.erf(x * 0.5**0.5)) + x * torch.exp(-0.5 * x * x) * (0.5 / torch.pi) ** 0.5
    c = (2 / torch.pi) ** 0.5
    t = torch.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)


@whole
def d_softplus(x: Tensor, beta: float, threshold: float) -> Tensor:
    """σ(βx), and 1 where the call is linear."""
    return torch.where(x * beta > threshold, torch.ones_like(x), torch.sigmoid(beta * x))


@partial(whole, opens=False)
def gradient(
    fn: Callable[..., Any], which: Sequence[int], g: Sequence[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, ...]:
    """What torch's autograd makes of the cotangents ``g`` of one call's results, for some of its operands.

    ``which`` are the positions of these among all tensors of the arguments, in order.  For calls of which
    no formula is written down here.
    """
    found: list[Tensor] = []
    passed: list[Tensor] = []

    def fresh(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        k = len(found)
        found.append(x.detach().requires_grad_() if k in which else x.detach())
        passed.append(found[k].clone())  # it may be written into
        return passed[k]

    with torch.enable_grad():
        args, kwargs = tree_map(fresh, (args, dict(kwargs)))
        out = fn(*args, **kwargs)
        outs = [o for o in tree_leaves(out) if isinstance(o, Tensor)] or passed[:1]
        pairs = [(o, c) for o, c in zip(outs, g, strict=True) if c is not None and o.requires_grad]
        wanted = [found[k] for k in which]
        got = torch.autograd.grad([o for o, _ in pairs], wanted, [c for _, c in pairs], allow_unused=True)
    return tuple(torch.zeros_like(x) if d is None else d for x, d in zip(wanted, got, strict=True))
