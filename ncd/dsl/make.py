"""The symbols: one constructor each.

Symbols that say nothing about axes are values (``n.relu``, ``n.copy``); the others are functions of a pattern.
"""

from __future__ import annotations

import ast
from typing import Any

from ncd.dsl.nodes import Atom, Block, Relation, Wire
from ncd.dsl.patterns import Axes, Pattern, names, read
from ncd.dsl.term import Term, term
from ncd.errors import DSLError

__all__ = [
    "FUNCTIONS",
    "abs",
    "add",
    "array",
    "block",
    "causal",
    "chunk",
    "concat",
    "conv",
    "copy",
    "cos",
    "cup",
    "discard",
    "einsum",
    "elementwise",
    "embedding",
    "exp",
    "expand",
    "gather",
    "gelu",
    "identity",
    "index",
    "layer_norm",
    "learned",
    "linear",
    "log",
    "max",
    "mean",
    "merge",
    "multiply",
    "neg",
    "rearrange",
    "relu",
    "rename",
    "rms_norm",
    "scale",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "square",
    "subtract",
    "sum",
    "swap",
    "tanh",
    "unit",
    "wire",
]  # fmt: skip
FUNCTIONS = (
    "relu", "gelu", "silu", "sigmoid", "tanh", "exp", "log", "sqrt", "abs", "neg", "square", "sin", "cos",
)  # fmt: skip
"""Functions of one number; each is a symbol of this name."""

identity = Term(Wire(1, (0,)))
"""One array, as it is."""
copy = Term(Wire(1, (0, 0)))
"""One array, twice."""
swap = Term(Wire(2, (1, 0)))
"""Two arrays, each in the other's place."""
discard = Term(Wire(1, ()))
"""One array, no more."""
add = Term(Atom("add", ins=((), ())))
multiply = Term(Atom("multiply", ins=((), ())))
subtract = Term(Atom("subtract", ins=((), ())))


