"""Naturality: what *tiled* means, as something one can test.

An operation is tiled over an index variable when re-indexing commutes with it: ``f(x∘J) = f(x)∘J``
for every map J of the variable's range to itself, applied wherever the variable occurs.  J must be
neither injective nor constant: softmax commutes with every permutation of the axis it normalises.
A window is tested by reach instead: which output positions a change of one input position reaches.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from ncd.circuit.weave import Form, Weave

Forms = Sequence[Form]
Function = Callable[[Sequence[Tensor]], list[Tensor]]


def tensors(tree: Any) -> list[Tensor]:
    """The tensors of a nested container, in pytree order."""
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]


class OnTensors:
    """A call as a function from its tensors to its tensors: ``xs`` are those of the given arguments.

    Every evaluation works on clones and from the same random seed; if the call returns no tensor,
    the arguments it wrote are its results.
    """

    def __init__(self, fn: Callable[..., Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None) -> None:
        self.fn = fn
        self.flat, self.spec = tree_flatten((tuple(args), kwargs or {}))
        self.places = [i for i, x in enumerate(self.flat) if isinstance(x, Tensor)]
        self.xs = [self.flat[i].detach() for i in self.places]

    def __call__(self, xs: Sequence[Tensor]) -> list[Tensor]:
        flat, given = list(self.flat), [x.clone() for x in xs]
        for i, x in zip(self.places, given, strict=True):
            flat[i] = x
        before = [x._version for x in given]
        args, kwargs = tree_unflatten(flat, self.spec)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            out = tensors(self.fn(*args, **kwargs))
        if not out:
            out = [x for x, v in zip(given, before, strict=True) if x._version != v]
        return [y.clone() for y in out]


def tolerance(dtype: torch.dtype) -> float:
    """The relative error that re-ordered arithmetic may show."""
    if dtype in (torch.float64, torch.complex128):
        return 1e-6
    return 1e-4 if dtype in (torch.float32, torch.complex64) else 2e-2


def comparable(x: Tensor) -> Tensor:
    """The same numbers in a layout and a dtype that arithmetic exists for."""
    if x.layout is not torch.strided:
        x = x.to_dense()
    if x.dtype == torch.complex32:
        return x.to(torch.complex64)
    return x.float() if x.dtype.is_floating_point and x.dtype.itemsize == 1 else x


def same(a: Tensor, b: Tensor) -> Tensor:
    """Elementwise equality up to rounding; NaN equals NaN."""
    a, b = comparable(a), comparable(b)
    if a.dtype.is_floating_point or a.dtype.is_complex:
        rtol, finite = tolerance(a.dtype), a[a.isfinite()]
        scale = float(finite.abs().mean()) if finite.numel() else 1.0
        return torch.isclose(a, b, rtol=rtol, atol=rtol * max(scale, 1e-2) / 10, equal_nan=True)
    return a == b


def equal(left: Sequence[Tensor], right: Sequence[Tensor]) -> bool:
    return len(left) == len(right) and all(
        a.shape == b.shape
        and a.dtype == b.dtype
        and (torch.equal(comparable(a), comparable(b)) or bool(same(a, b).all()))
        for a, b in zip(left, right, strict=True)
    )


def endomap(n: int, rng: random.Random) -> Tensor:
    """A random map of range(n) to itself, neither injective nor constant where n > 2 allows it."""
    if n <= 2:
        return torch.tensor(rng.choice([[1, 1], [1, 0], [0, 0]])[:n] if n == 2 else [0] * n, dtype=torch.long)
    while True:
        image = [rng.randrange(n) for _ in range(n)]
        if 1 < len(set(image)) < n:
            return torch.tensor(image)


def act(tensor: Tensor, forms: Forms, var: str, J: Tensor, sizes: Any) -> Tensor | None:
    """Re-index every dimension that ``var`` enumerates; None where it sits in a window or slice."""
    if tensor.layout is not torch.strided:
        dense = act(tensor.to_dense(), forms, var, J, sizes)
        return None if dense is None else dense.to_sparse(layout=tensor.layout)
    given = tensor
    for d, form in enumerate(forms):
        if var not in form.variables:
            continue
        names = form.radix(tensor.shape[d], sizes)
        if names is None:
            return None
        shape = tensor.shape
        digits = tensor.reshape(*shape[:d], *(sizes[v] for v in names), *shape[d + 1 :])
        for k, name in enumerate(names):
            if name == var:
                digits = digits[(slice(None),) * (d + k) + (J.to(tensor.device),)]
        tensor = digits.reshape(shape)
    if tensor.stride() != given.stride():  # a view may ask for the layout that the call had
        tensor = torch.empty_like(given).copy_(tensor)
    return tensor


def parts(weave: Weave, outputs: int) -> Iterator[tuple[Weave, slice]]:
    """A weave and those of its further outputs, each with the outputs it speaks of."""
    if not weave.rest:
        yield weave, slice(0, outputs)
        return
    for k, part in enumerate((weave, *weave.rest)):
        yield part, slice(k, k + 1)


def natural(
    f: Function,
    xs: Sequence[Tensor],
    base: Sequence[Tensor],
    weave: Weave,
    var: str,
    rng: random.Random,
    trials: int = 2,
    outputs: slice = slice(None),
) -> bool | None:
    """Whether f commutes with re-indexing ``var``; ``base`` is ``f(xs)``.

    None when that cannot be asked: the variable occurs in a form that is no enumeration.
    ``outputs``: those the weave speaks of (see ``parts``).  An f that raises is not natural.
    """
    for _ in range(trials):
        J = endomap(weave.sizes[var], rng)
        moved = [act(x, forms, var, J, weave.sizes) for x, forms in zip(xs, weave.ins, strict=True)]
        wanted = [act(y, forms, var, J, weave.sizes) for y, forms in zip(base[outputs], weave.outs, strict=True)]
        if any(t is None for t in (*moved, *wanted)):
            return None
        try:
            got = f([t for t in moved if t is not None])
        except Exception:
            return False
        if not equal(got[outputs], [t for t in wanted if t is not None]):
            return False
    return True


def verdicts(
    f: Function, xs: Sequence[Tensor], base: Sequence[Tensor], weave: Weave, seed: int = 0, trials: int = 2
) -> dict[tuple[int, str], bool | None]:
    """``natural`` for every tiled variable: keys are (which part of the weave, variable)."""
    rng, found = random.Random(seed), {}
    for k, (part, outputs) in enumerate(parts(weave, len(base))):
        for var in part.tiled:
            if part.sizes[var] > 1:
                found[k, var] = natural(f, xs, base, part, var, rng, trials, outputs)
    return found


def positions(forms: Forms, shape: Sequence[int], sizes: Any) -> tuple[dict[str, Tensor], list[Tensor]] | None:
    """The value of each variable at each position of an array that its forms enumerate, else None."""
    grids = list(torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")) if len(shape) else []
    env: dict[str, Tensor] = {}
    for grid, form, n in zip(grids, forms, shape, strict=True):
        if form.terms and form.radix(n, sizes) is None:
            return None
        for coef, var in form.terms:
            env[var] = grid // coef % sizes[var]
    return env, grids


def reindexes(xs: Sequence[Tensor], base: Sequence[Tensor], weave: Weave) -> bool | None:
    """Whether executing the forms of a pure re-indexing of one input gives the output.

    Positions that the forms place outside the input (padding) are not compared.  None when the
    weave is not such a re-indexing.
    """
    if len(xs) != 1 or not base:
        return None
    for part, outputs in parts(weave, len(base)):
        ys = base[outputs]
        if part.targets or len(ys) != 1 or ys[0].dtype != xs[0].dtype:
            return None
        x, y = xs[0], ys[0]
        known = positions(part.outs[0], y.shape, part.sizes)
        if known is None or not {v for f in part.ins[0] for v in f.variables} <= set(known[0]):
            return None
        inside, where = torch.ones(y.shape, dtype=torch.bool), []
        for form, n in zip(part.ins[0], x.shape, strict=True):
            at = sum((c * known[0][v] for c, v in form.terms), torch.full(y.shape, form.const))
            inside &= (at >= 0) & (at < n)
            where.append(at.clamp(0, max(n - 1, 0)))
        got = x[tuple(where)] if where else x.expand(y.shape)
        if not bool((same(got, y) | ~inside).all()):
            return False
    return True


def reached(
    weave: Weave,
    operand: int,
    dim: int,
    output: int,
    shape: Sequence[int],
    oshape: Sequence[int],
    mixing: bool = True,
) -> Tensor:
    """Which output positions may read each index of one input dimension, by the forms alone.

    A mask of (index, *output).  Every point of the index space counts that falls inside the operand.
    ``mixing``: a target may be read at one place and written at another, as softmax does; a
    transposed convolution does not.
    """
    reads, writes, sizes = weave.ins[operand], weave.outs[output], dict(weave.sizes)
    if mixing:
        reads, writes = _apart(reads, weave, sizes), _apart(writes, weave, sizes)
    names = list(dict.fromkeys(v for f in (*reads, *writes) for v in f.variables))
    grids = torch.meshgrid(*(torch.arange(sizes[v]) for v in names), indexing="ij") if names else ()
    env = {v: g.flatten() for v, g in zip(names, grids, strict=True)}
    points = prod(sizes[v] for v in names)

    def place(form: Form) -> Tensor:
        return sum((c * env[v] for c, v in form.terms), torch.full((points,), form.const))

    inside = torch.ones(points, dtype=torch.bool)
    at, to = [place(f) for f in reads], [place(f) for f in writes]
    for index, n in zip((*at, *to), (*shape, *oshape), strict=True):
        inside &= (index >= 0) & (index < n)
    mask = torch.zeros(shape[dim], *oshape, dtype=torch.bool)
    mask[tuple(i[inside] for i in (at[dim], *to))] = True
    return mask


def _apart(forms: Forms, weave: Weave, sizes: dict[str, int]) -> tuple[Form, ...]:
    """The forms with a variable of its own for every occurrence of a target."""

    def own(var: str) -> str:
        if var not in weave.targets:
            return var
        name = f"{var}.{len(sizes)}"
        sizes[name] = sizes[var]
        return name

    return tuple(Form(tuple((c, own(v)) for c, v in f.terms), f.const) for f in forms)


def reaches(
    f: Function,
    xs: Sequence[Tensor],
    base: Sequence[Tensor],
    weave: Weave,
    operand: int,
    dim: int,
    output: int = 0,
    mixing: bool = True,
) -> str:
    """Compare which outputs one input slice changes with what the forms say, over all its indices.

    "equal"; "less" when fewer change (a maximum hides changes); "more" when the weave is wrong.
    """
    x, y = xs[operand], base[output]
    allowed = reached(weave, operand, dim, output, x.shape, y.shape, mixing)
    changed = torch.zeros_like(allowed)
    for index in range(x.shape[dim]):
        moved = list(xs)
        moved[operand] = perturbed(x, dim, index)
        changed[index] = ~same(f(moved)[output], y)
    if bool((changed & ~allowed).any()):
        return "more"
    return "equal" if torch.equal(changed, allowed) else "less"


def perturbed(x: Tensor, dim: int, index: int) -> Tensor:
    """A copy with one slice replaced by other plausible values."""
    x = x.clone()
    slot = x.select(dim, index)
    noise = torch.rand(slot.shape, generator=torch.Generator().manual_seed(index), dtype=torch.float64)
    if x.dtype.is_floating_point or x.dtype.is_complex:
        slot.add_((noise * 0.5 + 0.3).to(x.dtype) * (slot.abs().mean() + 0.1).to(x.dtype))
    elif x.dtype == torch.bool:
        slot.logical_not_()
    else:
        low, high = int(x.min()), int(x.max())
        slot.copy_(torch.where(slot < high, slot + 1, low) if high > low else slot + 1)
    return x
