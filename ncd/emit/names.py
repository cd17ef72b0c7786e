"""Names for the arrays of emitted code: what a person would call them, and short.

A name is taken from the parameter that makes the array (``q_proj`` gives ``q``), from what it is a
re-arrangement of, or from what the function does.  It is free again when no later line reads the
array, so that equal layers read alike.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Iterable, Sequence

from ncd.circuit.diagram import Array, Call, Op

RESERVED = frozenset(["torch", "F", "module", "constants", "forward", *keyword.kwlist, *dir(builtins)])
GENERIC = frozenset([
    "weight", "bias", "proj", "dense", "linear", "lin", "layer", "fc", "original", "original0", "original1",
    "parametrizations", "self", "module", "model", "output", "intermediate",
])  # fmt: skip
ROLES = {
    "query": "q", "key": "k", "value": "v", "wq": "q", "wk": "k", "wv": "v", "to_q": "q", "to_k": "k", "to_v": "v",
    "c_attn": "qkv", "in_proj": "qkv", "query_key_value": "qkv", "qkv_proj": "qkv", "word_embeddings": "emb",
    "embed_tokens": "emb", "wte": "emb", "wpe": "pos", "layernorm": "ln", "layer_norm": "ln", "batchnorm": "bn",
}  # fmt: skip
FUNCTIONS = {
    "softmax": "p", "_softmax": "p", "matmul": "y", "bmm": "y", "einsum": "y", "cat": "cat", "stack": "stack",
    "scaled_dot_product_attention": "mix", "embedding": "emb", "arange": "pos", "lstm": "h", "gru": "h",
    "conv2d": "conv", "max_pool2d": "pool", "layer_norm": "ln", "batch_norm": "bn", "mean": "mean", "rsqrt": "scale",
    "cos": "cos", "sin": "sin", "ones": "ones", "zeros": "zeros", "full": "full", "lstm_cell": "h", "gru_cell": "h",
}  # fmt: skip


def identifier(text: str) -> str:
    """The nearest Python name."""
    name = re.sub(r"\W+", "_", text).strip("_") or "x"
    name = f"x{name}" if name[0].isdigit() else name
    return f"{name}_" if name in RESERVED else name


def role(parameter: str) -> str:
    """What the array that a parameter makes is called: ``h.0.attn.q_proj.weight`` gives ``q``."""
    if "in_proj_" in parameter:
        return "qkv"
    for part in reversed(parameter.split(".")):
        word = ROLES.get(part.lower(), part)
        word = re.sub(r"_(proj|lin|linear|weight|bias|layer)$", "", word).strip("_")
        if word and not word.isdigit() and word.lower() not in GENERIC:
            return identifier(word)
    return "h"


class Namer:
    """Names in use, and whose they are."""

    def __init__(self, inputs: Sequence[Array]) -> None:
        self.names: dict[int, str] = {}
        self.users: dict[str, set[int]] = {}
        for k, a in enumerate(inputs):
            self.give(a.id, identifier(a.name) if a.name else f"x{k}" if len(inputs) > 1 else "x")

    def __getitem__(self, array: int) -> str:
        return self.names[array]

    def __contains__(self, array: object) -> bool:
        return array in self.names

    def give(self, array: int, wanted: str) -> str:
        """Name an array ``wanted``, or ``wanted2``... while that is taken."""
        name, n = wanted, 1
        while self.users.get(name):
            n += 1
            name = f"{wanted}{n}" if not wanted[-1].isdigit() else f"{wanted}_{n}"
        return self.share(array, name)

    def share(self, array: int, name: str) -> str:
        """Give an array a name that others may have too: it is the same object."""
        self.names[array] = name
        self.users.setdefault(name, set()).add(array)
        return name

    def free(self, arrays: Iterable[int]) -> None:
        for i in arrays:
            if i in self.names:
                self.users[self.names[i]].discard(i)


def hint(op: Op, call: Call, operands: Sequence[Array], namer: Namer, dying: Collection[int]) -> str:
    """What to call the result of a call."""
    data = [a for a in operands if not a.hidden]
    function = call.name.split(".")[-1]
    if call.name.startswith("torch.ops."):
        function = call.name.split(".")[3]
    for a in operands:
        if a.kind == "parameter" and a.name and op.kind not in ("rearrange",):
            found = role(a.name)
            if found != "h" and len(data) <= 1:
                return found
    follows = len({a.id for a in data}) == 1 or (op.kind == "map" and data and data[0].id in dying)
    if follows and function not in FUNCTIONS and op.kind in ("rearrange", "map", "gather", "call"):
        base = namer.names.get(data[0].id)
        if base is not None and base.isidentifier() and (data[0].kind != "input" or data[0].id in dying):
            return re.sub(r"_?\d+$", "", base) or "h"
    return FUNCTIONS.get(function, "h")


def several(base: str, count: int) -> list[str]:
    """Names for the results of one call that returns several."""
    if base == "qkv" and count == 3:
        return ["q", "k", "v"]
    return [base] * count
