"""The language of the rows: a weave written once for operands of any rank.

On top of what ``Weave.parse`` reads:  ``*`` is any number of leading dimensions that broadcast
(aligned on the right), ``[*]`` the same as targets, ``~`` an operand aligned with the first output
on the right, ``?`` an operand that is all target.  Missing patterns: the last one again if it is
``*``, else ``?``.  A plain index on a dimension of size 1 broadcasts; indices of size 1 vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import prod

from ncd.circuit.weave import UNIT, Form, Weave, parse_form
from ncd.errors import AxisError
from ncd.ops.aten.call import AtenCall, Operand

Text = str | tuple[str, Mapping[str, int]]
Rule = Callable[[AtenCall], "Text | Weave | None"]


class Family:
    """Some ops and their rules: rows of text (``names: weave``), or functions that write the text.

    A function may give sizes of indices that no plain dimension shows, as a second value, and
    returns None where it does not apply.
    """

    def __init__(self, rows: str = "") -> None:
        self.rules: dict[str, str | Rule] = {}
        for row in rows.strip().splitlines():
            names, text = row.split(": ", 1)
            for name in names.split():
                self.rules[name] = text.strip()

    def __call__(self, names: str) -> Callable[[Rule], Rule]:
        def keep(rule: Rule) -> Rule:
            self.rules.update(dict.fromkeys(names.split(), rule))
            return rule

        return keep


def declared(text: str) -> bool:
    """Whether a row says that the op acts on everything."""
    return not set(text.replace("->", " ").replace(",", " ").split()) - {"?"}


@lru_cache(None)
def _simple(token: str) -> tuple[Form, frozenset[str]]:
    targets: set[str] = set()
    return parse_form(token, {}, targets), frozenset(targets)


@lru_cache(4096)
def _tokens(pattern: str) -> tuple[str, ...]:
    words, depth = [""], 0
    for ch in pattern:
        depth += (ch == "(") - (ch == ")")
        if ch.isspace() and not depth:
            words.append("")
        else:
            words[-1] += ch
    return tuple(w for w in words if w)


def _side(text: str, count: int) -> list[tuple[str, ...]]:
    rows = [_tokens(p) for p in text.split(",")] if text.strip() or count else []
    if len(rows) > count:
        rows = rows[:count]
    again = ("*",) if rows and rows[-1] == ("*",) else ("?",)
    return rows + [again] * (count - len(rows))


def _lay(pattern: tuple[str, ...], operand: Operand, batch: int, mark: str, first: Sequence[str]) -> list[str]:
    """The tokens of one operand, one per dimension."""
    n = operand.ndim
    if pattern == ("?",):
        return [f"[_{mark}.{d}]" for d in range(n)]
    if pattern == ("~",):
        if n > len(first):
            raise AxisError("an operand aligned with the output has more dimensions than it")
        return list(first[len(first) - n :])
    row = list(pattern)
    for star, form in (("*", "_b{}"), ("[*]", "[_b{}]")):
        if star in row:
            k, m = row.index(star), n - len(row) + 1
            row[k : k + 1] = [form.format(i) for i in range(batch - m, batch)]
    if len(row) != n:
        raise AxisError(f"a row for {len(row)} dimensions meets {n}")
    return row


def read(text: str, ins: Sequence[Operand], outs: Sequence[Operand], sizes: Mapping[str, int] | None = None) -> Weave:
    """The weave that a row says for these operands.  Raises AxisError where it does not fit them."""
    left, right = text.split("->")
    rows_in, rows_out = _side(left, len(ins)), _side(right, len(outs))
    batch = max(
        (o.ndim - len(p) + 1 for p, o in zip(rows_in + rows_out, (*ins, *outs), strict=True) if {"*", "[*]"} & set(p)),
        default=0,
    )
    laid_out = [_lay(p, o, batch, f"y{j}", ()) for j, (p, o) in enumerate(zip(rows_out, outs, strict=True))]
    first = laid_out[0] if laid_out else []
    laid_in = [_lay(p, o, batch, f"x{j}", first) for j, (p, o) in enumerate(zip(rows_in, ins, strict=True))]
    return assemble(laid_in, laid_out, ins, outs, sizes or {})


def assemble(
    laid_in: Sequence[Sequence[str]],
    laid_out: Sequence[Sequence[str]],
    ins: Sequence[Operand],
    outs: Sequence[Operand],
    given: Mapping[str, int],
) -> Weave:
    known, targets = dict(given), set[str]()
    seen: dict[str, int] = {}

    def parsed(token: str, n: int) -> tuple[Form, int]:
        if token[0] == "(":
            form = parse_form(token, given, targets)
            if prod(given[v] for v in form.variables) != n:
                raise AxisError(f"{token} does not enumerate a dimension of {n}")
        else:
            form, marked = _simple(token)
            targets.update(marked)
        if len(form.terms) == 1 and form.terms[0][0] == 1 and not form.const:
            var = form.terms[0][1]
            if var not in given:
                m = seen.get(var, 1)
                if n != m and n != 1 and m != 1:
                    raise AxisError(f"index {var!r} has both sizes {m} and {n}")
                seen[var] = max(n, m)
        return form, n

    pairs = [
        [[parsed(t, n) for t, n in zip(row, o.shape, strict=True)] for row, o in zip(rows, operands, strict=True)]
        for rows, operands in ((laid_in, ins), (laid_out, outs))
    ]
    known.update(seen)

    def settled(form: Form, n: int) -> Form:
        if any(v not in known for v in form.variables):
            raise AxisError(f"no size for an index of {form}")
        if n == 1 and len(form.terms) == 1 and form.terms[0][0] == 1 and not form.const:
            return UNIT
        terms = tuple((c, v) for c, v in form.terms if known[v] != 1)
        return Form(terms, form.const) if terms != form.terms else form

    sides = [tuple(tuple(settled(form, n) for form, n in row) for row in side) for side in pairs]
    used = {v: known[v] for side in sides for row in side for form in row for v in form.variables}
    return Weave(sides[0], sides[1], used, frozenset(targets & used.keys()))
