"""The code that operations were written in: whole functions, their text coloured, for a pane beside the picture.

Text and colours go apart: the text as it is, the colours as runs of one look, a letter and so many
characters (``k3t1f7``).  Nothing here is markup, so nothing that a comment says can become any.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from keyword import kwlist
from typing import Any

from ncd.circuit.diagram import Place

MOST = 400
"""So many lines of one function are shown at most; of a longer one those around its operations."""


def sources(places: Sequence[Place | None]) -> tuple[list[dict[str, Any]], dict[int, list[int]]]:
    """The functions that these places are in, and where in them each place is.

    A function is ``file``, ``function``, ``line`` (of its first), ``text`` and ``tokens``; a place is
    ``[function, line, column, end line, end column]``, columns in UTF-16 units from 0.  A place whose
    file is gone has neither.
    """
    spans: dict[tuple[str, int, int], list[Place]] = {}
    where: dict[int, tuple[str, int, int]] = {}
    for i, place in enumerate(places):
        lines = _lines(place.file) if place else ()
        if place and 0 < place.line <= len(lines):
            where[i] = (place.file, *_function(lines, place.line))
            spans.setdefault(where[i], []).append(place)
    number = {span: k for k, span in enumerate(spans)}
    found = [_shown(*span, inside) for span, inside in spans.items()]
    return found, {i: [number[span], *_columns(p)] for i, span in where.items() if (p := places[i])}


def _shown(file: str, first: int, last: int, places: Iterable[Place]) -> dict[str, Any]:
    places = list(places)
    if last - first >= MOST:
        begin = min(p.line for p in places)
        first = max(first, begin - MOST // 4)
        last = min(last, first + MOST - 1)
    text = "".join(_lines(file)[first - 1 : last])
    cuts = _offsets(text, first, map(_columns, places))
    return {"file": file, "function": places[0].function, "line": first, "text": text, "tokens": tokens(text, cuts)}


def _offsets(text: str, first: int, places: Iterable[Sequence[int]]) -> set[int]:
    """Where in a text that begins at a line these places begin and end, in UTF-16 units."""
    starts = [0, *accumulate(_units(line) for line in text.splitlines(keepends=True))]
    ends = ((n - first, column) for place in places for n, column in (place[:2], place[2:]))
    return {starts[n] + column for n, column in ends if 0 <= n < len(starts)}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _lines(file: str) -> tuple[str, ...]:
    return tuple(linecache.getlines(file))


def _columns(p: Place) -> list[int]:
    """Line and columns of a place; Python counts bytes of UTF-8, pages count units of UTF-16."""
    lines = _lines(p.file)

    def units(line: int, column: int) -> int:
        text = lines[line - 1] if line <= len(lines) else ""
        return _units(text.encode()[:column].decode(errors="ignore"))

    end = max(p.line, p.end_line)
    return [p.line, units(p.line, p.column), end, units(end, p.end_column)]


@lru_cache(maxsize=64)
def _functions(text: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """First and last line of every function, decorators included, outer ones first; none if it is no Python."""
    try:
        tree = ast.parse("".join(text))
    except (SyntaxError, ValueError):
        return ()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        (min([n.lineno, *(d.lineno for d in n.decorator_list)]), n.end_lineno or n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, kinds)
    ]
    return tuple(sorted(found, key=lambda span: (span[0], -span[1])))


def _function(lines: tuple[str, ...], line: int) -> tuple[int, int]:
    """The innermost function around a line; a line outside any stands for itself."""
    return next((s for s in reversed(_functions(lines)) if s[0] <= line <= s[1]), (line, line))


def tokens(text: str, cuts: Collection[int] = ()) -> str:
    """How each run of a text looks, as what ``WORD`` calls it or else plain; none goes past a cut."""
    out, at = "", 0
    for look, words in groupby(_words(text), key=lambda t: t[0]):
        end = at + sum(_units(word) for _, word in words)
        marks = [at, *sorted(c for c in cuts if at < c < end), end]
        out += "".join(f"{look}{b - a}" for a, b in pairwise(marks))
        at = end
    return out


def _words(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for found in WORD.finditer(text):
        if at < found.start():
            yield "t", text[at : found.start()]
        if found.lastgroup == "s" and found[0].lstrip("rR")[:1] in ("f", "F"):
            yield from _formatted(found[0])
        else:
            yield str(found.lastgroup), found[0]
        at = found.end()
    if at < len(text):
        yield "t", text[at:]


def _formatted(text: str) -> Iterator[tuple[str, str]]:
    """A string with code in it."""
    at = 0
    for hole in HOLE.finditer(text):
        if at < hole.start():
            yield "s", text[at : hole.start()]
        yield from _words(hole[0])
        at = hole.end()
    yield "s", text[at:]


def _quoted(quote: str) -> str:
    """A string in these quotes; one in three may go over lines, also past the end of what is shown of a function."""
    within, end = (r"[^\\]", rf"(?:{quote}|\Z)") if len(quote) == 3 else (r"[^\\\n]", quote)
    return rf"{quote}(?:\\[\s\S]|{within})*?{end}"


def _any_of(names: Iterable[str]) -> str:
    return rf"(?<![.\w])(?:{'|'.join(names)})\b"


HOLE = re.compile(r"(?<!\{)\{[^{}\n]+\}")
QUOTES = ('"""', "'''", '"', "'")
BUILTINS = ("self", "cls", *(name for name in dir(builtins) if name[0].islower()))
WORD = re.compile(
    r"(?P<c>#.*)"
    rf"|(?P<s>(?<!\w)[bBfFrRuU]{{0,2}}(?:{'|'.join(map(_quoted, QUOTES))}))"
    r"|(?P<n>(?<!\w)\d[\w.]*(?:(?<=[eE])[+-]\d+)?)"
    r"|(?P<d>(?<![\w)\]])@[^\W\d][\w.]*)"
    r"|(?P<f>(?<=\bdef )\w+|(?<=\bclass )\w+)"
    rf"|(?P<k>{_any_of(kwlist)})"
    rf"|(?P<b>{_any_of(BUILTINS)})"
)
"""Comments, strings, numbers, decorators, names that are defined, keywords and builtins, by the letters of their looks.

By one expression, as only colours depend on it: to find the same with a parser of the whole language took longer than
to lay the picture out.
"""
