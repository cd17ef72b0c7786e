"""Learned maps, tables and arrays, and recurrent cells."""

from __future__ import annotations

from ncd.dsl.nodes import Atom
from ncd.dsl.patterns import names, read
from ncd.dsl.symbol import relations
from ncd.dsl.term import Term
from ncd.errors import DSLError

__all__ = ["embedding", "gru", "learned", "linear", "lstm"]


def linear(pattern: str, name: str = "", bias: bool = False) -> Term:
    """A learned linear map: ``"m -> h k"``, called L with this superscript; with a bias, L with a plus."""
    p = read(pattern, f"n.linear({pattern!r})")
    if len(p.ins) != 1 or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} is no linear map", doing="making n.linear", fix="one in, one out: 'm -> h k'")
    twice = [a for a in p.outs[0] if a in p.ins[0]]
    weight = (*p.ins[0], *(f"{a}'" if a in twice else a for a in p.outs[0]))
    weights = (("weight", weight), *((("bias", p.outs[0]),) if bias else ()))
    args, kwargs = ((str(p), name) if name else (str(p),)), ((("bias", True),) if bias else ())
    return Term(Atom("linear", args, kwargs, p.ins, p.outs, relations(p), weights), p.sizes)


def embedding(pattern: str, name: str = "") -> Term:
    """A learned table looked up by integers: ``"v -> m"``, rows of m numbers for integers below v."""
    p = read(pattern, f"n.embedding({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) != 1 or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} is no table", doing="making n.embedding", fix="one axis of rows first: 'v -> m'")
    weights = (("weight", (*p.ins[0], *p.outs[0])),)
    args = (str(p), name) if name else (str(p),)
    return Term(Atom("embedding", args, (), ((),), p.outs, relations(p), weights, (0,), p.ins[0]), p.sizes)


def learned(axes: str, name: str = "") -> Term:
    """A learned array of these axes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.learned({axes!r})", sizes)
    args = (" ".join(found), name) if name else (" ".join(found),)
    return Term(Atom("learned", args, (), (), (found,), weights=(("weight", found),)), sizes)


def lstm(pattern: str, name: str = "") -> Term:
    """An LSTM, one step after another along the first axis: ``"t m -> t h"``; it starts from zeros."""
    return _recurrent("lstm", 4, pattern, name)


def gru(pattern: str, name: str = "") -> Term:
    """A GRU, one step after another along the first axis: ``"t m -> t h"``; it starts from zeros."""
    return _recurrent("gru", 3, pattern, name)


def _recurrent(kind: str, gates: int, pattern: str, name: str) -> Term:
    p = read(pattern, f"n.{kind}({pattern!r})")
    ok = len(p.ins) == len(p.outs) == 1 and len(p.ins[0]) == len(p.outs[0]) == 2 and not p.parts
    if not ok or p.ins[0][0] != p.outs[0][0] or p.ins[0][1] == p.outs[0][1]:
        raise DSLError(f"{pattern!r} is no recurrence", doing=f"making n.{kind}", fix="time first: 't m -> t h'")
    (_, read_axis), (_, state) = p.ins[0], p.outs[0]
    each = str(gates)
    weights = (
        ("input", (each, state, read_axis)), ("hidden", (each, state, f"{state}'")),
        ("input_bias", (each, state)), ("hidden_bias", (each, state)),
    )  # fmt: skip
    args = (str(p), name) if name else (str(p),)
    return Term(Atom(kind, args, (), p.ins, p.outs, weights=weights), p.sizes)
