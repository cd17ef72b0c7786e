"""One program of a sweep, and what came of holding it to the promises: traced, true, equal, drawn."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import ncd
from ncd.circuit.diagram import Diagram
from ncd.tracing.containers import map_leaves, shown

SEED = 0
CLOSE = 1e-5
"""Outputs may differ by so much of the largest value in them (of 1, where that is less)."""


class Subject(NamedTuple):
    """What is traced: a module or a function, its arguments, and names of their axes."""

    target: Any
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}
    axes: Any = None


@dataclass(frozen=True)
class Case:
    """A named program.  ``make`` builds it, after the random state is set to ``SEED``.

    ``again`` gives other (args, kwargs) of the same shapes; without it they are ``redrawn``.
    A module is put in eval mode, but for ``train``.
    """

    name: str
    make: Callable[[], Subject]
    again: Callable[[Subject], tuple[Sequence[Any], Mapping[str, Any]]] | None = None
    train: bool = False


@dataclass(frozen=True)
class Suite:
    """The cases of a sweep.

    ``left_out``: programs that cannot be built here, and why; ``known``: cases that fail, and why.
    ``packages`` are those whose versions the report states.
    """

    title: str
    cases: Sequence[Case]
    packages: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)


STAGES = ("build", "run", "trace", "module", "check", "draw")
"""What is done with a case, in this order; it ends at an exception of one of the first three."""


@dataclass
class Outcome:
    """What came of one case.

    ``errors`` are the exceptions by stage, ``traces`` where they came from.  ``whole`` counts the
    calls that are repeated over no axis at all, ``reads`` the places where a value chose the path.
    ``failed`` claims of ``claims`` failed, the first ones in ``failures``.  ``differs`` says how
    the module made of the diagram differs on other inputs; ``elsewhere`` that it does so only because
    their values choose another path, and is equal on the inputs traced.
    """

    name: str
    done: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    opaque: list[str] = field(default_factory=list)
    whole: int = 0
    reads: int = 0
    claims: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    differs: str = ""
    elsewhere: bool = False
    drawn: int = 0

    @property
    def true(self) -> bool:
        return "check" in self.done and not self.failed

    @property
    def equal(self) -> bool:
        return "module" in self.done and not self.differs and not self.elsewhere

    @property
    def fine(self) -> bool:
        return not self.errors and not self.failed and not self.differs

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and note its exception instead of raising it."""
        start = time.perf_counter()
        try:
            yield
            self.done.append(name)
        except Exception as error:
            self.errors[name] = said(error)
            self.traces[name] = traceback.format_exc()[-4000:]
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 2)


def hold(case: Case, draw: bool = True) -> Outcome:
    """Build, run, trace, turn into a module, check and draw one case; never raises."""
    out = Outcome(case.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with out.stage("build"):
            torch.manual_seed(SEED)
            subject = case.make()
            if isinstance(subject.target, nn.Module):
                subject.target.train(case.train)
        if out.errors:
            return out
        with out.stage("run"), torch.no_grad():
            called(subject.target, subject.args, subject.kwargs)
        if out.errors:
            return out
        with out.stage("trace"):
            d = ncd.trace(subject.target, *subject.args, axes=subject.axes, **subject.kwargs)
            out.calls, out.reads = len(d.ops), len(d.reads)
            out.opaque = [op.name for op in d.opaque]
            out.whole = sum(not op.tiled and any(a.axes for a in (*op.inputs, *op.outputs)) for op in d.ops)
        if out.errors:
            return out
        with out.stage("module"):
            args, kwargs = (case.again or redrawn)(subject)
            out.differs = difference(subject.target, d, args, kwargs)
            if out.differs and out.reads:
                same = difference(subject.target, d, subject.args, subject.kwargs)
                out.differs, out.elsewhere = same, not same
        with out.stage("check"):
            report = d.check(trials=1)
            out.claims, out.failed = len(report.claims), len(report.failures)
            out.failures = [str(f)[:400] for f in report.failures[:5]]
        if draw:
            with out.stage("draw"):
                out.drawn = len(d.to_svg())
    return out


def difference(target: Any, d: Diagram, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """How ``d.to_module()`` differs from ``target`` on these arguments, in words; empty where it does not."""
    wanted = called(target, args, kwargs)
    try:
        got = called(d.to_module(), args, kwargs)
    except Exception as error:
        return f"it raises {said(error)}"
    if len(wanted) != len(got):
        return f"{len(got)} outputs, not {len(wanted)}"
    for (name, y), (_, x) in zip(wanted, got, strict=True):
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{name}: {x.dtype}{list(x.shape)}, not {y.dtype}{list(y.shape)}"
        if not x.numel():
            continue
        x, y = (t.to(torch.complex128 if t.is_complex() else torch.float64) for t in (x, y))
        finite = y[y.isfinite()].abs()
        scale = max(1.0, float(finite.max()) if finite.numel() else 1.0)
        if not torch.allclose(x, y, rtol=0, atol=CLOSE * scale, equal_nan=True):
            return (
                f"{name}: off by {float((x - y).abs().nan_to_num(torch.inf).max()):.2g} where it is up to {scale:.2g}"
            )
    return ""


def called(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[str, Tensor]]:
    """The tensors of what ``target`` returns on copies of these arguments."""
    args, kwargs = map_leaves((tuple(args), dict(kwargs)), lambda _, x: x.clone() if isinstance(x, Tensor) else x)
    torch.manual_seed(SEED)
    with torch.no_grad(), as_found(target):
        return [(name, x.clone()) for name, x in shown(target(*args, **kwargs))]


@contextmanager
def as_found(target: Any) -> Iterator[None]:
    """Weights and buffers that the target writes are afterwards what they were."""
    stores = [s for m in target.modules() for s in (m._parameters, m._buffers)] if isinstance(target, nn.Module) else []
    kept = [(s, k, t, t.clone()) for s in stores for k, t in s.items() if t is not None and not t.is_meta]
    try:
        yield
    finally:
        for store, name, t, was in kept:
            store[name] = t
            if t.layout is not torch.strided or not torch.equal(t, was):
                t.data = was


def redrawn(subject: Subject, kept: Collection[str] = ()) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Other values of the same kind: floats of equal mean and spread, integers between the least and the largest.

    What looks like a mask (Booleans, zeros and ones) or is constant stays as it is, and so does what is no tensor
    and what is ``kept`` by name.
    """
    random = torch.Generator().manual_seed(SEED + 1)

    def draw(name: str, x: Any) -> Any:
        if (
            name in kept
            or not isinstance(x, Tensor)
            or x.dtype == torch.bool
            or not x.numel()
            or bool((x == x.flatten()[0]).all())
        ):
            return x
        if x.is_floating_point() or x.is_complex():
            noise = torch.randn(x.shape, generator=random, dtype=x.dtype)
            return noise * x.std() + x.mean()
        low, high = int(x.min()), int(x.max())
        if low >= 0 and high <= 1:
            return x
        return torch.randint(low, high + 1, x.shape, generator=random, dtype=x.dtype)

    return map_leaves(tuple(subject.args), draw), map_leaves(dict(subject.kwargs), draw)


def said(error: BaseException) -> str:
    """An exception in one line, with the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({short(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}{where}"


def short(path: str) -> str:
    inside = path.split("site-packages/")[-1]
    return "ncd/" + inside.rsplit("/ncd/", 1)[1] if "/ncd/" in inside else inside
