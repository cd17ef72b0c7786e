"""Executing recorded calls: names to callables, literals to values, results to arrays.

An environment maps array ids to tensors.  In-place writes need no special care: after the call the
same object is also known by its new id, so aliasing repeats itself.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from ncd.circuit.diagram import Call, Name, Ref
from ncd.errors import CheckError

Environment = MutableMapping[int, Tensor]


def resolve(name: str, functions: Sequence[Any] = ()) -> Any:
    """The callable a call names: an importable dotted name, or ``#n`` for the n-th of ``functions``.

    Raises CheckError when there is none.
    """
    if name.startswith("#"):
        place = int(name[1:])
        if place >= len(functions):
            raise CheckError(
                f"the function {name} was kept in memory only, with the diagram that was traced",
                fix="trace the model again instead of reading the diagram from a file",
            )
        return functions[place]
    return _imported(name)


@cache
def _imported(name: str) -> Any:
    head, *rest = name.split(".")
    try:
        thing: Any = torch if head == "torch" else import_module(head)
        at = head
        for part in rest:
            at = f"{at}.{part}"
            if not hasattr(thing, part):
                import_module(at)
            thing = getattr(thing, part)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise CheckError(
            f"there is no function {name!r} here", fix="use the versions of torch and of the model that were traced"
        ) from error
    return thing


def constant(name: Name, functions: Sequence[Any] = ()) -> Any:
    """What a named constant is: a dotted name, or a call of one on literals (``torch.device("cpu")``)."""
    if name.text.startswith("#") or name.text.replace(".", "").replace("_", "").isalnum():
        return resolve(name.text, functions)
    node = ast.parse(name.text, mode="eval").body
    if isinstance(node, ast.Call):
        fn = resolve(ast.unparse(node.func), functions)
        args = [ast.literal_eval(a) for a in node.args]
        return fn(*args, **{k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg})
    raise CheckError(f"cannot read the constant {name.text!r}")


def filled(literal: Any, env: Environment, functions: Sequence[Any] = ()) -> Any:
    """A call's literal with tensors for references and values for names."""
    if isinstance(literal, Ref):
        try:
            return env[literal.id]
        except KeyError:
            raise CheckError(f"the array %{literal.id} is read before anything made it") from None
    if isinstance(literal, Name):
        found = constant(literal, functions)
        # Kept as it was at the call: every run starts from there.
        return found.clone_state() if isinstance(found, torch.Generator) else found
    if isinstance(literal, (tuple, list)):
        return type(literal)([filled(x, env, functions) for x in literal])
    if isinstance(literal, dict):
        return {k: filled(x, env, functions) for k, x in literal.items()}
    if isinstance(literal, slice):
        return slice(*(filled(x, env, functions) for x in (literal.start, literal.stop, literal.step)))
    return literal


def refs(literal: Any) -> Iterator[int]:
    """The array ids in a literal, in order, with repetitions."""
    if isinstance(literal, Ref):
        yield literal.id
    elif isinstance(literal, (tuple, list)):
        for x in literal:
            yield from refs(x)
    elif isinstance(literal, dict):
        for x in literal.values():
            yield from refs(x)
    elif isinstance(literal, slice):
        yield from refs((literal.start, literal.stop, literal.step))


def operands(call: Call) -> tuple[int, ...]:
    """The arrays a call is given, in the order of its arguments, with repetitions."""
    return (*refs(call.args), *(i for _, x in call.kwargs for i in refs(x)))


def results(call: Call) -> tuple[int, ...]:
    """The arrays a call makes, those it writes included."""
    return (*refs(call.out), *(new for _, new in call.writes))


def step(call: Call, env: Environment, functions: Sequence[Any] = ()) -> None:
    """Run one call: its results, and the new ids of what it wrote, enter the environment."""
    args = filled(call.args, env, functions)
    kwargs = {k: filled(x, env, functions) for k, x in call.kwargs}
    with casting(call):
        _bind(call.out, resolve(call.name, functions)(*args, **kwargs), env)
    for old, new in call.writes:
        if old in env:
            env[new] = env[old]


def casting(call: Call) -> AbstractContextManager[Any]:
    """The automatic casts that were in force at the call."""
    if not call.autocast:
        return nullcontext()
    device, dtype = call.autocast
    return torch.autocast(device, getattr(torch, dtype))


def _bind(shape: Any, result: Any, env: Environment) -> None:
    if isinstance(shape, Ref):
        env[shape.id] = result
    elif isinstance(shape, (tuple, list)):
        for inner, x in zip(shape, result, strict=True):
            _bind(inner, x, env)
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            _bind(inner, result[key], env)


def execute(
    calls: Iterable[Call],
    env: Environment,
    functions: Sequence[Any] = (),
    dead: Sequence[Collection[int]] | None = None,
) -> Environment:
    """Run calls in order.  ``dead``: ids that may be forgotten after each call (see ``deaths``)."""
    for at, call in enumerate(calls):
        step(call, env, functions)
        if dead is not None:
            for gone in dead[at]:
                env.pop(gone, None)
    return env


def deaths(calls: Sequence[Call], keep: Iterable[int]) -> list[tuple[int, ...]]:
    """After each call, the arrays that no later call reads and that are not in ``keep``."""
    last: dict[int, int] = {}
    for at, call in enumerate(calls):
        for i in (*operands(call), *results(call), *(old for old, _ in call.writes)):
            last[i] = at
    for i in keep:
        last.pop(i, None)
    dead: list[list[int]] = [[] for _ in calls]
    for i, at in last.items():
        dead[at].append(i)
    return [tuple(ids) for ids in dead]
