"""From a diagram as it was written to the diagram of its module: what is drawn, checked and costed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ncd.circuit.diagram import Diagram, Op
from ncd.dsl.build import Part, Symbol, made
from ncd.dsl.nodes import Block, Node, atoms, title
from ncd.dsl.printing import brief
from ncd.dsl.sizes import invented
from ncd.errors import DSLError
from ncd.tracing.placeholders import Placeholder, array, tokens
from ncd.tracing.tracer import trace

if TYPE_CHECKING:
    from ncd.dsl.term import Term


def traced(term: Term) -> Diagram:
    """The diagram of the module that a term compiles to, its names and titles as they were written."""
    if not term.signature.outs:
        raise DSLError(f"{brief(term.node)} makes no array", doing="drawing a diagram", fix="keep one: @ n.identity")
    sizes = invented(term.node, term.said, term.axis_names)
    module = made(term, sizes)
    inputs = [_placeholder(term, k, sizes) for k in range(len(term.signature.ins))]
    return as_written(trace(module, *inputs), term, module)


def _placeholder(term: Term, k: int, sizes: dict[str, int]) -> Placeholder:
    axes = term.signature.ins[k]
    said = " ".join(f"{a}={sizes[a]}" if a.isidentifier() else str(sizes[a]) for a in axes)
    along = dict(term.signature.whole)
    return tokens(said, high=sizes[along[k]]) if k in along else array(said)


def as_written(found: Diagram, term: Term, module: Any) -> Diagram:
    """Titles and colours of blocks; and no lines of code, for none of the user's runs here."""
    titles = {path: m.title for path, m in module.named_modules() if isinstance(m, Part) and hasattr(m, "title")}
    colors = dict(_colors(term.node))
    blocks = tuple(
        replace(b, title=titles[b.path.split("#")[0]]) if b.path.split("#")[0] in titles else b for b in found.blocks
    )
    shades = tuple((b.path, colors[b.title]) for b in blocks if b.title in colors)
    names = {path: m.atom.args[1] for path, m in module.named_modules() if isinstance(m, Symbol) and m.atom.args[1:]}
    ops = tuple(replace(op, source=None, label=_called(op, names)) for op in found.ops)
    opened = {k: tuple(replace(op, source=None) for op in inner) for k, inner in found.source.opened.items()}
    found.source.opened.update(opened)
    written = {a for atom in atoms(term.node) for axes in (*atom.ins, *atom.outs) for a in axes}
    shown = tuple(sorted(written & {w.name for a in found.inputs for w in a.wires}))
    options = (*((("colors", shades),) if shades else ()), *((("show", shown),) if shown else ()))
    return replace(found, title=title(term.node), ops=ops, blocks=blocks, options=options)


def _called(op: Op, names: dict[str, str]) -> str:
    """The label of a symbol with the superscript it was given."""
    name = names.get(op.path.split("#")[0], "") if op.params and op.name == "einsum" else ""
    return f"L^{{{name}}}" if name else op.label


def _colors(node: Node) -> list[tuple[str, str]]:
    """The colours of blocks by title."""
    found = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Block) and part.color:
            found.append((part.title, part.color))
        stack += [x for x in vars(part).values() if isinstance(x, Node)]
    return found
