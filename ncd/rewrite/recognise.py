"""Recognising functions that were written out, by the numbers they give.

A region of the diagram with one data input and one output is run on values it never saw and
compared with the functions a reader knows by name.  Names of modules and the shape of the code
play no part, so every spelling of GELU is one arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ncd.circuit.diagram import Array, Ref
from ncd.rewrite.classes import Classes
from ncd.rewrite.functions import Found, elementwise, normalisation, rotary
from ncd.rewrite.net import ORDER, Net, Node
from ncd.rewrite.sample import Sample

LONGEST = 14
"""No region of more ops than this is tried."""
INSIDE = frozenset(
    "mean sum cat var getitem neg max amax std chunk split stack unbind flatten pow rsqrt sqrt view index "
    "view_as_complex".split()
)


@dataclass(frozen=True)
class Region:
    """Ops between one data input and one output; ``aside`` are the weights and constants they read."""

    nodes: tuple[Node, ...]
    data: Array
    out: Array
    aside: tuple[Array, ...]


def recognise(net: Net, sample: Sample) -> None:
    """Replace every region that computes a known function by one op."""
    seen: dict[object, Found | None] = {}
    for last in reversed(net.ordered()):
        if last not in net.nodes or last.evidence or len(last.outs) != 1 or not _may_end(last):
            continue
        best: tuple[Region, Found] | None = None
        for region in regions(net, last):
            key = signature(net, region)
            if key not in seen:
                seen[key] = test(net, sample, region)
            found = seen[key]
            if found is not None:
                best = region, found
        if best is not None:
            replace_region(net, *best)


def _may_end(node: Node) -> bool:
    return node.pointwise or node.kind == "map" or node.name in ("flatten", "cat", "view_as_real")


def _may_be_inside(node: Node) -> bool:
    if node.op is not None and node.op.evidence:
        return False  # opened on purpose
    return node.kind in ("map", "rearrange") or node.view or node.name in INSIDE


def regions(net: Net, last: Node) -> Iterator[Region]:
    """Growing backwards from an op: every region of several ops that has a single data input."""
    inside: dict[Node, None] = {last: None}
    maker = net.maker
    while True:
        read = {a.id: a for n in inside for a in n.ins if maker.get(a.id) not in inside}
        data = [a for a in read.values() if not net.hidden(a)]
        if len(data) == 1 and len(inside) > 1:
            aside = tuple([a for a in read.values() if a is not data[0]])
            yield Region(tuple(sorted(inside, key=ORDER)), data[0], last.outs[0], aside)
        makers = [maker[a.id] for a in data if a.id in maker]
        grown = [n for n in makers if _may_be_inside(n) and _seen_by(net, n, inside)]
        if not grown or len(inside) >= LONGEST:
            return
        inside[max(grown, key=ORDER)] = None


def _seen_by(net: Net, node: Node, inside: Mapping[Node, None]) -> bool:
    """Whether nothing but what is inside reads what a node makes."""
    return all(not net.is_output(o) and net.readers.get(o.id, {}).keys() <= inside.keys() for o in node.outs)


def signature(net: Net, region: Region) -> object:
    """Equal for regions that do the same: the same calls on arrays of the same shapes."""
    local: dict[int, int] = {}

    def number(a: Array) -> object:
        if net.constant(a):
            return a.id
        return local.setdefault(a.id, len(local)), a.shape, a.dtype, a.kind == "parameter"

    steps = net.slice((region.out.id,), (region.data.id, *(a.id for a in region.aside)))
    calls = tuple(
        (c.name, c.autocast, tuple(number(net.arrays[i]) for i in s.reads), _plain(c.args), _plain(c.kwargs))
        for s in steps
        for c in s.calls
    )
    return number(region.data), calls, number(region.out)


def _plain(x: object) -> object:
    """A call's literals without its arrays."""
    if isinstance(x, Ref):
        return "·"
    return tuple(map(_plain, x)) if isinstance(x, (tuple, list)) else repr(x)


def test(net: Net, sample: Sample, region: Region) -> Found | None:
    """The known function that a region computes, if any."""
    plain = all(n.pointwise for n in region.nodes)
    if plain and all(net.constant(a) and not a.wires for a in region.aside):
        return elementwise(sample, region.data, region.out)
    tables = any(net.constant(a) and a.wires for a in region.aside)
    learned = any(a.kind == "parameter" for a in region.aside)
    pairs = region.nodes[-1].name == "view_as_real"  # turned as complex numbers
    rotates = tables and not learned and (pairs or any(n.name == "cat" for n in region.nodes))
    if not rotates and not any(n.kind == "reduce" or n.name in ("mean", "var", "std") for n in region.nodes):
        return None
    # Few places along an axis that it is repeated over will do, unless a call says how many there are.
    repeated = repeated_over(region)
    for once in (repeated, ()) if repeated else ((),):
        found = (
            rotary(sample, region.data, region.out, pairs, once)
            if rotates
            else normalisation(sample, region.data, region.out, region.aside, _numbers(region), once)
        )
        if found is not None:
            return found
    return None


def repeated_over(region: Region) -> tuple[int, ...]:
    """The dimensions of the data that nothing in a region acts on, nor varies along."""
    classes = tied(region)
    for a in region.aside:
        classes.touch(classes.of(a))
    touched, wires = classes.touched(), iter(classes.of(region.data))
    return tuple(k for k, axis in enumerate(region.data.axes) if touched.isdisjoint([next(wires) for _ in axis.leaves]))


def tied(region: Region) -> Classes:
    """The wires of a region's arrays: which are one index, and which it acts on."""
    classes = Classes()
    tokens: dict[float, dict[str, int]] = {}
    for n in region.nodes:
        at = tokens.setdefault(n.order, {})
        classes.tie(n.operands(), at)
        classes.touch([at[t] for t in n.targets if t in at])
        classes.touch([at[t] for t in n.read - n.made])
    return classes


def _numbers(region: Region) -> list[float]:
    return [x for n in region.nodes for x in n.literals]


def replace_region(net: Net, region: Region, found: Found) -> None:
    """One op instead of a region; wires of input and output stay tied where the region tied them."""
    classes = tied(region)
    if found.symbol != "norm":
        for a in region.aside:
            classes.touch(classes.of(a))
    names: dict[int, str] = {}

    def named(a: Array, mark: str) -> list[str]:
        return [names.setdefault(i, f"{mark}{k}") for k, i in enumerate(classes.of(a))]

    ins, outs = named(region.data, "i"), named(region.out, "o")
    weights = [named(a, f"w{a.id}.") for a in region.aside]
    touched = classes.touched()
    last = region.nodes[-1]
    net.merge(
        region.nodes,
        last,
        kind=found.kind,
        name=found.name,
        symbol=found.symbol,
        label=found.label,
        ins=[region.data, *region.aside],
        outs=[region.out],
        itok=[ins, *weights],
        otok=[outs],
        targets={name for i, name in names.items() if i in touched},
        evidence=(found.evidence,),
        literals=[],
        view=False,
        op=None,
    )