def array(axes: str) -> Term:
    """An array as it is, of which is said that it has these axes, in this order, and perhaps their sizes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.array({axes!r})", sizes)
    return Term(Atom("array", (" ".join(found),), (), (found,), (found,)), sizes)


def elementwise(name: str) -> Term:
    """A function of every number by itself: one of ``FUNCTIONS``, each of which is also a symbol of that name."""
    if name not in FUNCTIONS:
        raise DSLError(f"no function is called {name!r}", doing="making n.elementwise", fix=", ".join(FUNCTIONS))
    return Term(Atom(name))


relu, gelu, silu, sigmoid, tanh, exp, log, sqrt, abs, neg, square, sin, cos = map(elementwise, FUNCTIONS)


def wire(pattern: str) -> Term:
    """Arrays copied, swapped and discarded: ``"a b -> b a a"``; every letter is a whole array."""
    left, arrow, right = pattern.partition("->")
    given, wanted = left.split(), right.split()
    if not arrow or len(set(given)) != len(given) or not set(wanted) <= set(given):
        raise DSLError(f"cannot read {pattern!r}", doing="making n.wire", fix="arrays by letters, as in 'a b -> b a a'")
    return Term(Wire(len(given), tuple(map(given.index, wanted))))


def einsum(pattern: str) -> Term:
    """A contraction: ``"q h k, x h k -> h q x"``.  Axes of one name are one index; what is not kept is summed over."""
    p = read(pattern, f"n.einsum({pattern!r})")
    if len(p.outs) != 1 or p.parts or not set(p.outs[0]) <= {a for axes in p.ins for a in axes}:
        raise DSLError(
            f"{pattern!r} is no contraction",
            doing="making n.einsum",
            fix="one result, of axes that come in: 'a k, k -> a'",
        )
    return _made("einsum", p)


def cup(axis: str) -> Term:
    """The contraction of two arrays over one axis: two wires joined by a half circle."""
    return einsum(f"{axis}, {axis} ->")


def unit(pattern: str) -> Term:
    """The identity matrix as an array with two equal axes, ``"a b"``: the other half circle."""
    sizes: dict[str, int] = {}
    found = names(pattern, f"n.unit({pattern!r})", sizes)
    if len(found) != 2:
        raise DSLError(f"{len(found)} axes", doing=f"making n.unit({pattern!r})", fix="two, of one size")
    a, b = found
    return Term(Atom("unit", (f"{a} {b}",), (), (), ((a, b),), (Relation(b, "product", (a,)),)), sizes)


def linear(pattern: str, name: str = "", bias: bool = False) -> Term:
    """A learned linear map: ``"m -> h k"``, called L with this superscript; with a bias, L with a plus."""
    p = read(pattern, f"n.linear({pattern!r})")
    if len(p.ins) != 1 or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} is no linear map", doing="making n.linear", fix="one in, one out: 'm -> h k'")
    twice = [a for a in p.outs[0] if a in p.ins[0]]
    weight = (*p.ins[0], *(f"{a}'" if a in twice else a for a in p.outs[0]))
    weights = (("weight", weight), *((("bias", p.outs[0]),) if bias else ()))
    args, kwargs = ((str(p), name) if name else (str(p),)), ((("bias", True),) if bias else ())
    return Term(Atom("linear", args, kwargs, p.ins, p.outs, _relations(p), weights), p.sizes)


def embedding(pattern: str, name: str = "") -> Term:
    """A learned table looked up by integers: ``"v -> m"``, rows of m numbers for integers below v."""
    p = read(pattern, f"n.embedding({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) != 1 or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} is no table", doing="making n.embedding", fix="one axis of rows first: 'v -> m'")
    weights = (("weight", (*p.ins[0], *p.outs[0])),)
    args = (str(p), name) if name else (str(p),)
    return Term(Atom("embedding", args, (), ((),), p.outs, _relations(p), weights, (0,), p.ins[0]), p.sizes)


def learned(axes: str, name: str = "") -> Term:
    """A learned array of these axes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.learned({axes!r})", sizes)
    args = (" ".join(found), name) if name else (" ".join(found),)
    return Term(Atom("learned", args, (), (), (found,), weights=(("weight", found),)), sizes)


def conv(pattern: str, kernel: int = 3, stride: int = 1, name: str = "", bias: bool = False) -> Term:
    """A convolution: ``"c y x -> d y x"``, channels first; padded so that a stride of 1 keeps the size.

    With a larger stride the axes of its output are others and have other names.
    """
    p = read(pattern, f"n.conv({pattern!r})")
    ok = len(p.ins) == len(p.outs) == 1 and 2 <= len(p.ins[0]) <= 3 and len(p.ins[0]) == len(p.outs[0]) and kernel % 2
    before, after = p.ins[0], p.outs[0]
    if not ok or any((a == b) != (stride == 1) for a, b in zip(before[1:], after[1:], strict=False)):
        raise DSLError(
            f"{pattern!r} with a kernel of {kernel} and a stride of {stride} is no convolution",
            doing="making n.conv",
            fix="'c x -> d x' or 'c y x -> d y x' with an odd kernel; with a stride, 'c x -> d x2'",
        )
    moved = tuple(Relation(b, "stride", (a,), stride) for a, b in zip(before[1:], after[1:], strict=True) if a != b)
    channels = (after[0], before[0] if before[0] != after[0] else f"{before[0]}'")
    said = {"kernel": kernel, "stride": stride, "name": name, "bias": bias}
    plain = {"kernel": 3, "stride": 1, "name": "", "bias": False}
    kwargs = tuple((k, v) for k, v in said.items() if v != plain[k])
    weights = (("weight", (*channels, *(str(kernel) for _ in before[1:]))), *((("bias", after[:1]),) if bias else ()))
    return Term(Atom("conv", (str(p),), kwargs, p.ins, p.outs, (*_relations(p), *moved), weights), p.sizes)


def softmax(axes: str) -> Term:
    """Exponentials divided by their sum over these axes, jointly."""
    return _along("softmax", axes)


