"""A cost against the size of an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ncd.analysis.amount import Amount
from ncd.errors import NCDError

if TYPE_CHECKING:
    from ncd.analysis.cost import Cost

WORDS = {
    "flops": "FLOPs", "macs": "multiply-adds", "traffic": "bytes read and written", "peak": "bytes at once",
    "activation": "bytes kept for backward", "params": "parameters",
}  # fmt: skip


def plot(cost: Cost, axis: str, sizes: Sequence[int] = (), what: str = "flops") -> Any:
    """The curve on logarithmic scales, and in dashes each power of the size alone."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise NCDError("matplotlib is not installed", doing="plotting a cost", fix="pip install matplotlib") from error
    if what not in WORDS:
        raise NCDError(f"no amount {what!r}", doing="plotting a cost", fix="one of " + ", ".join(WORDS))
    amount: Amount = getattr(cost.total, what)
    xs = list(sizes) or points(cost, axis)
    _, axes = pyplot.subplots()
    axes.loglog(xs, [amount.at(**{axis: n}) for n in xs], label=WORDS[what], color="#e66101")
    for label, ys in powers(amount, axis, xs):
        axes.loglog(xs, ys, "--", linewidth=1, label=label)
    axes.set_xlabel(axis)
    axes.set_title(cost.diagram.title)
    axes.legend()
    return axes


def points(cost: Cost, axis: str) -> list[int]:
    """Sizes from a quarter of what it is to sixty-four times, where it may have them."""
    found = cost.recorded.sizes()
    now, step = found.variables.get(axis, 4), found.steps.get(axis, 1)
    wanted = sorted({max(1, round(now * 2 ** (k / 2) / 4 / step)) * step for k in range(17)})
    return [n for n in wanted if _holds(cost, axis, n)] or wanted


def _holds(cost: Cost, axis: str, n: int) -> bool:
    try:
        cost.recorded.sizes().at(**{axis: n})
    except NCDError as error:
        if axis not in cost.recorded.sizes().variables:
            raise error
        return False
    return True


def powers(amount: Amount, axis: str, xs: Sequence[int]) -> list[tuple[str, list[float]]]:
    """Every power of the size, with the number that it is multiplied by at the other sizes."""
    import sympy

    from ncd.analysis.formula import smooth, symbol

    others = {symbol(n): k for n, k in amount.scale.formulas.variables.items() if n != axis}
    others = {s: amount.scale.sizes.get(s.name, k) for s, k in others.items()}
    expr = smooth(amount.expr).xreplace({s: sympy.Integer(k) for s, k in others.items()})
    s = symbol(axis)
    if not expr.is_polynomial(s):
        return []
    terms = sympy.Poly(expr, s).terms()
    words = {0: "", 1: f"·{axis}"}
    return [
        (f"{float(c):.3g}{words.get(k, f'·{axis}^{k}')}", [float(c) * n**k for n in xs])
        for (k,), c in terms
        if c and len(terms) > 1
    ]
