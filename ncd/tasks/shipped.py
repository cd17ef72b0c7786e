"""Weights that come with ncd: float16, a few hundred kilobytes a network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from ncd.models.pointing import Writer
from ncd.tasks.training import Recipe

FOLDER = Path(__file__).parent / "weights"


def names() -> list[str]:
    """What is shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.pt"))


def load(name: str) -> Writer:
    """A trained network by name, in eval mode and float32.  Raises KeyError on a name that is not shipped."""
    return recall(name)[1]


def recall(name: str) -> tuple[Recipe, Writer]:
    """A trained network, and the recipe that made it: a shipped one by its name, any checkpoint by its path."""
    path = Path(name) if name.endswith(".pt") else FOLDER / f"{name}.pt"
    if not path.exists():
        raise KeyError(f"no weights {name!r}: there are {', '.join(names())}, and any checkpoint by its path (….pt)")
    kept = torch.load(path, weights_only=True)
    recipe = Recipe(**kept["recipe"])
    model = recipe.build()
    model.load_state_dict({k: v.float() for k, v in kept["model"].items()})
    return recipe, model.eval()


def ship(name: str, recipe: Recipe, model: Writer) -> Path:
    """Write the weights of a trained network to where ``load`` finds them."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.pt"
    torch.save({"recipe": asdict(recipe), "model": {k: v.half() for k, v in model.state_dict().items()}}, path)
    return path
