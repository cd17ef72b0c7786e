"""``ncd experiment``: what is claimed of attention as conditioning, measured, as text and as a plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ncd.tasks import capacity
from ncd.tasks.phenomena import PHENOMENA, SUBJECTS, Subject


@dataclass(frozen=True)
class Curve:
    """A line of a plot; ``style`` is matplotlib's."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: str = "o-"


@dataclass(frozen=True)
class Result:
    """What an experiment found: lines to print, and what to plot on which axes."""

    lines: list[str]
    curves: list[Curve] = field(default_factory=list)
    axes: Mapping[str, Any] = field(default_factory=dict)


def phenomena() -> Result:
    """Which phenomena of conditioning each memory shows."""
    lines = [f"{'':24}" + "".join(f"{rule:>12}" for rule in SUBJECTS)]
    for name, phenomenon in PHENOMENA.items():
        shown = ["yes" if phenomenon.shown(phenomenon.measure(rule)) else "-" for rule in SUBJECTS]
        lines.append(f"{name:24}" + "".join(f"{s:>12}" for s in shown) + f"   {phenomenon.says}")
    lines += [
        "",
        "Where the delta rule says '-', animals and the model of Rescorla and Wagner part ways too.",
        "Softmax fails 'second order' because it answers cues it never met, by the mean of all outcomes.",
    ]
    curves = []
    for rule in ("hebb", "decay", "delta", "softmax"):
        subject = Subject(rule)
        y = subject.live([("A", 1)] * 20) + subject.live([("A", 0)] * 20)
        curves.append(Curve(rule, range(1, 41), y, "-"))
    return Result(lines, curves, {"xlabel": "trial (20 with the outcome, 20 without)", "ylabel": "response"})


def capacities(sizes: Sequence[int] = (16, 32, 64, 128)) -> Result:
    """How many pairs a linear memory holds: the bound, the law of noise, and nearest outcomes."""
    close = [capacity.capacity_all_close(d, d) for d in sizes]
    nearest = [capacity.capacity_nearest(d, d) for d in sizes]
    proven = [capacity.bound(d) for d in sizes]
    law = [1.0 + d for d in sizes]
    broken = max(capacity.any_failure(max(2, int(16 * capacity.bound(d))), d, d, 1.0, 60) for d in (256, 1024))
    lines = [f"{'dk = dv':>34} " + "".join(f"{d:>8}" for d in sizes) + "   exponent"]
    for name, found in (
        ("theorem 6, risk 5 %", proven),
        ("noise of power 1, 1 + dk", law),
        ("all within distance 1, risk 5 %", close),
        ("nearest outcome right, 99 %", nearest),
    ):
        said = "".join(f"{n:>8.4g}" for n in found)
        lines.append(f"{name:>34} {said}   {capacity.slope(sizes, found):.2f}")
    softmax = {d: capacity.capacity_softmax(d, d, d**0.5) for d in (8, 16, 32)}
    most = ", ".join(f"{n if n < 4096 else '4096 or more'} at dk = {d}" for d, n in softmax.items())
    lines += [
        "",
        f"softmax, nearest outcome right, 99 %, sharpness sqrt(dk): {most}",
        f"at 16 times the theorem's n, dk = 256 and 1024: some response failed in {100 * broken:.1f} % of 60 memories",
        "The bound is never broken and never near: it is sufficient, from two loose inequalities.",
    ]
    lines += _features()
    curves = [
        Curve("theorem 6", sizes, proven, "--"),
        Curve("1 + dk", sizes, law, ":"),
        Curve("all within 1", sizes, close),
        Curve("nearest right", sizes, nearest),
    ]
    return Result(lines, curves, {"xlabel": "dk", "ylabel": "pairs", "xscale": "log", "yscale": "log"})


def _features() -> list[str]:
    import torch

    kinds: dict[str, capacity.Features | None] = {
        "as they are": None,
        "relu": torch.relu,
        "elu + 1": lambda x: torch.nn.functional.elu(x) + 1,
    }
    found = {name: float(capacity.noise(64, 256, 256, 20, features=f).mean()) for name, f in kinds.items()}
    said = ", ".join(f"{power:.2f} {name}" for name, power in found.items())
    return [
        f"noise of 64 pairs at dk = 256, cues through features: {said} (theory {63 / 256:.2f})",
        "Positive features make all cues alike: the theorem's premise, a mean of zero, fails for them.",
    ]


def depth(dk: int = 32, sizes: Sequence[int] = (12, 16, 20, 24)) -> Result:
    """How failures add up over layers and vanish over heads."""
    lines = [f"dk = {dk}; a layer fails where all its heads do; in brackets theorem 9's bound"]
    curves = []
    for heads in (1, 2):
        for layers in (1, 4, 12):
            found = [capacity.chain_failure(n, dk, heads, layers, 4000) for n in sizes]
            bounds = [capacity.chain_bound(n, dk, heads, layers) for n in sizes]
            said = "".join(f"   n={n}: {p:.4f} ({b:.2f})" for n, p, b in zip(sizes, found, bounds, strict=True))
            lines.append(f"H={heads} L={layers:<3d}{said}")
            curves.append(Curve(f"H={heads} L={layers}", sizes, found))
    lines += [
        "Linear in layers, geometric in heads, as the theorem says; the bound itself is many times too large.",
        "That one right head makes a layer right needs to know which: mere averaging divides the noise by H.",
    ]
    return Result(lines, curves, {"xlabel": "pairs", "ylabel": "chance of failure", "yscale": "log"})


def recall(dk: int = 64, sizes: Sequence[int] = (16, 32, 64, 96, 128), passes: int = 31) -> Result:
    """Adding up against correcting errors: mean squared error by number of pairs."""
    found = [capacity.retrieval_error(n, dk, passes, trials=8) for n in sizes]
    lines = [f"{f'pairs, dk = {dk}':>24} " + "".join(f"{n:>8}" for n in sizes)]
    for rule in found[0]:
        lines.append(f"{rule:>24} " + "".join(f"{f[rule]:>8.2f}" for f in found))
    curves = [Curve(rule, sizes, [f[rule] for f in found]) for rule in found[0]]
    return Result(lines, curves, {"xlabel": "pairs", "ylabel": "mean squared error"})


EXPERIMENTS: Mapping[str, Callable[[], Result]] = {
    "phenomena": phenomena,
    "capacity": capacities,
    "depth": depth,
    "recall": recall,
}
"""By the name on the command line."""


def plot(result: Result, path: str) -> None:
    """Write a plot.  Raises ModuleNotFoundError without matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for curve in result.curves:
        axes.plot(curve.x, curve.y, curve.style, label=curve.name)
    axes.set(**result.axes)
    if result.axes.get("xscale") == "log":
        axes.set_xticks(result.curves[0].x, [str(x) for x in result.curves[0].x])
        axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(path)
