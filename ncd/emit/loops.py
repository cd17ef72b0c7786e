"""A loop over blocks that are one function."""

from __future__ import annotations

from ncd.emit.names import singular
from ncd.emit.owned import under
from ncd.emit.runs import Run
from ncd.emit.scope import Scope
from ncd.emit.spelling import Spelling
from ncd.emit.wrap import wrapped


def loop(spelling: Spelling, run: Run, dead: set[int]) -> list[str]:
    """The statements of a loop: what its first turn reads gets the name that each turn gives its result."""
    scope, namer = spelling.scope, spelling.namer
    lines: list[str] = []
    first, last = run.turns[0], run.turns[-1]
    hints = [scope.role(i) for i in first.leaves]
    carried = run.carried
    names: dict[int, str] = {}
    kept: dict[int, str] = {}
    for j, i in enumerate(first.enters):
        if j not in carried:
            kept[i] = scope.name(i)
    for j, k in carried.items():
        old = first.enters[j]
        if old in dead and old in namer and old not in kept and namer[old] not in names.values():
            names[k] = namer[old]
            namer.free([old])
            namer.share(first.leaves[k], names[k])
        else:
            names[k] = namer.give(first.leaves[k], hints[k])
            lines.append(f"    {names[k]} = {scope.name(old)}")
    for k, i in enumerate(first.leaves):
        if k not in names:
            names[k] = namer.give(i, hints[k])
    words: dict[int, str] = {i: names[carried[j]] for j, i in enumerate(first.enters) if j in carried}
    head, module = _turns(scope, run)
    text = spelling.call(first, lambda i: words.get(i) or kept[i], module)
    scope.shown.update({names[k]: scope.shape(i) for k, i in enumerate(first.leaves)})
    lines.append(f"    {head}")
    lines += wrapped(f"{', '.join(names[k] for k in range(len(first.leaves)))} = {text}", 8)
    for k, i in enumerate(last.leaves):
        namer.share(i, names[k])
        if last is not first:
            namer.free([first.leaves[k]])
    namer.free(dead)
    return lines


def _turns(scope: Scope, run: Run) -> tuple[str, str]:
    """The head of a loop over blocks, and what the block of a turn is called in it."""
    if run.container is None:
        module = scope.block(run.turns[0])
        return f"for _ in range({len(run.turns)}):", module
    owned = scope.parts.owned
    name = singular(run.container.split(".")[-1], {*scope.functions, *scope.namer.users})
    inside = under(run.container, scope.part.at)
    assert inside is not None
    text = owned.spelled(scope.module, scope.part.at, inside)
    start, stop, length = run.start, run.start + len(run.turns), run.length
    if (start, stop) != (0, length):
        text += f"[{start or ''}:{'' if stop == length else stop}]"
    each = owned.spelled(name, f"{run.container}.{start}", run.rest) if run.rest else name
    return f"for {name} in {text}:", each
