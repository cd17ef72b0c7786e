"""Opening ``scaled_dot_product_attention`` into the five operations it is defined by."""

from __future__ import annotations

import math
from typing import Any

from ncd.circuit.diagram import Array, Call, Name, Ref
from ncd.rewrite.mask import allows, forbids, pattern, varying
from ncd.rewrite.net import Net, Node
from ncd.rewrite.sample import Sample

PARAMETERS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


def open_attention(net: Net, sample: Sample) -> None:
    """Contraction, scale, mask, softmax, contraction; each opening is compared with the call itself."""
    verified: dict[object, bool] = {}
    for node in net.ordered():
        if node.name == "scaled_dot_product_attention" and node.op is not None and node.op.kind != "opaque":
            opened = Opened(net, node)
            if not opened.possible():
                continue
            key = opened.signature()
            keep = {} if verified.get(key) else dict(net.steps)
            nodes = opened.nodes(sample)
            if key not in verified:
                verified[key] = _equal(net, sample, node, opened, keep)
            if verified[key]:
                net.drop(node)
                for n in nodes:
                    net.add(n)
            else:
                net.steps = keep


def _equal(net: Net, sample: Sample, node: Node, opened: Opened, before: dict[int, Any]) -> bool:
    """Whether the opened form computes what the call computes, on random queries, keys and values.

    Two of each leading axis will do, for the call is repeated over them.  Dropout draws the same numbers in both:
    every replay begins in the same random state.
    """
    import torch

    given = {}
    for a in opened.operands:
        shape = opened.few(a)
        value = sample.value(a.id) if net.constant(a) else sample.random(a.id, 0.0, shape=shape)
        if value is None and opened.mask is not None and a.id == opened.mask.id:
            generator = torch.Generator().manual_seed(0)
            value = torch.rand(shape, generator=generator) > 0.3 if a.dtype == "bool" else None
        if value is None:
            return False
        given[a.id] = value[tuple(map(slice, shape))]
    after = net.steps
    try:
        got = sample.replay(node.outs[0].id, given)
    except RuntimeError:  # the shapes do not fit: some kernels take more heads of keys than of queries
        got = None
    net.steps = before
    want = sample.replay(node.outs[0].id, given)
    net.steps = after
    return got is not None and want is not None and torch.allclose(got, want, atol=1e-4, rtol=1e-4)


