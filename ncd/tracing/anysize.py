"""Calls whose weave does not depend on sizes: derived at one size, it is known at all.

What these functions do to an axis is the same however long it is, unless that is 0 or 1, or two sizes that
were equal are not.  A layer at another width or another resolution need then not be derived again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any

from ncd.circuit.weave import Weave
from ncd.tracing.callables import dotted, short
from ncd.tracing.derive import Derived
from ncd.tracing.recording import Recorded, Value

FUNCTIONS = frozenset(
    "add sub mul div truediv pow neg rsqrt sqrt exp log cos sin relu gelu silu sigmoid tanh dropout batch_norm "
    "layer_norm rms_norm softmax mean sum linear addmm conv1d conv2d conv3d max_pool1d max_pool2d avg_pool2d".split()
)
"""Each of them is the same operators of torch at any size."""


@lru_cache(None)
def _listed(fn: Any) -> bool:
    home = dotted(fn)  # another's operator may have such a name, too
    return short(fn) in FUNCTIONS and home is not None and not home.startswith("torch.ops.")


def sizes_aside(call: Recorded, outs: Iterable[Value]) -> object:
    """Equal for calls that differ in nothing but how long axes are; None where the weave may depend on it."""
    # What a word says may follow from sizes: "same" padding is half a kernel.
    if not _listed(call.fn) or any(isinstance(x, str) for x in (*call.args, *call.kwargs.values())):
        return None
    numbers = {0: 0, 1: 1}

    def look(x: Any) -> object:
        if isinstance(x, Value):
            return (x.dtype, *[numbers.setdefault(n, len(numbers)) for n in x.shape])
        if isinstance(x, (tuple, list)):
            return (type(x), *map(look, x))
        return repr(x)

    named = ((k, look(v)) for k, v in call.kwargs.items())
    return (call.fn, look(call.args), *named, "->", *map(look, outs))


def general(found: Derived) -> bool:
    """Whether a weave was found from shapes alone and is known in full."""
    return not (found.missing or found.real or found.weave.rest)


def resized(found: Derived, ins: Sequence[Value], outs: Sequence[Value]) -> Derived | None:
    """The same for arrays of other sizes; None if they do not give every index its extent."""
    weave, sizes = found.weave, dict[str, int]()
    forms, shapes = (*weave.ins, *weave.outs), [v.shape for v in (*ins, *outs)]
    if list(map(len, forms)) != list(map(len, shapes)):
        return None
    for form, n in zip(chain(*forms), chain(*shapes), strict=True):
        alone = len(form.terms) == 1 and form.terms[0][0] == 1 and not form.const
        if alone and sizes.setdefault(form.terms[0][1], n) != n:
            return None
    if sizes.keys() != weave.sizes.keys() or any(isinstance(n, int) for p in found.work or () for n in p):
        return None
    return replace(found, weave=Weave(weave.ins, weave.outs, {v: sizes[v] for v in weave.sizes}, weave.targets))
