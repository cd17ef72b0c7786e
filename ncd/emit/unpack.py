"""Parts of one size that are all treated alike, unpacked in one statement: ``q, k, v = rearrange(...)``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ncd.circuit.diagram import Call, Ref
from ncd.emit.lines import Dim, Line, Pattern, Program, Size
from ncd.emit.tidy import uses

COUNTS = {2: "two", 3: "three", 4: "four"}


def equal_parts(program: Program, line: Line) -> Line | None:
    """``split`` into parts of one size is ``chunk``."""
    call = line.call
    if line.function != "split" or not isinstance(call.out, (tuple, list)) or not line.pure:
        return None
    shapes = {program.arrays[x.id].shape if isinstance(x, Ref) else None for x in call.out}
    if len(shapes) != 1 or len(call.args) not in (2, 3):
        return None
    dim = call.args[2] if len(call.args) == 3 else dict(call.kwargs).get("dim", 0)
    name = call.name.removesuffix("split") + "chunk"
    return replace(line, call=replace(call, name=name, args=(call.args[0], len(call.out)), kwargs=(("dim", dim),)))


def unpack(program: Program) -> None:
    """``q, k, v = rearrange(x, "b s (three h k) -> three b h s k")`` for parts that are all treated alike."""
    count = uses(program)
    reader: dict[int, list[Line]] = {}
    for line in program.lines:
        for i in line.reads:
            reader.setdefault(i, []).append(line)
    instead: dict[Line, Line | None] = {}
    for line in program.lines:
        parts = _parts_of(program, line, reader, count)
        if parts is None:
            continue
        after = [reader[i][0] if count[i] == 1 and i in reader else None for i in parts]
        views = [v for v in after if v is not None and v.call.name == "einops.rearrange"]
        patterns = [v.call.args[1] for v in views]
        alike = len(views) == len(parts) == len(set(views)) and len({_shape_of(p) for p in patterns}) == 1
        first = patterns[0] if alike else None
        if line.call.name == "einops.rearrange":
            getters = [reader[line.out or 0][k] for k in range(len(parts))]
            pattern = line.call.args[1]
            if first is not None:
                pattern = _continued(pattern, first)
                instead.update(dict.fromkeys(views))
                parts = [v.out or 0 for v in views]
            if pattern is None:
                continue
            instead.update(dict.fromkeys(getters))
            source = line.call.args[0]
        elif first is not None and line.call.args[1] in COUNTS and _last(program, line):
            name = COUNTS[line.call.args[1]]
            ins, outs = first.ins[0], first.outs[0]
            pattern = Pattern(((*ins[:-1], (name, *ins[-1])),), (((name,), *outs),), ())
            whole = [(t, s) for t, s in first.sizes]
            pattern = replace(pattern, sizes=((name, Size(len(parts), name)), *whole))
            instead.update(dict.fromkeys(views))
            parts, source = [v.out or 0 for v in views], line.call.args[0]
        else:
            continue
        out = tuple(map(Ref, parts))
        instead[line] = replace(line, call=Call("einops.rearrange", (source, pattern), (), out))
    program.lines = [new for line in program.lines if (new := instead.get(line, line)) is not None]


def _parts_of(program: Program, line: Line, reader: dict[int, list[Line]], count: Counter[int]) -> list[int] | None:
    """The arrays that a line makes, or that are read from it one by one."""
    if not line.pure:
        return None
    if line.function == "chunk" and isinstance(line.call.out, (tuple, list)):
        return [x.id for x in line.call.out] if line.call.args[1] == len(line.call.out) else None
    if line.call.name != "einops.rearrange" or line.out is None or line.out in program.returns:
        return None
    reads = reader.get(line.out, [])
    indices = [r.call.args[1] for r in reads if r.call.name == "torch.Tensor.__getitem__" and len(r.call.args) == 2]
    n = program.shape(line.out)[0] if program.shape(line.out) else 0
    if n not in COUNTS or len(indices) != len(reads) or [*map(type, indices)] != [int] * len(indices):
        return None
    return [r.out or 0 for r in reads] if indices == list(range(len(reads))) and len(reads) == n else None


def _last(program: Program, line: Line) -> bool:
    """Whether a chunk is of the last axis."""
    dim = dict(line.call.kwargs).get("dim", line.call.args[2] if len(line.call.args) > 2 else 0)
    return dim in (-1, len(program.shape(line.reads[0])) - 1)


def _shape_of(p: Pattern) -> object:
    """A pattern with its axes numbered."""
    number: dict[str, int] = {}
    sides = [[[number.setdefault(t, len(number)) for t in d] for d in s] for side in (p.ins, p.outs) for s in side]
    return repr((sides, [(number[t], s.value) for t, s in p.sizes]))


def _continued(one: Pattern, two: Pattern) -> Pattern | None:
    """The pattern of ``one``, with ``two`` applied to each of its parts."""
    outs = one.outs[0]
    name: dict[str, Dim] = {}
    for mine, theirs in zip(outs[1:], two.ins[0], strict=True):
        if len(mine) == 1 and len(theirs) > 1 and len(mine[0].split()) == len(theirs):
            name.update({t: (u,) for t, u in zip(theirs, mine[0].split(), strict=True)})
        elif len(mine) == len(theirs):
            name.update({t: (u,) for t, u in zip(theirs, mine, strict=True)})
        else:
            return None
    split = {d[0]: tuple(d[0].split()) for d in outs[1:] if len(d) == 1}
    new = {t for u in name.values() for t in u}
    ins = tuple(
        tuple(p for t in d for p in (split[t] if t in split and set(split[t]) <= new else (t,))) for d in one.ins[0]
    )
    after = tuple(tuple(p for t in d for p in name[t]) for d in two.outs[0])
    sizes = [*one.sizes, *((name[t][0], s) for t, s in two.sizes)]
    return Pattern((ins,), ((outs[0], *after),), tuple(sizes))