class Opened:
    """One call of attention, its arguments by name, and the nodes it is replaced by."""

    def __init__(self, net: Net, node: Node) -> None:
        assert node.op is not None
        self.net, self.node, self.clock = net, node, node.order
        self.call: Call = node.op.body[0]
        self.said: dict[str, Any] = dict(zip(PARAMETERS, self.call.args, strict=False)) | dict(self.call.kwargs)
        self.q, self.k, self.v = (net.arrays[self.said[n].id] for n in PARAMETERS[:3])
        mask = self.said.get("attn_mask")
        self.mask: Array | None = net.arrays[mask.id] if isinstance(mask, Ref) else None

    @property
    def operands(self) -> list[Array]:
        return [a for a in (self.q, self.k, self.v, self.mask) if a is not None]

    @property
    def groups(self) -> int:
        """Heads of queries to one of keys."""
        return self.q.shape[-3] // self.k.shape[-3] if len(self.q.shape) > 2 and self.said.get("enable_gqa") else 1

    def possible(self) -> bool:
        return len(self.q.shape) >= 2 and len(self.node.ins) == len(self.operands)

    def signature(self) -> object:
        literals = {k: v for k, v in self.said.items() if not isinstance(v, Ref)}
        mask = None if self.mask is None else (self.mask.shape, self.mask.dtype)
        return repr(literals), self.q.shape, self.k.shape, self.v.shape, mask

    def few(self, a: Array) -> tuple[int, ...]:
        """The shape of an operand with two of every leading axis; a head of keys stays with its heads of queries."""
        leading = len(a.shape) - 2
        heads = -1 if a in (self.k, self.v) else leading - 1
        return tuple(min(n, 2 * self.groups if k == heads else 2) if k < leading else n for k, n in enumerate(a.shape))

    def nodes(self, sample: Sample) -> list[Node]:
        net, node, order = self.net, self.node, self.node.order
        tq, tk, tv = node.itok[:3]
        gone = [t for t in tq if t in tk and t not in node.made]
        out_row = node.otok[0]
        op = node.op
        assert op is not None
        rows = op.indices()[0]
        query, key = rows[0], rows[1]
        # The scores have the query's leading axes and the key's tokens.
        leading = query[: sum(len(a.leaves) for a in self.q.axes[:-1])]
        before = sum(len(a.leaves) for a in self.k.axes[:-2])
        tokens = key[before : before + len(self.k.axes[-2].leaves)]
        axes = (*self.q.axes[:-1], self.k.axes[-2])
        row = [*leading, *tokens]
        made: list[Node] = []

        def add(
            kind: str, name: str, ins: list[Array], itok: list[list[str]], out: Array, otok: list[str], **how: Any
        ) -> Array:
            made.append(
                Node(
                    kind,
                    name,
                    ins,
                    [out],
                    itok,
                    [otok],
                    how.pop("targets", set()),
                    node.path,
                    node.place,
                    order + 0.01 * len(made),
                    node.covers,
                    evidence=("scaled_dot_product_attention, opened and compared on random values",),
                    **how,
                )
            )
            return out

        key_array: Array = self.k
        value_array: Array = self.v
        if self.groups > 1:
            key_axes, value_axes = (self.q.axes[:-2] + a.axes[-2:] for a in (self.k, self.v))
            key_array = self._define("torch.repeat_interleave", self.k, key_axes, self.groups, -3)
            value_array = self._define("torch.repeat_interleave", self.v, value_axes, self.groups, -3)
        turned = self._define(
            "torch.transpose", key_array, (*key_array.axes[:-2], key_array.axes[-1], key_array.axes[-2]), -2, -1
        )
        scores = net.invent(self.q, axes)
        self.define(scores, "torch.matmul", self.q, turned)
        add("contraction", "matmul", node.ins[:2], [tq, tk], scores, row, targets=set(gone), symbol="einsum")
        scale = self.said.get("scale") or 1 / math.sqrt(self.q.shape[-1])
        if scale != 1:
            scaled = net.invent(scores)
            self.define(scaled, "torch.mul", scores, scale)
            scores = add("map", "scale", [scores], [row], scaled, row, symbol="scale", literals=[scale])
        scores = self._masked(scores, row, tokens, sample, add)
        weights = net.invent(scores)
        self.define(weights, "torch.softmax", scores, -1)
        if self.mask is not None and self.mask.dtype == "bool":
            # A row in which nothing is allowed gives zeros, as the call itself does.
            safe = net.invent(weights)
            self.define(safe, "torch.nan_to_num", weights, 0.0)
            weights = safe
        add("along", "softmax", [scores], [row], weights, row, targets=set(tokens), symbol="softmax")
        out, read = node.outs[0], weights
        if self.said.get("dropout_p"):  # not drawn, as nowhere: it is in the body of what reads the weights
            read = net.invent(weights)
            self.define(read, "torch.nn.functional.dropout", weights, self.said["dropout_p"])
        self.define(out, "torch.matmul", read, value_array)
        add(
            "contraction",
            "matmul",
            [weights, node.ins[2]],
            [row, tv],
            out,
            out_row,
            targets=set(tokens),
            symbol="einsum",
        )
        return made

    def _masked(
        self, scores: Array, row: list[str], tokens: tuple[str, ...] | list[str], sample: Sample, add: Any
    ) -> Array:
        import torch

        net, node = self.net, self.node
        if self.said.get("is_causal"):
            n, m = self.q.shape[-2], self.k.shape[-2]
            allowed = net.invent(scores, (self.q.axes[-2], self.k.axes[-2]))
            ones = net.invent(allowed)
            self.define(ones, "torch.ones", n, m, dtype=Name("torch.bool"))
            self.define(allowed, "torch.triu", ones, 1)
            out = net.invent(scores)
            self.define(out, "torch.masked_fill", scores, allowed, float("-inf"))
            before = sum(len(a.leaves) for a in self.q.axes[:-2])
            queries = row[before : before + len(self.q.axes[-2].leaves)]
            return add(
                "along", "mask", [scores], [row], out, row, targets={*queries, *tokens}, symbol="mask", label="causal"
            )
        if self.mask is None:
            return scores
        mask, drawn = self.mask, node.ins[3]
        value = sample.value(mask.id) if net.constant(drawn) else None
        if (
            value is not None
            and bool(allows(value).all())
            and not forbids(value)
            and (value.dtype == torch.bool or not value.any())
        ):
            return scores
        out = net.invent(scores)
        mask_row = node.itok[3]
        if mask.dtype == "bool":
            allowed = net.invent(mask)
            self.define(allowed, "torch.logical_not", mask)
            self.define(out, "torch.masked_fill", scores, allowed, float("-inf"))
        else:
            self.define(out, "torch.add", scores, mask)
        if value is not None and forbids(value):
            label = pattern(allows(value))
            rows = [row, mask_row]
            touched = varying(value, mask, node.op.indices()[0][3] if node.op is not None else mask_row)
            return add("along", "mask", [scores, drawn], rows, out, row, targets=touched, symbol="mask", label=label)
        # What depends on the input is elementwise in its data: it merges, tiled over all axes.
        sign = "mask" if mask.dtype == "bool" else "add"
        return add(
            "map",
            sign,
            [scores, drawn],
            [row, mask_row],
            out,
            row,
            symbol="add",
            label="mask" if sign == "mask" else "+",
        )

    def define(self, array: Array, name: str, *args: Any, **kwargs: Any) -> None:
        """Say how an array is computed, after everything said before."""
        self.clock += 0.001
        self.net.define(array, name, *args, order=self.clock, **kwargs)

    def _define(self, name: str, source: Array, axes: tuple[Any, ...], *rest: Any) -> Array:
        made = self.net.invent(source, axes)
        self.define(made, name, source, *rest)
        return made
