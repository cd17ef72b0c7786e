"""What one op claims, tested on the running code: that it is repeated over an index, and what it re-indexes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ncd.circuit.diagram import Array, Call, Diagram, Name, Op, Ref
from ncd.circuit.weave import Weave
from ncd.emit.body import Body
from ncd.naturality import (
    act,
    comparable,
    endomap,
    equal,
    natural,
    parts,
    perturbed,
    positions,
    reindexes,
    same,
    tolerance,
)
from ncd.report import Finding, Report

PICKS = 5
"""So many positions of a windowed dimension are changed, one at a time."""


@dataclass(frozen=True)
class Question:
    """One tiled index of one op, with the op's code, operands and results (those its weave speaks of)."""

    body: Callable[[Sequence[Tensor]], list[Tensor]]
    xs: Sequence[Tensor]
    base: Sequence[Tensor]
    weave: Weave
    outs: slice
    var: str


PATIENCE = 3.0
"""After so many seconds a check says how far it is."""


class Claims:
    """Tests the ops of one diagram, those with equal signature once, and notes the findings in a report."""

    def __init__(
        self, report: Report, layer: str, diagram: Diagram, functions: Sequence[Any], trials: int, seed: int
    ) -> None:
        self.report, self.layer, self.diagram, self.functions = report, layer, diagram, functions
        self.trials, self.seed = trials, seed

    def test(self, values: Mapping[Any, Any]) -> None:
        """Test every op on the values its operands have here."""
        groups: dict[Any, list[int]] = {}
        for k, op in enumerate(self.diagram.ops):
            groups.setdefault(signature(op), []).append(k)
        for alike in tqdm(groups.values(), f"checking {self.layer} ops", delay=PATIENCE, leave=False):
            self.op(alike[0], len(alike), values)

    def finding(self, k: int, count: int, what: str, weave: Weave | None = None, index: str = "") -> Finding:
        """A finding about the op at position ``k``."""
        op = self.diagram.ops[k]
        text = str(weave if weave is not None else op.weave)
        return Finding(what, self.layer, k, op.path, op.name, text, index, str(op.source or ""), count)

    def op(self, k: int, count: int, values: Mapping[Any, Any]) -> None:
        op = self.diagram.ops[k]
        claimed = [(w, outs, v) for w, outs in parts(op.weave, len(op.outputs)) for v in w.tiled]
        if not claimed:
            return
        wrong = ill_formed(op)
        if wrong:
            self.report.failures.append(self.finding(k, count, wrong))
            return
        body = Body(op, self.functions)
        xs = [values[a.id] for a in op.inputs]
        why = "it has no code to run" if not op.body else ""
        if any(uninitialised(call) for call in op.body):
            why = "it returns uninitialised memory"
        base: list[Tensor] = []
        if not why:
            try:
                xs, base = _evaluated(body, xs, op.inputs)
            except Exception as error:
                self.report.failures.append(self.finding(k, count, f"its code raises {error!r}"))
                return
            why = "it draws random numbers" if body.random else ""
        if why:
            self.report.unverified += [self.finding(k, count, why, w, v) for w, _, v in claimed]
            return
        moves = op.kind == "rearrange" and op.weave.ins[:1] != op.weave.outs  # else it may be a map: -x
        executed = reindexes(xs, base, op.weave) if moves else None
        if executed is False and any(map(_rounds, op.body)):
            executed = reindexes([x.bfloat16() for x in xs], [y.bfloat16() for y in base], op.weave)
        if executed is not None:
            what = f"its output is {'' if executed else 'not '}its input re-indexed as the weave says"
            (self.report.claims if executed else self.report.failures).append(self.finding(k, count, what))
        for weave, outs, var in claimed:
            question = Question(body, xs, base, weave, outs, var)
            verdict, what = self.answer(question, k, executed is True)
            self._list(verdict).append(self.finding(k, count, what, weave, var))

    def _list(self, verdict: bool | None) -> list[Finding]:
        return self.report.unverified if verdict is None else self.report.claims if verdict else self.report.failures

    def answer(self, q: Question, k: int, executed: bool) -> tuple[bool | None, str]:
        """Whether an index is tiled (None: cannot be tested), and the sentence that says so."""
        if q.weave.sizes[q.var] < 2:
            return None, f"the index has size {q.weave.sizes[q.var]}"
        tied = q.body.tied if isinstance(q.body, Body) else []
        if any(len({q.weave.ins[p] for p in ps}) > 1 and _has(q.weave, ps, q.var) for ps in tied):
            return None, "one array is read in two ways"
        rng = random.Random(f"{self.seed} {k} {q.var}")
        holds = natural(q.body, q.xs, q.base, q.weave, q.var, rng, self.trials, q.outs)
        if holds is None:
            return (True, f"it is a part of its input along {q.var!r}") if executed else window(q)
        if not holds:
            return False, f"it is not repeated over {q.var!r}: {witness(q, self.seed)}"
        if not varies(q):
            return None, "no operand varies along the index, so that the test says nothing"
        return True, f"it is repeated over {q.var!r}"


