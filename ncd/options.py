"""The options of a picture: their names, what they may be, and what they are if left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any

from ncd.errors import NCDError
from ncd.theme import HEX, THEMES, TONES

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: ``says`` is the sentence for the user, ``allows`` the test of it."""

    default: Any
    says: str
    allows: Test


def _one_of(*values: str) -> tuple[str, Test]:
    return "one of " + ", ".join(map(repr, values)), lambda v: v in values


def _whole(least: int) -> Test:
    return lambda v: type(v) is int and v >= least


def _paths(value: Any) -> bool:
    return isinstance(value, (str, list, tuple)) and all(isinstance(p, str) for p in value)


def _texts(value: Any) -> bool:
    try:
        return all(isinstance(k, str) and isinstance(v, str) for k, v in dict(value).items())
    except (TypeError, ValueError):
        return False


def _colours(value: Any) -> bool:
    return _texts(value) and all(v in TONES or HEX.fullmatch(v) for v in dict(value).values())


def _width(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and isfinite(value) and value >= 200)


OPTIONS: Mapping[str, Option] = {
    "depth": Option(
        None,
        "how many levels of modules are open (an integer from 0), or None for as many as fit a screen",
        lambda v: v is None or _whole(0)(v),
    ),
    "expand": Option(
        (), "a path or class of a block, the name of a composite (layer_norm), or a list of them, to draw open", _paths
    ),
    "collapse": Option((), "a path or class of a block, or a list of them, to draw closed", _paths),
    "width": Option(1000, "the width in px at which rows wrap (at least 200), or None for a single row", _width),
    "theme": Option("light", *_one_of(*THEMES, "auto")),
    "ids": Option(
        True,
        "whether every mark of an SVG says which operation, axis, array or block it shows, for pages and style sheets; "
        "without, a file is half to two thirds as long",
        lambda v: isinstance(v, bool),
    ),
    "labels": Option(
        "names",
        "what stands on wires: 'names', 'sizes', 'both' (name=size), 'boundaries' (only where arrays enter and leave "
        "the picture), or 'none'",
        _one_of("names", "sizes", "both", "boundaries", "none")[1],
    ),
    "arrays": Option(
        "gradients",
        "whether arrays that enter and leave the picture are named there: 'all', 'none', or 'gradients', those of a "
        "diagram that has gradients",
        _one_of("all", "gradients", "none")[1],
    ),
    "hide": Option((), "an axis, or a list of them, to leave out of the picture", _paths),
    "show": Option((), "an axis, or a list of them, to draw though everything is repeated over it", _paths),
    "legend": Option(False, "whether axes and their sizes are listed below", lambda v: isinstance(v, bool)),
    "titles": Option((), "a dict from paths or classes (or '', the whole) to what stands there instead", _texts),
    "highlight": Option((), "an axis, operation, path or class, or a list of them, to make stand out", _paths),
    "notes": Option((), "a dict from axes, operations, paths or classes to what is to be said about them", _texts),
    "colors": Option(
        (),
        "a dict from paths or classes of blocks to " + ", ".join(TONES) + " or a colour such as '#aaddff'",
        _colours,
    ),
    "stages": Option(
        True,
        "whether blocks in a row that differ in sizes alone are drawn once, numbered by λ",
        lambda v: isinstance(v, bool),
    ),
    "skips": Option(
        "memory",
        "arrays that pass whole rows on their way: 'memory', saved where they are made and loaded where they are read, "
        "or 'lanes', drawn as wires throughout",
        _one_of("memory", "lanes")[1],
    ),
    "heat": Option(
        "none",
        "what operations and closed blocks are coloured by, as shares of the whole: 'flops', 'params' (the size of "
        "their weights), 'traffic' (bytes read and written), or 'none'",
        _one_of("none", "flops", "params", "traffic")[1],
    ),
    "axis_order": Option(
        "clean",
        "the axes of an array: 'clean', so that few wires cross, or 'memory', in the order of its dimensions",
        _one_of("clean", "memory")[1],
    ),
    "quality": Option(1, "how many starts the layout tries (an integer from 1)", _whole(1)),
}


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as given, lists and dicts as tuples.

    Raises NCDError on unknown names and on values that mean nothing.
    """
    for name, value in options.items():
        if name not in OPTIONS:
            near = get_close_matches(name, OPTIONS, 1)
            raise NCDError(
                f"no option {name!r}",
                doing="choosing how to draw",
                fix=f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(OPTIONS),
            )
        if not OPTIONS[name].allows(value):
            raise NCDError(f"{name}={value!r} means nothing", doing="choosing how to draw", fix=OPTIONS[name].says)
    return {k: _FROZEN.get(OPTIONS[k].allows, lambda v: v)(v) for k, v in options.items()}


def complete(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Every option: the defaults, with each layer over what came before."""
    full = {name: option.default for name, option in OPTIONS.items()}
    for layer in layers:
        full |= checked(layer)
    return full


def _as_paths(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _as_texts(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(dict(value).items())


_FROZEN: Mapping[Test, Callable[[Any], Any]] = {_paths: _as_paths, _texts: _as_texts, _colours: _as_texts}


def repeated(option: Option) -> bool:
    """Whether it is a list of names; on the command line, an argument that may be given several times."""
    return option.allows is _paths


def mapped(option: Option) -> bool:
    """Whether it maps names to texts; on the command line, several arguments ``NAME=TEXT``."""
    return option.allows in (_texts, _colours)


def table() -> str:
    """The options as a table in Markdown, with how each is given on the command line."""
    rows = ["| option | left out | what it is | `ncd draw` |", "|---|---|---|---|"]
    for name, option in OPTIONS.items():
        default = {(): "none"}.get(option.default, f"`{option.default!r}`")
        rows.append(f"| `{name}` | {default} | {option.says} | `{written(name)}` |")
    return "\n".join(rows) + "\n"


def written(name: str) -> str:
    """How an option is given on the command line."""
    option, flag = OPTIONS[name], "--" + name.replace("_", "-")
    if isinstance(option.default, bool):
        return f"--no-{name}" if option.default else flag
    if mapped(option):
        return f"{flag} NAME={'COLOR' if option.allows is _colours else 'TEXT'} …"
    return f"{flag} NAME …" if repeated(option) else f"{flag} VALUE"


def page() -> str:
    """``docs/options.md``; to write it: ``python -m ncd.options > docs/options.md``."""
    return (
        "# Options of pictures\n\n"
        "The same for `d.view(...)`, `d.save(path, ...)`, `d.to_svg(...)` and its like, and `ncd draw`, where an\n"
        "argument followed by `…` may be given several times. Options of `view` stay with the diagram, and those\n"
        "given when it is written go before them.\n\n" + table()
    )


if __name__ == "__main__":
    print(page(), end="")
