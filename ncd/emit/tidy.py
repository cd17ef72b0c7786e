"""Leaving out what a careful person would not write: no-ops, dead calls, writes that need not be in place."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from ncd.circuit.diagram import Call, Ref
from ncd.emit.calls import refs, resolve
from ncd.emit.lines import Line, Program, Size, leaves, renamed
from ncd.errors import CheckError

VIEWS = frozenset(
    "view reshape _unsafe_view unsafe_view transpose permute unsqueeze squeeze flatten unflatten expand movedim "
    "moveaxis swapaxes swapdims t T mT contiguous __getitem__ getitem view_as reshape_as expand_as ravel clone "
    "broadcast_to alias positive".split()
)
"""Calls that only re-arrange axes when their weave says so; some of them copy."""
CASTS = frozenset("to type type_as float double half bfloat16 long int bool short cpu cuda".split())
DROPOUTS = frozenset("dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout".split())
RANDOM = DROPOUTS | frozenset(
    "rand randn randint rand_like randn_like randint_like randperm bernoulli multinomial normal poisson rrelu "
    "gumbel_softmax native_dropout fractional_max_pool2d".split()
)
NOT_THE_SAME = frozenset("lt_ le_ gt_ ge_ eq_ ne_ bernoulli_ random_ normal_ uniform_ requires_grad_ detach_".split())


def tidy(program: Program) -> None:
    """Rewrite the lines of a program in place."""
    program.lines = [_not_in_place(program, line) for line in program.lines]
    _mark(program)
    _drop_no_ops(program)
    drop_dead(program)


def drop_dead(program: Program) -> None:
    """Drop pure lines that nothing reads."""
    live = set(program.returns)
    kept = []
    for line in reversed(program.lines):
        if not line.pure or any(i in live for i in line.makes):
            kept.append(line)
            live.update(line.reads)
            live.update(old for old, _ in line.call.writes)
    program.lines = kept[::-1]


def uses(program: Program) -> Counter[int]:
    """How often every array is read or returned."""
    found = Counter(i for line in program.lines for i in line.reads)
    found.update(program.returns)
    return found


def _not_in_place(program: Program, line: Line) -> Line:
    """``x.add_(y)`` as ``x + y`` where nobody else could tell: of what it writes, only the result is read again."""
    call, arrays = line.call, program.arrays
    if len(call.writes) != 1 or not isinstance(call.out, Ref) or not call.args or not isinstance(call.args[0], Ref):
        return line
    (old, new) = call.writes[0]
    if call.out.id != new or call.args[0].id != old or old not in arrays or new not in arrays:
        return line
    before, after = arrays[old], arrays[new]
    if before.kind in ("parameter", "buffer") or before.shape != after.shape or before.dtype != after.dtype:
        return line
    pure = _pure_name(call)
    if pure is None:
        return line
    for i in line.reads:
        if i not in arrays or not (arrays[i].dtype == before.dtype or _exact(arrays[i].dtype) < _exact(before.dtype)):
            return line
    kwargs = tuple((k, v) for k, v in call.kwargs if k != "inplace")
    return replace(line, call=replace(call, name=pure, kwargs=kwargs, writes=()), pure=True)


def _exact(dtype: str) -> int:
    """Boolean, integer, real: a lower sort never changes the dtype of a higher one."""
    return 0 if dtype == "bool" else 1 if "int" in dtype else 2


def _pure_name(call: Call) -> str | None:
    *home, last = call.name.split(".")
    if dict(call.kwargs).get("inplace") is True:
        return call.name.rstrip("_") if last.endswith("_") else call.name
    if call.name.startswith("torch.ops.") or last in NOT_THE_SAME:
        return None
    if last.startswith("__i") and last.endswith("__") and last != "__invert__":
        last = f"__{last[3:]}"
    elif last.endswith("_") and not last.endswith("__"):
        last = last[:-1]
    else:
        return None
    name = ".".join([*home, last])
    try:
        resolve(name)
    except CheckError:
        return None
    return name


def _mark(program: Program) -> None:
    """Lines that draw random numbers, or touch memory that is written into, stay where they are."""
    for line in program.lines:
        if line.function in RANDOM and not _idle_dropout(line):
            line.pure = False
        if dict(line.call.kwargs).get("dropout_p") not in (None, 0.0):
            line.pure = False
    written = {i for line in program.lines for pair in line.call.writes for i in pair}
    if not written:
        return
    up: dict[int, int] = {}

    def root(i: int) -> int:
        while up.get(i, i) != i:
            i = up[i]
        return i

    for line in program.lines:
        alike = line.op.kind in ("rearrange", "opaque", "call") or line.function in VIEWS | CASTS or not line.pure
        if alike:
            ids = [*line.reads, *line.makes, *(i for pair in line.call.writes for i in pair)]
            for i in ids[1:]:
                up[root(i)] = root(ids[0])
    frozen = {root(i) for i in written}
    for line in program.lines:
        if any(root(i) in frozen for i in (*line.reads, *line.makes)):
            line.pure = False


def _idle_dropout(line: Line) -> bool:
    if line.function not in DROPOUTS:
        return False
    kwargs = dict(line.call.kwargs)
    words = [*line.call.args[1:], *[None] * 2]
    return kwargs.get("training", words[1]) is False or kwargs.get("p", words[0]) == 0.0


def _drop_no_ops(program: Program) -> None:
    same: dict[int, int] = {}
    empty: set[int] = set()
    kept = []
    for line in program.lines:
        call = renamed(line.call, same)
        if call.name in ("torch.cat", "torch.concat", "torch.concatenate") and line.pure:
            call = _without_empty(call, empty)
        line = replace(line, call=call)
        out = line.out
        if out is not None and out in program.arrays and 0 in program.arrays[out].shape:
            empty.add(out)
        source = _same_as(program, line)
        if out is not None and source is not None and line.pure:
            same[out] = source
        else:
            kept.append(line)
    program.lines = kept
    program.returns = [same.get(i, i) for i in program.returns]


def _without_empty(call: Call, empty: set[int]) -> Call:
    """A cat without operands of no elements (a cache that holds nothing yet)."""
    if not call.args or not isinstance(call.args[0], (list, tuple)):
        return call
    parts = [x for x in call.args[0] if not (isinstance(x, Ref) and x.id in empty)]
    return replace(call, args=(parts, *call.args[1:])) if parts else call


def _same_as(program: Program, line: Line) -> int | None:
    """The array whose values a line only repeats."""
    data = list(dict.fromkeys(refs((line.call.args, tuple(v for _, v in line.call.kwargs)))))
    if line.out is None or not data or data[0] not in program.arrays or line.out not in program.arrays:
        return None
    a, o = program.arrays[data[0]], program.arrays[line.out]
    if a.shape != o.shape or a.dtype != o.dtype or program.shape(a.id) != program.shape(o.id):
        return None
    if len(data) > 1 and line.function not in ("view_as", "reshape_as", "expand_as", "type_as"):
        return None
    if line.function in VIEWS:
        ins, outs = line.op.weave.ins, line.op.weave.outs
        same = bool(ins) and bool(outs) and ins[0] == outs[0] and not line.op.weave.targets
        return data[0] if same and line.op.kind in ("rearrange", "map") else None
    if line.function in CASTS or _idle_dropout(line):
        return data[0]
    if line.function == "pad" and all(_is(n, 0) for n in leaves(line.call.args[1])):
        return data[0]
    if line.function in ("cat", "concat", "concatenate"):
        return data[0] if sum(1 for _ in refs(line.call.args)) == 1 else None
    return data[0] if _neutral(line) else None


def _neutral(line: Line) -> bool:
    """Whether it adds nothing or multiplies by one."""
    name, args = line.function.strip("_"), line.call.args
    if len(args) != 2 or line.call.kwargs:
        return False
    other = args[1] if isinstance(args[0], Ref) else args[0]
    if name in ("add", "radd", "sub"):
        return _is(other, 0)
    return name in ("mul", "rmul", "div", "truediv") and _is(other, 1)


def _is(x: Any, n: int) -> bool:
    x = x.value if isinstance(x, Size) else x
    return isinstance(x, (int, float)) and not isinstance(x, bool) and x == n
