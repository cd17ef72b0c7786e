"""What the author of a module calls the sizes of its weights, read in the source of its ``__init__``.

``self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)`` says what the axes of ``fc1.weight``
are, whatever numbers those happen to be.  An expression is followed through local names and through
the arguments of the module around, until it is an attribute or a parameter that says something.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from torch import nn

from ncd.circuit.diagram import Place

Names = tuple[str, ...]
"""What one dimension is called, the closest to the weight first; several for one that may be called several things."""

WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "Linear": ("out_features", "in_features"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "EmbeddingBag": ("num_embeddings", "embedding_dim"),
    **{f"Conv{n}d": ("out_channels", "in_channels") for n in "123"},
    **{f"ConvTranspose{n}d": ("in_channels", "out_channels") for n in "123"},
    **{f"BatchNorm{n}d": ("num_features",) for n in "123"},
    "GroupNorm": ("num_channels",),
    "LayerNorm": ("normalized_shape",),
    "RMSNorm": ("normalized_shape",),
}
"""The arguments that the dimensions of ``weight`` have in torch's own layers."""
BIASES: Mapping[str, int] = {"Linear": 0, **{f"Conv{n}d": 0 for n in "123"}}
MAKERS = frozenset("empty zeros ones randn rand full normal Tensor FloatTensor".split())
DEPTH = 8
"""So many steps an expression is followed."""


@dataclass
class Written:
    """The ``__init__`` of a class: its parameters, what it assigns, and the calls in each assignment."""

    parameters: tuple[str, ...] = ()
    local: dict[str, ast.expr] = field(default_factory=dict)
    own: dict[str, list[ast.expr]] = field(default_factory=dict)


