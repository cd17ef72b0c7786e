"""A diagram as Python that reads as if written by hand: functions for blocks, loops, named axes, sizes as variables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from ncd.circuit.diagram import Diagram
from ncd.circuit.reads import sentences
from ncd.emit.binding import folded, hidden, owner
from ncd.emit.groups import gather
from ncd.emit.lines import AsTraced, Formulas, Program, program
from ncd.emit.owned import Owned, looked_up, written_out
from ncd.emit.parts import Part, Parts
from ncd.emit.patterns import with_patterns
from ncd.emit.scope import Scope
from ncd.emit.tidy import tidy
from ncd.emit.wrap import WIDTH
from ncd.emit.write import Function

EINOPS = ("einsum", "rearrange", "reduce", "repeat")


def to_code(diagram: Diagram, sizes: Formulas | None = None) -> str:
    """The computation as Python text that defines ``forward(module, inputs...)``.

    Blocks are functions, repeated blocks loops; comments give the axes of what is made.  With
    ``sizes`` the text holds at all sizes for which they have formulas, without at the traced ones.
    """
    whole = program(diagram, sizes or AsTraced())
    tidy(whole)
    with_patterns(whole)
    owned = Owned(diagram)
    parts = Parts(whole, owned, _texts(whole, owned))
    constants = {i: name for i, name in looked_up(diagram, owned).items() if _used(whole, i)}
    functions = frozenset(g.name for g in gather(parts))
    forward = Scope(parts, parts.root, constants, functions)
    texts = {"forward": Function(forward).text("forward")}
    for g in _outside_in(parts.root):
        texts[g.name] = Function(Scope(parts, g.first, constants, functions)).text(g.name)
    body = "\n\n\n".join("\n".join(lines) for lines in merged(texts).values())
    imports = ["import torch"] if re.search(r"\btorch\.", body) else []
    imports += ["import torch.nn.functional as F"] if re.search(r"\bF\.", body) else []
    imports += [f"import {m}" for m in sorted(set(re.findall(r"\b(ncd(?:\.\w+)+)\.\w+\(", body)))]
    names = [n for n in EINOPS if re.search(rf"(?<![\w.]){n}\(", body)]
    imports += [f"from einops import {', '.join(names)}"] if names else []
    other = sorted({m for m in re.findall(r"(?<![\w.])([a-z]\w*)\.\w+\.?\w*\(", body) if _package(m, whole)})
    head = _head(diagram, whole, forward)
    needed = "\n".join([*(f"import {m}" for m in other), *imports])
    return "\n\n\n".join([f"{head}\n\n{needed}" if needed else head, body]) + "\n"


def merged(texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The functions without those that read like another but for what is said of the shapes."""
    while True:
        first: dict[str, str] = {}
        same: dict[str, str] = {}
        for name, lines in texts.items():
            code = re.sub(r'""".*?"""', "", "\n".join(lines), count=1, flags=re.DOTALL)
            code = re.sub(r" *# .*", "", code).replace(f"def {name}(", "def (", 1)
            other = first.setdefault(code, name)
            if other != name:
                same[name] = other
        if not same:
            return texts
        texts = {name: _calling(same, lines) for name, lines in texts.items() if name not in same}


def _calling(instead: dict[str, str], lines: list[str]) -> list[str]:
    """The lines with other functions called."""
    called = re.compile(rf"\b({'|'.join(instead)})\(")
    return [called.sub(lambda m: f"{instead[m[1]]}(", line) for line in lines]


def _package(name: str, whole: Program) -> bool:
    return name != "torch" and any(line.call.name.startswith(f"{name}.") for line in whole.lines) and name != "einops"


def _outside_in(part: Part) -> Iterator[Any]:
    """The functions in the order in which a reader meets them."""
    seen: dict[Any, None] = {}
    todo = [part]
    while todo:
        here = todo.pop(0)
        inner = [p for p in here.items if isinstance(p, Part)]
        fresh = [p for p in inner if p.group not in seen]
        seen.update(dict.fromkeys(p.group for p in inner))
        todo = list({p.group: p.group.first for p in fresh if p.group}.values()) + todo
    yield from seen


def _used(whole: Program, array: int) -> bool:
    return any(array in line.reads for line in whole.lines) or array in whole.returns


def _texts(whole: Program, owned: Owned) -> dict[int, str]:
    """Small constants as the text that makes them; not those that are written into."""
    written = {old for line in whole.lines for old, _ in line.call.writes}
    found = {}
    for a in whole.diagram.arrays:
        if a.hidden and a.id not in written and owned.attribute(a) is None:
            text = written_out(whole.diagram, a)
            if text is not None:
                found[a.id] = text
    return found


def holds_elsewhere(whole: Program) -> bool:
    """Whether the formulas of all sizes are known, of some input axes at least."""
    formulas = whole.formulas
    unknown = any(leaf.name not in formulas.axes for a in whole.diagram.arrays for leaf in a.wires)
    return bool(formulas.variables) and not unknown and not whole.unknown


def _head(diagram: Diagram, whole: Program, forward: Scope) -> str:
    title = diagram.title.replace("\\", "").replace('"', "'")
    sizes = ", ".join(dict.fromkeys(f"{x.name}={x.size}" for a in diagram.inputs for x in a.wires))
    varied = holds_elsewhere(whole)
    inputs = ", ".join(forward.inputs)
    where = f", traced at {sizes}." if varied else f", for {sizes}." if sizes else "."
    lines = [
        f"{title}{where}",
        "",
        f"Run it as forward({', '.join(['module', *forward.inputs])}): module is the model it was traced from.",
    ]
    if diagram.reads:
        lines += ["", "Values decided what was done.  This is the path taken when"]
        lines += [f"  {s}".replace("\\", "").replace('"', "'") for s in sentences(diagram.reads)]
    if forward.needs_constants:
        lines += [
            "What constants holds is no text: ncd.emit.code.compile_code(text, diagram) fills it in and gives",
            f"a function of ({inputs}).",
        ]
    return '"""' + "\n".join(line[: 2 * WIDTH] for line in lines) + '\n"""'


def compile_code(code: str, diagram: Diagram, module: nn.Module | None = None) -> Callable[..., Any]:
    """The emitted code as a function of the inputs, on the parameters and constants of a diagram.

    An edited text may be compiled too.
    """
    space: dict[str, Any] = {}
    exec(compile(code, f"<code of {diagram.title}>", "exec"), space)
    owned, forward = owner(diagram, module), space["forward"]
    if "constants" not in inspect.signature(forward).parameters:
        return lambda *inputs: forward(owned, *inputs)
    known = constants(diagram)
    return lambda *inputs: forward(owned, *inputs, constants=known)


def constants(diagram: Diagram) -> dict[str, Any]:
    """What the emitted code looks up in ``constants``: tensors and functions that are no text."""
    found: dict[str, Any] = {f"#{n}": f for n, f in enumerate(diagram.source.functions)}
    names = looked_up(diagram, Owned(diagram))
    if names:
        tensors = hidden(diagram, owner(diagram), folded(diagram, owner(diagram)))
        found |= {name: tensors[i] for i, name in names.items()}
    return found
