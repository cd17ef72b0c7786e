"""Derivatives of sums of products: matrices, einsums, bilinear forms."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import torch
from torch import Tensor

from ncd.analysis.derivatives.rows import Thunks, row


@row()
def linear(g, y, input, weight, bias=None) -> Thunks:
    m = ascii_letters[: input.dim() - 1]
    return (
        lambda: g @ weight,
        lambda: torch.einsum(f"{m}O,{m}I->OI", g, input),
        lambda: g.sum(tuple(range(g.dim() - 1))) if g.dim() > 1 else g,
    )


@row("matmul", "mm", "bmm", "mv", "dot")
def matmul(g, y, input, mat2) -> Thunks:
    a, b, out = _letters(input, mat2)
    return lambda: _product(g, out, mat2, b, input, a), lambda: _product(input, a, g, out, mat2, b)


@row("rmatmul")
def rmatmul(g, y, input, other) -> Thunks:
    first, second = matmul(g, y, other, input)
    return second, first


@row("addmm", "baddbmm")
def addmm(g, y, input, mat1, mat2, *, beta=1, alpha=1) -> Thunks:
    a, b, out = _letters(mat1, mat2)

    def times(x: Tensor, n: float) -> Tensor:
        return x if n == 1 else x * n

    return (
        lambda: times(g, beta),
        lambda: times(_product(g, out, mat2, b, mat1, a), alpha),
        lambda: times(_product(mat1, a, g, out, mat2, b), alpha),
    )


@row()
def einsum(g, y, equation, *operands) -> Thunks:
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    ins, out = _spelled(equation, operands)

    def one(k: int) -> Tensor:
        mine, x = ins[k], operands[k]
        if len(set(mine)) < len(mine):
            raise NotImplementedError("a diagonal")
        rest = [(s, o) for i, (s, o) in enumerate(zip(ins, operands, strict=True)) if i != k]
        known = out + "".join(s for s, _ in rest)
        lost = [c for c in mine if c not in known]
        kept = "".join(c for c in mine if c in known)
        made = torch.einsum(",".join([out, *(s for s, _ in rest)]) + "->" + kept, g, *(o for _, o in rest))
        for c in lost:  # what was summed away alone is the same everywhere
            made = made.unsqueeze(mine.index(c))
        return made.expand(x.shape) if lost else made

    return None, one


def _letters(a: Tensor, b: Tensor) -> tuple[str, str, str]:
    """The letters of two operands of a matrix product, and of the product."""
    batch = ascii_letters[: max(a.dim(), b.dim()) - 2] if max(a.dim(), b.dim()) > 2 else ""
    left = "XY" if a.dim() > 1 else "Y"
    right = "YZ" if b.dim() > 1 else "Y"
    first = batch[len(batch) - max(a.dim() - 2, 0) :] + left
    second = batch[len(batch) - max(b.dim() - 2, 0) :] + right
    return first, second, batch + left[:-1] + right[1:]


def _product(a: Tensor, la: str, b: Tensor, lb: str, like: Tensor, letters: str) -> Tensor:
    """The cotangent of an operand: a sum of products, as a matrix product where there is nothing else to sum."""
    if a.dim() == b.dim() == like.dim() > 1 and a.shape[:-2] == b.shape[:-2] == like.shape[:-2]:
        left = a if la[-1] == lb[-2] or la[-1] == lb[-1] else a.transpose(-2, -1)
        right = b if (lb[-2] in la) else b.transpose(-2, -1)
        return left @ right
    made = torch.einsum(f"{la},{lb}->{letters}", a, b)
    return made


def _spelled(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The letters of every operand and of the result of an einsum, with letters for ``...``."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    ins = left.split(",")
    free = [c for c in ascii_letters if c not in equation]
    most = max(
        (x.dim() - len(s.replace("...", "")) for s, x in zip(ins, operands, strict=True) if "..." in s), default=0
    )
    dots = "".join(free[:most])
    if not arrow:
        every = left.replace("...", "").replace(",", "")
        out = (
            "..." + "".join(sorted(c for c in set(every) if every.count(c) == 1))
            if "..." in left
            else "".join(sorted(c for c in set(every) if every.count(c) == 1))
        )

    def said(s: str, n: int) -> str:
        return s.replace("...", dots[len(dots) - n :] if n else "")

    spelled = [said(s, x.dim() - len(s.replace("...", ""))) for s, x in zip(ins, operands, strict=True)]
    return spelled, said(out, most)