def layer_norm(axes: str, name: str = "") -> Term:
    """Mean 0 and variance 1 along these axes, then a learned gain and bias."""
    return _along("layer_norm", axes, ("weight", "bias"), name)


def rms_norm(axes: str, name: str = "") -> Term:
    """Root mean square 1 along these axes, then a learned gain."""
    return _along("rms_norm", axes, ("weight",), name)


def causal(axes: str) -> Term:
    """Scores of what comes later are taken out: ``"q x"`` keeps x up to q."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.causal({axes!r})", sizes)
    if len(found) != 2:
        raise DSLError(f"{len(found)} axes", doing=f"making n.causal({axes!r})", fix="two: who reads, and what is read")
    return Term(Atom("causal", (" ".join(found),), (), (found,), (found,)), sizes)


def sum(axes: str) -> Term:
    """The sum over these axes."""
    return _reduced("sum", axes)


def mean(axes: str) -> Term:
    """The mean over these axes."""
    return _reduced("mean", axes)


def max(axes: str) -> Term:
    """The largest along these axes."""
    return _reduced("max", axes)


def scale(by: float | str) -> Term:
    """Every number times this one: a number, or a formula in the sizes of axes such as ``"k ** -0.5"``."""
    if isinstance(by, str):
        return Term(Atom("scale", (by,), uses=_sizes_in(by)))
    return Term(Atom("scale", (float(by),)))


def split(pattern: str) -> Term:
    """One axis cut into several, the first the slowest: ``"m -> h k"``."""
    p = read(pattern, f"n.split({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) != 1 or len(p.outs) != 1 or len(p.outs[0]) < 2 or p.parts:
        raise DSLError(f"{pattern!r} splits nothing", doing="making n.split", fix="one axis into several: 'm -> h k'")
    return _made("split", p, Relation(p.ins[0][0], "product", p.outs[0]))


def merge(pattern: str) -> Term:
    """Several axes laid out as one, the first the slowest: ``"h k -> m"``."""
    p = read(pattern, f"n.merge({pattern!r})")
    if len(p.ins) != 1 or len(p.ins[0]) < 2 or len(p.outs) != 1 or len(p.outs[0]) != 1 or p.parts:
        raise DSLError(f"{pattern!r} merges nothing", doing="making n.merge", fix="several axes into one: 'h k -> m'")
    return _made("merge", p, Relation(p.outs[0][0], "product", p.ins[0]))


def rearrange(pattern: str) -> Term:
    """Axes in another order, composed and taken apart as einops writes it: ``"q (h k) -> h q k"``.

    A composed axis is called by what it is made of, ``(h k)``.
    """
    p = read(pattern, f"n.rearrange({pattern!r})")
    left, right = ([b for a in side for b in p.parts.get(a, (a,))] for side in (p.ins[0], p.outs[0]))
    if len(p.ins) != 1 or len(p.outs) != 1 or sorted(left) != sorted(right):
        raise DSLError(f"{pattern!r} loses or makes axes", doing="making n.rearrange", fix="the same on both sides")
    return _made("rearrange", p)


def rename(pattern: str) -> Term:
    """The same array, an axis of which has another name: ``"x -> y"``."""
    p = read(pattern, f"n.rename({pattern!r})")
    if len(p.ins) != 1 or len(p.outs) != 1 or len(p.ins[0]) != len(p.outs[0]) or p.parts:
        raise DSLError(f"{pattern!r} is no renaming", doing="making n.rename", fix="as many names as before: 'x -> y'")
    same = [Relation(b, "product", (a,)) for a, b in zip(p.ins[0], p.outs[0], strict=True) if a != b]
    return _made("rename", p, *same)


def expand(axes: str) -> Term:
    """The array repeated along new axes."""
    sizes: dict[str, int] = {}
    found = names(axes, f"n.expand({axes!r})", sizes)
    return Term(Atom("expand", (" ".join(found),), (), ((),), (found,), uses=found), sizes)


def concat(pattern: str) -> Term:
    """Arrays laid end to end along one axis: ``"a, b -> c"``; the size of c is that of a and b together."""
    p = read(pattern, f"n.concat({pattern!r})")
    if len(p.ins) < 2 or any(len(axes) != 1 for axes in (*p.ins, *p.outs)) or len(p.outs) != 1:
        raise DSLError(f"{pattern!r} joins nothing", doing="making n.concat", fix="one axis of each: 'a, b -> c'")
    return _made("concat", p, Relation(p.outs[0][0], "sum", tuple(axes[0] for axes in p.ins)))


def chunk(pattern: str) -> Term:
    """One axis cut into pieces that are arrays of their own: ``"c -> a, b"``."""
    p = read(pattern, f"n.chunk({pattern!r})")
    if len(p.outs) < 2 or any(len(axes) != 1 for axes in (*p.ins, *p.outs)) or len(p.ins) != 1:
        raise DSLError(f"{pattern!r} cuts nothing", doing="making n.chunk", fix="one axis into several: 'c -> a, b'")
    return _made("chunk", p, Relation(p.ins[0][0], "sum", tuple(axes[0] for axes in p.outs)))


def gather(axis: str) -> Term:
    """Entries of the first array along an axis, at the integers of the second."""
    sizes: dict[str, int] = {}
    found = names(axis, f"n.gather({axis!r})", sizes)
    if len(found) != 1:
        raise DSLError(f"{len(found)} axes", doing=f"making n.gather({axis!r})", fix="the axis that is looked along")
    return Term(Atom("gather", found, (), (found, ()), ((),), whole=(1,), uses=found), sizes)


def index(**at: int) -> Term:
    """One entry along an axis: ``n.index(x=0)``."""
    if len(at) != 1 or type(next(iter(at.values()))) is not int:
        raise DSLError(f"{at} is no index", doing="making n.index", fix="one axis and a number: n.index(x=0)")
    return Term(Atom("index", (), tuple(at.items()), (tuple(at),), ((),)))


def block(title: str, body: Any, color: str = "") -> Term:
    """A named part, drawn on a plate; ``color`` is a tone of the theme or a colour such as ``#aaddff``."""
    inner = term(body)
    made = Term(Block(title, inner.node, color), inner.said)
    made.__dict__["arguments"] = inner.arguments
    return made


