"""Random programs of torch calls: what is derived for the whole must hold for the whole."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ncd.circuit.weave import Weave
from ncd.naturality import OnTensors, equal, reaches, verdicts
from ncd.tracing.derive import derive

torch.set_num_threads(1)
PROGRAMS = int(os.environ.get("NCD_PROGRAMS", "400"))

Step = Callable[[list[Tensor]], Tensor]


def narrow(rng: random.Random, x: Tensor, d: int) -> Any:
    start, step = rng.randrange(2), rng.choice([1, 1, 2])
    return lambda t: t[(slice(None),) * d + (slice(start, None, step),)]


def shift(rng: random.Random, x: Tensor, d: int) -> Any:
    n = x.shape[d]
    return lambda t: t.narrow(d, 1, n - 1) * t.narrow(d, 0, n - 1)


def written(rng: random.Random, x: Tensor, d: int) -> Any:
    k, start = rng.randrange(x.shape[d]), rng.randrange(2)
    how = rng.choice(["fill", "rows", "running", "swap"])

    def write(t: Tensor) -> Tensor:
        t = t.clone()
        if how == "fill":
            t.select(d, k).fill_(0.5)
        elif how == "rows":
            t.narrow(d, start, 2).mul_(2)
        elif how == "running":
            t.select(d, k).copy_(t.select(d, 0) * 3)
        else:
            t.transpose(0, -1)[0] = 1.0
        return t

    return write


def padded(rng: random.Random, x: Tensor, d: int) -> Any:
    a, b = rng.randrange(3), rng.randrange(-1, 3)
    return lambda t: F.pad(t, (a, b))


def pooled(rng: random.Random, x: Tensor, d: int) -> Any:
    kernel, stride = rng.choice([2, 3]), rng.choice([1, 2])
    return lambda t: F.avg_pool1d(t, kernel, stride)


def same_size_pool(rng: random.Random, x: Tensor, d: int) -> Any:
    return lambda t: t + F.avg_pool1d(t, 3, 1, 1)


def merged(rng: random.Random, x: Tensor, d: int) -> Any:
    return lambda t: t.flatten(0, 1)


def divided(rng: random.Random, x: Tensor, d: int) -> Any:
    n = x.shape[d]
    k = rng.choice([k for k in range(1, n + 1) if n % k == 0])
    return lambda t: t.unflatten(d, (k, n // k))


def along(fn: Callable[..., Any]) -> Any:
    return lambda rng, x, d: lambda t: fn(t, d)


UNARY: list[tuple[int, Any]] = [
    *((1, make) for make in (narrow, shift, written, divided)),
    *((2, make) for make in (padded, merged)),
    *((3, make) for make in (pooled, same_size_pool)),
    (1, along(lambda t, d: t.softmax(d))),
    (1, along(lambda t, d: t.cumsum(d))),
    (1, along(lambda t, d: t.flip(d))),
    (1, along(lambda t, d: t.sum(d))),
    (1, along(lambda t, d: t.mean(d, keepdim=True))),
    (1, along(lambda t, d: t.relu())),
    (1, along(lambda t, d: t.unsqueeze(d))),
    (1, along(lambda t, d: t.roll(1, d))),
    (1, along(lambda t, d: t.sort(d)[0])),
    (1, along(lambda t, d: t.repeat_interleave(2, d))),
    (1, along(lambda t, d: torch.cat([t, t.relu()], d))),
    (1, along(lambda t, d: torch.stack([t, t * 2], d))),
    (1, along(lambda t, d: t.unfold(d, 2, 1))),
    (1, along(lambda t, d: t.index_select(d, torch.tensor([1, 0, 1], device=t.device)))),
    (1, along(lambda t, d: t + torch.arange(t.shape[-1], device=t.device))),
    (1, along(lambda t, d: t.expand(2, *t.shape))),
    (1, along(lambda t, d: t.movedim(d, 0).reshape(t.shape[d], -1))),
    (1, along(lambda t, d: t / t.norm(dim=d, keepdim=True))),
    (2, along(lambda t, d: t.transpose(0, -1))),
    (2, along(lambda t, d: t.select(d, -1))),
    (2, along(lambda t, d: t @ t.transpose(-1, -2))),
    (2, along(lambda t, d: t.diagonal(0, 0, -1))),
]
BINARY: list[Any] = [
    torch.add,
    torch.mul,
    torch.maximum,
    torch.matmul,
    lambda a, b: torch.cat([a, b], -1),
    lambda a, b: a + b.mean(),
    lambda a, b: torch.einsum("...i,...i->...", a, b),
]


def applied(fn: Callable[..., Tensor], *at: int) -> Step:
    return lambda pool: fn(*(pool[i] for i in at))


def program(rng: random.Random, inputs: list[Tensor]) -> Callable[..., Any]:
    """A function of the inputs that runs: every step is tried on values when it is drawn."""
    steps: list[Step] = []
    pool = list(inputs)
    for _ in range(rng.randint(2, 6)):
        for _ in range(20):
            i, j = rng.randrange(max(0, len(pool) - 3), len(pool)), rng.randrange(len(pool))
            if rng.random() < 0.25:
                step = applied(rng.choice(BINARY), i, j)
            else:
                least, make = rng.choice(UNARY)
                if not least <= pool[i].ndim <= 5:
                    continue
                step = applied(make(rng, pool[i], rng.randrange(pool[i].ndim)), i)
            try:
                made = step(pool)
            except Exception:
                continue
            if made.numel() in range(2, 3000):
                pool.append(made)
                steps.append(step)
                break
    last = rng.choice([1, 1, 2])

    def run(*xs: Tensor) -> list[Tensor]:
        values = list(xs)
        for step in steps:
            values.append(step(values))
        return values[len(xs) :][-last:]

    return run


def windowed(weave: Weave, operand: int, dim: int) -> bool:
    form = weave.ins[operand][dim]
    return bool(form.const) or len(form.terms) > 1 or any(c != 1 for c, _ in form.terms)


@pytest.mark.parametrize("tenth", range(10))
def test_programs_are_natural_and_read_where_they_say(tenth: int) -> None:
    checks = forms = 0
    for seed in range(tenth, PROGRAMS, 10):
        rng = random.Random(seed)
        shapes = rng.choice(
            [[(3, 4, 5)], [(3, 4, 6), (3, 4, 6)], [(4, 5), (5, 4)], [(3, 5, 5), (5,)], [(6, 4), (4, 4)]]
        )
        torch.manual_seed(seed)
        xs = [torch.randn(s, dtype=torch.float64) for s in shapes]
        call = OnTensors(program(rng, xs), xs)
        base = call(xs)
        weave = derive(call.fn, xs).weave
        assert equal(base, call(xs))
        found = verdicts(call, xs, base, weave, seed)
        assert False not in found.values(), (seed, str(weave), found)
        checks += len(found)
        for operand, x in enumerate(xs):
            for dim in range(x.ndim):
                for output in range(len(base) if not weave.rest else 0):
                    if windowed(weave, operand, dim):
                        verdict = reaches(call, xs, base, weave, operand, dim, output)
                        assert verdict != "more", (seed, str(weave), operand, dim, output)
                        forms += 1
    assert checks and forms
