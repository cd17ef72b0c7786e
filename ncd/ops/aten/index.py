"""Reading and writing by computed positions: the indexed axis is a target, the index's own axes are tiled."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.weave import Form, Weave
from ncd.ops.aten.call import AtenCall, Operand
from ncd.ops.aten.spec import Family, Text
from ncd.ops.aten.window import as_strided

family = Family("""
embedding: [v] d, * -> * d
embedding_renorm: [v] [d], ? -> [v] [d]
_embedding_bag _embedding_bag_forward_only: [v] d, ? -> [b] d
bucketize.Tensor: *, [n] -> *
bucketize.Scalar: [n] ->
searchsorted.Scalar: [n], [n] ->
take: ?, * -> *
masked_scatter put masked_select nonzero nonzero_static argwhere: ? -> ?
_unique2 unique_dim unique_consecutive unique_dim_consecutive _unique: ? -> ?
histogram.bins_tensor histogram.bin_ct histogram _histogramdd_bin_edges: ? -> ?
_histogramdd_from_bin_tensors _histogramdd_from_bin_cts: ? -> ?
repeat_interleave.Tensor: ? -> ?
""")


@family("index.Tensor _unsafe_index.Tensor index_put _index_put_impl _unsafe_index_put")
def advanced(call: AtenCall) -> Text | None:
    """``x[i, :, j]``: the index tensors broadcast, and their axes go where the indexed ones were.

    The first such place if they are neighbours, the front if not.
    """
    x, given = call.ins[0], list(call.args["indices"])
    put = "put" in call.name
    if any(i is not None and i.mask for i in given):
        return _masked(call, x, given, put)
    given += [None] * (x.ndim - len(given))
    tensors = [i for i in given if i is not None]
    where = [j for j, i in enumerate(given) if i is not None]
    if not tensors:
        return None
    depth = max(i.ndim for i in tensors)
    own = [f"[i{j}]" if put else f"i{j}" for j in range(depth)]
    row = [f"[x{j}]" if i is not None else f"x{j}" for j, i in enumerate(given)]
    neighbours = where == list(range(where[0], where[-1] + 1))
    if neighbours:
        picked = row[: where[0]] + own + row[where[-1] + 1 :]
    else:
        picked = own + [t for t, i in zip(row, given, strict=True) if i is None]
    ins = [row, *(own[depth - i.ndim :] for i in tensors)]
    if not put:
        return _text(ins, [picked])
    value = call.ins[1 + len(tensors)]
    return _text([*ins, picked[len(picked) - value.ndim :]], [row])


def _masked(call: AtenCall, x: Operand, given: list[Operand | None], put: bool) -> Text | None:
    """A mask acts on the axes it covers; how many elements it leaves depends on its values."""
    row, at = [f"x{j}" for j in range(x.ndim)], 0
    masks: list[list[str]] = []
    for i in given:
        width = i.ndim if i is not None and i.mask else 1
        if i is not None:
            row[at : at + width] = [f"[{v}]" for v in row[at : at + width]]
            masks.append([f"[m{len(masks)}x{a}]" for a in range(i.ndim)])
        at += width
    if put:
        value = call.ins[-1]
        if value.ndim:
            row = [v if v[0] == "[" else f"[{v}]" for v in row]
        return _text([row, *masks, [f"[z{a}]" for a in range(value.ndim)]], [row])
    rest = [v for v in row if v[0] != "["]
    new = call.outs[0].ndim - len(rest)
    first = next(j for j, v in enumerate(row) if v[0] == "[")
    if new < 0:
        return None
    return _text([row, *masks], [[*rest[:first], *(f"[n{q}]" for q in range(new)), *rest[first:]]])


@family("gather")
def gather(call: AtenCall) -> Text:
    """Along ``dim`` by value; elsewhere index and operand run in step, as far as the index goes."""
    x, index = call.ins[:2]
    if x.ndim != index.ndim:
        return "?, * -> *"
    d = call.dim()
    names = [f"a{j}" for j in range(x.ndim)]
    read = [f"[x{j}]" if j == d else v for j, v in enumerate(names)]
    sizes = dict(zip(names, index.shape, strict=True)) | ({f"x{d}": x.shape[d]} if x.ndim else {})
    return _text([read, names], [names]), sizes


@family("resize_as")
def resize_as(call: AtenCall) -> Text:
    """Nothing is done to an operand that has the size already; else its memory is read in another shape."""
    if call.ins[0].shape != call.outs[0].shape:
        return "?, ? -> ?"
    return f"*, {' '.join(f't{j}' for j in range(call.ins[1].ndim))} -> *"


@family("_pack_padded_sequence")
def pack(call: AtenCall) -> Text:
    """Time and batch become one axis, in an order that the lengths decide; features stay."""
    rest = " ".join(f"f{j}" for j in range(call.ins[0].ndim - 2))
    grid = "[b] [s]" if call.args["batch_first"] else "[s] [b]"
    return f"{grid} {rest}, [b] -> [n] {rest}, [m]"


@family("_pad_packed_sequence")
def unpack(call: AtenCall) -> Text:
    rest = " ".join(f"f{j}" for j in range(call.ins[0].ndim - 1))
    return f"[n] {rest}, [m] -> [s] [b] {rest}, [l]"


@family("segment_reduce")
def segments(call: AtenCall) -> Text | None:
    """Along ``axis`` every segment by itself, and so for each index before and after it."""
    x, lengths, d = call.ins[0], call.ins[1], call.dim("axis")
    if len(call.ins) != 2 or lengths.ndim != d + 1:
        return None
    row = [f"a{j}" for j in range(x.ndim)]
    before, after = row[:d], row[d + 1 :]
    return _text([[*before, "[s]", *after], [*before, "[l]"]], [[*before, "[m]", *after]])


@family("as_strided_scatter")
def strided_write(call: AtenCall) -> Text | None:
    """Writing through a view: an axis that the view has whole is tiled in all three."""
    x, src = call.ins
    found = as_strided(replace(call, ins=(x,), outs=(src,)))
    if not isinstance(found, Weave):
        return None

    def whole(forms: tuple[Form, ...], shape: tuple[int, ...]) -> list[str]:
        """For each dimension the one tiled index that enumerates it, if there is one."""
        names = [f.radix(n, found.sizes) or () for f, n in zip(forms, shape, strict=True)]
        return [n[0] if len(n) == 1 and n[0] in found.tiled else "" for n in names]

    base, part = whole(found.ins[0], x.shape), whole(found.outs[0], src.shape)
    kept = set(base) & set(part)
    base = [v if v in kept and v else f"[x{j}]" for j, v in enumerate(base)]
    return _text([base, [v if v in kept and v else f"[z{j}]" for j, v in enumerate(part)]], [base])


@family("searchsorted.Tensor")
def searchsorted(call: AtenCall) -> Text:
    """One sorted list for all, or one for each batch index."""
    return "[n], *, [n] -> *" if call.ins[0].ndim == 1 else "* [n], * q, * [n] -> * q"


@family("index_select")
def index_select(call: AtenCall) -> Text:
    x, index = call.ins
    d = call.dim()
    row = [f"[a{j}]" if j == d else f"a{j}" for j in range(x.ndim)]
    if not x.ndim:
        return "?, ? -> ?"
    return _text([row, ["k"] * index.ndim], [[*row[:d], "k", *row[d + 1 :]]])


@family(
    "scatter scatter_add scatter_reduce index_add index_copy index_fill index_reduce"
    " select_scatter slice_scatter diagonal_scatter"
)
def write(call: AtenCall) -> Text:
    """Writing along ``dim`` at computed places; other axes run in step where all operands have them whole."""
    x, out = call.ins[0], call.outs[0]
    diagonal, select = call.name == "diagonal_scatter", call.name == "select_scatter"
    at = {call.dim("dim1"), call.dim("dim2", 1)} if diagonal else {call.dim()}
    row = [f"[a{j}]" if j in at else f"a{j}" for j in range(out.ndim)]
    rest = [v for j, v in enumerate(row) if j not in at]
    spoilt: set[str] = set()

    lengths: dict[str, int] = {}

    def place(n: int, q: int) -> str:
        """The axis that runs over the writes: the same for index and values of the same length."""
        return "[z]" if lengths.setdefault("z", n) == n else f"[z{q}]"

    def operand(t: Operand, q: int) -> list[str]:
        if diagonal:
            own = [*rest, f"[z{q}]"]
        elif select:
            own = rest
        else:
            own = [place(t.shape[j], q) if j in at else v for j, v in enumerate(row)] if t.ndim == len(row) else []
        if t.ndim == 1 and len(row) != 1 and call.name.lstrip("_").startswith("index_"):
            return [place(t.shape[0], q)]
        if t.ndim != len(own):
            return [f"[z{q}x{j}]" for j in range(t.ndim)]
        if not diagonal and not select:
            spoilt.update(v for j, v in enumerate(row) if j not in at and t.shape[j] != x.shape[j])
        return own

    ins = [row, *(operand(t, q) for q, t in enumerate(call.ins[1:], 1))]

    def mark(tokens: list[str], q: int) -> list[str]:
        return [(f"[z{q}{v}]" if q else f"[{v}]") if v in spoilt else v for v in tokens]

    return _text([mark(r, q) for q, r in enumerate(ins)], [mark(row, 0)])


def _text(ins: list[list[str]], outs: list[list[str]]) -> str:
    return ", ".join(map(" ".join, ins)) + " -> " + ", ".join(map(" ".join, outs))
