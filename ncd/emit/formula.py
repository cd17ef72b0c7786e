"""Formulas of sizes (sympy) as Python's integer arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


def is_number(value: Any) -> bool:
    return isinstance(value, int) or bool(getattr(value, "is_Integer", False))


def integer(value: Any, name: Callable[[Any], str]) -> str:
    """A formula as text; ``name`` says what a symbol is called.  Divisions are exact or rounded down."""
    return _text(value, name)[0]


def _text(e: Any, name: Callable[[Any], str]) -> tuple[str, int]:
    import sympy

    if is_number(e):
        return str(int(e)), ATOM if int(e) >= 0 else SUM
    if e.is_Symbol:
        return name(e), ATOM
    if any(p.is_Pow and not p.exp.is_Integer for p in sympy.preorder_traversal(e)):
        return _real(e, name)
    if isinstance(e, sympy.floor):
        return _over(e.args[0], name)
    if isinstance(e, sympy.ceiling):
        return f"-({_over(-e.args[0], name)[0]})", SUM
    if isinstance(e, sympy.Max | sympy.Min):
        words = ", ".join(sorted((_text(a, name)[0] for a in e.args), key=lambda t: (t.lstrip("-").isdigit(), t)))
        return f"{'max' if isinstance(e, sympy.Max) else 'min'}({words})", ATOM
    if isinstance(e, sympy.Mod):
        return f"{_fenced(e.args[0], PRODUCT, name)} % {_fenced(e.args[1], POWER, name)}", PRODUCT
    if sympy.fraction(sympy.together(e))[1] != 1:
        return _over(e, name)
    if e.is_Add:
        terms = sorted(e.args, key=lambda t: (t.is_number, -sympy.count_ops(t), str(t)))
        text = _fenced(terms[0], SUM, name)
        for t in terms[1:]:
            negative = t.could_extract_minus_sign()
            text += f" {'-' if negative else '+'} {_fenced(-t if negative else t, PRODUCT, name)}"
        return text, SUM
    if e.is_Mul:
        if e.could_extract_minus_sign():
            return f"-{_fenced(-e, PRODUCT, name)}", SUM
        factors = sorted(e.args, key=lambda t: (not t.is_number, str(t)))
        return " * ".join(_fenced(f, PRODUCT if k == 0 else POWER, name) for k, f in enumerate(factors)), PRODUCT
    if e.is_Pow:
        return f"{_fenced(e.base, ATOM, name)}**{_fenced(e.exp, ATOM, name)}", POWER
    raise ValueError(f"no integer arithmetic for {e}")


def _real(e: Any, name: Callable[[Any], str]) -> tuple[str, int]:
    """A formula with roots in it, which is no integer: ``k ** -0.5``."""
    if e.is_Pow:
        return f"{_fenced(e.base, ATOM, name)}**{float(e.exp):g}", POWER
    if e.is_Mul:
        return " * ".join(_fenced(f, POWER, name) if not f.is_number else f"({f})" for f in e.args), PRODUCT
    if e.is_Add:
        return " + ".join(_fenced(f, PRODUCT, name) for f in e.args), SUM
    raise ValueError(f"no arithmetic for {e}")


def _fenced(e: Any, level: int, name: Callable[[Any], str]) -> str:
    text, rank = _text(e, name)
    return text if rank >= level else f"({text})"


def _over(e: Any, name: Callable[[Any], str]) -> tuple[str, int]:
    import sympy

    above, below = sympy.fraction(sympy.together(e))
    if below == 1:
        return _text(above, name)
    return f"{_fenced(above, PRODUCT, name)} // {_fenced(below, POWER, name)}", PRODUCT
