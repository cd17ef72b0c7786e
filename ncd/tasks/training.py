"""Train a pointer network, or what it is compared with: resumable, seeded, on any device.

The paper trains by plain descent with a rate of 1 (section 4.1).  Adam with a cosine schedule learns several times
faster on the same examples, and is what is used here; the rest is the paper's: batches of 128, uniform initial
weights in +-0.08, gradients clipped at 2, one LSTM layer on each side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ncd.models.pointing import ContentAttention, PointerNetwork, SequenceToSequence, Writer
from ncd.tasks.decoding import beam as search
from ncd.tasks.decoding import greedy
from ncd.tasks.geometry import Indices, Points, tour_length
from ncd.tasks.pointing import PROBLEMS, moved


@dataclass(frozen=True)
class Recipe:
    """One run: what is learned, by what, on how many examples.

    ``pool``: so many tours are solved of each size, then varied.  ``start``: the weights it starts from, by the name
    they are shipped under or the path of a checkpoint; fresh ones without.
    """

    task: str = "hull"
    sizes: tuple[int, ...] = (5,)
    model: str = "pointer"
    hidden: int = 128
    examples: int = 2_500_000
    rate: float = 3e-3
    batch: int = 128
    seed: int = 0
    pool: int = 200_000
    start: str | None = None

    def build(self) -> Writer:
        """The network before training.

        Raises KeyError where nothing is called ``start``, ValueError if that is another network or of another width,
        and if a network that writes words of a table is to have several sizes.
        """
        if self.model != "pointer" and len(self.sizes) > 1:
            raise ValueError(
                f"{self.model} has a table of words for one size of sets, and cannot learn {len(self.sizes)}"
            )
        if self.start is not None:
            from ncd.tasks.shipped import recall

            recipe, model = recall(self.start)
            table = None if self.model == "pointer" else self.sizes
            if recipe.model != self.model or recipe.hidden != self.hidden or table not in (None, recipe.sizes):
                raise ValueError(
                    f"{self.start} is {recipe.model} with {recipe.hidden} units for {recipe.sizes} points, "
                    f"not {self.model} with {self.hidden} for {self.sizes}"
                )
            return model
        if self.model == "pointer":
            return PointerNetwork(self.hidden)
        return {"attention": ContentAttention, "seq2seq": SequenceToSequence}[self.model](self.hidden, max(self.sizes))


class Examples:
    """Batches of points and targets without end: fresh, or where they are dear (tours), a pool that is varied."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.rng = np.random.default_rng(recipe.seed)
        self.pools: dict[int, tuple[Points, Indices]] = {}

    def batch(self) -> tuple[Tensor, Tensor]:
        n = int(self.rng.choice(self.recipe.sizes))
        points, targets = self.solved(n) if self.recipe.task == "tsp" and n > 6 else self.fresh(n)
        return torch.from_numpy(points).float(), torch.from_numpy(targets)

    def fresh(self, n: int) -> tuple[Points, Indices]:
        return PROBLEMS[self.recipe.task].draw(self.rng, self.recipe.batch, n)

    def solved(self, n: int) -> tuple[Points, Indices]:
        if n not in self.pools:
            self.pools[n] = self.solve(n)
        points, targets = self.pools[n]
        rows = self.rng.integers(len(points), size=self.recipe.batch)
        return moved(self.rng, points[rows], targets[rows])

    def solve(self, n: int) -> tuple[Points, Indices]:
        from tqdm.auto import trange

        rng = np.random.default_rng([self.recipe.seed, n])  # the same pool after a pause
        part = 1000
        parts = [
            PROBLEMS["tsp"].draw(rng, part, n)
            for _ in trange(-(-self.recipe.pool // part), desc=f"tours of {n}", leave=False)
        ]
        return np.concatenate([p for p, _ in parts]), np.concatenate([t for _, t in parts])


def train(recipe: Recipe, path: Path | None = None, device: str = "cpu", every: int = 200_000) -> Writer:
    """The network that ``recipe`` makes, in eval mode.

    ``path`` keeps the whole state every ``every`` examples; a run whose file is there goes on from it.
    Raises ValueError if the file is of another recipe.
    """
    from tqdm.auto import tqdm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = recipe.build().to(device)
    examples = Examples(recipe)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.rate)
    seen, seconds = 0, 0.0
    if path is not None and path.exists():
        kept = torch.load(path, weights_only=True)
        if Recipe(**kept["recipe"]) != recipe:
            raise ValueError(f"{path} was made by {Recipe(**kept['recipe'])}, not by {recipe}")
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        seen, seconds = kept["seen"], kept["seconds"]
        examples.rng = np.random.default_rng([recipe.seed, seen])
    model.train()
    with tqdm(total=recipe.examples, initial=seen, unit="ex", desc=f"{recipe.task} {recipe.model}") as bar:
        saved = seen
        while seen < recipe.examples:
            started = process_time()
            rate = recipe.rate * max(0.02, 0.5 * (1 + math.cos(math.pi * seen / recipe.examples)))
            for group in optimiser.param_groups:
                group["lr"] = rate
            points, targets = (t.to(device) for t in examples.batch())
            loss = F.cross_entropy(model(points, targets).flatten(0, 1), targets.flatten(), ignore_index=-1)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimiser.step()
            seen += recipe.batch
            seconds += process_time() - started
            bar.update(recipe.batch)
            if seen - saved >= every or seen >= recipe.examples:
                saved = seen
                bar.set_postfix(
                    loss=f"{loss.item():.3f}", minutes=f"{seconds / 60:.1f}", **quick(model, recipe, device)
                )
                if path is not None:
                    _keep(path, recipe, model, optimiser, seen, seconds)
    return model.eval()


def quick(model: Writer, recipe: Recipe, device: str) -> dict[str, str]:
    """The first measure on a few hundred sets of the largest size, to watch."""
    measures = evaluate(model, recipe.task, max(recipe.sizes), sets=500, device=device)
    name = "gap" if "gap" in measures else next(iter(measures))
    return {name: f"{measures[name]:.3f}"}


@torch.no_grad()
def evaluate(
    model: Writer,
    task: str,
    n: int,
    sets: int = 10_000,
    seed: int = 10_000,
    device: str = "cpu",
    beam: int | None = None,
) -> Mapping[str, float]:
    """The measures of greedy decoding on ``sets`` fresh sets of n points: unconstrained, for tours only valid ones.

    ``beam``: of the so many likeliest answers that a beam finds the first, of tours the shortest.  Raises ValueError
    for another n than a network with a table of words is for.
    """
    problem = PROBLEMS[task]
    words = getattr(model, "words", None)
    if words is not None and words.out_features != n + 1:
        raise ValueError(f"it writes one of {words.out_features - 1} points and the end, and is for no sets of {n}")
    points = problem.sets(np.random.default_rng([seed, n]), sets, n)
    was = model.training
    model.eval()
    answers: list[list[int]] = []
    for part in np.array_split(points, -(-sets // 500)):
        given = torch.from_numpy(part).float().to(device)
        if beam is None:
            answers += greedy(model, given, problem.longest(n), problem.tour)
        else:
            found = search(model, given, beam, problem.longest(n), problem.tour)[0].cpu().numpy()
            answers += shortest(part, found) if problem.tour else [row[row >= 0].tolist() for row in found[:, 0]]
    model.train(was)
    return problem.judge(points, answers)


def shortest(points: Points, found: Indices) -> list[list[int]]:
    """Of several tours (b, k, n) of every set (b, n, 2) the shortest."""
    lengths = np.stack([tour_length(points, found[:, k]) for k in range(found.shape[1])], axis=1)
    best: list[list[int]] = found[np.arange(len(found)), lengths.argmin(axis=1)].tolist()
    return best


def _keep(
    path: Path, recipe: Recipe, model: Writer, optimiser: torch.optim.Optimizer, seen: int, seconds: float
) -> None:
    """Write the state beside, then put it in place: a pause never leaves half a file."""
    beside = path.with_suffix(".part")
    beside.parent.mkdir(parents=True, exist_ok=True)
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "seen": seen, "seconds": seconds}
    torch.save({"recipe": asdict(recipe), **state}, beside)
    beside.replace(path)