@lru_cache(maxsize=2048)
def written(cls: type) -> Written:
    """What is written in the constructor of a class; nothing where there is no source."""
    init = cls.__dict__.get("__init__")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init))) if init is not None else None  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        tree = None
    found = Written()
    if tree is None or not tree.body or not isinstance(tree.body[0], ast.FunctionDef):
        return found
    function = tree.body[0]
    found.parameters = tuple(a.arg for a in (*function.args.args[1:], *function.args.kwonlyargs))
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name, value in _pairs(target, node.value):
                    _keep(found, name, value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            _keep(found, node.target, node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            _keep(found, node.func.value, node.args[0] if node.args else node)
    return found


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def _keep(found: Written, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        found.local.setdefault(target.id, value)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        found.own.setdefault(target.attr, []).append(value)


@dataclass(eq=False)
class Scope:
    """Modules of one class that were built alike: what their parameters were given by the module around them."""

    cls: type
    given: dict[str, tuple[ast.expr, Scope]] = field(default_factory=dict)
    parts: dict[object, Scope] = field(default_factory=dict)
    weights: dict[tuple[str, int], list[list[Names]]] = field(default_factory=dict)

    @cached_property
    def classes(self) -> list[type]:
        return [c for c in self.cls.__mro__ if "__init__" in c.__dict__ and c is not nn.Module]

    def calls(self, attribute: str) -> list[ast.expr]:
        """What is written where the attribute is assigned."""
        return next((w.own[attribute] for c in self.classes if attribute in (w := written(c)).own), [])

    def local(self, name: str) -> ast.expr | None:
        return next((w.local[name] for c in self.classes if name in (w := written(c)).local), None)

    def names(self, node: ast.expr, depth: int = DEPTH) -> list[str]:
        """All that an expression for one size may be called, the nearest name first; none for a product or a number."""
        if depth == 0:
            return []
        if isinstance(node, ast.Attribute):
            more: list[str] = []
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                for value in self.calls(node.attr):
                    more += self.names(value, depth - 1)
            return [node.attr, *more]
        if isinstance(node, ast.Subscript):
            return self.names(node.value, depth - 1)
        if isinstance(node, ast.Name):
            found = [node.id]
            if node.id in self.given:
                value, scope = self.given[node.id]
                return found + scope.names(value, depth - 1)
            inner = self.local(node.id)
            return found + (self.names(inner, depth - 1) if inner is not None else [])
        if isinstance(node, ast.IfExp):
            return self.names(node.body, depth - 1) + self.names(node.orelse, depth - 1)
        if isinstance(node, ast.BoolOp):
            return [n for v in node.values for n in self.names(v, depth - 1)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int" and node.args:
            return self.names(node.args[0], depth - 1)
        return []

    def factors(self, node: ast.expr) -> list[Names]:
        """The names of the factors of a product, major first; a single one for anything else."""
        if isinstance(node, ast.Name) and not self.names(node)[1:] and (inner := self.local(node.id)) is not None:
            node = inner
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return self.factors(node.left) + self.factors(node.right)
        return [tuple(self.names(node))]

    def child(self, name: str, cls: type) -> Scope:
        """A child of this class as it was built, if the call that built it can be told."""
        return self._part((name, cls), self.calls(name), cls)

    def grandchildren(self, name: str, container: nn.Module) -> Iterator[tuple[str, nn.Module, Scope]]:
        """The members of a container, which its own module built."""
        nodes = self.calls(name)
        listed = _elements(nodes)
        single = len(listed) == len(container._modules)
        for i, (key, member) in enumerate(container._modules.items()):
            if member is not None:
                cls = type(member)
                scope = self._part((name, i, cls), [listed[i]], cls) if single else self.child(name, cls)
                yield f"{name}.{key}", member, scope

    def _part(self, key: object, nodes: list[ast.expr], cls: type) -> Scope:
        if key not in self.parts:
            self.parts[key] = Scope(cls, self._bound(self._call(nodes, cls.__name__), cls))
        return self.parts[key]

    def _call(self, nodes: list[ast.expr], kind: str) -> ast.Call | None:
        found = [n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Call) and _called(n) == kind]
        same = {ast.dump(n) for n in found}
        if len(same) == 1:
            return found[0]
        # A class chosen elsewhere (``ATTENTION[config.kind](config)``): the only call there is.
        direct = [n for n in nodes if isinstance(n, ast.Call) and not found]
        return direct[0] if len(direct) == 1 and _called(direct[0]) not in ("Sequential", "ModuleList") else None

    def _bound(self, call: ast.Call | None, cls: type) -> dict[str, tuple[ast.expr, Scope]]:
        if call is None or any(isinstance(a, ast.Starred) for a in call.args):
            return {}
        names = _parameters(cls)
        bound = dict(zip(names, call.args, strict=False))
        bound |= {k.arg: k.value for k in call.keywords if k.arg}
        return {k: (v, self) for k, v in bound.items()}

    def weight(self, attribute: str, rank: int) -> list[list[Names]]:
        """What the dimensions of one of the module's own parameters are called, each a list of factors."""
        key = (attribute, rank)
        if key not in self.weights:
            self.weights[key] = self._weight(attribute, rank)
        return self.weights[key]

    def _weight(self, attribute: str, rank: int) -> list[list[Names]]:
        for cls in self.cls.__mro__:
            if cls.__name__ in WEIGHTS and cls.__module__.startswith("torch.nn"):
                known = WEIGHTS[cls.__name__]
                if attribute == "bias":
                    known = known[BIASES.get(cls.__name__, 0) : BIASES.get(cls.__name__, 0) + 1]
                return [self._argument(p) for p in known]
        for node in self.calls(attribute):
            for made in ast.walk(node):
                if isinstance(made, ast.Call) and _called(made) in MAKERS:
                    sizes = made.args
                    if sizes and isinstance(sizes[0], (ast.Tuple, ast.List)):
                        sizes = sizes[0].elts
                    sizes = [a for a in sizes if not isinstance(a, ast.Starred)]
                    if len(sizes) >= rank:
                        return [self.factors(s) for s in sizes[:rank]]
        return []

    def _argument(self, parameter: str) -> list[Names]:
        if parameter not in self.given:
            return []
        node, scope = self.given[parameter]
        if isinstance(node, (ast.Tuple, ast.List)):
            node = node.elts[0] if len(node.elts) == 1 else ast.Constant(0)
        return scope.factors(node)


VIEWS = frozenset(["view", "reshape", "unflatten"])


def spelled(place: Place | None, rank: int) -> list[Names]:
    """What the sizes given to a view are called, a dimension of its result each; empty if it can't be told.

    ``height // 2`` is called as ``height`` is.
    """
    if place is None or not place.end_line:
        return []
    lines = [s.encode() for s in linecache.getlines(place.file)[place.line - 1 : place.end_line]]
    if not lines:
        return []
    lines[-1] = lines[-1][: place.end_column]
    lines[0] = lines[0][place.column :]
    return list(_spelled(b"".join(lines).decode(errors="replace"), rank))


@lru_cache(maxsize=4096)
def _spelled(text: str, rank: int) -> tuple[Names, ...]:
    try:
        call = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        return ()
    if not isinstance(call, ast.Call) or _called(call) not in VIEWS:
        return ()
    sizes = call.args
    if len(sizes) == 1 and isinstance(sizes[0], (ast.Tuple, ast.List)):
        sizes = sizes[0].elts
    starred = [i for i, a in enumerate(sizes) if isinstance(a, ast.Starred)]
    if len(starred) > 1 or (not starred and len(sizes) != rank):
        return ()
    at = starred[0] if starred else len(sizes)
    after = sizes[at + 1 :]
    middle = rank - at - len(after)
    return (*map(_plain, sizes[:at]), *((),) * middle, *map(_plain, after)) if middle >= 0 else ()


def _plain(node: ast.expr) -> Names:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
        return _plain(node.left)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    return (node.id,) if isinstance(node, ast.Name) else ()


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _elements(nodes: list[ast.expr]) -> list[ast.expr]:
    """The members of ``Sequential(a, b)`` and ``ModuleList([a, b])`` as they are written."""
    if len(nodes) != 1 or not isinstance(nodes[0], ast.Call):
        return nodes if len(nodes) > 1 else []
    args = nodes[0].args
    if len(args) == 1 and isinstance(args[0], (ast.List, ast.Tuple)):
        args = args[0].elts
    return [] if any(isinstance(a, (ast.Starred, ast.ListComp, ast.GeneratorExp)) for a in args) else list(args)


@lru_cache(maxsize=2048)
def _parameters(cls: type) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc]
    except (TypeError, ValueError):
        return ()


def authored(root: Any) -> dict[str, list[list[Names]]]:
    """By dotted name of a parameter: per dimension, per factor, what it is called where it was built."""
    found: dict[str, list[list[Names]]] = {}
    if not isinstance(root, nn.Module):
        return found
    todo: list[tuple[str, nn.Module, Scope]] = [("", root, Scope(type(root)))]
    while todo:
        path, module, scope = todo.pop()
        dot = f"{path}." if path else ""
        for name, p in module._parameters.items():
            if p is not None:
                found[dot + name] = scope.weight(name, p.dim())
        for name, child in module._modules.items():
            if child is None:
                continue
            if isinstance(child, (nn.Sequential, nn.ModuleList, nn.ModuleDict)) and type(child).__module__.startswith(
                "torch"
            ):
                todo += ((dot + key, member, inner) for key, member, inner in scope.grandchildren(name, child))
            else:
                todo.append((dot + name, child, scope.child(name, type(child))))
    return found
