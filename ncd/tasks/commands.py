"""``ncd train``, ``evaluate`` and ``experiment``: what is typed, and what is printed beside the paper's numbers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncd.errors import NCDError

if TYPE_CHECKING:
    from ncd.tasks.training import Recipe


def add(commands: Any) -> None:
    """Enter both commands into a parser's."""
    train = commands.add_parser("train", help="train a reference model")
    train.add_argument("model", choices=("pointer", "attention", "seq2seq"), help="what is trained")
    train.add_argument("--task", choices=("hull", "delaunay", "tsp"), default="hull", help="the problem it learns")
    train.add_argument(
        "--n", type=sizes, default="5", metavar="N[-M]", help="how many points a set has, or from how many to how many"
    )
    train.add_argument("--examples", type=positive, help="how many examples it sees")
    train.add_argument("--hidden", type=positive, help="units of each LSTM")
    train.add_argument("--rate", type=float, help="the learning rate it starts at")
    train.add_argument("--batch", type=positive, help="sets in a batch")
    train.add_argument("--seed", type=int, help="where the random numbers start")
    train.add_argument("--pool", type=positive, help="how many exact tours are made of each size, to be varied")
    train.add_argument("--from", dest="start", metavar="NAME", help="weights it starts from: shipped, or a checkpoint")
    train.add_argument("--device", default="cpu", help="cpu or cuda")
    train.add_argument("-o", "--output", type=Path, metavar="PATH", help="the checkpoint; a run that it is of goes on")
    train.add_argument("--ship", metavar="NAME", help="also keep the weights with ncd, by this name")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="measure trained networks on fresh sets")
    evaluate.add_argument("name", nargs="*", help="which ones, shipped or checkpoints; all shipped without a name")
    evaluate.add_argument(
        "--n", type=sizes, action="append", metavar="N[-M]", help="points of a set; without it the fewest and the most"
    )
    evaluate.add_argument("--sets", type=positive, default=10_000, help="how many fresh sets")
    evaluate.add_argument(
        "--beam", type=positive, metavar="K", help="a beam of K: its likeliest answer, or shortest tour"
    )
    evaluate.set_defaults(run=_evaluate)

    experiment = commands.add_parser("experiment", help="measure what is claimed of attention as conditioning")
    experiment.add_argument("name", choices=("phenomena", "capacity", "depth", "recall"))
    experiment.add_argument("-o", "--output", metavar="PATH", help="also plot, as .svg, .pdf or .png (matplotlib)")
    experiment.set_defaults(run=_experiment)


def sizes(text: str) -> tuple[int, ...]:
    """``5`` or ``5-10`` as sizes.  Raises ArgumentTypeError on anything else, and on fewer than three points."""
    low, dash, high = text.partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()) or not 3 <= int(low) <= int(high or low):
        raise argparse.ArgumentTypeError(f"{text!r} are no sizes: 5, or 5-10, and no fewer than 3")
    return tuple(range(int(low), int(high or low) + 1))


def positive(text: str) -> int:
    """A count of at least one.  Raises ArgumentTypeError on anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count: a whole number of at least 1")
    return int(text)


def ends(recipe: Recipe) -> list[int]:
    """The fewest and the most points that it was trained on."""
    return sorted({min(recipe.sizes), max(recipe.sizes)})


def _train(options: argparse.Namespace) -> int:
    from ncd.tasks import training

    given = ("task", "model", "examples", "hidden", "rate", "batch", "seed", "pool", "start")
    chosen = {k: getattr(options, k) for k in given if getattr(options, k) is not None}
    recipe = training.Recipe(sizes=options.n, **chosen)
    path = options.output or Path("build", f"{recipe.model}-{recipe.task}-{'-'.join(map(str, ends(recipe)))}.pt")
    try:
        recipe.build().to(options.device)
    except (KeyError, ValueError) as e:
        raise NCDError(str(e.args[0]), doing="building the network", fix="") from e
    except (RuntimeError, AssertionError) as e:  # what torch raises where it knows no such device
        raise NCDError(str(e).splitlines()[0], doing=f"moving it to {options.device!r}", fix="--device cpu") from e
    try:
        model = training.train(recipe, path, options.device)
    except ValueError as e:
        raise NCDError(str(e), doing="going on with a run", fix="another --output, or the same options") from e
    except KeyboardInterrupt:
        print(
            f"\nstopped; the same command goes on from {path}" if path.exists() else "\nstopped; nothing was kept yet"
        )
        return 130
    for n in ends(recipe):
        print(line(recipe.task, recipe.model, n, training.evaluate(model, recipe.task, n, 2000, device=options.device)))
    print(f"2000 fresh sets of each size; the checkpoint is {path}")
    if options.ship:
        from ncd.tasks.shipped import ship

        print(f"shipped as {ship(options.ship, recipe, model.cpu())}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from ncd.tasks import shipped, training

    for name in options.name or shipped.names():
        try:
            recipe, model = shipped.recall(name)
        except KeyError as e:
            raise NCDError(str(e.args[0]), doing="looking for trained weights", fix="") from e
        print(f"{name}: {recipe.examples:,} examples, seed {recipe.seed}; {options.sets} fresh sets of each size")
        for n in chain(*options.n) if options.n else ends(recipe):
            try:
                measured = training.evaluate(model, recipe.task, n, options.sets, beam=options.beam)
            except ValueError as e:
                raise NCDError(str(e), doing=f"evaluating {name}", fix="") from e
            print(line(recipe.task, recipe.model, n, measured))
    return 0


def _experiment(options: argparse.Namespace) -> int:
    from ncd.tasks import experiments

    result = experiments.EXPERIMENTS[options.name]()
    print("\n".join(result.lines))
    if options.output:
        try:
            experiments.plot(result, options.output)
        except ModuleNotFoundError as e:
            raise NCDError("plots need matplotlib", doing="plotting", fix='pip install "ncd[train]"') from e
    return 0


def line(task: str, model: str, n: int, measured: Mapping[str, float]) -> str:
    """One row: what was measured, and what the paper gives for that size."""
    from ncd.tasks import published

    said = f"{task:8} n={n:<4d} {_numbers(measured)}"
    beside = "; ".join(f"trained on {k}: {_numbers(v)}" for k, v in published.of(task, model, n).items())
    return f"{said}   [paper, {beside}]" if beside else said


def _numbers(measures: Mapping[str, float]) -> str:
    from ncd.tasks.published import FAIL

    lengths = ("length", "shortest", "searched")
    return "  ".join(
        f"{k} " + ("FAIL" if v == FAIL else f"{v:.4f}" if k in lengths else f"{100 * v:.2f} %")
        for k, v in measures.items()
    )
