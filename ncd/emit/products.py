"""Products: with every axis named, on arrays as they are rather than on views made to fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ncd.circuit.diagram import Call, Ref
from ncd.emit.lines import Line, Pattern, Program, Side
from ncd.emit.tidy import uses
from ncd.emit.views import Chain, named

PRODUCTS = frozenset("matmul __matmul__ bmm einsum".split())


def through_products(program: Program, chains: dict[int, Chain], count: Counter[int], inner: set[int]) -> None:
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


def product(program: Program, line: Line) -> Line | None:
    """A product of arrays with every axis named; a matrix of weights stays ``x @ weight``."""
    if line.function not in PRODUCTS or not line.pure or line.out is None:
        return None
    if any("sparse" in other.function for other in program.lines):
        return None
    ids = [a.id for a in line.op.inputs]
    if list(line.reads) != ids or len(ids) != 2:
        return None
    rows = named(line)
    if rows is None or any(program.arrays[i].hidden for i in ids):
        return None
    dims = [d for side in (*rows[0], *rows[1]) for d in side]
    whole = {t: d for d in dims for t in d}
    if any(d == () or any(whole[t] != d for t in d) for d in dims):
        return None
    ins, outs = (tuple(tuple((" ".join(d),) for d in side) for side in part) for part in rows)
    args = (*map(Ref, ids), Pattern(ins, outs))
    return replace(line, call=replace(line.call, name="einops.einsum", args=args, kwargs=()))


def alike(program: Program) -> None:
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


def absorb_permutations(program: Program) -> None:
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
