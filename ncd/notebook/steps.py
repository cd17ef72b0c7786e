"""The steps of a walk through a picture: what each points at, and what is said there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ncd.circuit.diagram import Diagram, Op
from ncd.errors import NCDError
from ncd.layout.pointing import Found, pointed

Given: TypeAlias = "str | tuple[str | Sequence[str], str] | Mapping[str, Any] | Step"


@dataclass(frozen=True)
class Step:
    """One step: ``at`` names axes, operations (``softmax``, ``h.0.attn:softmax``), paths or classes, as ``highlight``.

    ``text`` is Markdown; left out, it is what the operations do.  ``title`` is what stands above it.
    """

    at: tuple[str, ...] = ()
    text: str = ""
    title: str = ""


@dataclass(frozen=True)
class Stop:
    """A step in a picture: the keys of what is lit there, and the positions of its operations."""

    title: str
    text: str
    keys: tuple[str, ...]
    ops: tuple[int, ...]
    found: Found


def given(steps: Iterable[Given] | Mapping[str, str]) -> list[Step]:
    """Steps however they were written: names, (names, text), dicts of a ``Step``'s fields, or {name: text}.

    Raises NCDError on anything else.
    """
    pairs: Iterable[Any] = steps.items() if isinstance(steps, Mapping) else steps
    return [_step(s) for s in pairs]


def _step(s: Any) -> Step:
    if isinstance(s, Step):
        return replace(s, at=_names(s.at))
    if isinstance(s, str):
        return Step((s,))
    if isinstance(s, Mapping) and s.keys() <= {"at", "text", "title"}:
        return Step(_names(s.get("at", ())), str(s.get("text", "")), str(s.get("title", "")))
    if isinstance(s, (tuple, list)) and len(s) == 2 and isinstance(s[1], str):
        return Step(_names(s[0]), s[1])
    raise NCDError(
        f"{s!r} is no step",
        doing="planning a walk through a diagram",
        fix='a name, ("softmax", "what to say"), or {"at": ["softmax"], "title": ..., "text": ...}',
    )


def _names(at: Any) -> tuple[str, ...]:
    return (at,) if isinstance(at, str) else tuple(map(str, at))


def located(name: str, drawn: Diagram, simple: Diagram) -> Found:
    """What a name means in a picture, also one whose frame is not drawn for being so small."""
    found = pointed(drawn, simple, name)
    hidden = {k for k in found.ops if _shut(op := drawn.ops[k]) and name not in (op.block, op.name, op.label)}
    found = replace(found, ops=found.ops - hidden)  # what is inside a closed block is not that block
    if found != Found():
        return found
    made = {a.id for op in _inside(name, simple) for a in op.outputs}
    ops = {k for k, op in enumerate(drawn.ops) if not _shut(op) and any(a.id in made for a in op.outputs)}
    return Found(ops=frozenset(ops))


def _inside(name: str, simple: Diagram) -> list[Op]:
    """The operations that a name means, or those of the blocks that it means."""
    there = pointed(simple, simple, name)
    paths = {p for path in there.blocks for p in simple.inside(str(path))}
    return [op for k, op in enumerate(simple.ops) if k in there.ops or op.path in paths]


def _shut(op: Op) -> bool:
    return bool(op.block) and not op.body


def closed(steps: Sequence[Step], drawn: Diagram, simple: Diagram) -> list[str]:
    """The paths of the blocks drawn closed that hold what is pointed at, the outermost of each."""
    found = []
    shut = [op.block for op in drawn.ops if _shut(op)]
    for name in (n for s in steps for n in s.at):
        if located(name, drawn, simple) == Found():
            paths = {op.path for op in _inside(name, simple)}
            found += [b for b in shut if any(p == b or p.startswith(f"{b}.") for p in paths)]
    return list(dict.fromkeys(found))


def stops(steps: Sequence[Step] | None, drawn: Diagram, simple: Diagram, facts: Mapping[str, Any]) -> list[Stop]:
    """The steps in a picture; none given, one an operation, in order.

    Raises NCDError for a name of nothing, and for what is drawn only as one of several alike.
    """
    if steps is None:
        return [_stop(Step(), Found(ops=frozenset({k})), drawn, facts) for k in range(len(drawn.ops))]
    out = []
    for s in steps:
        parts = [located(name, drawn, simple) for name in s.at]
        for name, part in zip(s.at, parts, strict=True):
            if part == Found():
                raise NCDError(
                    f"{name!r} is drawn as one of several that are alike",
                    doing="planning a walk through a diagram",
                    fix="name the first of them",
                )
        whole = Found(
            frozenset().union(*(p.axes for p in parts)),
            frozenset().union(*(p.ops for p in parts)),
            frozenset().union(*(p.blocks for p in parts)),
        )
        out.append(_stop(s, whole, drawn, facts))
    return out


def _stop(s: Step, found: Found, drawn: Diagram, facts: Mapping[str, Any]) -> Stop:
    ops = tuple(sorted(found.ops))
    keys = [f"op:{k}" for k in ops] + [f"axis:{i}" for i in sorted(found.axes)]
    keys += [f"block:{p}" for p in sorted(found.blocks)]
    name = ", ".join(s.at) or "".join(_called(drawn.ops[k]) for k in ops[:1])
    said = s.text or "\n\n".join(sentence(drawn.ops[k], facts.get("op", {}).get(str(k), {})) for k in ops)
    return Stop(s.title or name, said, tuple(keys), ops, found)


def _called(op: Op) -> str:
    return op.label if op.block else op.name


def sentence(op: Op, fact: Mapping[str, Any]) -> str:
    """What an operation does, in Markdown."""
    words = str(fact.get("words") or "")
    name = op.block or (f"{op.path}: {op.name}" if op.path else op.name)
    said = f"{_code(name)}" + (f": {words}." if words else "")
    return f"{said}\n\n{_code(str(op.weave))}"


def _code(text: str) -> str:
    """Text set as code, whatever is in it."""
    ticks = "`"
    while ticks in text:
        ticks += "`"
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"
