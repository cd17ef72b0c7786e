"""A diagram written by hand as a module: blocks are submodules, learned boxes have parameters."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ncd.dsl.named import Named
from ncd.dsl.nodes import Atom, Block, Node, Over, Repeat, Traced, arity, atoms, title, walk
from ncd.dsl.patterns import Axes
from ncd.dsl.printing import brief
from ncd.dsl.runs import run
from ncd.dsl.sizes import binding, known, weight_axes
from ncd.dsl.term import Term
from ncd.errors import DSLError
from ncd.tracing.placeholders import Placeholder


class Symbol(nn.Module):
    """One symbol with its learned arrays."""

    def __init__(self, atom: Atom, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.atom = atom
        for name, axes in atom.weights:
            shape = [int(a) if a.isdigit() else sizes[a.rstrip("'")] for a in axes]
            self.register_parameter(name, nn.Parameter(_first(atom, name, torch.empty(shape))))

    def forward(self, xs: list[Named], sizes: dict[str, int]) -> list[Named]:
        weights = dict(self.named_parameters())
        for name, axes in self.atom.weights:
            weights[name].axis_names = axes
        return run(self.atom, weights, xs, sizes)


def _first(atom: Atom, name: str, x: Tensor) -> Tensor:
    """Values to begin learning with: outputs as large as inputs, norms that change nothing."""
    if atom.name.endswith("_norm"):
        return x.fill_(float(name == "weight"))
    if name.endswith("bias"):
        return x.zero_()
    read = {
        "conv": x.shape[1:],
        "upconv": x.shape[:1],
        "lstm": x.shape[1:2],
        "gru": x.shape[1:2],
        "linear": x.shape[: len(atom.ins[0]) if atom.ins else 0],
    }.get(atom.name, ())
    return x.normal_(0, math.prod(read) ** -0.5)


class Part(nn.Module):
    """A tree as a module: what has weights or a name is a child, the rest is done in order."""

    def __init__(self, node: Node, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.node = node
        self.order: list[str] = []
        """Names of the submodules, in the order in which ``forward`` meets them."""

        def see(part: Node, xs: list[int]) -> list[int]:
            outs = [0] * arity(part)[1]
            match part:
                case Atom():
                    if part.weights:
                        name = dict(part.kwargs).get("name") or (part.args[1] if len(part.args) > 1 else part.name)
                        self.order.append(self._child(str(name), Symbol(part, sizes)))
                case Traced():
                    self.order.append(self._child(part.diagram.title, part.diagram.to_module()))
                case Block():
                    self.order.append(self._child(part.title, _called(part.title, part.body, sizes)))
                case Over():
                    walk(part.body, xs, see)
                case Repeat():
                    body = part.body
                    made = 1 if part.shared else part.times
                    name = body.title if isinstance(body, Block) else "turn"
                    inner = body.body if isinstance(body, Block) else body
                    turns = nn.ModuleList(_called(name, inner, sizes) for _ in range(made))
                    self.order.append(self._child(_plural(name), turns))
            return outs

        walk(node, [0] * arity(node)[0], see)

    def _child(self, name: str, module: nn.Module) -> str:
        base = identifier(name)
        taken = set(self._modules) | set(dir(self))
        free = next(n for n in (base, *(f"{base}{k}" for k in range(2, 10000))) if n not in taken)
        self.add_module(free, module)
        return free

    def forward(self, xs: list[Named], sizes: dict[str, int]) -> list[Named]:
        order = iter(self.order)

        def see(part: Node, xs: list[Named]) -> list[Named]:
            outs = done(part, xs)
            for y in outs:
                sizes.update(zip(y.axes, y.data.shape, strict=True))
                y.data.axis_names = y.axes  # type: ignore[attr-defined]  # what a tracer calls them
            return outs

        def done(part: Node, xs: list[Named]) -> list[Named]:
            match part:
                case Atom():
                    return self._modules[next(order)](xs, sizes) if part.weights else run(part, {}, xs, sizes)  # type: ignore[misc]
                case Traced():
                    outs = self._modules[next(order)](*(x.put(axes) for x, axes in zip(xs, part.ins, strict=True)))  # type: ignore[misc]
                    outs = [outs] if isinstance(outs, Tensor) else list(outs)
                    return [Named(y, axes) for y, axes in zip(outs, part.outs, strict=True)]
                case Block():
                    return self._modules[next(order)](xs, sizes)  # type: ignore[misc]
                case Over():
                    return walk(part.body, xs, see)
                case Repeat():
                    turns = self._modules[next(order)]
                    for k in range(part.times):
                        made = turns[0 if part.shared else k](xs, sizes)  # type: ignore[index]
                        xs = [*made, *xs[len(made) :]]
                    return xs[: arity(part)[1]]
            raise AssertionError(part)

        return walk(self.node, xs, see)


class Whole(Part):
    """The module of a diagram, on plain tensors whose dimensions are the diagram's axes in order."""

    def __init__(self, term: Term, sizes: Mapping[str, int]) -> None:
        super().__init__(term.node, sizes)
        self.signature = term.signature
        self.known = binding(term, sizes)

    def call(self, given: Sequence[Tensor]) -> Any:
        sizes = dict(self.known)
        wanted = self.signature.ins
        if len(given) != len(wanted):
            raise DSLError(
                f"{len(given)} arrays were given for {len(wanted)} inputs",
                doing="running a diagram",
                fix="give " + ", ".join(f"[{' '.join(axes)}]" for axes in wanted),
            )
        for k, (x, axes) in enumerate(zip(given, wanted, strict=True)):
            agree(sizes, axes, tuple(x.shape), f"input {k + 1}")
        outs = Part.forward(self, [Named(x, axes) for x, axes in zip(given, wanted, strict=True)], sizes)
        found = [y.put(axes) for y, axes in zip(outs, self.signature.outs, strict=True)]
        return found[0] if len(found) == 1 else tuple(found)


