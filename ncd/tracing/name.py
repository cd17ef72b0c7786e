"""Names for axes: the user's patterns first, then what modules call that size, then letters.

A name is for reading; identity never depends on it.  Every integer attribute of a module (and of
its ``config``) that equals the size of an axis the module touches is a vote for its name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from ncd.circuit.axis import Atom, leaves
from ncd.ops.calls import is_window
from ncd.tracing.callables import short
from ncd.tracing.infer import Woven
from ncd.tracing.record import Activation, Value

# What configurations call an axis -> what papers call it.
PAPER = {
    alias: name
    for name, aliases in {
        "d_model": "nx hidden_size n_embd embed_dim embedding_size d_model model_dim width hidden_dim",
        "d_k": "head_dim attention_head_size d_kv d_k d_head key_dim kdim key_value_proj_dim",
        "d_v": "v_head_dim d_v vdim",
        "d_ff": "nf intermediate_size ffn_dim d_ff n_inner dim_feedforward mlp_dim ffn_hidden "
        "encoder_ffn_dim decoder_ffn_dim",
        "h": "num_attention_heads num_heads n_head nhead n_heads heads h encoder_attention_heads "
        "decoder_attention_heads",
        "g": "num_key_value_heads n_kv_heads",
        "r": "num_key_value_groups",
        "v": "vocab_size n_vocab num_embeddings",
        "e": "num_local_experts num_experts n_routed_experts",
        "n": "state_size ssm_state_size",
        "d_inner": "intermediate_size_mamba d_inner",
        "l": "max_position_embeddings n_positions n_ctx max_source_positions",
        "c": "num_channels in_channels out_channels num_features",
        "d": "in_features out_features embedding_dim input_size normalized_shape",
        "w": "window_size",
        "buckets": "relative_attention_num_buckets",
        "p": "patch_size",
    }.items()
    for alias in aliases.split()
}
# Attributes every layer has; they speak only where nobody else does.
GENERIC = frozenset(
    "in_features out_features in_channels out_channels num_embeddings embedding_dim input_size nx nf "
    "num_features".split()
)
SILENT = frozenset(
    "training padding_idx layer_idx groups num_layers num_hidden_layers dropout eos_token_id bos_token_id pad_token_id "
    "decoder_start_token_id chunk_size_feed_forward type_vocab_size num_labels kernel_size stride layer_id "
    "conv_kernel conv_kernel_size max_window_layers num_experts_per_tok".split()
)
SECOND = {"d_k": "d_v"}
# What enters as a batch, a sequence or an image is called that, whatever size it happens to have.
FIRM = frozenset(["b", "s", "x", "y", "z"])
LETTERS = "kvnpqmrtuwzgaefijlo"


def ints(thing: Any) -> dict[str, int]:
    """The public integer attributes that may be sizes of axes."""
    found = getattr(thing, "__dict__", {})
    return {k: v for k, v in found.items() if type(v) is int and v > 1 and not k.startswith("_") and k not in SILENT}


def votes(woven: Iterable[Woven]) -> tuple[dict[Atom, Counter[str]], dict[Atom, Counter[str]]]:
    """Per axis, how often a module that touches it has a name for its size; generic names apart."""
    touched: dict[int, dict[Atom, None]] = defaultdict(dict)
    modules: dict[int, Any] = {}
    above: dict[int, dict[int, None]] = defaultdict(dict)
    seen: set[Activation] = set()
    for w in woven:
        here = w.call.where
        module = here.module
        if here not in seen:
            seen.add(here)
            modules[id(module)] = module
            while here.parent is not None:
                here = here.parent
                modules[id(here.module)] = here.module
                above[id(module)][id(here.module)] = None
        for v in (*w.call.ins, *w.call.outs):
            for dim in v.dims or ():
                touched[id(module)].update(dict.fromkeys(leaves(dim)))
    said: dict[int, tuple[Any, list[tuple[str, int]]]] = {}

    def sizes(thing: Any) -> list[tuple[str, int]]:
        if id(thing) not in said:
            said[id(thing)] = thing, list(ints(thing).items())
        return said[id(thing)][1]

    telling: dict[Atom, Counter[str]] = defaultdict(Counter)
    generic: dict[Atom, Counter[str]] = defaultdict(Counter)
    for key, atoms in touched.items():
        by_size: dict[int, list[tuple[str, int]]] = defaultdict(list)
        module = modules[key]
        speakers = [(module, 30), (getattr(module, "config", None), 10)]
        for k in above[key]:
            speakers += [(modules[k], 3), (getattr(modules[k], "config", None), 1)]
        for thing, weight in speakers:
            for name, n in sizes(thing):
                by_size[n].append((name, weight))
        for atom in atoms:
            for name, weight in by_size.get(atom.size, ()):
                (generic if name in GENERIC else telling)[atom][name] += weight
    return telling, generic


def assign(atoms: Iterable[Atom], woven: list[Woven], roles: Mapping[Atom, str]) -> dict[Atom, str]:
    """A name for every atom, distinct.  ``roles`` are guesses from where the axis enters."""
    atoms = list(atoms)
    telling, generic = votes(woven)
    names = {a: a.name for a in atoms if a.rank == 0 and a.name}
    taken = set(names.values())
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(2))

    def free(base: str) -> str:
        if base not in taken:
            return base
        second = SECOND.get(base)
        if second and second not in taken:
            return second
        return next(n for n in (f"{base}{i}" for i in numbers[base]) if n not in taken)

    letters = _letters()
    for atom in atoms:
        if atom in names:
            continue
        if roles.get(atom) in FIRM:
            name = free(roles[atom])
        elif telling.get(atom):
            name = free(_winner(telling[atom]))
        elif atom in roles:
            name = free(roles[atom])
        elif generic.get(atom):
            name = free(_winner(generic[atom]))
        else:
            name = next(n for n in letters if n not in taken)
        names[atom] = name
        taken.add(name)
    return names


def _winner(ballot: Counter[str]) -> str:
    best = ballot.most_common(1)[0][0]
    return PAPER.get(best, best)


def _letters() -> Iterator[str]:
    seen: set[str] = set()
    for c in LETTERS:
        if c not in seen:
            seen.add(c)
            yield c
    for i in count(2):
        yield from (f"{c}{i}" for c in sorted(seen))


def pixels(woven: Iterable[Woven]) -> tuple[dict[Atom, str], list[tuple[Atom, Atom]]]:
    """What windowed ops slide over: image axes by place from the end, and which of them a reader takes for one.

    A window at stride 1 that keeps the size makes position i under position i: the same pixels on
    the page, though another axis.
    """
    roles: dict[Atom, str] = {}
    same: list[tuple[Atom, Atom]] = []
    for w in woven:
        call = w.call
        if not is_window(short(call.fn)) or not call.ins or not call.outs:
            continue
        a, b = call.ins[0], call.outs[0]
        rank = _spatial_rank(short(call.fn), a)
        for k in range(1, rank + 1):
            before, after = leaves((a.dims or ())[-k]), leaves((b.dims or ())[-k])
            if len(before) == 1:
                roles.setdefault(before[0], "xyz"[k - 1])
            if len(after) == 1:
                roles.setdefault(after[0], "xyz"[k - 1])
            if len(before) == len(after) == 1 and before[0] is not after[0] and before[0].size == after[0].size:
                same.append((before[0], after[0]))
    return roles, same


def _spatial_rank(name: str, v: Value) -> int:
    digits = [c for c in name if c.isdigit()]
    return min(int(digits[0]), len(v.shape)) if digits else max(len(v.shape) - 2, 0)


def as_shown(
    names: Mapping[Atom, str], same: Iterable[tuple[Atom, Atom]], roles: Mapping[Atom, str]
) -> dict[Atom, str]:
    """What is written on image axes: one letter a resolution, numbered in order: x, x_1, x_2."""
    place = {a: i for i, a in enumerate(names)}
    up: dict[Atom, Atom] = {}

    def root(a: Atom) -> Atom:
        while a in up:
            a = up[a]
        return a

    for x, y in same:
        first, second = sorted((root(x), root(y)), key=lambda a: place.get(a, len(place)))
        if first is not second:
            up[second] = first
    found: dict[Atom, str] = {}
    number: Counter[str] = Counter()
    for atom, name in names.items():
        if atom not in roles:
            continue
        first = root(atom)
        if first is not atom and first in names:
            found[atom] = found.get(first, names[first])
            continue
        k = number[roles[atom]]
        number[roles[atom]] += 1
        if atom.rank != 0 and name.rstrip("0123456789") == roles[atom]:
            found[atom] = f"{roles[atom]}_{k}" if k else roles[atom]
    return found


def guess(inputs: Iterable[Value], convolved: set[int]) -> dict[Atom, str]:
    """What the axes of unnamed inputs usually are: tokens, sequences, images."""
    roles: dict[Atom, str] = {}
    for v in inputs:
        dims = [leaves(d) for d in v.dims or ()]
        if v.id in convolved:
            usual = {3: "b c x", 4: "b c y x", 5: "b c z y x"}.get(len(dims), "")
        elif v.dtype.is_floating_point:
            usual = {2: "b d", 3: "b s d", 4: "b h s d"}.get(len(dims), "")
        else:
            usual = {1: "s", 2: "b s"}.get(len(dims), "")
        for dim, name in zip(dims, usual.split(), strict=False):
            if len(dim) == 1:
                roles.setdefault(dim[0], name)
    return roles
