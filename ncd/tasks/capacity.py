"""How many associations a linear memory holds: what is proven, and what happens (Qiao, arXiv 2508.08289v1).

Cues and outcomes are independent and uniform on unit spheres, the memory is the sum of their outer products, and it is
tested by a stored cue.  Three questions have three answers: how much noise a response has (it is (n-1)/dk), whether
every one of n responses is within a distance (theorem 6 bounds that from below), and whether every response is
nearest to its own outcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

Features = Callable[[Tensor], Tensor]


def sphere(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Points (..., d) uniform on the unit sphere."""
    x = torch.randn(shape, generator=generator)
    return x / x.norm(dim=-1, keepdim=True)


def responses(cues: Tensor, outcomes: Tensor) -> Tensor:
    """What a Hebbian memory of all n pairs (..., n, dk), (..., n, dv) answers to each of its cues: (..., n, dv)."""
    return cues @ (cues.mT @ outcomes)


def noise(n: int, dk: int, dv: int, trials: int, seed: int = 0, features: Features | None = None) -> Tensor:
    """The squared distance (trials, n) between each response and its outcome.

    ``features`` maps cues (scaled to variance 1 an entry) before they are stored; the results are scaled to length 1.
    """
    generator = torch.Generator().manual_seed(seed)
    cues, outcomes = sphere((trials, n, dk), generator), sphere((trials, n, dv), generator)
    if features is not None:
        cues = features(cues * math.sqrt(dk))
        cues = cues / cues.norm(dim=-1, keepdim=True)
    return (responses(cues, outcomes) - outcomes).square().sum(-1)


def any_failure(n: int, dk: int, dv: int, distance: float, trials: int, seed: int = 0) -> float:
    """How often some of n responses is at least ``distance`` (squared) off."""
    part = max(1, min(trials, 2_000_000 // (n * max(n, dk, dv))))
    failed = [(noise(n, dk, dv, part, seed + i) >= distance).any(-1) for i in range(math.ceil(trials / part))]
    return float(torch.cat(failed)[:trials].float().mean())


def nearest_error(n: int, dk: int, dv: int, trials: int, seed: int = 0, sharpness: float | None = None) -> float:
    """How often the outcome nearest to a response is another cue's; with ``sharpness``, of a softmax read-out."""
    generator = torch.Generator().manual_seed(seed)
    wrong = 0.0
    for _ in range(trials):
        cues, outcomes = sphere((n, dk), generator), sphere((n, dv), generator)
        if sharpness is None:
            answer = responses(cues, outcomes)
        else:
            answer = (sharpness * cues @ cues.mT).softmax(-1) @ outcomes
        wrong += float(((answer @ outcomes.mT).argmax(-1) != torch.arange(n)).float().mean())
    return wrong / trials


def largest(fails: Callable[[int], bool], most: int = 4096) -> int:
    """The largest n up to ``most`` before ``fails(n)``, which is taken to be false below and true above."""
    high = 2
    while not fails(high):
        if high >= most:
            return most
        high *= 2
    low = high // 2
    while high - low > max(1, low // 40):
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    return low


def bound(dk: int, distance: float = 1.0, risk: float = 0.05) -> float:
    """Theorem 6: up to this n, the chance that any response is ``distance`` off is below ``risk``.

    From the inequality of Markov and a union over pairs: sufficient, and far from necessary.
    """
    return math.sqrt(risk * distance * dk)


def capacity_all_close(dk: int, dv: int, distance: float = 1.0, risk: float = 0.05) -> int:
    """The largest n of which all responses are close, but for a ``risk``."""
    return largest(lambda n: any_failure(n, dk, dv, distance, trials=max(60, 4000 // n)) > risk)


def capacity_nearest(dk: int, dv: int, error: float = 0.01) -> int:
    """The largest n of which all but a share ``error`` of responses are nearest to their own outcome."""
    return largest(lambda n: nearest_error(n, dk, dv, max(4, 3000 // n)) > error)


def capacity_softmax(dk: int, dv: int, sharpness: float, error: float = 0.01) -> int:
    """The same of a softmax read-out; 4096 where that many are still told apart."""
    return largest(lambda n: nearest_error(n, dk, dv, max(2, 1000 // n), sharpness=sharpness) > error)


def slope(x: Iterable[float], y: Iterable[float]) -> float:
    """The exponent of a power law by least squares of the logarithms."""
    a, b = (torch.tensor(list(v), dtype=torch.float64).log() for v in (x, y))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / a.square().sum())


def head_failures(n: int, dk: int, trials: int, distance: float = 1.0, seed: int = 0) -> Tensor:
    """Whether a head that holds n pairs is ``distance`` off for one of them: (trials,)."""
    generator = torch.Generator().manual_seed(seed)
    cues, outcomes = sphere((trials, n, dk), generator), sphere((trials, n, dk), generator)
    likeness = (cues[:, 1:] @ cues[:, :1].mT).squeeze(-1)
    return (likeness.unsqueeze(-2) @ outcomes[:, 1:]).squeeze(-2).square().sum(-1) >= distance


def chain_failure(n: int, dk: int, heads: int, depth: int, trials: int = 20_000) -> float:
    """How often a chain of layers fails, each where all of its heads do (theorem 9's own reading of a layer)."""
    failed = head_failures(n, dk, trials * heads).view(trials, heads).all(-1).float().mean()
    return float(1 - (1 - failed) ** depth)


def chain_bound(n: int, dk: int, heads: int, depth: int, distance: float = 1.0) -> float:
    """Theorem 9: the chance is below L (n / (distance dk))^H, where that is small."""
    return depth * (n / (distance * dk)) ** heads


def retrieval_error(n: int, dk: int, passes: int, seed: int = 0, trials: int = 20) -> dict[str, float]:
    """The mean squared error of n random pairs by rule: added up, corrected once and ``passes`` times, solved.

    After Schlag, Irie and Schmidhuber 2021 (arXiv 2102.11174): more than dk cues cannot all be kept apart.
    """
    generator = torch.Generator().manual_seed(seed)
    cues, outcomes = sphere((trials, n, dk), generator).double(), sphere((trials, n, dk), generator).double()

    def error(state: Tensor) -> float:
        return float((cues @ state - outcomes).square().sum(-1).mean())

    found = {"hebb": error(cues.mT @ outcomes)}
    state = torch.zeros(trials, dk, dk, dtype=torch.float64)
    for lap in range(1, passes + 1):
        for k, v in zip(cues.unbind(1), outcomes.unbind(1), strict=True):
            expected = (k.unsqueeze(1) @ state).squeeze(1)
            state = state + k.unsqueeze(-1) * (v - expected).unsqueeze(-2)
        if lap in (1, passes):
            found["delta" if lap == 1 else f"delta, {passes} passes"] = error(state)
    return found | {"least squares": error(torch.linalg.pinv(cues) @ outcomes)}
