"""Random small models: views, products, slices, writes, reductions, gathers, joins, masks, transforms and modules.

Every step is tried on values when it is drawn, so each program runs.  ``hold`` asks of one all that is
promised of any: it is traced, its claims hold in both layers, its modules compute what it does, its text
reads back as itself, and it is drawn.

``python tests/torch/wholes.py FIRST LAST`` holds the programs of a range of seeds.
"""

from __future__ import annotations

import random
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from test_compositions import BINARY, UNARY
from torch import Tensor, nn

import ncd
from ncd.claims import difference
from ncd.tracing.containers import shown

Step = Callable[[Any, list[Tensor]], Any]
"""Of the model and all arrays so far; what it returns is the next array, or several."""


class Model(nn.Module):
    """Steps in a row on its inputs; the last arrays are its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.register_buffer("offset", torch.linspace(-1, 1, 4))
        self.steps: list[Step] = []
        self.last = 1

    def forward(self, *xs: Tensor) -> tuple[Tensor, ...]:
        pool = list(xs)
        for step in self.steps:
            made = step(self, pool)
            pool += made if isinstance(made, (list, tuple)) else [made]
        return tuple(pool[len(xs) :][-self.last :])


def part(model: Model, module: nn.Module) -> int:
    model.parts.append(module)
    return len(model.parts) - 1


def layer(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    """A module on the last axis (or the last two)."""
    d = x.shape[-1]
    kinds: list[Callable[[], nn.Module]] = [
        lambda: nn.Linear(d, rng.choice([d, 3, 6])),
        lambda: nn.LayerNorm(d),
        lambda: nn.Sequential(nn.Linear(d, d), nn.GELU()),
        lambda: nn.Sequential(nn.Dropout(0.5), nn.Identity(), nn.SiLU()),
        lambda: nn.RMSNorm(d),
    ]
    if x.ndim == 3:
        kinds += [
            lambda: nn.Conv1d(x.shape[1], 4, 3, padding=1),
            lambda: nn.BatchNorm1d(x.shape[1]),
            lambda: nn.MaxPool1d(2),
            lambda: nn.Upsample(scale_factor=2),
            lambda: nn.GroupNorm(1, x.shape[1]),
        ]
    k = part(model, rng.choice(kinds)())
    return lambda m, t: m.parts[k](t)


def scan(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    k = part(model, nn.GRU(x.shape[-1], 3, batch_first=True))
    return lambda m, t: m.parts[k](t)[0]


def heads(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    k = part(model, nn.MultiheadAttention(x.shape[-1], 1, batch_first=True))
    return lambda m, t: m.parts[k](t, t, t, need_weights=False)[0]


def by_hand(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    causal = rng.random() < 0.5

    def attend(m: Any, t: Tensor) -> Tensor:
        scores = t @ t.mT / t.shape[-1] ** 0.5
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:]).tril() == 0, -torch.inf)
        return scores.softmax(-1) @ t

    return attend


def table(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    k = part(model, nn.Embedding(5, 4))
    return lambda m, t: m.parts[k]((t.abs() * 2).long() % 5)


def written(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    """Writes into a copy, through views and aliases, in one of many ways."""
    d, how = rng.randrange(x.ndim), rng.randrange(9)

    def write(m: Any, t: Tensor) -> Any:
        y = t.clone() if how % 2 else t * 1
        if how == 0:
            y[..., 0] = y[..., -1]
        elif how == 1:
            y.select(d, 0).add_(1)
            return [y, y.select(d, 0) * 2]
        elif how == 2:
            y[y > 0] = 0.5
        elif how == 3:
            a, b = y.narrow(d, 0, 1), y.narrow(d, 1, 1)
            kept = a.clone()
            a.copy_(b)
            b.copy_(kept)
        elif how == 4:
            before = y.relu()
            y.mul_(2).clamp_(max=1)
            return [y, before + y]
        elif how == 5:
            for piece in y.split(1, d)[:3]:
                piece.mul_(1.5)
        elif how == 6:
            y.index_add_(d, torch.tensor([0, 0]), t.narrow(d, 0, 2))
        elif how == 7:
            y.transpose(0, -1)[0].zero_()
            y += t
        else:
            out = torch.zeros_like(t)
            for i in range(min(3, t.shape[d])):
                out.select(d, i).copy_(t.select(d, i) * i)
            return out
        return y

    return write


def gathered(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    d, how = rng.randrange(x.ndim), rng.randrange(6)

    def gather(m: Any, t: Tensor) -> Any:
        if how == 0:
            return t.gather(d, t.argsort(d))
        if how == 1:
            return t[torch.tensor([1, 0, 1])]
        if how == 2:
            return t.take_along_dim(t.argmax(d, keepdim=True), d)
        if how == 3:
            return torch.zeros_like(t).scatter_add(d, t.argsort(d), t)
        if how == 4:
            return t.topk(2, d)[0]
        return t[..., torch.tensor([True, False, True, True, False, True])[: t.shape[-1]]]

    return gather


def masked(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    return rng.choice(
        [
            lambda m, t: torch.where(t > 0, t, t.mean()),
            lambda m, t: t.masked_fill(t < 0, 0.0),
            lambda m, t: t * (torch.arange(t.shape[-1]) > 1),
            lambda m, t: t.tril() if t.ndim > 1 else t,
            lambda m, t: t + F.pad(m.offset, (0, max(0, t.shape[-1] - 4)))[: t.shape[-1]],
        ]
    )


def transformed(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    return rng.choice(
        [
            lambda m, t: torch.vmap(lambda v: v.softmax(-1) * v.sum())(t),
            lambda m, t: torch.func.grad(lambda v: (v**2).sum() + v.prod())(t),
            lambda m, t: torch.utils.checkpoint.checkpoint(lambda v: v.sin() + 1, t, use_reentrant=False),
            lambda m, t: torch.vmap(lambda v: v.clone().mul_(2).add_(v))(t),
            lambda m, t: torch.view_as_real(torch.complex(t, t.cos()) * 1j),
            lambda m, t: torch.fft.rfft(t).abs(),
            lambda m, t: t.double().float().half().float(),
        ]
    )


def parted(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    d = rng.randrange(x.ndim)
    n = x.shape[d]
    return rng.choice(
        [
            lambda m, t: list(t.chunk(2, d)),
            lambda m, t: [c.sum(d) for c in t.split(2, d)],
            lambda m, t: torch.stack(t.unbind(d)[::-1], d),
            lambda m, t: torch.cat([t.narrow(d, n // 2, n - n // 2), t.narrow(d, 0, n // 2)], d),
        ]
    )


def plain(rng: random.Random, model: Model, x: Tensor) -> Callable[[Any, Tensor], Any]:
    fitting = [make for least, make in UNARY if least <= x.ndim <= 5]
    fn = rng.choice(fitting)(rng, x, rng.randrange(x.ndim))
    return lambda m, t: fn(t)


SOME = [layer] * 4 + [plain] * 6 + [written] * 3 + [gathered, masked, transformed, parted] * 2
SOME += [scan, heads, by_hand, table]


def model_of(seed: int) -> tuple[Model, list[Tensor]]:
    """A random model that runs, and inputs for it."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    shapes = rng.choice([[(3, 4, 6)], [(2, 5, 4), (2, 5, 4)], [(4, 6), (6, 4)], [(3, 5, 5), (5,)], [(2, 4, 6), (4, 6)]])
    model, xs = Model(), [torch.randn(s) for s in shapes]
    model.train(rng.random() < 0.2)
    with torch.no_grad():
        pool = list(xs)
        for _ in range(rng.randint(2, 7)):
            for _ in range(20):
                i, j = rng.randrange(max(0, len(pool) - 3), len(pool)), rng.randrange(len(pool))
                if not pool[i].is_floating_point() or not pool[i].ndim:
                    continue
                try:
                    made = step_of(rng, model, pool, i, j)
                    new = made(model, [t.clone() for t in pool])
                except Exception:
                    continue
                new = list(new) if isinstance(new, (list, tuple)) else [new]
                if all(1 < t.numel() < 2000 and t.isfinite().all() for t in new):
                    pool += new
                    model.steps.append(made)
                    break
    model.last = min(rng.choice([1, 1, 2]), len(pool) - len(xs))
    return model, xs


