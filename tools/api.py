"""``python -m tools.api``: write ``docs/api.md``: every public name with what it takes, what it says, and an example.

The examples are run from first to last in one session, and what they print is what the page shows.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

START = """
import torch
import ncd
from ncd.models.scaled import MultiHeadAttention

torch.manual_seed(0)
model = MultiHeadAttention(m=64, heads=4, k=12).eval()
"""
"""What the session begins with; shown at the top."""

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Entering": ("ncd.trace", "ncd.array", "ncd.tokens", "ncd.stopped"),
    "A diagram": ("ncd.Diagram",),
    "What it is made of": (
        "ncd.circuit.diagram.Op",
        "ncd.circuit.diagram.Array",
        "ncd.circuit.diagram.Block",
        "ncd.circuit.axis.Axis",
        "ncd.Weave",
    ),
    "What it answers": (
        "ncd.report.Report",
        "ncd.emit.values.Values",
        "ncd.analysis.cost.Cost",
        "ncd.analysis.cost.Part",
        "ncd.analysis.amount.Amount",
        "ncd.analysis.sizes.Sizes",
        "ncd.analysis.stream.Transfer",
    ),
    "By hand": ("ncd.dsl.term.Term", "ncd.dsl.diagram", "ncd.rewrite.rules.Rule", "ncd.rewrite.sameness.Equivalence"),
    "Interventions": ("ncd.zero", "ncd.scale", "ncd.put"),
    "In a notebook": ("ncd.Widget", "ncd.walkthrough", "ncd.Step"),
    "Errors": ("ncd.NCDError", "ncd.TraceError", "ncd.AxisError", "ncd.DSLError", "ncd.CheckError"),
}

EXAMPLES: Mapping[str, str] = {
    "ncd.trace": """
d = ncd.trace(model, torch.randn(2, 7, 64), torch.randn(2, 10, 64), axes={"target": "b y m", "source": "b x m"})
d
""",
    "ncd.array": """
ncd.trace(torch.softmax, ncd.array("b=2 s=16"), dim=-1)
""",
    "ncd.tokens": """
ncd.tokens("b=2 s=5", high=100)
""",
    "ncd.Diagram": """
print(d)
d.opaque
list(d.axes)
""",
    "ncd.Diagram.__getitem__": """
d["query"]
""",
    "ncd.Diagram.rename": """
d = d.rename({"m": "d_model"})
print(d.inputs[0])
""",
    "ncd.Diagram.backward": """
back = d.backward()
back
print(back.cost()["∂"].flops)
""",
    "ncd.Diagram.stream": """
d.stream("x", 5)
""",
    "ncd.Diagram.transfer": """
d.transfer("x", 5, y="g")
""",
    "ncd.Diagram.shard": """
print(d.shard({"b": "dp", "h": "tp"}))
""",
    "ncd.Diagram.simplify": """
print(d.simplify())
""",
    "ncd.Diagram.check": """
d.check(trials=1)
""",
    "ncd.Diagram.run": """
v = d.run(torch.ones(2, 7, 64), torch.ones(2, 10, 64))
v.outputs[0].shape
v.summary("softmax").axes
""",
    "ncd.Diagram.cost": """
total = d.cost().total
total.flops
total.flops.at(x=1000)
int(total.params)
""",
    "ncd.Diagram.to_code": """
print(d["query"].to_code())
""",
    "ncd.Diagram.to_module": """
again = d.to_module()
y, x = torch.randn(2, 7, 64), torch.randn(2, 10, 64)
torch.allclose(again(y, x), model(y, x), atol=1e-6)
""",
    "ncd.Diagram.to_svg": """
d.to_svg(theme="paper", labels="both")[:38]
""",
    "ncd.Diagram.to_networkx": """
d.to_networkx().number_of_nodes()
""",
    "ncd.Diagram.from_json": """
ncd.Diagram.from_json(d.to_json()) == d
""",
    "ncd.circuit.diagram.Op": """
op = d.ops[0]
op.kind, op.name, op.path
op.tiled, op.target
""",
    "ncd.Weave": """
w = ncd.Weave.parse("b h y [k], b h x [k] -> b h y x", b=2, h=4, y=7, x=10, k=12)
w.tiled, w.target
str(w)
""",
    "ncd.dsl.term.Term": """
from ncd import dsl as n
scores = n.einsum("q h k, x h k -> h q x") >> n.scale("k ** -0.5") >> n.softmax("x")
print(scores.signature)
print((n.linear("m -> h k", "Q") @ n.linear("m -> h k", "K") >> scores).signature)
layer = n.identity + n.block("Feed Forward", n.linear("m -> f") >> n.relu >> n.linear("f -> m"))
print(layer.repeat(6).signature)
""",
    "ncd.dsl.term.Term.over": """
print(scores.over("b").signature)
""",
    "ncd.dsl.term.Term.to_module": """
scores.to_module()(torch.randn(5, 2, 3), torch.randn(7, 2, 3)).shape
""",
    "ncd.dsl.term.Term.to_dsl": """
eval(scores.to_dsl()) == scores
""",
    "ncd.dsl.diagram": """
@n.diagram("q k, x k, x v", name="Linear attention")
def attend(Q, K, V):
    return n.einsum("q x, x v -> q v")(n.einsum("q k, x k -> q x")(Q, K), V)

