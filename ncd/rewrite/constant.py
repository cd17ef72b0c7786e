"""Passes on what no input reaches: one constant instead of the ops that made it.

Positions, causal masks and rotary tables are computed by a model from nothing; a picture shows
where they are used.
"""

from __future__ import annotations

from ctypes import string_at
from hashlib import sha256
from typing import TYPE_CHECKING

from ncd.circuit.diagram import Array
from ncd.rewrite.net import Net
from ncd.rewrite.sample import Sample

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1 << 18
"""Larger constants (elements) are told apart by identity alone."""
RANDOM = frozenset("rand randn randint bernoulli normal multinomial rand_like randn_like dropout uniform".split())


def constants(net: Net) -> None:
    """What neither inputs nor weights reach is a constant, unless it is an output: then what makes it is drawn."""
    reached = {a.id for a in net.inputs}
    for node in net.ordered():
        # One without outputs is where the program stopped.
        depends = not node.outs or not reached.isdisjoint([a.id for a in node.ins])
        depends = depends or any(a.kind == "parameter" for a in node.ins)
        if (
            depends
            or any(a.id in net.exposed or net.is_output(a) for a in node.outs)
            or node.name.rstrip("_") in RANDOM
        ):
            reached.update([a.id for a in node.outs])
        else:
            net.drop(node)
            net.constants.update(a.id for a in node.outs)


def uniform(net: Net, sample: Sample) -> None:
    """A constant that is the same all along an axis does not tie that axis to anything.

    A state of zeros has a batch axis only because its shape says so.  The recorded values decide.
    """
    same: dict[int, list[int]] = {}
    for node in net.nodes:
        if node.kind == "join":
            continue
        for i, a in enumerate(node.ins):
            if not a.wires or not net.constant(a) or a.kind == "buffer":
                continue
            if a.id not in same:
                same[a.id] = _same_along(a, sample.value(a.id))
            for k in same[a.id]:
                token = f"same{i}.{k}"
                node.itok[i][k] = token
                node.targets.add(token)


def _same_along(a: Array, value: Tensor | None) -> list[int]:
    """The wires along which all values of an array are the same."""
    if value is None or tuple(value.shape) != a.shape or str(value.layout) != "torch.strided":
        return []
    value = value.reshape([w.size for w in a.wires])
    return [k for k in range(len(a.wires)) if bool((value == value.narrow(k, 0, 1)).all())]


def digests(net: Net, sample: Sample) -> dict[int, str]:
    """What tells constants apart by value: two layers with unlike masks are not one layer twice."""
    found: dict[int, str] = {}
    for node in net.nodes:
        for a in node.ins:
            if a.id not in found and a.kind != "buffer" and net.constant(a):
                value = sample.value(a.id)
                if value is not None and value.numel() <= LARGEST:
                    value = value.to_dense() if str(value.layout) != "torch.strided" else value
                    found[a.id] = sha256(repr((a.shape, a.dtype)).encode() + _bytes(value)).hexdigest()[:16]
    return found


def _bytes(value: Tensor) -> bytes:
    """All the numbers of an array."""
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return string_at(flat.data_ptr(), flat.numel() * flat.element_size())


def relabelling_gathers(net: Net, sample: Sample) -> None:
    """``x[i, j]`` with constant ``arange`` indices that cover x re-indexes it: it is a view.

    Libraries write masks this way under vmap.  The recorded integer values decide, never shapes.
    """
    import torch

    for node in net.ordered():
        if node.name not in ("index", "getitem") or len(node.outs) != 1 or node.view:
            continue
        data = [a for a in node.ins if not net.constant(a)]
        index = [a for a in node.ins if net.constant(a)]
        if len(data) != 1 or len(index) != len(data[0].shape) or 1 in data[0].shape:
            continue
        out = node.outs[0]
        places: list[int] = []
        for k, a in enumerate(index):
            value = sample.value(a.id)
            long = [j for j, n in enumerate(a.shape) if n > 1]
            if value is None or value.dtype == torch.bool or len(long) != 1:
                break
            if not torch.equal(value.reshape(-1), torch.arange(data[0].shape[k])):
                break
            places.append(long[0] + len(out.shape) - len(a.shape))
        if len(places) < len(index) or sorted(places) != [j for j, n in enumerate(out.shape) if n > 1]:
            continue
        if len(data[0].wires) != len(places) or len(out.wires) != len(places):
            continue
        order = sorted(places)
        new = net.merge(
            [node],
            node,
            kind="rearrange",
            ins=data,
            itok=[[str(p) for p in places]],
            otok=[[str(p) for p in order]],
            targets=set(),
            view=True,
        )
        new.evidence += ("the recorded indices are the positions themselves",)
