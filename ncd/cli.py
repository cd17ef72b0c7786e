"""The command line: ``ncd draw``, ``check``, ``cost``, ``models``, and of the tasks ``train`` and ``evaluate``.

ncd draw models.py:make --input x="b=2 s=16 d=64" -o fig.svg
ncd check ncd.models.zoo:gpt2
ncd cost ncd.models.zoo:gpt2 --at s=1024
ncd train pointer --task hull --n 5
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module, util
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncd.errors import NCDError
from ncd.options import OPTIONS, mapped, repeated

if TYPE_CHECKING:
    from ncd.circuit.diagram import Diagram

FAILED, REFUSED = 1, 2
"""Exit codes: the diagram is not true to the model; the command could not be carried out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except NCDError as e:
        print(f"ncd: {e}", file=sys.stderr)
    except Exception:
        # What the user's own code raised is shown whole.
        traceback.print_exc()
    return REFUSED


def _parser() -> argparse.ArgumentParser:
    target = argparse.ArgumentParser(add_help=False)
    target.add_argument(
        "object",
        metavar="MODULE:OBJECT",
        help="a file.pt2 saved by torch.export; or a module or a file.py, and in it: "
        "an nn.Module, a class or function that makes one without arguments, "
        "a function that returns (module, inputs), or a function of tensors",
    )
    target.add_argument(
        "--input",
        metavar='NAME="AXES[:DTYPE]"',
        action="append",
        default=[],
        help='an input by its axes, such as x="b=2 s=16 d=64" or input_ids="b=2 s=16:int" (random integers; '
        "int<100: below 100); NAME may be a position; repeat for more inputs",
    )

    parser = argparse.ArgumentParser(prog="ncd", description="Neural circuit diagrams of PyTorch modules.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    draw = commands.add_parser("draw", parents=[target], help="write a picture of a model")
    draw.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        action="append",
        help="fig.svg, .pdf, .png, .tex, .html, .dot or .json; repeatable",
    )
    draw.add_argument("--title", help="the title of the picture")
    for name in OPTIONS:
        _add(draw, name)
    draw.set_defaults(run=_draw)

    check = commands.add_parser("check", parents=[target], help="test every claim of the diagram against the model")
    check.add_argument("--trials", type=int, default=2, metavar="N", help="how often each claim is tested")
    check.add_argument("--seed", type=int, default=0, metavar="N", help="where the random numbers start")
    check.set_defaults(run=_check)

    cost = commands.add_parser("cost", parents=[target], help="FLOPs, parameters and memory of a model, block by block")
    cost.add_argument("--at", metavar="AXIS=SIZE", action="append", default=[], help="another size; repeatable")
    cost.add_argument("--formulas", action="store_true", help="also as formulas of the sizes of the inputs")
    cost.set_defaults(run=_cost)

    models = commands.add_parser(
        "models", help="the reference models: parameters, FLOPs, source, what they are held to"
    )
    models.add_argument("name", nargs="*", help="which ones; all without a name")
    models.add_argument("--test", action="store_true", help="run the tests they are held to, too (in the repository)")
    models.set_defaults(run=_models)

    from ncd.tasks.commands import add

    add(commands)
    return parser


def _add(parser: argparse.ArgumentParser, name: str) -> None:
    """The argument of an option of pictures."""
    option, flag = OPTIONS[name], "--" + name.replace("_", "-")
    flags = [flag, "--note"] if name == "notes" else [flag]
    if isinstance(option.default, bool):
        parser.add_argument(*flags, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=option.says)
    elif repeated(option) or mapped(option):
        metavar = "NAME=TEXT" if mapped(option) else "NAME"
        says = option.says + "; repeatable"
        parser.add_argument(*flags, dest=name, action="append", metavar=metavar, default=argparse.SUPPRESS, help=says)
    else:
        kind = str if isinstance(option.default, str) else _number
        parser.add_argument(*flags, type=kind, metavar="VALUE", default=argparse.SUPPRESS, help=option.says)


def _number(text: str) -> int | float | None:
    """A number, or ``none``."""
    if text.lower() == "none":
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _draw(options: argparse.Namespace) -> int:
    chosen: dict[str, Any] = {}
    for name, value in vars(options).items():
        if name in OPTIONS:
            chosen[name] = [v.partition("=")[::2] for v in value] if mapped(OPTIONS[name]) else value
    diagram = _diagram(options).view(**chosen)
    if options.title:
        diagram = replace(diagram, title=options.title)
    for path in options.output or ["diagram.svg"]:
        print(f"{diagram.save(path)}: {len(diagram)} ops, {len(diagram.axes)} axes, {len(diagram.opaque)} opaque")
    return 0


def _check(options: argparse.Namespace) -> int:
    report = _diagram(options).check(trials=options.trials, seed=options.seed)
    print(report)
    return 0 if report.ok else FAILED


def _cost(options: argparse.Namespace) -> int:
    sizes: dict[str, int] = {}
    for text in options.at:
        axis, equals, size = text.partition("=")
        if not equals or not size.isdecimal():
            raise NCDError(f"no size in {text!r}", doing="reading --at", fix="AXIS=SIZE, such as s=4096")
        sizes[axis] = int(size)
    cost = _diagram(options).cost().at(**sizes)
    print(cost)
    if options.formulas:
        for name in ("flops", "params", "traffic", "peak"):
            print(f"{name} = {getattr(cost.total, name)}")
    return 0


