"""The page on diagrams by hand: prose, code, and what the code gives, run here.

To write it and its pictures: ``python -m ncd.notation.by_hand docs``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

from ncd.circuit.diagram import Diagram
from ncd.dsl import make
from ncd.errors import NCDError
from ncd.rewrite.rules import RULES

SAYS = """\
# Diagrams by hand

A diagram can be written as well as traced. What is written is a diagram as any other: it shows itself in a
notebook, is checked and costed, saved, and runs.

```python
from ncd import dsl as n

attention = (n.einsum("q h k, x h k -> h q x") >> n.scale("k ** -0.5")
             >> n.softmax("x") >> n.einsum("h q x, x h v -> q h v"))
attention.save("attention.svg")
```
![attention](attention-by-hand.svg)

## Axes meet by name

A symbol names the axes it acts on; whatever else an array has passes over it. `>>` feeds what the left makes
to the inputs of the right: in order if they fit in order, else each array to the first input that has its axes.
Inputs that nothing feeds become inputs of the whole, here the values `x h v`.

```python
attention.signature
```

`@` stands diagrams side by side. A symbol is lifted over the axes that are asked of it: here `q` and `x` pass
over the two maps, because the contraction asks for them.

```python
(n.linear("m -> h k", "Q") @ n.linear("m -> h k", "K") >> n.einsum("q h k, x h k -> h q x")).signature
```

`.over("b")` lifts over a further axis by hand; `.over("b", 0)` lifts only the first input.

```python
attention.over("b").signature
n.einsum("a k, k -> a").over("b", 0).signature
```

What does not fit is an error that names the axes and both ends.

```python
n.linear("m -> h k") >> n.softmax("x")
```

## Copies, sums and functions

`n.copy`, `n.swap`, `n.discard`, `n.identity` and `n.wire("a b -> b a a")` are the wiring; `f + g`, `f - g` and `f * g`
apply both to the same array and join what they make. A residual connection is `n.identity + f`.

```python
forward = n.linear("m -> f", "1", bias=True) >> n.relu >> n.linear("f -> m", "2", bias=True)
(n.identity + forward).signature
```

Or write a function of arrays. The multi-head attention of the paper:

```python
@n.diagram("y m, x m", name="Multi-Head Attention", color="orange")
def mha(E, X):
    q, k, v = n.linear("m -> h k", "Q")(E), n.linear("m -> h k", "K")(X), n.linear("m -> h v", "V")(X)
    scores = n.scale("k ** -0.5")(n.einsum("y h k, x h k -> h y x")(q, k))
    gathered = n.einsum("h y x, x h v -> y h v")(n.softmax("x")(scores), v)
    return n.linear("h v -> m", "O")(gathered)

mha.save("mha.svg")
```
![multi-head attention](mha-by-hand.svg)

`n.rename("x -> y")` gives an axis another name: how self-attention tells who reads from what is read.
`n.block(title, f, color)` is a named part, and `.repeat(n)` so many turns, each with weights of its own (or
`shared=True`).

```python
attend = n.copy >> n.rename("x -> y") @ n.identity >> mha >> n.rename("y -> x")
feed = n.block("Feed Forward", forward)
layer = (n.identity + attend) >> n.layer_norm("m") >> (n.identity + feed) >> n.layer_norm("m")
encoder = n.embedding("v -> m") >> n.block("Layer", layer).repeat(6)
encoder.save("encoder.svg")
```
![an encoder](encoder-by-hand.svg)

## Sizes

Sizes are given late: to `to_module`, to `.at`, in a pattern (`"m=512 -> h=8 k=64"`), or by arrays. What is not
said and does not follow is made up for the picture, all different. A diagram without weights takes arrays of any size.

```python
import torch

module = mha.to_module(m=16, h=2, k=4, v=4)
module(torch.randn(5, 16), torch.randn(7, 16)).shape
attention.to_module()(torch.randn(4, 2, 3), torch.randn(6, 2, 3), torch.randn(6, 2, 5)).shape
mha.to_module(m=16)
```

## Code again

A diagram prints as the expression that makes it; a traced diagram may be a part of another, but has no such
expression.

```python
print(mha.to_dsl())
eval(repr(mha)) == mha
```

## Rewriting

`d.rewrite(...)` applies named rules of linear algebra; each has a condition, and changes nothing that is computed.

RULES

```python
linear = n.einsum("q k, x k -> q x") >> n.scale("k ** -0.5") >> n.einsum("q x, x v -> q v")
linear = linear.at(q=512, x=512, k=16, v=16)
cheap = linear.rewrite("reassociate")
print(cheap)
int(linear.cost().total.flops), int(cheap.cost().total.flops)
```

`d.equivalent(e)` is true if both compute the same, and says how it knows.

```python
print(linear.equivalent(cheap))
print((n.softmax("x") >> n.scale(2)).equivalent(n.softmax("x") + n.softmax("x")))
```

## Symbols

SYMBOLS
"""
PICTURES = {
    "attention.svg": "attention-by-hand.svg",
    "mha.svg": "mha-by-hand.svg",
    "encoder.svg": "encoder-by-hand.svg",
}


def page() -> tuple[str, dict[str, str]]:
    """The page, and its pictures by name."""
    scope: dict[str, Any] = {}
    made: dict[str, str] = {}
    out: list[str] = []
    code: list[str] | None = None
    for line in SAYS.replace("RULES", _rules()).replace("SYMBOLS", _symbols()).splitlines():
        out.append(line)
        if line == "```python":
            code = []
        elif line == "```" and code is not None:
            said = run("\n".join(code), scope, made)
            if said:
                out += ["```text", said, "```"]
            code = None
        elif code is not None:
            code.append(line)
    return "\n".join(out) + "\n", made


def run(code: str, scope: dict[str, Any], made: dict[str, str]) -> str:
    """What a piece of code prints and what its expressions are; pictures that it saves are kept by name."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for statement in ast.parse(code).body:
            call = statement.value if isinstance(statement, ast.Expr) else None
            text = ast.unparse(statement)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "save":
                of, name = eval(ast.unparse(call.func.value), scope), ast.literal_eval(call.args[0])
                made[PICTURES[name]] = of.to_svg(theme="auto", width=900)
                continue
            try:
                if call is None:
                    exec(text, scope)
                else:
                    value = eval(text, scope)
                    if value is not None and not isinstance(value, Diagram):
                        print(value)
            except NCDError as error:
                print(f"{type(error).__name__}: {error}")
    return shown.getvalue().rstrip()


def _rules() -> str:
    rows = ["| rule | where | multiply-adds |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{r.name}` | {r.condition} | {r.cost} |" for r in RULES)])


def _symbols() -> str:
    made = {name: getattr(make, name) for name in sorted(make.__all__) if name != "FUNCTIONS"}
    values = [name for name, x in made.items() if isinstance(x, Diagram)]
    rows = ["| symbol | what it is |", "|---|---|"]
    for name, x in made.items():
        if callable(x) and name not in values:
            rows.append(f"| `n.{name}` | {(x.__doc__ or '').splitlines()[0].replace('``', '`')} |")
    return "\n".join([*rows, "", "Values, not functions: " + ", ".join(f"`n.{k}`" for k in values) + "."])


def write(folder: Path) -> list[Path]:
    """Write the page and its pictures into a folder."""
    text, pictures = page()
    files = {"dsl.md": text, **pictures}
    for name, content in files.items():
        (folder / name).write_text(content)
    return [folder / name for name in files]


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(path)
