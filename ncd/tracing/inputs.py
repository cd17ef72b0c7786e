"""What a model is traced on: the user's tensors and placeholders, with the names of their axes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ncd.errors import AxisError
from ncd.tracing.containers import map_leaves, tensors
from ncd.tracing.placeholders import Placeholder

ENLARGED = 3
"""A named axis of size 1 is traced at this size, so that it is seen to be an axis."""

Patterns = str | Sequence[str] | Mapping[str, str] | None


@dataclass
class Inputs:
    """Arguments ready to run: clones and stand-ins, and the axis names of every tensor in them."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: dict[int, str] = field(default_factory=dict)
    """Tensor id -> dotted name."""
    patterns: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Tensor id -> one axis name per dimension, '' where there is none."""

    def tensors(self) -> list[torch.Tensor]:
        found = {id(t): t for _, t in tensors((self.args, self.kwargs))}
        return list(found.values())


def parameter_names(fn: Callable[..., Any], count: int) -> list[str]:
    """The names of the first ``count`` positional parameters of a callable."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}{i}" for i in range(count - len(names))]
            break
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return (names + [f"input{i}" for i in range(len(names), count)])[:count]


def by_name(axes: Patterns, order: Sequence[str]) -> dict[str, str]:
    """Patterns by dotted input name.  Raises AxisError on names that no input has."""
    if axes is None:
        return {}
    if isinstance(axes, str):
        axes = [axes]
    if isinstance(axes, Mapping):
        unknown = [n for n in axes if n not in order]
        if unknown:
            raise AxisError(f"no input is called {unknown[0]!r}", fix="the inputs are " + ", ".join(order))
        return dict(axes)
    if len(axes) > len(order):
        raise AxisError(f"{len(axes)} patterns for {len(order)} inputs", fix="the inputs are " + ", ".join(order))
    return dict(zip(order, axes, strict=False))


def read_pattern(pattern: str, shape: Sequence[int], name: str) -> tuple[str, ...]:
    """One axis name per dimension.  ``_`` or ``1`` leaves a dimension unnamed; ``...`` stands for any number."""
    words = pattern.split()
    if any(not (w in ("...", "_", "1") or w.isidentifier()) for w in words):
        bad = next(w for w in words if not (w in ("...", "_", "1") or w.isidentifier()))
        raise AxisError(
            f"cannot read {bad!r} in the axes {pattern!r} of {name!r}",
            fix='one name per dimension, such as "b s d"; a composed axis is found by itself',
        )
    if words.count("...") == 1:
        at, missing = words.index("..."), len(shape) - len(words) + 1
        words[at : at + 1] = ["_"] * max(missing, 0)
    if len(words) != len(shape):
        raise AxisError(
            f"the axes {pattern!r} name {len(words)} dimensions, {name!r} has {len(shape)}: {tuple(shape)}",
            fix="one name per dimension, with ... for any number and _ for one without a name",
        )
    return tuple("" if w in ("_", "1") else w for w in words)


def prepare(
    target: Callable[..., Any],
    module: nn.Module | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    axes: Patterns,
    fakes: FakeTensorMode,
    enlarge: bool = True,
) -> tuple[Inputs, dict[str, int]]:
    """Inputs to record on, and the named axes of size 1 that were enlarged in them.

    Raises AxisError where patterns do not fit the arrays or give one name two sizes.
    """
    named = dict(zip(parameter_names(target, len(args)), args, strict=True)) | kwargs
    shapes: dict[str, tuple[int, ...]] = {}
    given: dict[str, tuple[str, ...]] = {}

    def see(name: str, x: Any) -> Any:
        if isinstance(x, Placeholder):
            shapes[name] = x.sizes
            given[name] = x.names
        elif isinstance(x, torch.Tensor):
            shapes[name] = tuple(x.shape)
        return x

    map_leaves(named, see)
    for name, pattern in by_name(axes, list(shapes)).items():
        given[name] = read_pattern(pattern, shapes[name], name)
    sizes: dict[str, int] = {}
    first: dict[str, str] = {}
    for name, words in given.items():
        for word, n in zip(words, shapes[name], strict=True):
            if word and sizes.setdefault(word, n) != n:
                raise AxisError(
                    f"the axis {word!r} has size {sizes[word]} in {first[word]!r} and {n} in {name!r}",
                    sizes=sizes,
                    fix="give different axes different names",
                )
            first.setdefault(word, name)
    grown = {w: ENLARGED for w, n in sizes.items() if n == 1 and w} if enlarge else {}
    found = Inputs((), {})
    stand_ins: dict[int, torch.Tensor] = {}

    def ready(name: str, x: Any) -> Any:
        if isinstance(x, (torch.Tensor, Placeholder)):
            key = id(x)
            if key not in stand_ins:
                words = given.get(name, ("",) * len(shapes[name]))
                shape = [grown.get(w, n) for w, n in zip(words, shapes[name], strict=True)]
                stand_ins[key] = t = stand_in(x, shape, module, fakes)
                found.names[id(t)] = name
                found.patterns[id(t)] = words
            return stand_ins[key]
        return x

    ready_named = map_leaves(named, ready)
    keys = list(named)
    found.args = tuple(ready_named[k] for k in keys[: len(args)])
    found.kwargs = {k: ready_named[k] for k in keys[len(args) :]}
    return found, grown


def stand_in(
    x: torch.Tensor | Placeholder, shape: list[int], module: nn.Module | None, fakes: FakeTensorMode
) -> torch.Tensor:
    """What the model is run on in place of ``x``: a clone, random tokens, or a fake array."""
    if isinstance(x, Placeholder):
        if x.values == "tokens":
            generator = torch.Generator().manual_seed(0)
            return torch.randint(0, x.high or vocabulary(module), shape, generator=generator, dtype=x.dtype)
        with fakes:
            return torch.empty(shape, dtype=x.dtype)
    if x.device.type == "meta":
        if x.dtype.is_floating_point or x.dtype.is_complex:
            with fakes:
                return torch.empty(shape, dtype=x.dtype, device="cpu")
        return torch.zeros(shape, dtype=x.dtype, device="cpu")
    if x.layout is torch.strided:
        x = x.detach().clone()
        return x if list(x.shape) == shape else x.expand(shape).contiguous()
    return x.detach().clone()


def vocabulary(module: nn.Module | None) -> int:
    """The smallest embedding that tokens may meet."""
    tables = [m.num_embeddings for m in module.modules() if isinstance(m, nn.Embedding)] if module is not None else []
    large = [n for n in tables if n > 2]
    return min(large, default=10)