def _models(options: argparse.Namespace) -> int:
    from ncd.models.index import REFERENCES
    from ncd.tracing.tracer import trace

    for name in options.name:
        if name not in REFERENCES:
            raise NCDError(f"no reference model {name!r}", doing="listing models", fix=", ".join(REFERENCES))
    chosen = {name: REFERENCES[name] for name in options.name or REFERENCES}
    status: dict[str, str] = {}
    if options.test:
        from ncd.models.held import outcomes

        try:
            status = outcomes({reference.test for reference in chosen.values()})
        except FileNotFoundError as e:
            raise NCDError(str(e), doing="testing models", fix="run this in a clone of the repository") from e
    row = "{:22} {:>10} {:>12}  {:25} {:26} {:8} {}".format
    print(row("of its example:", "parameters", "FLOPs", "source", "held to", "", "by tests/torch/"))
    for name, reference in chosen.items():
        target, args = reference.example()
        total = trace(target, *args).cost().total
        numbers = f"{int(total.params):,}", f"{int(total.flops):,}"
        said = status.get(reference.test, "")
        print(row(name, *numbers, reference.source, reference.held_to, said, reference.test), flush=True)
    return FAILED if "failed" in status.values() else 0


def _diagram(options: argparse.Namespace) -> Diagram:
    found = resolve(options.object)
    if options.input:
        args, kwargs = inputs(options.input)
        found = Target(found.target, args, kwargs)
    from ncd.tracing.tracer import trace

    return trace(found.target, *found.args, axes=dict(found.axes) or None, **found.kwargs)


@dataclass(frozen=True)
class Target:
    """What is traced and what it is called with."""

    target: Callable[..., Any] | str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, str] = field(default_factory=dict)


def resolve(name: str) -> Target:
    """What ``MODULE:OBJECT`` names: a module, a function of tensors, or what a function without arguments makes.

    Such a function may return a module, ``(module, inputs)`` with inputs a tuple, a dict or one
    input, or ``(module, args, kwargs, axes)``.  The path of a ``.pt2`` file names the exported program in it.
    """
    if name.endswith(".pt2"):
        return Target(name)
    found = _import(name)
    if isinstance(found, type) and not _needs_nothing(found):
        raise _refused(name, "the class needs arguments", "name a function without arguments that makes the module")
    if callable(found) and not _is_module(found) and _needs_nothing(found):
        found = found()
    match found:
        case (target, dict(kwargs)):
            made = Target(target, (), kwargs)
        case (target, (*args,)):
            made = Target(target, tuple(args))
        case (target, one):
            made = Target(target, (one,))
        case (target, args, kwargs, axes):
            made = Target(target, args, kwargs, axes)
        case _:
            made = Target(found)
    if not callable(made.target):
        kind = type(made.target).__name__
        raise _refused(
            name, f"an object of type {kind} cannot be traced", "name an nn.Module, or a function that makes one"
        )
    return made


def _refused(name: str, cause: str, fix: str) -> NCDError:
    return NCDError(cause, doing=f"looking up {name!r}", fix=fix)


def _is_module(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _needs_nothing(make: Callable[..., Any]) -> bool:
    try:
        parameters = signature(make).parameters.values()
    except (TypeError, ValueError):
        return False
    # A class passes *args on; a function with *args takes tensors.
    loose = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL if isinstance(make, type) else Parameter.VAR_KEYWORD)
    return all(p.default is not Parameter.empty or p.kind in loose for p in parameters)


def _import(name: str) -> Any:
    module_name, colon, attribute = name.rpartition(":")
    if not colon or not module_name or not attribute:
        raise _refused(name, "this is not MODULE:OBJECT", "package.module:make_model, or file.py:make_model")
    sys.path.insert(0, "")  # modules beside the user, as `python -m` finds them
    try:
        module = _from_file(Path(module_name)) if module_name.endswith(".py") else import_module(module_name)
    except ModuleNotFoundError as e:
        if e.name is None or not f"{module_name}.".startswith(f"{e.name}."):
            raise  # something that the user's module imports
        raise _refused(name, f"there is no module {e.name!r}", "a module that can be imported from here") from e
    finally:
        sys.path.remove("")
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = ", ".join(n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n)))
            raise _refused(name, f"{module_name!r} has no {attribute!r}", f"one of {near}" if near else "")
        found = getattr(found, part)
    return found


def _from_file(path: Path) -> Any:
    spec = util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise _refused(str(path), "there is no such file", "a path to a Python file")
    module = util.module_from_spec(spec)
    # Pickling and dataclasses look a class's module up by name.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def inputs(given: Sequence[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Placeholders from ``NAME=AXES[:DTYPE]``, by position and by name."""
    placed: dict[int, Any] = {}
    named: dict[str, Any] = {}
    for text in given:
        name, equals, spec = text.partition("=")
        if not equals or not (name.isidentifier() or name.isdecimal()):
            raise NCDError(
                f"no input name in {text!r}", doing="reading --input", fix='NAME="b=2 s=16", or 0="b=2 s=16"'
            )
        if name.isdecimal():
            placed[int(name)] = _placeholder(spec)
        else:
            named[name] = _placeholder(spec)
    if sorted(placed) != list(range(len(placed))):
        raise NCDError(f"the positions {sorted(placed)} have gaps", doing="reading --input", fix="0, 1, 2 ...")
    return tuple(placed[i] for i in sorted(placed)), named


def _placeholder(spec: str) -> Any:
    from ncd.tracing.placeholders import array, tokens

    axes, _, dtype = spec.partition(":")
    kind, below, high = dtype.partition("<")
    if kind == "int" and (not below or high.isdecimal()):
        return tokens(axes, int(high) if below else None)
    return array(axes, dtype or None)


if __name__ == "__main__":
    sys.exit(main())
