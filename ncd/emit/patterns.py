"""Calls whose weave is an einops pattern: chains of views, products with named axes, reductions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ncd.circuit.diagram import Call, Op, Ref
from ncd.emit.defaults import with_names
from ncd.emit.lines import Dim, Line, Pattern, Program, ShapeOf, Side, Size, renamed
from ncd.emit.tidy import VIEWS, drop_dead, uses

PRODUCTS = frozenset("matmul __matmul__ bmm einsum".split())
REDUCTIONS = {"mean": "mean", "sum": "sum", "amax": "max", "amin": "min", "prod": "prod"}

Rows = tuple[list[Dim], list[Dim]]
"""The indices of an operand and of the result, dimension by dimension."""


def with_patterns(program: Program) -> None:
    """Write the lines of a program with einops where that says what they do."""
    _join_views(program)
    program.lines = [_said(program, line) for line in program.lines]
    program.lines = [replace(line, call=with_names(line.call)) for line in program.lines]
    _unpack(program)
    _absorb_permutations(program)
    _alike(program)
    drop_dead(program)


def _said(program: Program, line: Line) -> Line:
    return _product(program, line) or _reduction(line) or _equal_parts(program, line) or _norm(line) or line


def _grouped(line: Line, side: str, k: int) -> list[Dim] | None:
    """The indices of one operand by dimension; None where it is not read one to one."""
    arrays, rows = (line.op.inputs, 0) if side == "in" else (line.op.outputs, 1)
    row = line.op.indices()[rows][k]
    if any(t.startswith("@") for t in row) or len(set(row)) < len(row):
        return None
    dims, at = [], 0
    for axis in arrays[k].axes:
        n = len(axis.leaves)
        dims.append(row[at : at + n])
        at += n
    return dims


def other_bits(op: Op) -> bool:
    """Whether the same bits are read as another dtype: other values, though a view."""
    return any(a.dtype != o.dtype for a in op.inputs for o in op.outputs)


def view_rows(line: Line) -> Rows | None:
    """What a pure view does to its axes, None for any other line."""
    op = line.op
    if not line.pure or line.out is None or line.function not in VIEWS or op.kind not in ("rearrange", "map"):
        return None
    if (
        len(set(line.reads)) != 1
        or len(op.inputs) != 1
        or len(op.outputs) != 1
        or other_bits(op)
        or op.weave.targets
        or op.weave.rest
    ):
        return None
    ins, outs = _grouped(line, "in", 0), _grouped(line, "out", 0)
    if ins is None or outs is None:
        return None
    lost = {t for d in ins for t in d} - {t for d in outs for t in d}
    return None if lost else (ins, outs)


Chain = tuple[int, list[Dim], list[Dim]]
"""A chain of views: the array it begins with, that array's indices, those of the result."""


def _join_views(program: Program) -> None:
    """One line for a chain of views of which only the last is read."""
    count = uses(program)
    chains: dict[int, Chain] = {}
    inner: set[int] = set()
    for line in program.lines:
        rows = view_rows(line)
        if rows is None or line.out is None:
            continue
        source, (ins, outs) = line.reads[0], rows
        if source in chains and count[source] == 1:
            inner.add(source)
            source, first, before = chains[source]
            name = _renaming(before, ins, outs)
            ins, outs = first, [tuple(name[t] for t in d) for d in outs]
        chains[line.out] = source, ins, outs
    _through_products(program, chains, count, inner)
    lines = []
    same: dict[int, int] = {}
    for line in program.lines:
        if line.out in inner:
            continue
        if line.out in chains:
            source, ins, outs = chains[line.out]
            source = same.get(source, source)
            if ins == outs and program.shape(source) == program.shape(line.out):
                same[line.out] = source
                continue
            line = replace(line, call=_rearranged(program, line, source, ins, outs))
        lines.append(line)
    program.lines = [replace(line, call=renamed(line.call, same)) for line in lines]
    program.returns = [same.get(i, i) for i in program.returns]


def _renaming(before: list[Dim], ins: list[Dim], outs: list[Dim]) -> dict[str, str]:
    """What a view's indices are called in a chain whose result so far has the indices ``before``."""
    flat = [t for d in before for t in d]
    name = dict(zip((t for d in ins for t in d), flat, strict=True))
    used = set(flat)
    for t in (t for d in outs for t in d):
        fresh = t
        while t not in name and fresh in used:
            fresh += "'"
        used.add(name.setdefault(t, fresh))
    return name


