"""A diagram as straight-line Python: one line a call, a comment a module."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Array, Call, Diagram, Name, Op, Ref
from ncd.circuit.reads import sentences
from ncd.circuit.weave import Weave
from ncd.emit.binding import ending, folded, hidden, owner, written
from ncd.emit.calls import deaths, operands, refs, results
from ncd.emit.expression import statement
from ncd.emit.names import Namer, hint, identifier, several
from ncd.errors import CheckError

SMALL = 16
"""A constant of so many elements is written out."""


def to_code(diagram: Diagram) -> str:
    """The computation as Python text that defines ``forward(module, inputs..., constants)``.

    Every line carries the axes of what it makes; the head of the text says how to run it.
    """
    return _Writer(diagram).text()


def compile_code(code: str, diagram: Diagram, module: nn.Module | None = None) -> Callable[..., Any]:
    """The emitted code as a function of the inputs, on the parameters and constants of a diagram.

    An edited text may be compiled too.
    """
    space: dict[str, Any] = {}
    exec(compile(code, f"<code of {diagram.title}>", "exec"), space)
    owned, kept = owner(diagram, module), constants(diagram)

    def forward(*inputs: Tensor) -> Any:
        return space["forward"](owned, *inputs, constants=kept)

    return forward


def constants(diagram: Diagram) -> dict[str, Any]:
    """What the emitted code looks up in ``constants``: tensors and functions that are no text."""
    found: dict[str, Any] = {f"#{n}": f for n, f in enumerate(diagram.source.functions)}
    names = _constant_names(diagram)
    if names:
        tensors = hidden(diagram, owner(diagram), folded(diagram, owner(diagram)))
        found |= {name: tensors[i] for i, name in names.items()}
    return found


def _constant_names(diagram: Diagram) -> dict[int, str]:
    """Arrays that are looked up in ``constants``: no module has them and they are not written out."""
    found = {}
    for a in diagram.arrays:
        if a.hidden and _attribute(diagram, a) is None and _written_out(diagram, a) is None:
            found[a.id] = f"{identifier(a.name) if a.name else 'c'}_{a.id}"
    return found


def _written_out(diagram: Diagram, array: Array) -> str | None:
    value = diagram.source.tensors.get(array.id)
    if array.kind != "constant" or not isinstance(value, Tensor) or value.numel() > SMALL or value.numel() == 0:
        return None
    if type(value) is not Tensor or value.is_meta or value.layout is not torch.strided or value.device.type != "cpu":
        return None
    plain = value.tolist()
    if value.is_complex() or (value.is_floating_point() and not bool(value.isfinite().all())):
        return None
    return f"torch.tensor({plain!r}, dtype={value.dtype})"


def _attribute(diagram: Diagram, array: Array) -> str | None:
    """A parameter or buffer as an attribute of ``module``, None when the module has it not."""
    if array.kind == "constant" or not array.name:
        return None
    module: Any = diagram.source.module
    if module is None:
        return None if array.id in diagram.source.tensors else _dotted("module", array.name, None)
    *path, last = array.name.split(".")
    for part in path:
        module = module._modules.get(part) if isinstance(module, nn.Module) else None
    if module is None or (last not in module._parameters and last not in module._buffers):
        return None
    return _dotted("module", array.name, diagram.source.module)


def _dotted(start: str, name: str, module: nn.Module | None) -> str:
    """``module.h[0].attn.weight``, checked where the module is at hand."""
    text, here = start, module
    for part in name.split("."):
        wanted = None
        if here is not None:
            wanted = here._modules.get(part, here._parameters.get(part, here._buffers.get(part)))
        options = [f".{part}", f"[{part}]"] if part.isidentifier() else [f"[{part}]"]
        step = next((o for o in options if module is None or _gives(here, o, wanted)), f'._modules["{part}"]')
        if step.startswith("._modules") and isinstance(wanted, Tensor):
            kind = "_parameters" if here is not None and part in here._parameters else "_buffers"
            step = f'.{kind}["{part}"]'
        text += step
        here = wanted if isinstance(wanted, nn.Module) else None
    return text


def _gives(owner_: Any, step: str, wanted: Any) -> bool:
    try:
        found = owner_[int(step[1:-1])] if step.startswith("[") else getattr(owner_, step[1:])
    except Exception:
        return False
    return found is wanted


def _quoted(text: str) -> str:
    """Text as it may stand within three quotation marks."""
    return text.replace("\\", "").replace('"', "'")


class _Writer:
    """Writes the lines of one diagram."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.arrays = {a.id: a for a in diagram.arrays}
        self.calls: list[tuple[Op, Call]] = [(op, call) for op in diagram.ops for call in op.body]
        tail, self.returned = ending(diagram)
        end = Op("rearrange", "", (), (), Weave((), (), {}))
        self.calls += [(end, call) for call in tail]
        flat = [call for _, call in self.calls]
        self.dead = deaths(flat, self.returned)
        self.read = {i for call in flat for i in (*operands(call), *(old for old, _ in call.writes))}
        self.read |= set(self.returned)
        self.written = written(flat)
        self.namer = Namer(diagram.inputs)
        self.parameters = [self.namer[a.id] for a in diagram.inputs]
        self.looked_up = _constant_names(diagram)
        self.lines: list[str] = []

    def text(self) -> str:
        for a in self.diagram.inputs:
            if a.id in self.written:
                self.lines.append(f"{self.namer[a.id]} = {self.namer[a.id]}.clone()  # it is written into below")
        self._copies()
        at: str | None = None
        for k, (op, call) in enumerate(self.calls):
            if op.path != at:
                at = op.path
                self.lines += ["", self._heading(op)]
            self._line(op, call, self.dead[k])
        outs = [self._spell(Ref(i)) for i in self.returned]
        self.lines += ["", f"return {outs[0] if len(outs) == 1 else '(' + ', '.join(outs) + ')'}"]
        signature = ", ".join(["module", *self.parameters, "constants=None"])
        body = textwrap.indent("\n".join(self.lines).strip("\n"), "    ")
        return f"{self._head()}\nimport torch\nimport torch.nn.functional as F\n\n\ndef forward({signature}):\n{body}\n"

    def _copies(self) -> None:
        """Constants that the code writes into are copied first: they must be the same in the next run."""
        for a in self.diagram.arrays:
            if a.id in self.written and a.hidden and _attribute(self.diagram, a) is None:
                text = self._spell(Ref(a.id))
                self.lines.append(f"{self.namer.give(a.id, 'c')} = {text}.clone()")

    def _head(self) -> str:
        sizes = ", ".join(dict.fromkeys(f"{x.name}={x.size}" for a in self.diagram.inputs for x in a.wires))
        inputs = ", ".join(self.parameters)
        title = _quoted(self.diagram.title)
        lines = [
            f'"""{title} as straight-line code' + (f", for {sizes}." if sizes else "."),
            "",
            f"Run it as forward(module, {inputs}): module is the model it was traced from.",
        ]
        if self.diagram.reads:
            lines += ["", "Values decided what was done.  This is the path taken when"]
            lines += [f"  {_quoted(s)}" for s in sentences(self.diagram.reads)]
        if self.looked_up or any(self._kept(call) for _, call in self.calls):
            lines += [
                "What constants holds is no text: ncd.emit.code.compile_code(text, diagram) fills it in and gives",
                f"a function of ({inputs}).",
            ]
        return "\n".join(lines) + '\n"""\n'

    def _kept(self, call: Call) -> bool:
        return call.name.startswith("#") or any(isinstance(x, Name) and x.text.startswith("#") for x in _atoms(call))

    def _heading(self, op: Op) -> str:
        cls = next((b.cls for b in self.diagram.blocks if b.path == op.path or op.path in b.also), "")
        place = f"  ({op.source.file.replace(chr(92), '/').split('/')[-1]}:{op.source.line})" if op.source else ""
        return "# " + (": ".join(w for w in (op.path, cls) if w) or "outside every module") + place

    def _line(self, op: Op, call: Call, dead: Sequence[int]) -> None:
        new = {fresh: old for old, fresh in call.writes}
        before = {i: self._spell(Ref(i)) for i in operands(call)}
        seen = [self.arrays.get(i, Array(i, ())) for i in operands(call)]
        base = hint(op, call, seen, self.namer, dead)
        left = statement_target = ""
        made = [i for i in refs(call.out) if i not in new]
        for fresh, old in new.items():
            if old in self.namer:
                self.namer.share(fresh, self.namer[old])
            elif old in self.arrays and self.arrays[old].hidden:
                self.namer.share(fresh, self._spell(Ref(old)))
        dying = {i for i in dead if i not in self.read or i in before}
        self.namer.free(i for i in dying if i not in made)
        kept = [i for i in made if i in self.read]
        wanted = several(base, len(made))
        for i, name in zip(made, wanted, strict=True):
            if i in kept:
                self.namer.give(i, name)
        if kept or (call.out is not None and any(i in new for i in refs(call.out))):
            left = self._pattern(call.out, set(kept) | set(new))
        if left and not kept:
            statement_target = left if left.isidentifier() else ""
            left = statement_target

        def spell(x: Any) -> str:
            return before[x.id] if isinstance(x, Ref) else self._spell(x)

        at = len(self.lines)
        if isinstance(call.out, dict) and kept:
            self.lines.append(statement(call, spell, "results"))
            self.lines += [f"{self.namer[r.id]} = results[{k!r}]" for k, r in call.out.items() if r is not None]
        else:
            line = statement(call, spell, left)
            self.lines.append(line + self._axes(made or list(results(call))))
        if call.autocast:
            device, dtype = call.autocast
            indented = [f"    {line}" for line in self.lines[at:]]
            self.lines[at:] = [f'with torch.autocast("{device}", torch.{dtype}):', *indented]
        self.namer.free(dead)

    def _pattern(self, out: Any, kept: set[int]) -> str:
        if isinstance(out, Ref):
            return self.namer[out.id] if out.id in kept else "_"
        if isinstance(out, (tuple, list)):
            inner = [self._pattern(x, kept) if x is not None else "_" for x in out]
            nested = [f"({p})" if isinstance(x, (tuple, list)) else p for p, x in zip(inner, out, strict=True)]
            return ", ".join(nested) + ("," if len(nested) == 1 else "")
        return "_"

    def _axes(self, made: Sequence[int]) -> str:
        found = [self.arrays[i] for i in made if i in self.arrays and i in self.read]
        said = list(dict.fromkeys(" ".join(x.name for x in a.axes) or "()" for a in found))
        return "  # " + ", ".join(said[:3]) + (", ..." if len(said) > 3 else "") if said else ""

    def _spell(self, x: Any) -> str:
        if isinstance(x, Name):
            return f'constants["{x.text}"]' if x.text.startswith("#") else x.text
        if x.id in self.namer:
            return self.namer[x.id]
        array = self.arrays.get(x.id)
        if array is None or not array.hidden:
            raise CheckError(f"the array %{x.id} is read before anything made it", doing="writing code")
        text = _attribute(self.diagram, array) or _written_out(self.diagram, array)
        return text or f'constants["{self.looked_up[x.id]}"]'


def _atoms(call: Call) -> list[Any]:
    found: list[Any] = []

    def walk(x: Any) -> None:
        if isinstance(x, (tuple, list)):
            for y in x:
                walk(y)
        elif isinstance(x, dict):
            walk(tuple(x.values()))
        else:
            found.append(x)

    walk(call.args)
    walk(tuple(v for _, v in call.kwargs))
    return found
