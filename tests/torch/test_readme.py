"""What the README shows is run, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import ncd
from ncd import cli
from ncd.circuit.diagram import Diagram
from ncd.models import zoo
from ncd.options import OPTIONS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return [
        text for of, text in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE) if of == language
    ]


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    code = blocks("python")
    assert len(code) >= 4
    for block in code:
        exec(compile(block, "README.md", "exec"), names)
    assert isinstance(names["d"], Diagram)
    assert {p.name for p in tmp_path.iterdir()} == {"gpt2.svg"}


def test_the_picture_is_what_is_drawn_today() -> None:
    """All but the coordinates, which may differ with the solver's version."""
    e = zoo.get("attn")
    d = replace(ncd.trace(e.module, *e.args, axes=e.axes), title="Multi-head self-attention")
    kept = (Path(__file__).parents[2] / "docs" / "attention.svg").read_text(encoding="utf-8")

    def without_numbers(svg: str) -> str:
        return re.sub(r"ncd-[0-9a-f]{4,}|-?\d+(\.\d+)?", "0", svg)

    assert without_numbers(kept) == without_numbers(d.to_svg()), "draw it again: d.save('docs/attention.svg')"


def test_the_command_lines_are_understood() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("ncd ")]
    lines += re.findall(r"`(ncd draw [^`]*)`", README)
    assert len(lines) >= 3
    for line in lines:
        options = cli._parser().parse_args(shlex.split(line)[1:])
        cli.inputs(getattr(options, "input", None) or ())


def test_every_option_is_in_the_table() -> None:
    kept = (Path(__file__).parents[2] / "docs" / "options.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in kept.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == set(OPTIONS)
    assert "docs/options.md" in README


def test_every_folder_it_names_is_there() -> None:
    (tree,) = blocks("")
    for line in tree.splitlines():
        if (path := line.split(" ")[0]) and "/" in path:
            assert (Path(__file__).parents[2] / path).exists(), path