def agree(sizes: dict[str, int], axes: Axes, shape: Sequence[int], what: str) -> None:
    """Note the sizes of an array's axes.  Raises DSLError where they are others than those known."""
    if len(axes) != len(shape):
        raise DSLError(
            f"{what} has the axes [{' '.join(axes)}], not {len(shape)} dimensions: {tuple(shape)}",
            doing="running a diagram",
            sizes=sizes,
            fix=".over('b') repeats a diagram over a further axis",
        )
    for axis, n in zip(axes, shape, strict=True):
        if sizes.setdefault(axis, n) != n:
            raise DSLError(
                f"the axis {axis!r} of {what} [{' '.join(axes)}] has the size {n}, and elsewhere {sizes[axis]}",
                doing="running a diagram",
                sizes=sizes,
                fix="one name is one axis: give axes of different sizes different names",
            )


def build(term: Term, inputs: Sequence[Any], sizes: Mapping[str, int]) -> nn.Module:
    """See ``Term.to_module``."""
    term = term.at(**sizes)
    found = dict(term.said)
    for k, (x, axes) in enumerate(zip(inputs, term.signature.ins, strict=False)):
        agree(found, axes, x.sizes if isinstance(x, Placeholder) else tuple(x.shape), f"input {k + 1}")
    found = known(term.node, found)
    for atom in atoms(term.node):
        if missing := [a for a in weight_axes(atom) if a not in found]:
            said = ", ".join(f"{a}=..." for a in missing)
            raise DSLError(
                f"{brief(atom)} has weights over {', '.join(map(repr, missing))}, of which no size is known",
                doing="making a module",
                sizes=found,
                fix=f".to_module({said}), or sizes in a pattern: '{missing[0]}=64'",
            )
    return made(term, found)


def made(term: Term, sizes: Mapping[str, int]) -> nn.Module:
    """The module with these sizes, called as the diagram is, with the diagram's names for its inputs."""
    names = term.arguments or tuple(f"x{k + 1}" for k in range(len(term.signature.ins)))

    def forward(self: Whole, *args: Any, **kwargs: Any) -> Any:
        return self.call([*args, *(kwargs[n] for n in names[len(args) :] if n in kwargs)])

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, kind) for n in ("self", *names)]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return type(camel(title(term.node) or "Diagram"), (Whole,), {"forward": forward})(term, sizes)


def _called(name: str, body: Node, sizes: Mapping[str, int]) -> Part:
    """A part whose class is named after its title, as a module that was written would be."""
    cls: type[Part] = type(camel(name), (Part,), {"title": name})
    return cls(body, sizes)


def camel(text: str) -> str:
    return "".join(w[0].upper() + w[1:] for w in re.findall(r"\w+", text)) or "Part"


def identifier(name: str) -> str:
    text = re.sub(r"\W+", "_", name).strip("_") or "part"
    return text if not text[0].isdigit() else f"_{text}"


def _plural(name: str) -> str:
    return name if name.endswith("s") else f"{name}s"