def _through_products(program: Program, chains: dict[int, Chain], count: Counter[int], inner: set[int]) -> None:
    """A product with weights acts on the last axis: what is done to the others before is left to after, or undone."""
    reader = {i: line for line in program.lines for i in line.reads}
    lines: list[Line] = []
    gone: set[Line] = set()
    start = program.fresh
    for line in program.lines:
        if line in gone:
            continue
        place = {"linear": 0, "mm": 0, "addmm": 1}.get(line.function, -1)
        if line.function != "linear" and line.call.autocast:
            # Which of a product and a sum are rounded is another matter there.
            place = -1
        x = line.reads[place] if place >= 0 and line.reads else -1
        last = reader.get(line.out) if line.out is not None else None
        while last is not None and last.out in inner:
            last = reader[last.out]
        if x not in chains or last is None or last.out not in chains or count[x] != 1 or count[line.out or 0] != 1:
            lines.append(line)
            continue
        moved = _moved(program, line, x, last, chains)
        if moved is None:
            lines.append(line)
            continue
        source, out = moved
        inner.add(x)
        if last.out not in chains:
            gone.add(last)
        if source in chains and source >= start:
            lines.append(Line(Call("view", (Ref(chains[source][0]),), (), Ref(source)), path=line.path))
        lines += _as_product(program, line, source, out)
    program.lines = [line for line in lines if line not in gone]


def _moved(program: Program, line: Line, x: int, last: Line, chains: dict[int, Chain]) -> tuple[int, int] | None:
    """What the product reads and makes once the views around it are on one side; changes their chains."""
    source, i1, o1 = chains[x]
    made, i2, o2 = chains[last.out or 0]
    rows = line.op.indices()
    place = [a.id for a in line.op.inputs].index(x)
    given, made_row = rows[0][place], rows[1][0]
    if made != line.out or len(given) != sum(map(len, o1)) or len(made_row) != sum(map(len, i2)) or not o1[-1]:
        return None
    flat = dict(zip(given, (t for d in o1 for t in d), strict=True))
    name: dict[str, str] = {}
    for t, own in zip(made_row, (t for d in i2 for t in d), strict=True):
        name[own] = flat[t] if t in flat else own if own not in flat.values() else f"{own}'"
    if any(t not in name for d in o2 for t in d):
        return None
    back, new = [tuple(name[t] for t in d) for d in o2], [tuple(name[t] for t in d) for d in i2]
    arrays, out = program.arrays, last.out or 0
    if any(t in {u for d in o1[:-1] for u in d} for t in new[-1]):
        return None
    if back[-1] == new[-1] and new[-1]:
        twin = program.invent(replace(arrays[x], axes=(*arrays[out].axes[:-1], arrays[x].axes[-1])))
        chains[twin] = source, i1, [*back[:-1], o1[-1]]
        del chains[out]
        return twin, out
    if i1[-1] == o1[-1]:
        twin = program.invent(replace(arrays[source], axes=(*arrays[source].axes[:-1], arrays[made].axes[-1])))
        chains[out] = twin, [*i1[:-1], new[-1]], back
        return source, twin
    return None


def _as_product(program: Program, line: Line, x: int, out: int) -> list[Line]:
    """The product on arrays of any rank."""
    call = line.call
    if line.function == "linear":
        return [replace(line, call=replace(call, args=(Ref(x), *call.args[1:]), out=Ref(out)))]
    weight = call.args[-1]
    product = out if line.function == "mm" else program.invent(program.arrays[out])
    lines = [Line(Call("torch.Tensor.__matmul__", (Ref(x), weight), (), Ref(product)), path=line.path)]
    if line.function == "addmm":
        lines.append(Line(Call("torch.Tensor.__add__", (Ref(product), call.args[0]), (), Ref(out)), path=line.path))
    return lines


