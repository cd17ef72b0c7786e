"""Running a diagram: the value of every array on given inputs, with values replaced on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Array, Call, Diagram, Op
from ncd.emit.binding import apart, arguments, ending, folded, hidden, is_part, owner, program, written
from ncd.emit.body import Body
from ncd.emit.calls import Environment, deaths, results, step
from ncd.emit.change import Change, change
from ncd.emit.example import example
from ncd.emit.patch import Replacement, replaced
from ncd.emit.summary import Heat, Summary, heat, summary
from ncd.emit.wire import Key, located
from ncd.errors import CheckError


@dataclass(frozen=True)
class Asked:
    """What was run: enough to run it again."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    module: nn.Module | None = None
    seed: Tensor | None = None
    """The state of the random numbers before the run."""
    patched: frozenset[int] = frozenset()
    """The ids of the arrays that were replaced."""


class Values(Mapping[Key, Any]):
    """What every array of a diagram held, each at its own moment: later writes do not show in it.

    Ask by array or its id, by op (its output; a tuple if several), by the name of an input or
    parameter, by module path (what the last op of that block made) or by path and op,
    ``"h.0.attn:softmax"``.  It answers for the diagram as it was traced and for the one that is
    drawn: what only the other of the two has is computed when asked for, from what was kept.
    Iterates over the ids of the arrays that were kept.
    """

    def __init__(self, diagram: Diagram, by_id: Mapping[int, Tensor], asked: Asked | None = None) -> None:
        self.diagram = diagram
        self._asked = asked or Asked()
        self._summaries: dict[int, Summary] = {}
        self.hold(by_id)

    def hold(self, by_id: Mapping[int, Tensor]) -> None:
        """Keep these values, in place of all others."""
        self._by_id = dict(by_id)
        self._kept = tuple(by_id)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What the diagram returns, in the order of ``ending``."""
        return tuple(self._by_id[i] for i in ending(self.diagram)[1])

    @property
    def inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments it was run with, by position and by name."""
        return self._asked.args, dict(self._asked.kwargs)

    def __getitem__(self, key: Key) -> Any:
        if isinstance(key, int) and key in self._by_id:
            return self._by_id[key]
        found = tuple(self._value(i) for i in self.ids(key))
        return found[0] if len(found) == 1 else found

    def __iter__(self) -> Iterator[Key]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        outs = ", ".join(f"{a} {tuple(a.shape)}" for a in self.diagram.outputs)
        return f"<Values of {self.diagram.title}: {len(self)} arrays; outputs {outs}>"

    # ---------------------------------------------------------------- what is said of them
    def summary(self, key: Key) -> Summary:
        """Statistics of one array, and a small map of it; also of arrays whose values were not kept."""
        i = self._one(key)
        return self._summaries[i] if i in self._summaries else self.sum_up(i, self._value(i))

    def sum_up(self, i: int, x: Tensor) -> Summary:
        """The summary of an array, from its value."""
        found = self._summaries[i] = summary(self.arrays[i], x, self.batch)
        return found

    def heat(self, key: Key, cells: int = 16384, **at: int) -> Heat:
        """A map of one array that shows itself in a notebook: attention matrices head by head at a softmax.

        The last two axes go down and across, the one before in tiles; ``at`` fixes an axis at an
        index (``b=1, h=3``).  Means of the values under each of at most ``cells`` cells.

        Raises CheckError for axes that are not there, single numbers and values that were not kept.
        """
        i = self._one(key)
        found = heat(self.arrays[i], self._value(i), self.batch, cells, at)
        if found is None:
            raise CheckError(f"{self.arrays[i]} is a single number or empty", doing="drawing a map of values")
        return found

    def change(self, clean: Values | None = None) -> tuple[Change, ...]:
        """How far each output is from that of the run without ``patch``, or of another run.

        The clean run is made now, on the same inputs and random numbers, and only its outputs are kept.
        """
        if clean is None:
            asked = self._asked
            with torch.random.fork_rng(devices=[]):
                if asked.seed is not None:
                    torch.set_rng_state(asked.seed)
                clean = run(self.diagram, asked.args, asked.kwargs, module=asked.module, keep=(), summarise=False)
        ends = [self.arrays[i] for i in ending(self.diagram)[1] if i in self.arrays]
        names = [a.name or ("output" if len(ends) == 1 else f"output {k}") for k, a in enumerate(ends, 1)]
        pairs = zip(ends, names, clean.outputs, self.outputs, strict=False)
        return tuple(change(a, name, x, y) for a, name, x, y in pairs)

    # ---------------------------------------------------------------- the two forms of a diagram
    @cached_property
    def arrays(self) -> dict[int, Array]:
        """Every array of either form, by id."""
        found = {a.id: a for a in self.other.arrays} if self.other is not None else {}
        return found | {a.id: a for a in (*self.diagram.arrays, *self.diagram.source.inputs)}

    @cached_property
    def other(self) -> Diagram | None:
        """The other of the traced diagram and the drawn one."""
        return other(self.diagram)

    @cached_property
    def batch(self) -> frozenset[int]:
        """The axis that comes first in every input and output."""
        ends = [a.wires for a in (*self.diagram.inputs, *self.diagram.outputs) if a.wires]
        return frozenset({w[0].id for w in ends} if len({w[0].id for w in ends}) == 1 else ())

    def _one(self, key: Key) -> int:
        ids = self.ids(key)
        if len(ids) > 1:
            raise CheckError(f"{key!r} makes {len(ids)} arrays", fix="ask for one: op.outputs[0]")
        return ids[0]

    def ids(self, key: Key) -> tuple[int, ...]:
        """The ids of the arrays that a key speaks of."""
        return found_in(self.diagram, self.other, key)

    def _value(self, i: int) -> Tensor:
        if i not in self._by_id:
            self._by_id.update(self._derived(i))
        return self._by_id[i]

    def _derived(self, i: int) -> dict[int, Tensor]:
        """Arrays of the other form, computed from those at hand."""
        todo, slice_ = {i}, list[Op]()
        for op in reversed(self.other.ops if self.other is not None else ()):
            made = {a.id for a in op.outputs}
            inside = {k for call in op.body for k in results(call)} - made
            if made & todo:
                if inside & self._asked.patched:
                    break  # it would compute anew what was replaced
                slice_.append(op)
                todo = (todo - made) | {a.id for a in op.inputs if a.id not in self._by_id}
        missing = {k for k in todo if k not in self.arrays or not self.arrays[k].hidden}
        if not slice_ or missing:
            raise CheckError(
                f"the value of {self.arrays.get(i, f'%{i}')} was not kept",
                doing=f"looking up a value of {self.diagram.title!r}",
                fix="run again with it among keep=, or without keep; its summary(...) is there",
            )
        part = replace(self.other or self.diagram, ops=tuple(reversed(slice_)), inputs=(), outputs=())
        module = self._asked.module or part.source.module
        known: dict[int, Tensor] = {k: self._by_id[k] for a in part.arrays if (k := a.id) in self._by_id}
        known |= {k: x for k, x in folded(part, module).items() if k not in known}
        known = hidden(part, module, known)
        new: dict[int, Tensor] = {}
        for op in part.ops:
            body = Body(op, part.source.functions)
            xs = body([known[a.id] for a in op.inputs])
            if body.random:
                raise CheckError(
                    f"{op.name} draws random numbers: its value cannot be found again",
                    doing=f"looking up a value of {self.diagram.title!r}",
                    source=op.source,
                    fix="run the diagram that has it, d.simplify().run(...) or d.run(...)",
                )
            new |= {a.id: x for a, x in zip(op.outputs, xs, strict=True) if a.id not in self._by_id}
            known |= new
        return new


