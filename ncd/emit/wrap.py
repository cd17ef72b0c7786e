"""Breaking lines that are too long, at the commas of the outermost brackets."""

from __future__ import annotations

WIDTH = 100


def wrapped(text: str, indent: int = 0, comment: str = "") -> list[str]:
    """A statement as lines of at most ``WIDTH`` columns, as far as its brackets let it be broken."""
    pad = " " * indent
    said = f"  # {comment}" if comment else ""
    if len(pad) + len(text) + len(said) <= WIDTH:
        return [pad + text + said]
    if len(pad) + len(text) <= WIDTH and len(text) + len(pad) + len(said) > WIDTH:
        return [f"{pad}# {comment}", pad + text] if said else [pad + text]
    opened = _outermost(text)
    if opened is None:
        return [pad + text + said]
    start, end = opened
    inner = text[start + 1 : end]
    lines = [pad + text[: start + 1]]
    if len(pad) + 4 + len(inner) <= WIDTH and inner and text[start] == "(" and len(_split(inner)) > 1:
        lines += [f"{pad}    {inner}"]
    elif text[start] == "[" and all(len(p) < 60 for p in _split(inner)):
        lines += _filled(_split(inner), indent + 4)
    else:
        parts = _split(inner)
        for k, part in enumerate(parts):
            broken = wrapped(part, indent + 4)
            single = len(parts) == 1 and text[start] == "(" and not inner.rstrip().endswith(",")
            broken[-1] += "" if single and k == 0 else ","
            lines += broken
    return [*lines, f"{pad}{text[end:]}{said}"]


def _filled(parts: list[str], indent: int) -> list[str]:
    """Items of a list, as many on a line as fit."""
    lines = [" " * indent]
    for part in parts:
        if len(lines[-1]) + len(part) + 1 > WIDTH:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * indent)
        lines[-1] += f"{part}, "
    lines[-1] = lines[-1].rstrip()
    return lines


def _split(inner: str) -> list[str]:
    """The parts of a bracket's content between its own commas."""
    parts, start = [], 0
    for at, depth, c in _scan(inner):
        if c == "," and depth == 0:
            parts.append(inner[start:at].strip())
            start = at + 1
    rest = inner[start:].strip()
    return [*parts, rest] if rest else parts


def _outermost(text: str) -> tuple[int, int] | None:
    """Where the longest outermost bracket opens and closes."""
    best: tuple[int, int] | None = None
    start = 0
    for at, depth, c in _scan(text):
        if c in "([{" and depth == 0:
            start = at
        elif c in ")]}" and depth == 0 and (best is None or at - start > best[1] - best[0]):
            best = start, at
    return best


def _scan(text: str) -> list[tuple[int, int, str]]:
    """Position, depth of brackets around it, and character, outside of strings."""
    found, depth, quote, skip = [], 0, "", False
    for at, c in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = c == "\\"
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth -= c in ")]}"
            found.append((at, depth, c))
            depth += c in "([{"
    return found