# ---------------------------------------------------------------- parts of them


def _relations(p: Pattern) -> tuple[Relation, ...]:
    return tuple(Relation(whole, "product", parts) for whole, parts in p.parts.items())


def _made(name: str, p: Pattern, *relations: Relation) -> Term:
    return Term(Atom(name, (str(p),), (), p.ins, p.outs, (*_relations(p), *relations)), p.sizes)


def _along(kind: str, axes: str, weights: tuple[str, ...] = (), name: str = "") -> Term:
    sizes: dict[str, int] = {}
    found = names(axes, f"n.{kind}({axes!r})", sizes)
    args = (" ".join(found), name) if name else (" ".join(found),)
    return Term(Atom(kind, args, (), (found,), (found,), weights=tuple((w, found) for w in weights)), sizes)


def _reduced(kind: str, axes: str) -> Term:
    sizes: dict[str, int] = {}
    found = names(axes, f"n.{kind}({axes!r})", sizes)
    return Term(Atom(kind, (" ".join(found),), (), (found,), ((),)), sizes)


_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.Div,
    ast.Pow, ast.USub,
)  # fmt: skip


def _sizes_in(formula: str) -> Axes:
    """The axes in a formula of sizes.  Raises DSLError on anything but numbers, names and ``+ - * / **``."""
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError:
        tree = None
    if tree is None or not all(isinstance(x, _ALLOWED) for x in ast.walk(tree)):
        raise DSLError(f"cannot read {formula!r}", doing="making n.scale", fix="a formula such as 'k ** -0.5'")
    return tuple(dict.fromkeys(x.id for x in ast.walk(tree) if isinstance(x, ast.Name)))
