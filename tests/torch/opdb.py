"""torch's own list of operators with sample inputs, as an oracle for axis rules."""

from __future__ import annotations

import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.testing._internal.common_methods_invocations import op_db

from ncd.circuit.weave import Weave
from ncd.claims import Question, varies, window
from ncd.naturality import OnTensors, equal, natural, parts, reaches, reindexes, tensors, verdicts
from ncd.tracing.derive import Derived, derive

KINDS: dict[str, tuple[torch.dtype, ...]] = {
    "float": (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.float8_e4m3fn),
    "int": (torch.int64, torch.int32),
    "bool": (torch.bool,),
    "complex": (torch.complex64, torch.complex128, torch.complex32),
}
"""Each operator is tried once a kind, with the first dtype of it that it takes."""

RANDOM = ("dropout", "rrelu", "empty", "_like", "normal", "fractional", "svd_lowrank", "pca_lowrank")
"""Ops whose result is not a function of their tensors."""

MOVING = {"view", "flip", "repeat", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "im2col"}
MOVING |= {"as_strided", "clone", "unsqueeze", "squeeze", "permute", "t", "transpose", "slice", "select", "alias"}
"""Inner ops that move values and leave them as they are."""

OPAQUE: dict[str, str] = {}
"""Operators of torch's list without an exact weave, and why."""

WHOLE = {
    "argwhere": "the places of all nonzero elements, one after the other",
    "_histogramdd_bin_edges": "the edges lie between the smallest and the largest of all points",
    "_histogramdd_from_bin_cts": "each point is counted with all others",
    "_histogramdd_from_bin_tensors": "each point is counted with all others",
    "equal": "one answer for all elements",
    "histogram": "each element is counted with all others",
    "histogram.bin_ct": "each element is counted with all others",
    "histogram.bins_tensor": "each element is counted with all others",
    "linalg_vector_norm.scalar": "one number for all elements",
    "masked_scatter": "the n-th place of the mask, counted over all axes, takes the n-th value",
    "masked_select": "what the mask leaves, one after the other",
    "nonzero": "the places of all nonzero elements, one after the other",
    "nonzero_static": "the places of all nonzero elements, one after the other",
    "put": "places are counted over all axes",
    "repeat_interleave.Tensor": "where an index begins depends on all counts before it",
    "unique_consecutive": "elements are compared with their neighbours",
    "unique_dim": "slices are compared with one another, and every element of them counts",
    "unique_dim_consecutive": "slices are compared with their neighbours, and every element of them counts",
    "_unique": "all elements are compared with one another",
    "_unique2": "all elements are compared with one another",
}
"""The rows that make every axis a target, and why that is exact."""

LARGEST = 200_000
POINTS = 300_000
"""Windows with a larger index space than this are tested by a few positions instead of all."""

Sample = tuple[tuple[Any, ...], dict[str, Any]]


class TooSlow(Exception):
    pass


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Of this process's own time: a busy machine is no slow operator."""

    def stop(*_: Any) -> None:
        raise TooSlow

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


@cache
def by_name() -> dict[str, Any]:
    return {op.name + (f".{op.variant_test_name}" if op.variant_test_name else ""): op for op in op_db}


def dtype_of(name: str, kind: str) -> torch.dtype | None:
    usable = by_name()[name].supported_dtypes("cpu")
    return next((d for d in KINDS[kind] if d in usable), None)