def other(diagram: Diagram) -> Diagram | None:
    """Of a traced diagram the one that is drawn, of that the one it was made from; None where there is no other."""
    if diagram.source.exact is not None:
        return None if is_part(diagram) else diagram.source.exact
    drawn = diagram.simplify()
    return None if drawn is diagram else drawn


def found_in(diagram: Diagram, other: Diagram | None, key: Key) -> tuple[int, ...]:
    """The ids that a key means in a diagram, or else in its other form.  Raises CheckError if in neither."""
    try:
        return located(diagram, key)
    except CheckError as error:
        if other is None or "operations are called" in error.cause:
            raise
        try:
            return located(other, key)
        except CheckError as second:
            if "operations are called" in second.cause:
                raise second from None
        raise


def environment(
    diagram: Diagram, args: Sequence[Any], kwargs: Mapping[str, Any], module: nn.Module | None = None
) -> dict[int, Tensor]:
    """The tensors a diagram starts from; those it writes into are copies, so nothing outside changes."""
    inputs = arguments(diagram, args, kwargs)
    module = owner(diagram, module)
    env = hidden(diagram, module, folded(diagram, module))
    env |= {a.id: x for a, x in zip(diagram.inputs, inputs, strict=True)}
    # Running statistics are written by calls that do not say so, where nothing reads them later.
    buffers = {a.id for a in diagram.arrays if a.kind == "buffer"}
    return apart(env, buffers | written(program(diagram)))


