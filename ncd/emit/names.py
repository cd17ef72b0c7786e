"""Names for the arrays and axes of emitted code: what a person would call them, and short.

A name is taken from the parameter that makes the array (``q_proj`` gives ``q``), from what it is a
re-arrangement of, or from what the function does.  It is free again when no later line reads the
array, so that equal layers read alike.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Collection, Iterable, Sequence

from ncd.circuit.diagram import Array
from ncd.emit.lines import Line

RESERVED = frozenset([
    "torch", "F", "module", "m", "constants", "forward", "rearrange", "repeat", "reduce", "einsum",
    *keyword.kwlist, *dir(builtins),
])  # fmt: skip
GENERIC = frozenset(
    "weight bias proj dense linear lin layer fc original original0 original1 parametrizations self module model output "
    "intermediate layers block blocks body net convolution conv conv1 conv2 conv3 projection normalization norm norm1 "
    "norm2 norm3 encoder decoder embedder stages features ln ln_1 ln_2 ln_f layernorm layer_norm final_layer_norm bn "
    "bn1 bn2 bn3 fc2 linear2 wo c_proj out_proj o_proj o out first last h mlp attn attention net_proj embeddings "
    "embedding embed wte embed_tokens word_embeddings lm_head head score classifier".split()
)
"""Names of modules that say nothing of what they make."""
ROLES = {
    "query": "q", "key": "k", "value": "v", "wq": "q", "wk": "k", "wv": "v", "to_q": "q", "to_k": "k", "to_v": "v",
    "c_attn": "qkv", "in_proj": "qkv", "query_key_value": "qkv", "qkv_proj": "qkv", "to_qkv": "qkv", "wpe": "pos",
    "fc1": "h", "c_fc": "h", "wi": "h", "linear1": "h", "position_embeddings": "pos", "downsample": "shortcut",
}  # fmt: skip
FUNCTIONS = {
    "softmax": "p", "_softmax": "p", "arange": "pos", "cos": "cos", "sin": "sin", "ones": "ones", "zeros": "zeros",
    "full": "full", "rsqrt": "scale", "mean": "mean", "log_softmax": "logits", "argmax": "best", "eye": "eye",
    "randn": "noise", "rand": "noise", "triu": "mask", "tril": "mask", "masked_fill": "scores",
}  # fmt: skip
RESULTS = {
    "lstm": ("x", "h", "c"), "gru": ("x", "h"), "rnn_tanh": ("x", "h"), "rnn_relu": ("x", "h"), "lstm_cell": ("h", "c"),
    "topk": ("top", "index"), "sort": ("x", "order"), "max": ("x", "index"), "min": ("x", "index"),
    "multi_head_attention_forward": ("x", "p"),
}  # fmt: skip
"""What the results of functions with several are called."""
NORM = re.compile(r"norm|^ln|^bn")
FRESH = re.compile(
    r"norm|^cat$|^stack$|^embedding$|scaled_dot|attention|^linear$|conv|^matmul$|__matmul__|^bmm$|^einsum$"
)


def identifier(text: str) -> str:
    """The nearest Python name."""
    name = re.sub(r"\W+", "_", text).strip("_") or "x"
    name = "x" if name == "input" else name
    name = f"x{name}" if name[0].isdigit() else name
    return f"{name}_" if name in RESERVED else name


def role(parameter: str) -> str:
    """What the array that a parameter makes is called: ``h.0.attn.q_proj.weight`` gives ``q``."""
    *path, last = parameter.split(".")
    if "in_proj_" in last:
        return "qkv"
    if last not in ("weight", "bias"):
        path = [*path, last]
    for part in reversed(path[-2:]):
        word = ROLES.get(part.lower(), part)
        word = re.sub(r"_(proj|lin|linear|layer)$", "", word).strip("_")
        silent = word.lower() in GENERIC or part.lower() in GENERIC or word.isdigit() or NORM.search(word.lower())
        if word in ROLES.values() or (word and not silent):
            return identifier(word)
        if not part.isdigit() and part.lower() not in ("dense", "original0", "original1", "linear"):
            break
    return ""


class Namer:
    """Names in use in one function, and whose they are; ``reserved`` are no array's."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.names: dict[int, str] = {}
        self.users: dict[str, set[int]] = {}
        self.reserved = set(reserved)

    def __getitem__(self, array: int) -> str:
        return self.names[array]

    def __contains__(self, array: object) -> bool:
        return array in self.names

    def give(self, array: int, wanted: str) -> str:
        """Name an array ``wanted``, or ``wanted2``... while that is taken."""
        name, n = wanted, 1
        while self.users.get(name) or name in self.reserved:
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


def hint(line: Line, arrays: dict[int, Array], base: Callable[[int], str]) -> str:
    """What to call the result of a call; ``base`` says what its operands are called."""
    operands = [arrays[i] for i in dict.fromkeys(line.reads) if i in arrays]
    data = [a for a in operands if not a.hidden]
    function = line.function
    if function == "reduce":
        function = str(line.call.args[2])
    if function == "embedding" and not any(w in a.name for a in operands if a.hidden for w in ("pos", "bias", "wpe")):
        return "x"
    for a in operands:
        if (
            a.kind == "parameter"
            and a.name
            and line.op.kind != "rearrange"
            and len(data) <= 1
            and (found := role(a.name))
        ):
            return found
    if function in FUNCTIONS:
        return FUNCTIONS[function]
    names = [n for n in (base(a.id) for a in data) if n]
    if function == "einsum" and names == ["q", "k"]:
        return "scores"
    if not names or len(names) > 1 and "x" in names or FRESH.search(function):
        return "x"
    return names[0]


def plain(name: str) -> str:
    """A name without its number."""
    return re.sub(r"_?\d+$", "", name) or "x"


class AxisNames:
    """Short names for axes in one function: ``d_k3`` is ``d_k`` there, if it is the only one."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.taken: set[str] = set()

    def __getitem__(self, axis: str) -> str:
        if axis not in self.names:
            base = re.sub(r"\d+$", "", axis).rstrip("_")
            base = base if base.isidentifier() and not base.startswith("_") and not keyword.iskeyword(base) else "n"
            name, n = base, 1
            while name in self.taken:
                n += 1
                name = f"{base}{n}"
            self.taken.add(name)
            self.names[axis] = name
        return self.names[axis]

    def token(self, token: str) -> str:
        """A token of a pattern: several axes that stay together, some of them a second time (``s'``)."""
        parts = [self[p.rstrip("'")] + ("2" if p.endswith("'") else "") for p in token.split()]
        return "".join(parts) if all(len(p) == 1 for p in parts) else "_".join(parts)

    def shape(self, array: Array) -> str:
        """What is written beside an array: ``b s (h d_k)``."""
        words = []
        for axis in array.axes:
            names = [self[leaf.name] for leaf in axis.leaves]
            words.append(names[0] if len(names) == 1 else f"({' '.join(names)})" if names else "1")
        return " ".join(words) or "()"


def several(base: str, count: int, function: str = "") -> Sequence[str]:
    """Names for the results of one call."""
    if base == "qkv" and count == 3:
        return ["q", "k", "v"]
    names = RESULTS.get(function, ())
    return [names[k] if k < len(names) else base for k in range(count)]


def singular(container: str, taken: Collection[str]) -> str:
    """What one of ``container`` is called: ``layers`` gives ``layer``."""
    word = container.removesuffix("s")
    for name in (word, "layer", "block", "each"):
        if len(name) > 1 and name.isidentifier() and name not in taken and name not in RESERVED:
            return name
    return "part"
