"""The functions a reader knows by name, and how to tell that a region computes one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncd.circuit.diagram import Array
from ncd.rewrite.sample import Sample

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 1 << 15
"""So many numbers are compared at a time."""
PLACES = 4
"""So many places of an axis that a function is repeated over: it might do something else where some number is large."""


@dataclass(frozen=True)
class Found:
    """A recognised function: what to call it, how to draw it, and why it is that function."""

    name: str
    kind: str
    symbol: str
    label: str
    evidence: str


def elementwise(sample: Sample, data: Array, out: Array) -> Found | None:
    """An activation, compared on a grid: dense from -5 to 5, and far out, where clamps tell."""
    import torch
    import torch.nn.functional as F

    known = {
        "relu": (F.relu, "R"),
        "gelu": (F.gelu, "GELU"),
        "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), "GELU"),
        "silu": (F.silu, "SiLU"),
        "tanh": (torch.tanh, "tanh"),
        "sigmoid": (torch.sigmoid, "σ"),
        "quick_gelu": (lambda x: x * torch.sigmoid(1.702 * x), "QuickGELU"),
        "softplus": (F.softplus, "softplus"),
        "mish": (F.mish, "Mish"),
        "hardswish": (F.hardswish, "HardSwish"),
        "square": (torch.square, "x^2"),
        "squared_relu": (lambda x: F.relu(x) ** 2, "R^2"),
    }
    count = 1
    for n in data.shape:
        count *= n
    dtype = getattr(torch, data.dtype)
    if not dtype.is_floating_point or count < 8:
        return None
    near, far = count - count // 4, count // 4
    grid = torch.cat([torch.linspace(-5, 5, near), torch.linspace(-60, 60, far)]).to(dtype).view(data.shape)
    got = _try(sample, out, data, grid)
    if got is None or got.numel() != count:
        return None
    spread = slice(None, None, max(1, count // 1000))
    few, seen = grid.view(-1)[spread], got.reshape(-1)[spread]
    for name, (fn, label) in known.items():
        # Most are told apart by a thousand points.
        if not _close(seen, fn(few), atol=2e-6, rtol=1e-5):  # type: ignore[operator]
            continue
        if _close(got, fn(grid), atol=2e-6, rtol=1e-5):  # type: ignore[operator]
            return Found(name, "map", "map", label, f"equals {name} on {count} points from -60 to 60")
    return None


def normalisation(
    sample: Sample,
    data: Array,
    out: Array,
    aside: Sequence[Array],
    numbers: Sequence[float],
    once: Sequence[int] = (),
) -> Found | None:
    """LayerNorm, RMSNorm or softmax over the last axis, with any of the weights as gain and bias.

    ``once``: dimensions of which few places will do.
    """
    import torch.nn.functional as F

    if data.shape != out.shape or not data.shape:
        return None
    x = sample.random(data.id, 0.3, 2.0, _narrowed(data, once, 1))
    got = None if x is None else _try(sample, out, data, x)
    if x is None or got is None:
        return None
    d = data.shape[-1]
    weights = [sample.value(a.id) for a in aside if a.shape == (d,)]
    choices = [None, *(w for w in weights if w is not None)]
    tiny = [e for e in numbers if isinstance(e, float) and 0 < e < 1e-2]
    for eps in dict.fromkeys([*tiny, 1e-5, 0.0]):
        for label in ("RMS", "LN"):
            base = F.rms_norm(x, (d,), eps=eps) if label == "RMS" else F.layer_norm(x, (d,), eps=eps)
            for gain in choices:
                for bias in choices:
                    if bias is not None and bias is gain:
                        continue
                    want = base if gain is None else base * gain
                    want = want if bias is None else want + bias
                    if _close(want, got.to(want.dtype), atol=1e-4):
                        name = "rms_norm" if label == "RMS" else "layer_norm"
                        why = f"equals {name} (eps={eps:g}) on random values"
                        return Found(name, "along", "norm", label, why)
    if _close(x.softmax(-1), got, atol=1e-6):
        return Found("softmax", "along", "softmax", "", "equals softmax on random values")
    return None


def rotary(sample: Sample, data: Array, out: Array, pairs: bool = False, once: Sequence[int] = ()) -> Found | None:
    """A rotation of pairs by angles that depend on the position only through differences.

    ``pairs``: the last axis of what comes out is the two numbers of a pair.  ``once``: dimensions of which
    few places will do.

    Called rotary if it is linear, keeps lengths, is not the identity, and <R_i q, R_j k> depends
    on i - j alone (Su et al. 2021, RoFormer, eq. 11).
    """
    import torch

    if not sample.possible(out.id) or len(out.shape) < 2:
        return None
    a = sample.random(data.id, 0.0, shape=_narrowed(data, once, 2))
    if a is None or data.shape[-1] != out.shape[-1] and a.dim() < 2:
        return None
    *_, n, d = out.shape if not pairs else (*out.shape[:-2], out.shape[-2] * out.shape[-1])
    if a.numel() % d:
        return None
    generator = torch.Generator().manual_seed(2)
    vectors = [torch.randn(d, generator=generator).to(a.dtype) for _ in range(2)]
    b, c = (v.repeat(a.numel() // d).view(a.shape) for v in vectors)
    fa, fb, fc, mixed = (_try(sample, out, data, t) for t in (a, b, c, 2 * a - b))
    if fa is None or fb is None or fc is None or mixed is None:
        return None
    if fa.numel() != a.numel() or not _close(mixed, 2 * fa - fb, atol=1e-4):
        return None
    if abs(fa.norm() - a.norm()) > 1e-3 * a.norm():
        return None
    if _close(fa, a, atol=1e-3):
        return None
    rows = [turned.reshape(-1, n, d)[0] for turned in (fb, fc)]
    if not _same_along_diagonals(rows[0] @ rows[1].T):
        return None
    why = "linear, keeps lengths, and inner products depend on the difference of positions only"
    return Found("rotary", "along", "box", "RoPE", why)


def _narrowed(data: Array, once: Sequence[int], last: int) -> list[int]:
    """The shape of the data with few places along the dimensions of ``once``, but for so many last ones."""
    leading = len(data.shape) - last
    return [min(n, PLACES) if k in once and k < leading else n for k, n in enumerate(data.shape)]


def _same_along_diagonals(scores: Tensor) -> bool:
    """Whether an entry of a square matrix depends on the difference of its indices only."""
    import torch

    n = len(scores)
    at = torch.arange(n)
    apart = at - at[:, None] + n - 1
    first = torch.cat([scores[1:, 0].flip(0), scores[0]])
    zero = scores.new_zeros(2 * n - 1)
    off, largest = (
        zero.scatter_reduce(0, apart.reshape(-1), t.abs().reshape(-1), "amax") for t in (scores - first[apart], scores)
    )
    return not bool((off > 1e-3 * largest.clamp(min=1)).any())


def _try(sample: Sample, out: Array, data: Array, value: Tensor) -> Tensor | None:
    """The region's result on a value, or None if it does not run on it."""
    try:
        return sample.replay(out.id, {data.id: value})
    except Exception:
        # A region cut out of its program may ask for what only the whole has: then it is not recognised.
        return None


def _close(a: Tensor, b: Tensor, atol: float, rtol: float = 1e-5) -> bool:
    """Whether two arrays hold the same numbers in the same order; another dtype is another function."""
    import torch

    if a.dtype != b.dtype or a.numel() != b.numel():
        return False
    # Piece by piece: what is far off is so at once, and a piece stays in the cache.
    pieces = (t.reshape(-1).split(PIECE) for t in (a, b))
    return all(
        _within(x, y, atol, rtol) or torch.allclose(x, y, atol=atol, rtol=rtol) for x, y in zip(*pieces, strict=True)
    )


def _within(a: Tensor, b: Tensor, atol: float, rtol: float) -> bool:
    """Whether ``allclose`` holds, found three times as fast; False also if not all is finite."""
    if not a.is_floating_point() or not a.numel():
        return False
    limit = b.abs().mul_(rtol).add_(atol)
    return bool(((a - b).abs_() <= limit).all()) and bool(limit.max() < float("inf"))
