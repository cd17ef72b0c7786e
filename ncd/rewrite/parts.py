"""What is written on symbols that slide, take parts and move: from the arguments of the call."""

from __future__ import annotations

from typing import Any

from ncd.circuit.diagram import Array, Call, Op
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import Sample
from ncd.text import subscript

SPLITS = frozenset("split chunk tensor_split split_with_sizes unsafe_chunk unsafe_split hsplit vsplit dsplit".split())


def argument(call: Call, name: str, position: int, default: Any = None) -> Any:
    return dict(call.kwargs).get(name, call.args[position] if len(call.args) > position else default)


def steps(said: Any) -> str:
    """A whole number, or one a dimension: ``3``, ``3×1``."""
    each = tuple(said) if isinstance(said, (tuple, list)) else (said,)
    return "×".join(map(str, each if len(set(each)) > 1 else each[:1]))


# -- windows -----------------------------------------------------------------------------------


def window(node: Node, op: Op) -> tuple[str, str]:
    """The symbol and the label of an operation that slides along axes, or changes how many places they have.

    Shapes are those of the call: what is drawn may have its axes in another order.
    """
    name, call = node.name.strip("_"), op.body[0]
    if name in ("interpolate", "upsample"):
        return _resampled(op, call)
    if name in ("unfold", "im2col", "fold", "col2im"):
        return _unfolded(name, call)
    if "pool" in name:
        return "pool", _pool(op, name, call)
    if node.symbol in ("conv", "upconv"):
        return node.symbol, _kernel(op, call)
    return node.symbol, node.label


def _sliding(word: str, kernel: str, stride: str, notes: list[str], turned: bool = False) -> str:
    """``★3/2_{p=1}``: a stride of 1 is not written; a transposed convolution ends in ``^T``."""
    main = word + kernel + (f"/{stride}" if stride != "1" else "") + ("^T" if turned else "")
    return main + (f"_{{{' '.join(notes)}}}" if notes else "")


def _kernel(op: Op, call: Call) -> str:
    """Kernel and stride; the padding, where a stride of 1 would not keep the size; dilation and groups."""
    given = {a.id: a for a in op.inputs}
    data, weight = (given.get(getattr(argument(call, k, at), "id", -1)) for at, k in enumerate(("input", "weight")))
    if data is None or weight is None or len(weight.shape) < 3:
        return "★"
    late = "transpose" in op.name
    kernel, stride = steps(weight.shape[2:]), steps(argument(call, "stride", 3, 1))
    padding = argument(call, "padding", 4, 0)
    dilation, groups = argument(call, "dilation", 7 if late else 5, 1), argument(call, "groups", 6, 1)
    kept = stride == "1" and data.shape[2:] == op.outputs[0].shape[2:]
    notes = []
    if not kept and not isinstance(padding, str) and (steps(padding) != "0" or (stride == "1" and kernel != "1")):
        notes.append(f"p={steps(padding)}")
    if steps(dilation) != "1":
        notes.append(f"d={steps(dilation)}")
    if groups != 1:
        notes.append("depthwise" if groups == data.shape[1] else f"g={groups}")
    return _sliding("★", kernel, stride, notes, late)


def _pool(op: Op, name: str, call: Call) -> str:
    word = "max" if "max" in name else "L" if name.startswith("lp") else "𝔼"
    if name.startswith("adaptive"):
        return word if set(op.outputs[0].shape[2:]) == {1} else f"{word} →{steps(op.outputs[0].shape[2:])}"
    first = 2 if word == "L" else 1
    kernel = argument(call, "kernel_size", first)
    stride = argument(call, "stride", first + 1) or kernel
    padding = 0 if word == "L" else argument(call, "padding", first + 2, 0)
    dilation = argument(call, "dilation", 4, 1) if word == "max" else 1
    notes = [f"p={steps(padding)}"] if steps(padding) != "0" else []
    notes += [f"d={steps(dilation)}"] if steps(dilation) != "1" else []
    return _sliding(f"{word} ", steps(kernel), steps(stride), notes)