print(attend.signature)
""",
    "ncd.rewrite.rules.Rule": """
from ncd.rewrite.rules import RULES
[rule.name for rule in RULES]
attend = attend.at(q=512, x=512, k=16, v=16)
cheap = attend.rewrite("reassociate")
int(attend.cost().total.flops), int(cheap.cost().total.flops)
""",
    "ncd.rewrite.sameness.Equivalence": """
print(attend.equivalent(cheap))
""",
    "ncd.zero": """
changed = d.run(y, x, patch={"softmax": ncd.zero(h=3)})
(changed.outputs[0] - model(y, x)).abs().max() > 0
""",
}
"""By full name.  The last expression of a piece is shown as the interpreter shows it."""


def said(thing: Any) -> str:
    """Its docstring, as Markdown."""
    return inspect.getdoc(thing) or ""


def signature(name: str, thing: Any) -> str:
    """How it is called; empty for what is not."""
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return ""
    if inspect.isclass(thing) and inspect.getdoc(thing.__init__) == inspect.getdoc(object.__init__):
        return ""  # made by ncd, not by hand
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    kept = [p for p in found.parameters.values() if p.name not in ("self", "cls")]
    text = str(found.replace(parameters=[p.replace(annotation=p.annotation) for p in kept]))
    return name + re.sub(r"'([^']*)'", r"\1", text)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Its public methods and properties, as they are written; then those of bases that are not on the page."""
    seen: set[str] = set()
    listed = {name for names in SECTIONS.values() for name in names}
    said_of = [b for b in cls.__mro__[1:] if {f"ncd.{b.__name__}", f"{b.__module__}.{b.__name__}"} & listed]
    elsewhere = {b for base in said_of for b in base.__mro__}
    for base in cls.__mro__:
        if not base.__module__.startswith("ncd.") or base in elsewhere:
            continue
        for name, thing in vars(base).items():
            shown = name == "__getitem__" or not name.startswith("_")
            code = isinstance(thing, (FunctionType, classmethod, staticmethod, property, cached_property))
            if shown and code and name not in seen and said(member(thing)):
                seen.add(name)
                yield name, thing


def member(thing: Any) -> Any:
    """What is behind a property or a method of the class."""
    return getattr(thing, "fget", None) or getattr(thing, "func", None) or getattr(thing, "__func__", None) or thing


def fields(cls: type) -> list[str]:
    """What an object holds: the names of a dataclass's or a named tuple's values, and of a widget's traits."""
    found = getattr(cls, "_fields", ()) or [f.name for f in vars(cls).get("__dataclass_fields__", {}).values()]
    kept = [name for name in found if not name.startswith("_")]
    return [f"Holds {', '.join(f'`{name}`' for name in kept)}.", ""] if kept else []


def resolve(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


class Session:
    """Runs pieces of code one after the other, and writes down what they print."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.left = dict(EXAMPLES)

    def run(self, code: str) -> str:
        """The piece as typed, with what it printed."""
        lines: list[str] = []
        for statement in ast.parse(code.strip()).body:
            decorators = getattr(statement, "decorator_list", [])
            start = min(node.lineno for node in (statement, *decorators)) - 1
            first, *rest = code.strip().splitlines()[start : statement.end_lineno]
            lines += [f">>> {first}", *(f"... {line}" for line in rest)]
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(ast.Interactive([statement]), "<page>", "single"), self.names)
            lines += out.getvalue().rstrip().splitlines()
        return "\n".join(lines)

    def example(self, name: str) -> list[str]:
        """The fenced example of a name; nothing where it has none."""
        code = self.left.pop(name, None)
        return [] if code is None else ["```python", self.run(code), "```", ""]


def page() -> str:
    """The whole of ``docs/api.md``.  Raises what an example raises."""
    session = Session()
    lines = [
        "# ncd: every public name",
        "",
        "Generated by `python -m tools.api`; every example was run in one session that began with",
        "",
        "```python",
        START.strip(),
        "```",
        "",
        "Options of pictures are on [a page of their own](options.md).",
        "",
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        session.run(START)
    for section, names in SECTIONS.items():
        lines += [f"## {section}", ""]
        for name in names:
            thing = resolve(name)
            short = name if name.count(".") == 1 else name.rsplit(".", 1)[1]
            lines += [f"### {short}", ""]
            call = signature(short, thing)
            lines += ["```python", call, "```", ""] if call else []
            lines += [said(thing), "", *session.example(name)]
            if inspect.isclass(thing) and not issubclass(thing, BaseException):
                lines += fields(thing)
                for part, its in members(thing):
                    lines += entry(short, part, its) + session.example(f"{name}.{part}")
    assert not session.left, f"examples of names that are not on the page: {list(session.left)}"
    return "\n".join(lines).rstrip() + "\n"


def entry(owner: str, name: str, thing: Any) -> list[str]:
    """A method or a property of a class."""
    behind = member(thing)
    prefix = owner.split(".")[-1].lower()
    if name == "__getitem__":
        title = f"{prefix}[...]"
    elif isinstance(thing, (property, cached_property)):
        title = f"{prefix}.{name}"
    else:
        title = signature(f"{prefix}.{name}", behind)
    return [f"**`{title}`**", "", said(behind), ""]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
