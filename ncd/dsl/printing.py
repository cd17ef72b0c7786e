"""A diagram as the code that makes it."""

from __future__ import annotations

from ncd.dsl.nodes import Atom, Beside, Block, Joined, Node, Over, Repeat, Then, Traced, Wire
from ncd.errors import DSLError

THEN, ADD, TIMES, WHOLE = range(4)
"""How tightly what is written holds together, as Python's ``>>``, ``+``, ``@`` and calls do."""


def code(node: Node, module: str = "n") -> str:
    """An expression that evaluates to this tree where the constructors are known as ``module``.

    Raises DSLError for a traced part: there is no expression for it.
    """
    return _written(node, module)[0]


def spread(node: Node, module: str = "n") -> str:
    """The same expression over several lines, where one would be longer than ``WIDTH``."""
    return _spread(node, module, 0)


WIDTH = 100


def _spread(node: Node, n: str, indent: int) -> str:
    text = code(node, n)
    if len(text) + indent <= WIDTH:
        return text
    deeper = " " * (indent + 4)
    match node:
        case Then():
            chain: list[Node] = []
            at: Node = node
            while isinstance(at, Then):
                chain.insert(0, at.second)
                at = at.first
            parts = [_held(part, n, indent + 4, ADD) for part in (at, *chain)]
            return "(\n" + deeper + f"\n{deeper}>> ".join(parts) + "\n" + " " * indent + ")"
        case Block():
            color = f"\n{deeper}color={node.color!r}," if node.color else ""
            inner = _spread(node.body, n, indent + 4)
            return f"{n}.block(\n{deeper}{node.title!r},\n{deeper}{inner},{color}\n{' ' * indent})"
    return text


def _held(part: Node, n: str, indent: int, least: int) -> str:
    """A part of a chain, in parentheses if it has to be."""
    text = _spread(part, n, indent)
    return text if _written(part, n)[1] >= least or text.startswith("(\n") else f"({text})"


def brief(node: Node) -> str:
    """A tree in one line, for a sentence about it."""
    if isinstance(node, Traced):
        return f"the diagram {node.diagram.title!r}"
    try:
        text = " ".join(code(node).split())
    except DSLError:
        text = "a composition with a traced diagram"
    return text if len(text) < 90 else text[:42] + " … " + text[-42:]


def _written(node: Node, n: str) -> tuple[str, int]:
    """The text of a tree, and how tightly it holds together."""

    def inner(part: Node, least: int) -> str:
        text, level = _written(part, n)
        return text if level >= least else f"({text})"

    match node:
        case Atom():
            return _call(n, node.name, list(map(repr, node.args)) + [f"{k}={v!r}" for k, v in node.kwargs]), WHOLE
        case Wire():
            return _wire(n, node), WHOLE
        case Then():
            text = f"{inner(node.first, THEN)} >> {inner(node.second, ADD)}"
            return text, THEN
        case Beside():
            return f"{inner(node.first, TIMES)} @ {inner(node.second, WHOLE)}", TIMES
        case Joined():
            level = TIMES if node.sign == "*" else ADD
            return f"{inner(node.first, level)} {node.sign} {inner(node.second, level + 1)}", level
        case Block():
            color = f", color={node.color!r}" if node.color else ""
            return f"{n}.block({node.title!r}, {inner(node.body, THEN)}{color})", WHOLE
        case Repeat():
            shared = ", shared=True" if node.shared else ""
            return f"{inner(node.body, WHOLE)}.repeat({node.times}{shared})", WHOLE
        case Over():
            inputs = "" if node.inputs is None else "".join(f", {k}" for k in node.inputs)
            return f"{inner(node.body, WHOLE)}.over({' '.join(node.axes)!r}{inputs})", WHOLE
        case Traced():
            raise DSLError(
                f"the part {node.diagram.title!r} was traced from code, and has no expression of its own",
                doing="writing a diagram as code",
                fix="print the parts around it",
            )


def _call(n: str, name: str, args: list[str]) -> str:
    return f"{n}.{name}({', '.join(args)})" if args else f"{n}.{name}"


NAMED = {(1, (0,)): "identity", (1, (0, 0)): "copy", (2, (1, 0)): "swap", (1, ()): "discard"}
"""Wires that have a name of their own."""


def _wire(n: str, node: Wire) -> str:
    name = NAMED.get((node.count, node.picks))
    if name:
        return f"{n}.{name}"
    letters = [_letter(k) for k in range(node.count)]
    pattern = f"{' '.join(letters)} -> {' '.join(letters[k] for k in node.picks)}".strip()
    return f"{n}.wire({pattern!r})"


def _letter(k: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[k % 26] + (str(k // 26) if k >= 26 else "")