def _resampled(op: Op, call: Call) -> tuple[str, str]:
    """How many times more places there are, or how many; and by what they are filled in."""
    before, after = op.inputs[0].shape[2:], op.outputs[0].shape[2:]
    mode = argument(call, "mode", 3, "nearest")
    notes = f"_{{{mode}}}" if mode != "nearest" else ""
    if all(n >= m for m, n in zip(before, after, strict=True)):
        whole = all(n % m == 0 for m, n in zip(before, after, strict=True))
        by = steps(tuple(n // m for m, n in zip(before, after, strict=True))) if whole else f" {steps(after)}"
        return "upconv", f"↑{by}{notes}"
    return "pool", f"↓ {steps(after)}{notes}"


def _unfolded(name: str, call: Call) -> tuple[str, str]:
    if call.name.startswith("torch.Tensor"):  # windows of one axis
        return "pool", _sliding("unfold ", steps(argument(call, "size", 2)), steps(argument(call, "step", 3)), [])
    late = name in ("fold", "col2im")
    first = 2 if late else 1
    kernel, dilation, padding, stride = (
        steps(argument(call, k, first + n, default))
        for n, (k, default) in enumerate((("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1)))
    )
    notes = [f"p={padding}"] if padding != "0" else []
    notes += [f"d={dilation}"] if dilation != "1" else []
    return "upconv" if late else "pool", _sliding("fold " if late else "unfold ", kernel, stride, notes)


# -- parts and places --------------------------------------------------------------------------


def moved(net: Net, node: Node) -> tuple[str, str] | None:
    """The symbol and the label of an operation that takes a part of an array, or moves what is in it."""
    call = node.op.body[0] if node.op is not None and node.op.body else None
    name = node.name.strip("_")
    if call is None or node.op is None:
        return None
    if name == "unbind" and len(node.outs) == 1:
        return "index", str([a.id for a in node.op.outputs].index(node.outs[0].id))
    if name in SPLITS and len(node.outs) == 1 and len(node.op.outputs) > 1:
        return _piece(node, node.op.inputs[0], node.op.outputs)
    if name == "topk" and isinstance(k := argument(call, "k", 1), int):
        return node.symbol, f"top {k}"
    if name == "diagonal" and not node.targets:
        return "view", ""
    if node.symbol == "gather":
        return "gather", "gather"
    if node.symbol != "index":
        return None
    if name == "roll":
        return "index", f"roll {steps(argument(call, 'shifts', 1))}".replace("-", "−")
    if name in ("pad", "constant_pad_nd"):
        return "index", _padding(call)
    if name == "select" and len(call.args) == 3:
        return "index", str(call.args[2]).replace("-", "−")
    if name in ("getitem", "index") and len(call.args) > 1:
        return _taken(net, call.args[1])
    return "index", node.label if node.label not in ("index", "") else name.replace("_", " ")


def _piece(node: Node, whole: Array, pieces: tuple[Array, ...]) -> tuple[str, str] | None:
    """``0:4``: which part of the axis that is split."""
    at = [k for k, n in enumerate(whole.shape) if sum(p.shape[k] for p in pieces) == n]
    place = [a.id for a in pieces].index(node.outs[0].id)
    if len(at) != 1 or any(len(p.shape) != len(whole.shape) for p in pieces):
        return None
    start = sum(p.shape[at[0]] for p in pieces[:place])
    stop = start + pieces[place].shape[at[0]]
    return "index", f"{start or ''}:{stop if place < len(pieces) - 1 else ''}"


def _padding(call: Call) -> str:
    said = argument(call, "pad", 1, ())
    mode = argument(call, "mode", 2, "constant")
    word = "pad" if mode == "constant" or not isinstance(mode, str) else mode
    each = list(said) if isinstance(said, (tuple, list)) and all(isinstance(n, int) for n in said) else []
    return f"{word} {steps(each) if len(set(each)) == 1 else ','.join(map(str, each))}".replace("-", "−").strip()


def _taken(net: Net, index: Any) -> tuple[str, str]:
    """The part of an index that is not everything: ``0``, ``1:``; a gather where an array says what is taken."""
    said = index if isinstance(index, tuple) else (index,)
    arrays = [net.arrays[k.id] for k in said if hasattr(k, "id") and k.id in net.arrays]
    if arrays:
        masked = any(a.dtype == "bool" for a in arrays)
        return ("box", "masked select") if masked else ("gather", "gather")

    def one(k: Any) -> str:
        if isinstance(k, slice):
            ends = [("" if e is None else str(e)) for e in (k.start, k.stop)]
            return ":".join(ends) + (f":{k.step}" if k.step not in (None, 1) else "")
        return "…" if k is Ellipsis else "·" if hasattr(k, "id") else str(k)

    words = [one(k) for k in said]
    return "index", ", ".join(w for w in words if w not in (":", "…", "None")).replace("-", "−")


# -- constants ---------------------------------------------------------------------------------


def constant_label(a: Array, sample: Sample) -> str:
    """A buffer by its name; a constant as what it is where that has a sign, else ``c``."""
    import torch

    if a.kind == "buffer" and a.name:
        return subscript(a.name.split(".")[-1])
    value = sample.value(a.id)
    if value is None or not value.numel() or str(value.layout) != "torch.strided" or value.is_complex():
        return "c"
    flat = value.reshape(-1)
    if bool((flat == flat[0]).all()) and float(flat[0]) in (0.0, 1.0):
        return str(int(flat[0]))
    if value.dim() == 1 and value.dtype != torch.bool and torch.equal(flat.double(), torch.arange(len(flat)).double()):
        return f"0…{len(flat) - 1}"
    if value.dim() == 2 and torch.equal(value.double(), torch.eye(*value.shape).double()):
        return "I"
    return "ALiBi" if is_alibi(value) else "c"


def is_alibi(value: Any) -> bool:
    """Whether scores get less by a constant slope with distance, of another slope in every head (Press et al. 2022)."""
    import torch

    t = value.double()
    t = t.reshape([n for n in t.shape if n > 1])
    if t.dim() not in (2, 3) or t.shape[-1] < 3 or not bool(torch.isfinite(t).all()):
        return False
    if t.dim() == 2:
        step = t[:, 1:] - t[:, :-1]
        first = step[:, :1]
        return len(first.unique()) == len(first) and bool(first.abs().min() > 0) and torch.allclose(step, first)
    n, m = t.shape[-2:]
    if n != m:
        return False
    apart = (torch.arange(n)[:, None] - torch.arange(m)).double()
    slope = (t[:, n - 1, 0] - t[:, n - 1, n - 1])[:, None, None] / (n - 1)
    same = any(torch.allclose(t - t[:, -1:, -1:], slope * d) for d in (apart, apart.abs()))
    return same and len(slope.unique()) == len(slope) and bool(slope.abs().min() > 0)
