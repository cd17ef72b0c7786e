"""Pushing dimensions through a weave: what an operation's forms say about the atoms of its operands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    env: dict[str, Dim]
    ok: bool
    derived: tuple[tuple[Dim, Form], ...]
    fresh: tuple[tuple[Atom, Form], ...]


class Laid:
    """A weave over operands of given shapes: what enumerates each dimension is worked out once."""

    def __init__(self, weave: Weave, ins: Iterable[Iterable[int]], outs: Iterable[Iterable[int]]) -> None:
        self.sizes = weave.sizes
        self.reads: list[tuple[int, int, tuple[str, ...]]] = []
        """Operand, dimension, and the variables that enumerate it."""
        self.late: list[tuple[int, int, Form]] = []
        """The same of dimensions that no variables enumerate, with their forms."""
        self.makes: list[list[tuple[tuple[str, ...] | None, int, Form]]] = []
        """Of each output the variables, extents and forms of its dimensions."""
        for i, (shape, forms) in enumerate(zip(ins, weave.ins, strict=True)):
            for k, (n, form) in enumerate(zip(shape, forms, strict=True)):
                names = form.radix(n, weave.sizes) if form.terms else None
                if names is None:
                    self.late.append((i, k, form))
                else:
                    self.reads.append((i, k, names))
        for shape, forms in zip(outs, weave.outs, strict=True):
            self.makes.append(
                [
                    (form.radix(n, weave.sizes) if form.terms else None, n, form)
                    for n, form in zip(shape, forms, strict=True)
                ]
            )

    def bind(self, ins: Sequence[Sequence[Dim]]) -> Bound:
        """The dimensions of the outputs, merging and cutting atoms on the way."""
        env: dict[str, Dim] = {}
        sizes, ok = self.sizes, True
        for i, k, names in self.reads:
            dim = ins[i][k]
            groups = (dim,) if len(names) == 1 else split(dim, [sizes[v] for v in names])
            if groups is None:
                ok = False
                continue
            for var, group in zip(names, groups, strict=True):
                known = env.setdefault(var, group)
                if known is not group and not unify(known, group):
                    ok = False
        late = [(ins[i][k], form) for i, k, form in self.late]
        for dim, form in late:
            for coef, var in form.terms:
                if var not in env and sizes[var] != 1:
                    env[var] = (_derived(dim, coef, form, sizes[var]),)
        fresh: list[tuple[Atom, Form]] = []
        outs = []
        for made in self.makes:
            dims: list[Dim] = []
            for made_of, n, form in made:
                if made_of is None:
                    new = (Atom(n),) if n != 1 else ()
                    fresh += [(a, form) for a in new]
                    dims.append(new)
                    continue
                for var in made_of:
                    if var not in env:
                        env[var] = (Atom(sizes[var]),) if sizes[var] != 1 else ()
                if len(made_of) == 1:
                    dims.append(leaves(env[made_of[0]]))
                else:
                    dims.append(tuple([a for var in made_of for a in leaves(env[var])]))
            outs.append(tuple(dims))
        return Bound(tuple(outs), env, ok, tuple(late), tuple(fresh))


def bind(weave: Weave, ins: Sequence[Sequence[Dim]], shapes: Iterable[Sequence[int]]) -> Bound:
    """The dimensions of the outputs (of the given shapes), merging and cutting atoms on the way.

    Speaks of one weave; callers loop over ``(weave, *weave.rest)``.
    """
    return Laid(weave, [map(size, dims) for dims in ins], shapes).bind(ins)


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
