"""Whether a body computes what the call it opens computes: both are run on the same values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from ncd.circuit.diagram import Array, Op, Ref
from ncd.emit.calls import filled, resolve
from ncd.naturality import tolerance
from ncd.rewrite.sample import LARGEST

Body = Callable[..., Any]


def compared(op: Op, body: Body, functions: list[Any], known: Mapping[int, Tensor]) -> str:
    """What was compared, in words.

    ``known`` are the values of constants; everything else is made up, the same for both: ordinary numbers, large
    ones, zeros; masks that let some through, everything, and in one row nothing.  Raises ValueError, saying
    where, if the two differ, and if there is no telling.
    """
    (call,) = op.body
    count, largest = 0, 0.0
    run = resolve(call.name, functions)
    for values in samples(op, known):
        args = filled(call.args, values, functions)
        kwargs = {k: filled(v, values, functions) for k, v in call.kwargs}
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            wanted = _results(call.out, _called(run, args, kwargs))
            torch.manual_seed(0)
            got = _results(call.out, body(*args, **kwargs))
        for want, have in zip(wanted, got, strict=True):
            largest = max(largest, difference(want, have))
        count += 1
    if not count:
        raise ValueError("there are no values to compare it on")
    return f"equals {op.name} on {count} samples: max |Δ| {largest:.1e}"


def _called(run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The call itself, where torch takes the same way as when it was recorded."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        return run(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def difference(want: Tensor, got: Tensor) -> float:
    """The largest difference.  Raises ValueError where it is more than rounding."""
    if want.shape != got.shape or want.dtype != got.dtype:
        raise ValueError(f"it gives {got.dtype} {tuple(got.shape)}, not {want.dtype} {tuple(want.shape)}")
    if want.numel() == 0:
        return 0.0
    rough = tolerance(want.dtype)
    finite = want[want.isfinite()].abs() if want.is_floating_point() else want.abs()
    scale = float(finite.max()) if finite.numel() else 1.0
    if not torch.allclose(got, want, rtol=rough, atol=0.1 * rough * max(scale, 1e-3), equal_nan=True):
        raise ValueError(f"it gives other numbers: {_first(want, got)}")
    gap = (got - want).abs() if want.dtype != torch.bool else got ^ want
    gap = gap[gap.isfinite()] if gap.is_floating_point() else gap
    return float(gap.max()) if gap.numel() else 0.0


def _first(want: Tensor, got: Tensor) -> str:
    far = ~torch.isclose(got, want, rtol=tolerance(want.dtype), equal_nan=True)
    at = tuple(far.nonzero()[0].tolist()) if bool(far.any()) else (0,) * want.dim()
    return f"{got[at].item():.6g} instead of {want[at].item():.6g} at {list(at)}"


def samples(op: Op, known: Mapping[int, Tensor]) -> Iterator[dict[int, Tensor]]:
    """Values for the op's operands."""
    arrays = {a.id: a for a in op.inputs}
    if any(prod(a.shape) > LARGEST for a in arrays.values()):
        return
    bound = _bound(op, known)
    for trial in ("ordinary", "large", "zero"):
        yield {i: known[i] if i in known else _value(a, trial, bound) for i, a in arrays.items()}


def _value(a: Array, trial: str, bound: int) -> Tensor:
    dtype, generator = getattr(torch, a.dtype), torch.Generator().manual_seed(a.id + len(trial))
    if dtype == torch.bool:
        allowed = torch.rand(a.shape, generator=generator) > 0.4
        if trial == "large" and a.shape:
            allowed[..., 0 : max(1, allowed.shape[-1] // 2)] = True
            allowed.view(-1, a.shape[-1])[0] = False
        return allowed if trial != "zero" else torch.ones_like(allowed)
    if not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(0, bound, a.shape, generator=generator).to(dtype)
    if trial == "zero" and a.kind not in ("parameter", "buffer"):
        return torch.zeros(a.shape, dtype=dtype)
    if a.kind == "buffer":
        return (torch.rand(a.shape, generator=generator) + 0.5).to(dtype)  # a variance is positive
    real = torch.randn(a.shape, generator=generator) + 0.3
    if trial == "large" and a.kind != "parameter":
        real = real * (100 if torch.finfo(dtype).max > 1e10 else 20)  # exp overflows from 89 on, a half from 65504
    return real.to(dtype)


def _bound(op: Op, known: Mapping[int, Tensor]) -> int:
    """Integers below this are valid for the call: it is tried, from the longest axis down."""
    (call,) = op.body
    whole = [a for a in op.inputs if a.id not in known and _integer(a)]
    sizes = sorted({n for a in op.inputs if not _integer(a) for n in a.shape}, reverse=True)
    if not whole or isinstance(call.out, Ref) is False and not sizes:
        return 2
    run = resolve(call.name)
    for n in sizes:
        values = {a.id: known.get(a.id, _value(a, "ordinary", n)) for a in op.inputs}
        for a in whole:
            values[a.id].view(-1)[:1] = n - 1
        try:
            with torch.no_grad():
                run(*filled(call.args, values), **{k: filled(v, values) for k, v in call.kwargs})
        except (IndexError, RuntimeError):
            continue
        return n
    return 2


def _integer(a: Array) -> bool:
    return a.dtype.startswith(("int", "uint"))


def _results(shape: Any, result: Any) -> list[Tensor]:
    if isinstance(shape, Ref):
        return [result]
    if isinstance(shape, (tuple, list)):
        return [t for inner, x in zip(shape, result, strict=True) for t in _results(inner, x)]
    return []