def ill_formed(op: Op) -> str:
    """What makes a weave no weave of this op, in words; empty when it fits."""
    for weave, outs in parts(op.weave, len(op.outputs)):
        for side, forms, arrays in (("in", weave.ins, op.inputs), ("out", weave.outs, op.outputs[outs])):
            if [len(f) for f in forms] != [len(a.axes) for a in arrays]:
                return f"its weave has {side}puts of other ranks than the op"
    return ""


def _evaluated(body: Body, xs: list[Tensor], arrays: Sequence[Array]) -> tuple[list[Tensor], list[Tensor]]:
    """Operands fit for telling indices apart, and the results on them."""
    lively = [_lively(x, a) for x, a in zip(xs, arrays, strict=True)]
    if any(a is not b for a, b in zip(lively, xs, strict=True)):
        try:
            return lively, body(lively)
        except Exception:
            body.random = False  # it may want the one value after all
    return xs, body(xs)


def _lively(x: Tensor, array: Array) -> Tensor:
    """An operand that is one value everywhere (norm weights of ones) would hide what is done with it."""
    if array.kind == "constant" or not x.dtype.is_floating_point or x.numel() < 2 or comparable(x) is not x:
        return x
    first = x.reshape(-1)[0]
    if not bool(first.isfinite()) or not bool((x == first).all()):
        return x
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(array.id), dtype=torch.float64)
    return x + (noise * 0.5 + 0.1).to(x.device, x.dtype)


def uninitialised(call: Call) -> bool:
    function = [p for p in call.name.split(".") if p != "default"][-1]
    return function in _UNINITIALISED


_UNINITIALISED = frozenset(
    "empty empty_like empty_strided new_empty new empty_permuted new_empty_strided resize_ resize_as_".split()
)


def _rounds(call: Call) -> bool:
    """Whether a call casts to a dtype of few digits."""
    few = ("half", "float16", "bfloat16", "float8")
    words = (call.name.split(".")[-1], *(x.text.split(".")[-1] for x in call.args if isinstance(x, Name)))
    return any(w.startswith(few) for w in words) or any(
        isinstance(v, Name) and v.text.split(".")[-1].startswith(few) for _, v in call.kwargs
    )


def _has(weave: Weave, operands: Iterable[int], var: str) -> bool:
    return any(var in f.variables for p in operands for f in weave.ins[p])


def varies(q: Question) -> bool:
    """Whether re-indexing changes any operand (or none has the index: then the claim is about the results)."""
    nowhere = True
    first = torch.zeros(q.weave.sizes[q.var], dtype=torch.long)
    for x, forms in zip(q.xs, q.weave.ins, strict=True):
        if any(q.var in f.variables for f in forms):
            nowhere = False
            moved = act(x, forms, q.var, first, q.weave.sizes)
            if moved is not None and not torch.equal(comparable(x), comparable(moved)):
                return True
    return nowhere


def witness(q: Question, seed: int) -> str:
    """One re-indexing that the op does not commute with, in words."""
    rng = random.Random(seed)
    for _ in range(20):
        J = endomap(q.weave.sizes[q.var], rng)
        moved = [act(x, f, q.var, J, q.weave.sizes) for x, f in zip(q.xs, q.weave.ins, strict=True)]
        wanted = [act(y, f, q.var, J, q.weave.sizes) for y, f in zip(q.base[q.outs], q.weave.outs, strict=True)]
        expected = [y for y in wanted if y is not None]
        try:
            got = q.body([x for x in moved if x is not None])[q.outs]
        except Exception as error:
            return f"reading it at {J.tolist()} makes the op raise {error!r}"
        if not equal(got, expected):
            told = [d for w, g in zip(expected, got, strict=False) if (d := difference(w, g))]
            how = told[0] if told else "other shapes"
            return f"reading it at {J.tolist()} before the op is not the same as after it ({how})"
    return "reading it elsewhere before the op is not the same as after it"