def samples(name: str, dtype: torch.dtype, count: int) -> list[Sample]:
    """Up to ``count`` calls, spread over the list from the most to the fewest axes."""
    torch.manual_seed(0)
    found = []
    for s in by_name()[name].sample_inputs("cpu", dtype, requires_grad=False):
        args, kwargs = (s.input, *s.args), dict(s.kwargs)
        xs = tensors((args, kwargs))
        if any(x.numel() == 0 or x.numel() > LARGEST for x in xs):
            continue
        found.append((sum(n > 1 for x in xs for n in x.shape), args, kwargs))
        if len(found) == 10 * count:
            break
    found.sort(key=lambda s: -s[0])
    return [(a, k) for _, a, k in found[:: max(1, len(found) // count)][:count]]


@dataclass
class Finding:
    """What one call showed.

    ``checks`` counts the verdicts of naturality on what is said to be tiled, ``windows`` those on
    windows, ``moves`` those on pure re-indexings; ``wrong`` says which claims failed.  ``lies`` are the
    verdicts on target indices claimed tiled; ``spared`` the weaves in which such a lie was not noticed.
    """

    derived: Derived | None = None
    real: bool = False
    checks: Counter[bool | None] = field(default_factory=Counter)
    windows: Counter[Any] = field(default_factory=Counter)
    moves: int = 0
    wrong: list[str] = field(default_factory=list)
    error: str = ""
    lies: Counter[bool | None] = field(default_factory=Counter)
    spared: list[str] = field(default_factory=list)


def examine(fn: Callable[..., Any], args: Any, kwargs: Any, random: bool = False, lie: bool = False) -> Finding | None:
    """Derive one call's weave and hold it to the running code; None when the call itself does not run here."""
    call = OnTensors(fn, args, kwargs)
    try:
        base = call(call.xs)
    except TooSlow:
        raise
    except Exception:
        return None
    if not base:
        return None
    found = Finding()

    def real() -> Any:
        found.real = True
        return args, kwargs

    try:
        found.derived = derive(fn, args, kwargs, real=real)
    except TooSlow:
        raise
    except Exception as e:
        found.error = f"{type(e).__name__}: {e}"[:200]
        return found
    weave = found.derived.weave
    found.error = misfit(weave, call.xs, base)
    if found.error:
        return found
    if set(found.derived.ops) <= MOVING:
        verdict = reindexes(call.xs, base, weave)
        found.moves += verdict is not None
        if verdict is False:
            found.wrong.append(f"not this re-indexing: {weave}")
    if not random and not found.derived.random and equal(base, call(call.xs)):
        _naturality(found, call, base, weave)
        _windows(found, call, base, weave)
        if lie and all(y.numel() for y in base):
            _lies(found, call, base, weave)
    return found


def misfit(weave: Weave, xs: list[Tensor], base: list[Tensor]) -> str:
    """Where a weave speaks of other shapes than those of a call; empty when it fits."""
    said = f"{weave} speaks of other operands than {[tuple(t.shape) for t in (*xs, *base)]}"
    if len(weave.ins) != len(xs) or len(weave.outs) * (1 + len(weave.rest)) != len(base):
        return said
    for part, outs in parts(weave, len(base)):
        for forms, x in zip((*part.ins, *part.outs), (*xs, *base[outs]), strict=True):
            if len(forms) != x.ndim:
                return said
        for forms, y in zip(part.outs, base[outs], strict=True):
            for form, n in zip(forms, y.shape, strict=True):
                extent = prod(part.sizes[v] for v in form.variables)
                enumerates = not form.const and form.radix(extent, part.sizes) is not None
                if n and (enumerates or not form.terms) and extent != n:
                    return said
    return ""


def _naturality(found: Finding, call: OnTensors, base: list[Tensor], weave: Weave) -> None:
    for (part, var), verdict in verdicts(call, call.xs, base, weave).items():
        found.checks[verdict] += 1
        if verdict is False:
            found.wrong.append(f"not tiled over {var} (output {part}): {weave}")
        if verdict is None:
            which, outs = list(parts(weave, len(base)))[part]
            ok, what = window(Question(call, call.xs, base, which, outs, var))
            found.windows[ok] += 1
            if ok is False:
                found.wrong.append(f"{what}: {weave}")


def _windows(found: Finding, call: OnTensors, base: list[Tensor], weave: Weave) -> None:
    """Every index of a dimension read in a window: which outputs does it change?"""
    if weave.rest or len(base) != 1 or prod(weave.sizes.values()) > POINTS:
        return
    for operand, (x, forms) in enumerate(zip(call.xs, weave.ins, strict=True)):
        for dim, form in enumerate(forms):
            if form.radix(x.shape[dim], weave.sizes) is None and form.terms and x.dtype.is_floating_point:
                try:
                    verdict = reaches(call, call.xs, base, weave, operand, dim)
                except RuntimeError:
                    continue  # the operand takes no other values (a divisor, a place)
                found.windows[verdict] += 1
                if verdict == "more":
                    found.wrong.append(f"reaches further along dimension {dim} of input {operand}: {weave}")


def _lies(found: Finding, call: OnTensors, base: list[Tensor], weave: Weave) -> None:
    """Claim each target tiled: the check must refute it."""
    rng = random.Random(0)
    for part, outs in parts(weave, len(base)):
        for var in part.target:
            if part.sizes[var] < 2:
                continue
            false = replace(part, targets=part.targets - {var})
            question = Question(call, call.xs, base, false, outs, var)
            try:
                verdict = natural(call, call.xs, base, false, var, rng, 8, outs) if varies(question) else None
            except TooSlow:
                raise
            except Exception:
                continue
            found.lies[verdict] += 1
            if verdict:
                found.spared.append(f"{var} in {part}")


@dataclass
class Entry:
    """One operator with one kind of dtype: a finding a call, or why there is none."""

    name: str
    kind: str
    rows: list[Finding] = field(default_factory=list)
    idle: str = ""

    @property
    def answered(self) -> bool:
        return bool(self.rows) and all(r.derived is not None and not r.error for r in self.rows)

    @property
    def missing(self) -> list[str]:
        return sorted({m for r in self.rows if r.derived for m in r.derived.missing})

    @property
    def exact(self) -> bool:
        return self.answered and not self.missing

    @property
    def wrong(self) -> list[str]:
        return sorted({w for r in self.rows for w in r.wrong} | {r.error for r in self.rows if r.error})


def _refused(fn: Callable[..., Any], args: Any, kwargs: Any) -> str:
    try:
        return f"returns a {type(fn(*args, **kwargs)).__name__} and no tensor"
    except Exception as e:
        return str(e).splitlines()[0][:100]


def survey(name: str, kind: str, count: int, lie: bool = False) -> Entry | None:
    """What up to ``count`` samples of one operator show; None if it takes no dtype of the kind."""
    dtype = dtype_of(name, kind)
    if dtype is None:
        return None
    entry, op, random = Entry(name, kind), by_name()[name], any(word in name for word in RANDOM)
    try:
        with limit(60), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = samples(name, dtype, count)
            entry.idle = "" if given else "no sample with elements"
            for args, kwargs in given:
                one = examine(op.op, args, kwargs, random, lie)
                if one is not None:
                    entry.rows.append(one)
            if given and not entry.rows:
                entry.idle = _refused(op.op, *given[0])
    except TooSlow:
        entry.rows.append(Finding(error="took more than a minute"))
    return entry