def _rearranged(program: Program, line: Line, source: int, ins: list[Dim], outs: list[Dim]) -> Call:
    old = {t for d in ins for t in d}
    added = [t for d in outs for t in d if t not in old]
    at = _new_ones(ins, outs)
    if at is not None:
        return Call("torch.Tensor.__getitem__", (Ref(source), at), (), line.call.out)
    coarse = _coarse([ins, outs])
    left, right = [tuple(coarse(d)) for d in ins], [tuple(coarse(d)) for d in outs]
    sizes = [(t, _size(program, t)) for t in dict.fromkeys(_first(coarse, added))]
    for d in left:
        sizes += _all_but_one([(t, _size(program, t)) for t in d])
    name = "einops.repeat" if added else "einops.rearrange"
    shown = tuple(dict.fromkeys((t, s) for t, s in sizes))
    return Call(name, (Ref(source), Pattern((tuple(left),), (tuple(right),), shown)), (), line.call.out)


def _new_ones(ins: list[Dim], outs: list[Dim]) -> tuple[Any, ...] | None:
    """The index that only adds axes of size 1: ``x[:, None]``."""
    at: list[Any] = []
    left = list(ins)
    for d in outs:
        if left and d == left[0] and (d or len(left) > len(outs) - len(at) - 1):
            at.append(slice(None))
            del left[0]
        elif d == ():
            at.append(None)
        else:
            return None
    while at and at[-1] == slice(None):
        at.pop()
    return None if left or not at else tuple(at)


def _first(coarse: Callable[[Dim], Dim], tokens: Iterable[str]) -> list[str]:
    return [t for token in tokens for t in coarse((token,))]


def _all_but_one(sizes: list[tuple[str, Size]]) -> list[tuple[str, Size]]:
    """A split needs all sizes but one: a formula rather than a number is left out, else the last."""
    if len(sizes) < 2:
        return []
    formulas = [k for k, (_, s) in enumerate(sizes) if not isinstance(s.value, int)]
    out = formulas[-1] if formulas else len(sizes) - 1
    return sizes[:out] + sizes[out + 1 :]


def _size(program: Program, token: str) -> Size:
    n = 1
    for part in token.split():
        n = n * program.size(part.rstrip("'"))
    return Size(n, token.split()[0].rstrip("'"))


def _coarse(sides: Sequence[list[Dim]]) -> Callable[[Dim], Dim]:
    """Axes that are nowhere apart become one: ``a b`` is then a single token of the pattern."""
    after: dict[str, set[str | None]] = {}
    before: dict[str, set[str | None]] = {}
    for dims in sides:
        for d in dims:
            for k, t in enumerate(d):
                after.setdefault(t, set()).add(d[k + 1] if k + 1 < len(d) else None)
                before.setdefault(t, set()).add(d[k - 1] if k else None)
    only = {t: next(iter(nexts)) for t, nexts in after.items() if len(nexts) == 1}
    glued = {t for t, u in only.items() if u is not None and before[u] == {t}}

    def coarse(d: Dim) -> Dim:
        out: list[str] = []
        for k, t in enumerate(d):
            if k and d[k - 1] in glued:
                out[-1] += f" {t}"
            else:
                out.append(t)
        return tuple(out)

    return coarse


# ---------------------------------------------------------------- products and sums
def _named(line: Line) -> tuple[list[list[Dim]], list[list[Dim]]] | None:
    op = line.op
    if op.weave.rest or not op.outputs:
        return None
    ins = [_grouped(line, "in", k) for k in range(len(op.inputs))]
    outs = [_grouped(line, "out", k) for k in range(len(op.outputs))]
    if any(x is None for x in (*ins, *outs)):
        return None
    return [x for x in ins if x is not None], [x for x in outs if x is not None]


def _product(program: Program, line: Line) -> Line | None:
    """A product of arrays with every axis named; a matrix of weights stays ``x @ weight``."""
    if line.function not in PRODUCTS or not line.pure or line.out is None:
        return None
    if any("sparse" in other.function for other in program.lines):
        return None
    ids = [a.id for a in line.op.inputs]
    if list(line.reads) != ids or len(ids) != 2:
        return None
    rows = _named(line)
    if rows is None or any(program.arrays[i].hidden for i in ids):
        return None
    dims = [d for side in (*rows[0], *rows[1]) for d in side]
    whole = {t: d for d in dims for t in d}
    if any(d == () or any(whole[t] != d for t in d) for d in dims):
        return None
    ins, outs = (tuple(tuple((" ".join(d),) for d in side) for side in part) for part in rows)
    args = (*map(Ref, ids), Pattern(ins, outs))
    return replace(line, call=replace(line.call, name="einops.einsum", args=args, kwargs=()))


