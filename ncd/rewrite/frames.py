"""Which modules are worth a frame in a picture."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Op
from ncd.rewrite.tree import Branch, Child

SMALLEST = 3
"""A frame around fewer ops than this is not drawn."""
THIN = 4
"""So many ops, at most, of those in ``PASSING``, are worth no frame of their own."""
PASSING = ("add", "norm", "scale", "view")
"""What a wrapper does around the module that it wraps: a residual connection, a norm, a factor."""


def dissolve(branch: Branch, hidden: set[int]) -> None:
    """Take away the frames inside a branch that say nothing, and put what they hold in their place.

    These are frames around next to nothing, around one other frame, around nearly all of a model,
    around a module with its residual connection and norm (which are said by their symbols), and
    around the last steps of a residual connection whose first are outside.  ``hidden`` arrays are
    not operands (see ``tree.hidden_arrays``).
    """
    _inside(branch, hidden)
    if branch.block.path == "":
        # The body of a model under a head: a frame around nearly everything says nothing.
        frames = [c for c in branch.children if isinstance(c, Branch)]
        while len(frames) == 1 and frames[0].repeat == 1 and not _given(frames[0]):
            at = branch.children.index(frames[0])
            branch.children[at : at + 1] = frames[0].children
            frames = [c for c in branch.children if isinstance(c, Branch)]


def _inside(branch: Branch, hidden: set[int]) -> None:
    out: list[Child] = []
    for child in branch.children:
        if isinstance(child, Op):
            out.append(child)
            continue
        _inside(child, hidden)
        if _given(child):
            out.append(child)
            continue
        alone = len(branch.children) == 1 and branch.block.path != ""
        single = len(child.children) == 1 and isinstance(child.children[0], Branch)
        if alone and child.block.op is not None:
            branch.block = replace(branch.block, op=child.block.op)  # a module around one composite
        few = sum(1 for _ in child.ops()) < SMALLEST
        if child.repeat == 1 and (few or alone or single or _wraps(child) or _ends(child, hidden)):
            out.extend(child.children)
        else:
            out.append(child)
    branch.children = out


def _given(child: Branch) -> bool:
    """Whether somebody gave a frame its title: then it says something."""
    return bool(child.block.title) and child.block.op is None


def _wraps(child: Branch) -> bool:
    """Whether a frame holds one other, and around it only what a wrapper does.

    With a residual sum a linear map may be among that: it is the last of the module within.
    """
    inner = [c for c in child.children if isinstance(c, Branch)]
    own = [c.symbol for c in child.children if isinstance(c, Op)]
    passing = (*PASSING, "linear") if "add" in own else PASSING
    return len(inner) == 1 and inner[0].repeat == 1 and len(own) <= THIN and all(s in passing for s in own)


def _ends(child: Branch, hidden: set[int]) -> bool:
    """Whether a small frame adds to what it makes an array that comes from outside and goes nowhere else in it."""
    own = [c for c in child.children if isinstance(c, Op)]
    if len(own) < len(child.children) or len(own) > THIN or any(o.symbol not in (*PASSING, "linear") for o in own):
        return False
    made = {a.id for o in own for a in o.outputs}
    entering = {a.id for o in own for a in o.inputs if a.id not in made and a.id not in hidden}
    added = {a.id for o in own if o.symbol == "add" for a in o.inputs}
    read = {a.id for o in own if o.symbol != "add" for a in o.inputs}
    return len(entering) > 1 and bool((entering & added) - read)
