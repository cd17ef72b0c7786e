"""Do two diagrams compute the same?  By their normal forms, else by running both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncd.circuit.diagram import Diagram
from ncd.rewrite.normal import normal

if TYPE_CHECKING:
    from torch import Tensor, nn

TRIALS = 3


@dataclass(frozen=True)
class Equivalence:
    """The answer, true or false; ``by`` says how it was found ("normal form", "test", "inputs", "weights"), ``why``
    in a sentence.  A test with random inputs is no proof of sameness; a difference that it finds is one."""

    same: bool
    by: str
    why: str

    def __bool__(self) -> bool:
        return self.same

    def __str__(self) -> str:
        return f"{'the same' if self.same else 'not the same'}, by {self.by}: {self.why}"


def equivalent(first: Diagram, second: Diagram, tolerance: float = 1e-4) -> Equivalence:
    """See ``Diagram.equivalent``."""
    a, b = ([(x.shape, x.dtype) for x in d.inputs] for d in (first, second))
    if a != b:
        return Equivalence(False, "inputs", f"{_listed(first)} and {_listed(second)} are not alike")
    forms = normal(first), normal(second)
    if forms[0] is not None and forms[0] == forms[1]:
        return Equivalence(True, "normal form", "both are written alike once products and sums are in order")
    return _tested(first, second, tolerance)


def _listed(diagram: Diagram) -> str:
    return ", ".join(map(str, diagram.inputs)) or "no inputs"


def _tested(first: Diagram, second: Diagram, tolerance: float) -> Equivalence:
    """Both on the same random inputs, with the weights of the first."""
    import torch

    from ncd.emit.example import random_inputs
    from ncd.emit.module import to_module

    one, other = to_module(first, None), to_module(second, None)
    how = _matched(dict(one.state_dict()), dict(other.state_dict()))
    if how is None:
        return Equivalence(False, "weights", "their weights have other shapes, so none can stand for the other's")
    given = dict(one.state_dict())
    weights = {theirs: given[mine] for theirs, mine in how.items()}
    largest = 0.0
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(TRIALS):
            inputs = random_inputs(first)
            found = [_run(m, w, inputs) for m, w in ((one, given), (other, weights))]
            if [y.shape for y in found[0]] != [y.shape for y in found[1]]:
                shapes = [", ".join(str(tuple(y.shape)) for y in ys) for ys in found]
                return Equivalence(False, "test", f"their outputs have the shapes {shapes[0]} and {shapes[1]}")
            for x, y in zip(*found, strict=True):
                scale = x.abs().nan_to_num(posinf=0).max().clamp(min=1e-30) if x.numel() else 1.0
                same = (x == y) | (x.isnan() & y.isnan()) if x.is_floating_point() else x == y
                gap = torch.where(same, 0.0, (x - y).abs().double()) if x.dtype != torch.bool else (x ^ y).double()
                gap = gap.nan_to_num(nan=torch.inf)
                largest = max(largest, float(gap.max() / scale) if gap.numel() else 0.0)
    named = "" if all(k == v for k, v in how.items()) else ", weights matched in order"
    said = f"the largest difference on {TRIALS} random inputs is {largest:.1e} of the largest number{named}"
    return Equivalence(largest <= tolerance, "test", said)


def _run(module: nn.Module, weights: Mapping[str, Tensor], inputs: list[Tensor]) -> list[Tensor]:
    import torch
    from torch.utils._pytree import tree_leaves

    made = torch.func.functional_call(module, dict(weights), tuple(x.clone() for x in inputs))
    return [y for y in tree_leaves(made) if isinstance(y, torch.Tensor)]


def _matched(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str] | None:
    """Which weight of the first stands for each of the second: that of its name, else the next of its shape."""
    if all(k in mine and mine[k].shape == x.shape for k, x in theirs.items()):
        return {k: k for k in theirs}
    if [x.shape for x in mine.values()] == [x.shape for x in theirs.values()]:
        return dict(zip(theirs, mine, strict=True))
    return None