def window(q: Question) -> tuple[bool | None, str]:
    """A tiled index inside a window: change one input position, and see which results change.

    None of those that the weave puts out of reach may; this is less than naturality, and all that
    can be asked of a window.
    """
    tested = False
    base = q.base[q.outs]
    for operand, forms in enumerate(q.weave.ins):
        for dim, form in enumerate(forms):
            n = q.xs[operand].shape[dim]
            if q.var not in form.variables or form.radix(n, q.weave.sizes) is not None:
                continue
            for index in sorted({round(i * (n - 1) / (PICKS - 1)) for i in range(PICKS if n else 0)}):
                moved = list(q.xs)
                moved[operand] = perturbed(q.xs[operand], dim, index)
                got = q.body(moved)[q.outs]
                for output, y in enumerate(base):
                    allowed = reach(q.weave, operand, dim, index, output, y.shape)
                    if allowed is None:
                        continue
                    changed = ~same(y, got[output])
                    if bool((changed & ~allowed).any()):
                        at = tuple((changed & ~allowed).nonzero()[0].tolist())
                        return False, f"position {index} of input {operand} along dimension {dim} reaches {at}"
                    tested |= bool(changed.any())
    if not tested:
        return None, "the index runs in a window that cannot be tested by reach"
    return True, f"its window over {q.var!r} reaches no further than it says"


def reach(weave: Weave, operand: int, dim: int, index: int, output: int, shape: Sequence[int]) -> Tensor | None:
    """Which positions of an output read one position of an input dimension, by the forms alone.

    A target may be read at one place and written at another.  None when the output's forms do not
    enumerate it.
    """
    known = positions(weave.outs[output], shape, weave.sizes)
    if known is None:
        return None
    form = weave.ins[operand][dim]
    free = [(c, v) for c, v in form.terms if v not in known[0] or v in weave.targets]
    bound = torch.full(tuple(shape), form.const)
    for c, v in form.terms:
        if (c, v) not in free:
            bound = bound + c * known[0][v]
    allowed = torch.zeros(tuple(shape), dtype=torch.bool)
    for steps in product(*(range(weave.sizes[v]) for _, v in free)):
        allowed |= bound + sum(c * i for (c, _), i in zip(free, steps, strict=True)) == index
    return allowed


def signature(op: Op) -> tuple[Any, ...]:
    """What must be equal for two ops to be tested as one: all but the names of axes and parameters."""
    number: dict[int, int] = {}

    def plain(x: Any) -> Any:
        if isinstance(x, Ref):
            return ("ref", number.setdefault(x.id, len(number)))
        if isinstance(x, Name):
            return ("name", x.text)
        if isinstance(x, (tuple, list)):
            return (type(x).__name__, *map(plain, x))
        if isinstance(x, dict):
            return tuple((k, plain(v)) for k, v in x.items())
        return repr(x)

    ids = tuple(number.setdefault(a.id, len(number)) for a in op.inputs)
    arrays = tuple((a.shape, a.dtype, a.kind) for a in (*op.inputs, *op.outputs))
    calls = tuple((c.name, plain(c.args), tuple((k, plain(x)) for k, x in c.kwargs), c.autocast) for c in op.body)
    weaves = []
    for w in (op.weave, *op.weave.rest):
        bare = Weave(w.ins, w.outs, w.sizes, w.targets).renamed({v: f"v{i}" for i, v in enumerate(w.variables)})
        weaves.append((bare.ins, bare.outs, bare.targets, tuple(bare.sizes[v] for v in bare.variables)))
    return op.kind, ids, arrays, calls, tuple(weaves)


def difference(wanted: Tensor, got: Tensor) -> str:
    """How two tensors differ beyond rounding, in words; empty when they do not."""
    if wanted.shape != got.shape:
        return f"shape {tuple(got.shape)} instead of {tuple(wanted.shape)}"
    if wanted.dtype != got.dtype:
        return f"{got.dtype} instead of {wanted.dtype}"
    wanted, got = comparable(wanted), comparable(got)
    if torch.equal(wanted, got):
        return ""
    if not (wanted.dtype.is_floating_point or wanted.dtype.is_complex):
        far = wanted != got
    else:
        rtol = tolerance(wanted.dtype)
        finite = wanted.abs()[wanted.isfinite()]
        scale = max(1.0, float(finite.mean())) if finite.numel() else 1.0
        far = ~torch.isclose(got, wanted, rtol=rtol, atol=0.3 * rtol * scale, equal_nan=True)
    if not bool(far.any()):
        return ""
    at = tuple(far.nonzero()[0].tolist())
    first = f"{got[at].item():.6g} instead of {wanted[at].item():.6g}"
    return f"{int(far.sum())} of {far.numel()} values differ, first at {at}: {first}"
