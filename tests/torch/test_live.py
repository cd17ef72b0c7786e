"""A cell that is run again: what is still there, what is new, and where it stopped."""

from __future__ import annotations

import linecache
import textwrap
from typing import Any

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor, nn

import ncd
from ncd.notebook import live as drawings
from ncd.notebook.differ import changed, matched

torch.set_num_threads(1)


class Block(nn.Module):
    def __init__(self, d: int, gate: bool) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.norm(x)).relu()
        if self.gate:
            y = y * y.sigmoid()
        return x + self.down(y)


def model(d: int = 8, gate: bool = False) -> ncd.Diagram:
    blocks = nn.Sequential(Block(d, gate), nn.Linear(d, d), Block(d, False), nn.Linear(d, 3))
    return ncd.trace(blocks, ncd.array(f"b=2 s=5 d={d}"))


def test_what_is_new_is_told_from_what_has_only_moved() -> None:
    before, after = (model(gate=g).simplify() for g in (False, True))
    new = [after.ops[k].name for k in changed(before, after)]
    assert new == ["silu"]
    pairs = matched(before, after)
    assert len(pairs) == len(before.ops)
    assert all(before.ops[i].name == after.ops[j].name for i, j in pairs.items())
    assert changed(after, after) == changed(before, model().simplify()) == []
    wider = model(d=12).simplify()
    assert len(changed(before, wider)) == len(wider.ops), "other sizes"
    assert matched(before, wider) == {k: k for k in range(len(wider.ops))}


def test_a_drawing_keeps_what_was_opened_and_chosen() -> None:
    w = model().widget(depth=1)
    w.opened = ["0"]
    down = next(k for k, op in enumerate(w.drawn.ops) if op.path == "0" and op.name == "linear" and k > 2)
    w.selected = f"op:{down}"
    w.run()
    assert w.values
    sent: list[str] = []
    w.observe(lambda change: sent.append(change.name), ["document", "opened", "closed", "values"])
    w.become(model(gate=True), depth=1)
    assert sent.count("document") == 1 and w.opened == ["0"] and not w.values
    assert w.drawn.ops[int(w.selected[3:])].path == "0" and w.selected != f"op:{down}"
    names = [w.drawn.ops[int(k[3:])].name for k in w.document["changed"]]
    assert names == ["silu"]
    w.become(ncd.trace(nn.Linear(3, 4), ncd.array("b=2 d=3")))
    assert w.opened == [] and w.selected == "" and len(w.drawn.ops) == 1
    assert w.run().outputs[0].shape == (2, 4)


def test_one_name_is_one_drawing() -> None:
    first = model().live("blocks", depth=0)
    assert model(gate=True).live("blocks", depth=0) is first and first.document["changed"]
    assert model().live("others") is not first
    assert model().live() is not model().live(), "no cell is running"
    for k in range(drawings.LIMIT):
        drawings._DRAWINGS[f"cell {k}"] = first
    ncd.trace(nn.Linear(3, 4), ncd.array("b=2 d=3")).live("one more")
    assert len(drawings._DRAWINGS) == drawings.LIMIT


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An IPython of its own, with what it displays in ``.shown``."""
    shell = InteractiveShell()
    shell.shown = []
    monkeypatch.setattr("IPython.display.display", shell.shown.append)
    shell.run_line_magic("load_ext", "ncd")
    run(shell, "import torch, ncd\nfrom torch import nn")
    return shell


def run(shell: Any, code: str) -> Any:
    return shell.run_cell(textwrap.dedent(code).strip(), store_history=True)


CELL = """
%%ncd {}
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(4, 8)

    def forward(self, x, scale=1.0):
        return self.up(x) * scale

layer, x = Layer(), torch.ones(2, 4)
{}
"""


@pytest.mark.parametrize(
    ("line", "last", "axes"),
    [
        ("", "layer(x, scale=2.0)", None),
        ('axes="b d", depth=1', "layer(*[x])", ["b", "d"]),
        ("layer, x", "", None),
        ('layer, ncd.array("b=2 d=4")', "pass", ["b", "d"]),
        ("", "ncd.trace(layer, x, axes='b d')", ["b", "d"]),
        ("", "found = 3\nncd.trace(layer, x, axes='b d')", ["b", "d"]),
    ],
)
def test_a_cell_is_drawn_by_its_last_call_or_by_what_the_magic_says(
    shell: Any, line: str, last: str, axes: Any
) -> None:
    code = CELL.format(line, last).strip()
    result = run(shell, code)
    assert result.success, result.error_in_exec
    (w,) = shell.shown
    assert w.diagram is shell.user_ns["_ncd"]
    assert w.diagram.ops[0].name == "linear"
    assert axes is None or [a.name for a in w.diagram.inputs[0].axes] == axes
    assert isinstance(shell.user_ns["layer"], nn.Module), "what the cell defines is there"
    place = w.diagram.ops[0].source
    assert linecache.getline(place.file, place.line).strip() == "return self.up(x) * scale"
    assert place.line == code.splitlines().index("        return self.up(x) * scale") + 1


@pytest.mark.parametrize(
    ("line", "last", "cause", "way_out"),
    [
        ("deep=2", "layer(x)", "no option 'deep'", "options are axes, depth"),
        ("layer x", "", "cannot read 'layer x'", "%%ncd model, x"),
        ("", "x", "neither a call nor a diagram", "%%ncd model, x"),
        ("", "y = 3", "neither a call nor a diagram", "%%ncd model, x"),
    ],
)
def test_what_the_magic_cannot_read_it_says(shell: Any, line: str, last: str, cause: str, way_out: str) -> None:
    error = run(shell, CELL.format(line, last)).error_in_exec
    assert isinstance(error, ncd.NCDError) and cause in str(error) and way_out in error.fix
    assert not shell.shown


def test_an_exception_shows_how_far_it_came_and_is_still_raised(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "torch.ones(2, 4, 5)"
    result = run(shell, CELL.format("", f"layer({wrong})"))
    assert type(result.error_in_exec) is RuntimeError
    (w,) = shell.shown
    assert w.diagram.ops[-1].name == "RuntimeError" and "RuntimeError" in w.svg
    assert "self.up(x) * scale" in capsys.readouterr().out
    result = run(shell, f"d = ncd.trace(layer, {wrong})")
    assert type(result.error_in_exec) is RuntimeError and len(shell.shown) == 2
    assert not run(shell, "1 / 0").success and len(shell.shown) == 2


def test_what_was_opened_is_open_again_after_an_exception() -> None:
    w = model().widget(depth=1)
    w.opened = ["0"]
    blocks = nn.Sequential(Block(8, False), nn.Linear(9, 8))
    with pytest.raises(RuntimeError) as caught:
        ncd.trace(blocks, torch.zeros(2, 5, 8))
    stop = ncd.stopped(caught.value)
    assert stop is not None
    w.become(stop)
    assert "RuntimeError:" in w.svg
    w.become(model(), depth=1)
    assert w.opened == ["0"] and "RuntimeError" not in w.svg
