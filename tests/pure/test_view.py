"""Decoding a strided view: the forms must say, element by element, where the view reads."""

from __future__ import annotations

from itertools import pairwise, product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.circuit.weave import Weave
from ncd.ops.aten.call import contiguous
from ncd.ops.aten.view import decode, regroup

Shape = tuple[int, ...]
shapes = st.lists(st.integers(1, 6), min_size=0, max_size=4).map(tuple)


def executed(weave: Weave, shape: Shape, oshape: Shape) -> dict[Shape, Shape]:
    """Which input position every output position reads, by the forms alone."""
    found = {}
    for at in product(*map(range, oshape)):
        env: dict[str, int] = {}
        for i, form in zip(at, weave.outs[0], strict=True):
            for coef, var in form.terms:
                env[var] = i // coef % weave.sizes[var]
        found[at] = tuple(sum(c * env[v] for c, v in f.terms) + f.const for f in weave.ins[0])
    return found


def strided(shape: Shape, strides: Shape, offset: int, oshape: Shape) -> dict[Shape, Shape]:
    """The same, by memory addresses."""
    steps = contiguous(shape)
    found = {}
    for at in product(*map(range, oshape)):
        address = offset + sum(i * s for i, s in zip(at, strides, strict=True))
        found[at] = tuple(address // s % n for s, n in zip(steps, shape, strict=True))
    return found


@st.composite
def views(draw: st.DrawFn) -> tuple[Shape, Shape, int, Shape]:
    """A chain of slices, transpositions, expansions, diagonals and foldings of a dense array."""
    shape = draw(shapes)
    sizes, strides, offset = list(shape), list(contiguous(shape)), 0
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["slice", "select", "swap", "expand", "unfold", "diagonal", "split", "merge"]))
        if kind == "expand":
            d = draw(st.integers(0, len(sizes)))
            sizes.insert(d, draw(st.integers(1, 3)))
            strides.insert(d, 0)
        if not sizes:
            continue
        d = draw(st.integers(0, len(sizes) - 1))
        if kind == "slice":
            start = draw(st.integers(0, sizes[d] - 1))
            step = draw(st.integers(1, 3))
            offset += start * strides[d]
            sizes[d] = -(-(sizes[d] - start) // step)
            strides[d] *= step
        elif kind == "select":
            offset += draw(st.integers(0, sizes[d] - 1)) * strides[d]
            del sizes[d], strides[d]
        elif kind == "unfold":
            width = draw(st.integers(1, sizes[d]))
            sizes.append(width)
            strides.append(strides[d])
            sizes[d] -= width - 1
        elif kind == "split":
            major = draw(st.sampled_from([n for n in range(1, sizes[d] + 1) if sizes[d] % n == 0]))
            sizes[d : d + 1] = [major, sizes[d] // major]
            strides[d : d + 1] = [strides[d] * sizes[d + 1], strides[d]]
        elif len(sizes) > 1:
            e = (d + draw(st.integers(1, len(sizes) - 1))) % len(sizes)
            if kind == "swap":
                sizes[d], sizes[e], strides[d], strides[e] = sizes[e], sizes[d], strides[e], strides[d]
            elif kind == "diagonal":
                n, s = min(sizes[d], sizes[e]), strides[d] + strides[e]
                for i in sorted((d, e), reverse=True):
                    del sizes[i], strides[i]
                sizes.append(n)
                strides.append(s)
            elif kind == "merge" and d + 1 < len(sizes) and strides[d] == strides[d + 1] * sizes[d + 1]:
                sizes[d : d + 2] = [sizes[d] * sizes[d + 1]]
                del strides[d]
    return shape, tuple(strides), offset, tuple(sizes)


@given(views())
def test_a_decoded_view_reads_where_the_strides_say(case: tuple[Shape, Shape, int, Shape]) -> None:
    shape, strides, offset, oshape = case
    weave = decode(shape, strides, offset, oshape)
    if weave is not None:
        assert executed(weave, shape, oshape) == strided(shape, strides, offset, oshape)


@given(shapes, st.lists(st.integers(0, 40), min_size=4, max_size=4), st.integers(0, 30), shapes)
def test_any_strides_are_decoded_rightly_or_refused(shape: Shape, steps: list[int], offset: int, oshape: Shape) -> None:
    strides = tuple(steps[: len(oshape)])
    reach = offset + sum((n - 1) * s for n, s in zip(oshape, strides, strict=True))
    weave = decode(shape, strides, offset, oshape) if reach < prod(shape) else None
    if weave is not None:
        assert executed(weave, shape, oshape) == strided(shape, strides, offset, oshape)


@given(shapes, st.permutations(range(4)), st.data())
def test_transpositions_and_slices_are_never_refused(shape: Shape, order: list[int], data: st.DataObject) -> None:
    perm = [i for i in order if i < len(shape)]
    starts = [data.draw(st.integers(0, n - 1)) for n in shape]
    steps = contiguous(shape)
    weave = decode(
        shape,
        tuple(steps[i] for i in perm),
        sum(s * k for s, k in zip(starts, steps, strict=True)),
        tuple(shape[i] - starts[i] for i in perm),
    )
    assert weave is not None and not weave.targets


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_a_reshape_is_exact_where_the_shapes_meet(factors: list[int], data: st.DataObject) -> None:
    def grouped() -> Shape:
        cuts = sorted(data.draw(st.sets(st.integers(1, len(factors) - 1)))) if len(factors) > 1 else []
        bounds = [0, *cuts, len(factors)]
        return tuple(prod(factors[a:b]) for a, b in pairwise(bounds))

    shape, oshape = grouped(), grouped()
    weave = regroup(shape, oshape)
    assert weave is not None
    if not weave.targets:
        assert executed(weave, shape, oshape) == strided(shape, contiguous(oshape), 0, oshape)


@pytest.mark.parametrize(
    ("shape", "oshape", "text"),
    [
        ((2, 12), (2, 3, 4), "v0 (v1 v2) -> v0 v1 v2"),
        ((2, 3, 4), (6, 4), "v0 v1 v2 -> (v0 v1) v2"),
        ((5, 1, 3), (5, 3), "v0 1 v1 -> v0 v1"),
        ((4, 6), (2, 12), "(v0 v1) v2 -> v0 (v1 v2)"),
    ],
)
def test_reshapes_factor_as_finely_as_needed(shape: Shape, oshape: Shape, text: str) -> None:
    weave = decode(shape, contiguous(oshape), 0, oshape)
    assert weave is not None
    names = {v: f"v{i}" for i, v in enumerate(weave.variables)}
    assert str(weave.renamed(names)) == text


def test_only_the_part_of_a_reshape_without_common_factors_is_a_target() -> None:
    weave = regroup((2, 7, 5), (2, 5, 7))
    assert weave is not None
    assert [len(f.terms) for f in weave.ins[0]] == [1, 1, 1]
    assert weave.ins[0][0].variables[0] not in weave.targets
    assert len(weave.targets) == 4
