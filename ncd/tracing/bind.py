"""Pushing dimensions through a weave: what an operation's forms say about the atoms of its operands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ncd.circuit.axis import Atom, Dim, leaves, size, split, unify
from ncd.circuit.weave import Form, Weave

Dims = tuple[Dim, ...]


@dataclass(frozen=True)
class Bound:
    """``env`` is what each variable stands for.  Not ``ok``: some dimensions have no common refinement.

    ``derived`` are input dimensions read through a window, a slice or at one place, with their forms;
    ``fresh`` the atoms of output dimensions that no variables enumerate, with theirs.
    """

    outs: tuple[Dims, ...]
    env: Mapping[str, Dim]
    ok: bool
    derived: tuple[tuple[Dim, Form], ...]
    fresh: tuple[tuple[Atom, Form], ...]


def bind(weave: Weave, ins: Sequence[Sequence[Dim]], shapes: Iterable[Sequence[int]]) -> Bound:
    """The dimensions of the outputs (of the given shapes), merging and cutting atoms on the way.

    Speaks of one weave; callers loop over ``(weave, *weave.rest)``.
    """
    env: dict[str, Dim] = {}
    late: list[tuple[Dim, Form]] = []
    ok = True
    for dims, forms in zip(ins, weave.ins, strict=True):
        for dim, form in zip(dims, forms, strict=True):
            names = form.radix(size(dim), weave.sizes) if form.terms else None
            if names is None:
                late.append((dim, form))
                continue
            groups = [dim] if len(names) == 1 else split(dim, (weave.sizes[v] for v in names))
            if groups is None:
                ok = False
                continue
            for var, group in zip(names, groups, strict=True):
                if var in env:
                    ok &= unify(env[var], group)
                else:
                    env[var] = group
    for dim, form in late:
        for coef, var in form.terms:
            if var not in env and weave.sizes[var] != 1:
                env[var] = (_derived(dim, coef, form, weave.sizes[var]),)
    fresh: list[tuple[Atom, Form]] = []
    outs = []
    for forms, shape in zip(weave.outs, shapes, strict=True):
        dims_out: list[Dim] = []
        for form, n in zip(forms, shape, strict=True):
            names = form.radix(n, weave.sizes) if form.terms else None
            if names is None:
                new = (Atom(n),) if n != 1 else ()
                fresh += [(a, form) for a in new]
                dims_out.append(new)
                continue
            for var in names:
                if var not in env:
                    env[var] = (Atom(weave.sizes[var]),) if weave.sizes[var] != 1 else ()
            dims_out.append(tuple(a for var in names for a in leaves(env[var])))
        outs.append(tuple(dims_out))
    return Bound(tuple(outs), env, ok, tuple(late), tuple(fresh))


def _derived(dim: Dim, coef: int, form: Form, n: int) -> Atom:
    """The atom of a slice or window: the same one wherever the same part of an atom is taken again."""
    atoms = leaves(dim)
    if len(atoms) != 1:
        return Atom(n)
    parent = atoms[0]
    key = (coef, form.const, n, len(form.terms))
    if key not in parent.derived:
        parent.derived[key] = Atom(n, parent.name and parent.name + "'", parent.rank + 1)
    return parent.derived[key]