def step_of(rng: random.Random, model: Model, pool: list[Tensor], i: int, j: int) -> Step:
    if rng.random() < 0.2:
        binary = rng.choice(BINARY)
        return lambda m, p: binary(p[i], p[j])
    fn = rng.choice(SOME)(rng, model, pool[i])
    return lambda m, p: fn(m, p[i])


def hold(seed: int) -> str:
    """What is wrong with the program of a seed, in words; empty if nothing is."""
    model, xs = model_of(seed)
    if not model.steps:
        return ""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    stage = "trace"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            d = ncd.trace(model, *xs)
            stage = "check"
            report = d.check(trials=1, seed=seed)
            if not report.ok:
                return f"check: {report.failures[0]}"
            stage = "module"
            torch.manual_seed(seed + 1)
            other = [torch.randn_like(x) for x in xs]
            wanted = again(model, other, before)
            spent = again.spent
            for which, diagram in (("recorded", d), ("drawn", d.simplify())):
                stage = f"module of the {which} ops"
                if which == "drawn" and model.training:
                    continue  # dropout is left out of a picture
                got = again(diagram.to_module(), other, before)
                if spent != again.spent:
                    continue  # a random operation that no output needs is not repeated
                told = [t for y, x in zip(wanted, got, strict=True) if (t := difference(y, x))]
                if told and not d.reads:
                    return f"{stage}: {told[0]}"
            stage = "JSON"
            if ncd.Diagram.from_json(d.to_json()) != d:
                return "JSON: not equal"
            simple = d.simplify()
            if ncd.Diagram.from_json(simple.to_json()) != simple:
                return "JSON of the drawn: not equal"
            stage = "draw"
            d.to_svg()
    except Exception:
        return f"{stage}: {traceback.format_exc()[-1500:]}"
    left = [k for k, v in model.state_dict().items() if not torch.equal(v, before[k])]
    return f"left as found: {left}" if left else ""


def again(model: nn.Module, xs: list[Tensor], state: dict[str, Tensor]) -> list[Tensor]:
    """The outputs from one random state; what the model writes is set back."""
    torch.manual_seed(0)
    with torch.no_grad():
        out = model(*[x.clone() for x in xs])
        found = [t.clone() for _, t in shown(out)]
        for k, v in model.state_dict().items():
            v.copy_(state[k])
    again.spent = torch.get_rng_state().tolist()  # type: ignore[attr-defined]
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    first, last = map(int, sys.argv[1:3])
    bad = 0
    for n in range(first, last):
        wrong = hold(n)
        if wrong:
            bad += 1
            print(n, wrong, flush=True)
    print(f"{last - first} programs, {bad} wrong", flush=True)