def _reduction(line: Line) -> Line | None:
    """A mean or sum over named axes."""
    how = REDUCTIONS.get(line.function)
    if how is None or not line.pure or line.op.kind != "reduce" or len(line.reads) != 1 or line.out is None:
        return None
    if any(k not in ("dim", "keepdim", "axis", "keepdims") for k, _ in line.call.kwargs):
        return None
    rows = _named(line)
    if rows is None or len(rows[0]) != 1:
        return None
    ins, outs = rows[0][0], rows[1][0]
    if () in ins:
        return None
    coarse = _coarse([ins, outs])
    left, right = tuple(map(coarse, ins)), tuple(map(coarse, outs))
    if any(len(d) > 1 for d in (*left, *right)):
        return None
    args = (Ref(line.reads[0]), Pattern((left,), (right,)), how)
    return replace(line, call=replace(line.call, name="einops.reduce", args=args, kwargs=()))


def _equal_parts(program: Program, line: Line) -> Line | None:
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


def _norm(line: Line) -> Line | None:
    """The shape a layer norm is over is its weight's."""
    weight = dict(line.call.kwargs).get("weight")
    if line.call.name != "torch.nn.functional.layer_norm" or not isinstance(weight, Ref) or len(line.call.args) != 2:
        return None
    return replace(line, call=replace(line.call, args=(line.call.args[0], ShapeOf(weight.id))))


def _unpack(program: Program) -> None:
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


COUNTS = {2: "two", 3: "three", 4: "four"}


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


def _alike(program: Program) -> None:
    """The operands of a product are split into axes in the same order: it names them anyway."""
    count = uses(program)
    maker = {line.out: line for line in program.lines if line.call.name == "einops.rearrange"}
    instead: dict[Line, Line] = {}
    for line in program.lines:
        if line.call.name != "einops.einsum":
            continue
        *data, pattern = line.call.args
        made = [maker.get(r.id) for r in data]
        first, second = made if len(made) == 2 else (None, None)
        if first is None or second is None or count[data[1].id] != 1 or second in instead:
            continue
        one, two = first.call.args[1], second.call.args[1]
        if list(map(len, one.ins[0])) != list(map(len, two.ins[0])):
            continue
        name = dict(zip((t for d in one.ins[0] for t in d), (t for d in two.ins[0] for t in d), strict=True))
        if any(t not in name for d in one.outs[0] for t in d):
            continue
        wanted = tuple(tuple(name[t] for t in d) for d in one.outs[0])
        if sorted(wanted) != sorted(two.outs[0]) or wanted == two.outs[0]:
            continue
        order = [two.outs[0].index(d) for d in wanted]
        args = (second.call.args[0], Pattern(two.ins, (wanted,), two.sizes))
        instead[second] = replace(second, call=replace(second.call, args=args))
        ins = (pattern.ins[0], tuple(pattern.ins[1][k] for k in order))
        instead[line] = replace(line, call=replace(line.call, args=(*data, Pattern(ins, pattern.outs))))
        a = program.arrays[second.out or 0]
        program.arrays[a.id] = replace(a, axes=tuple(a.axes[k] for k in order))
    program.lines = [instead.get(line, line) for line in program.lines]


def _absorb_permutations(program: Program) -> None:
    """A product names its axes, so it needs no operand transposed."""
    count = uses(program)
    moved: dict[int, tuple[int, Side]] = {}
    lines = []
    for line in program.lines:
        call = line.call
        if call.name == "einops.rearrange" and line.out is not None and count[line.out] == 1:
            pattern = call.args[1]
            left, right = pattern.ins[0], pattern.outs[0]
            if all(len(d) == 1 for d in (*left, *right)) and sorted(left) == sorted(right):
                moved[line.out] = call.args[0].id, (left, right)
        if call.name == "einops.einsum":
            *data, pattern = call.args
            ins = list(pattern.ins)
            for k, ref in enumerate(data):
                if ref.id in moved:
                    source, (left, right) = moved[ref.id]
                    here = dict(zip(right, ins[k], strict=True))
                    data[k], ins[k] = Ref(source), tuple(here[d] for d in left)
            line = replace(line, call=replace(call, args=(*data, Pattern(tuple(ins), pattern.outs))))
        lines.append(line)
    program.lines = lines
