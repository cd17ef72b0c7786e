"""What the README shows is run, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ncd
from ncd import cli
from ncd.circuit.diagram import Diagram
from ncd.models import zoo
from ncd.models.unet import UNet
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
    assert {p.name for p in tmp_path.iterdir()} == {"gpt2.svg", "unet.svg"}


def attention() -> Diagram:
    e = zoo.get("attn")
    return replace(ncd.trace(e.module, *e.args, axes=e.axes), title="Multi-head self-attention")


def gpt2() -> Diagram:
    transformers = pytest.importorskip("transformers")
    return ncd.trace(transformers.GPT2Model(transformers.GPT2Config()), ncd.tokens("b=2 s=16"))


def unet() -> Diagram:
    return ncd.trace(UNet().eval(), ncd.array("b=2 c=3 y=64 x=64"))


@pytest.mark.parametrize("make", [attention, gpt2, unet], ids=lambda f: f.__name__)
def test_the_picture_is_what_is_drawn_today(make: Callable[[], Diagram]) -> None:
    """All but the coordinates, which may differ with the solver's version."""
    kept = (Path(__file__).parents[2] / "docs" / f"{make.__name__}.svg").read_text(encoding="utf-8")

    def without_numbers(svg: str) -> str:
        return re.sub(r' d="[^"]*"|ncd-[0-9a-f]{4,}|-?\d+(\.\d+)?', "0", svg)

    drawn = make().to_svg()
    assert without_numbers(kept) == without_numbers(drawn), f"draw it again: d.save('docs/{make.__name__}.svg')"


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