def run(
    diagram: Diagram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    patch: Mapping[Key, Replacement] | None = None,
    module: nn.Module | None = None,
    keep: Collection[Key] | None = None,
    summarise: bool = True,
) -> Values:
    """Every array's value on these inputs, without gradients; the model and the inputs stay as they are.

    With no inputs at all, on those it was traced with, placeholders as random values.

    ``patch`` replaces arrays as soon as they are made, before anything reads them.  A key is one of
    ``Values``; a value is ``ncd.zero(h=3)``, ``ncd.scale(0.5, h=range(2))``, ``ncd.put(x, s=0)``, a
    list of these, a tensor or number, a function of the old tensor, or ``{index: value}``, where an
    index is an int, a ``range``, ``...`` or a tuple of them.  A patched array is a tensor of its
    own: views of the old one keep the old values.

    With ``keep`` only these arrays and the outputs are held when the run is over; of all others
    there are summaries, made on the way.  ``keep=()`` holds the memory of one forward pass.

    ``module`` is for a diagram read from a file.  Raises CheckError on inputs and patches that do not fit.
    """
    kwargs = dict(kwargs or {})
    if module is None and diagram.source.module is None and isinstance(kwargs.get("module"), nn.Module):
        module = kwargs.pop("module")
    if not args and not kwargs and diagram.source.example is not None and not is_part(diagram):
        args, kwargs = example(diagram)
    form, changed = _form(diagram, patch or {}, drawn=keep is not None)
    seed = torch.get_rng_state() if patch else None
    asked = Asked(tuple(args), kwargs, module, seed, frozenset(changed))
    values = Values(form, {}, asked)
    calls, shown = program(form), {a.id: a for a in form.arrays}
    wanted = {*ending(form)[1], *(i for key in keep or () for i in values.ids(key))}
    wanted |= {i for i, a in shown.items() if a.hidden}
    dead = deaths(calls, wanted) if keep is not None else None
    summarise = summarise and dead is not None

    def patched(i: int, old: Tensor) -> Tensor:
        return replaced(diagram.title, values.arrays[i], old, changed[i])

    with torch.no_grad():
        env: Environment = environment(form, args, kwargs, module)
        for i in changed.keys() & env.keys():
            env[i] = patched(i, env[i])
        for a in form.inputs if summarise else ():
            values.sum_up(a.id, env[a.id])
        before: dict[int, Tensor] = {}
        for at, call in enumerate(calls):
            keep_overwritten(call, env, before, wanted if dead is not None else env.keys())
            step(call, env, form.source.functions)
            for i in results(call):
                if i in changed and i in env:
                    env[i] = patched(i, env[i])
                if summarise and i in shown:
                    values.sum_up(i, env[i])
            for i in dead[at] if dead is not None else ():
                env.pop(i, None)
    values.hold({**env, **before})
    return values


def _form(diagram: Diagram, patch: Mapping[Key, Replacement], drawn: bool) -> tuple[Diagram, dict[int, Replacement]]:
    """The form of the diagram to run, one in which every patched wire is made, and the patches by array id."""
    twin = other(diagram) if drawn or not all(_in(diagram, key) for key in patch) else None
    found = {key: found_in(diagram, twin, key) for key in patch}
    changed = {ids[0]: patch[key] for key, ids in found.items()}
    forms = [f for f in (diagram, twin) if f is not None]
    if drawn:
        forms.sort(key=lambda f: f.source.exact is None)
    for form in forms:
        if changed.keys() <= {a.id for a in form.arrays}:
            return form, changed
    raise CheckError(
        f"no one form of {diagram.title!r} has all of " + ", ".join(map(str, patch)),
        doing="changing values",
        fix="name wires that are all in d, or all in d.simplify()",
    )


def _in(diagram: Diagram, key: Key) -> bool:
    try:
        return set(located(diagram, key)) <= {a.id for a in diagram.arrays}
    except CheckError:
        return False


def keep_overwritten(call: Call, env: Environment, before: dict[int, Tensor], ids: Collection[int]) -> None:
    """Copy what a call is about to write over, in every array (of ``ids``) that shares its memory."""
    touched = {_memory(env[old]) for old, _ in call.writes if old in env}
    if touched:
        for i, x in env.items():
            if i in ids and i not in before and _memory(x) in touched:
                before[i] = x.clone()


def _memory(x: Any) -> int:
    return x.untyped_storage()._cdata if isinstance(x, Tensor) and x.layout is torch.strided else id(x)
