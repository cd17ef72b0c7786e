"""What stands above the statements of a function: its signature, its docstring, the sizes it uses."""

from __future__ import annotations

from ncd.emit.scope import Scope
from ncd.emit.wrap import WIDTH, wrapped


def signature(scope: Scope, name: str) -> list[str]:
    """``def name(m, x, n):``, with the cast that all of ``forward`` is in."""
    words = [scope.module] if scope.root or scope.part.owns else []
    words += scope.inputs + [scope.size_names.get(s.name, s.name) for s in scope.part.sizes] + scope.extra
    if scope.root and scope.needs_constants:
        words.append("constants")
    head = wrapped(f"def {name}({', '.join(words)}):")
    if scope.root and scope.program.autocast:
        head = [f"@{autocast(scope.program.autocast)}", *head]
    return head


def docstring(scope: Scope) -> list[str]:
    """The axes of what goes in and what comes out."""
    ins = [f"{name}: {scope.shape(i)}" for name, i in zip(scope.inputs, scope.part.enters, strict=True)]
    outs = [scope.shape(i) for i in scope.part.leaves]
    text = f"{', '.join(ins)} -> {', '.join(outs)}" if ins else f"-> {', '.join(outs)}"
    if len(text) < WIDTH - 12:
        return [f'    """{text}"""']
    return [
        f'    """From {ins[0] if ins else "nothing"}' + ("," if len(ins) > 1 else ""),
        *[f"    {w}{',' if k < len(ins) - 2 else ''}" for k, w in enumerate(ins[1:])],
        *wrapped(f"to {', '.join(outs)}.", 4)[:1],
        '    """',
    ]


def size_lines(scope: Scope) -> list[str]:
    """``b, s, _ = x.shape`` for the sizes that are used."""
    by_input: dict[int, dict[int, str]] = {}
    for symbol in scope.used_sizes:
        if "." in symbol:
            p, d = map(int, symbol.split("."))
            by_input.setdefault(p, {})[d] = scope.size_names[symbol]
    lines = []
    for p, dims in sorted(by_input.items()):
        rank = len(scope.arrays[scope.part.enters[p]].axes)
        if len(dims) == 1 and rank > 1:
            ((d, name),) = dims.items()
            lines.append(f"    {name} = {scope.inputs[p]}.shape[{d}]")
        else:
            names = [dims.get(d, "_") for d in range(rank)]
            lines.append(f"    {', '.join(names)}{',' if rank == 1 else ''} = {scope.inputs[p]}.shape")
    return lines


def autocast(cast: tuple[str, ...]) -> str:
    """The context of a device and a dtype that products are cast to."""
    return f'torch.autocast("{cast[0]}", dtype=torch.{cast[1]})'
