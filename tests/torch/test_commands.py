"""``ncd draw``, ``ncd check`` and the demo, run as a person would."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

import ncd
from ncd import cli, demo


def test_draw_writes_every_file_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / f"fig{ending}" for ending in (".svg", ".html", ".json")]
    outputs = [word for path in paths for word in ("-o", str(path))]
    assert cli.main(["draw", "ncd.models.zoo:attn", "--title", "One & many", "--theme", "paper", *outputs]) == 0
    assert ElementTree.parse(paths[0]).getroot().find("{http://www.w3.org/2000/svg}title").text.startswith("One & many")
    assert "<html" in paths[1].read_text()
    diagram = ncd.Diagram.from_json(paths[2].read_text())
    assert diagram.title == "One & many" and dict(diagram.options)["theme"] == "paper"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(p) for p in paths]
    assert all(line.endswith("0 opaque") for line in lines)


def test_draw_takes_inputs_by_their_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        from torch import nn

        class Classifier(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(11, 8)
                self.score = nn.Linear(8, 3)

            def forward(self, ids, scale):
                return self.score(self.embedding(ids)) * scale
    """
    (tmp_path / "classifier.py").write_text(textwrap.dedent(code))
    monkeypatch.chdir(tmp_path)
    argv = ["draw", "classifier.py:Classifier", "--input", "ids=batch=2 time=5:int", "--input", "scale=classes=3"]
    assert cli.main([*argv, "-o", "fig.json"]) == 0
    diagram = ncd.Diagram.from_json(Path("fig.json").read_text())
    assert [[a.name for a in array.axes] for array in diagram.outputs] == [["batch", "time", "classes"]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--depth", "-1"], "depth=-1"),
        (["--theme", "pink"], "theme='pink'"),
        (["-o", "fig.docx"], "no format"),
        (["--input", "x=b"], "no size"),
    ],
)
def test_what_draw_refuses(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["draw", "ncd.models.zoo:mlp", *options]) == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_check_of_a_true_diagram_exits_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ncd.cli", "check", "ncd.models.zoo:mlp"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_demo_draws_what_is_named_and_lists_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([str(tmp_path / "out"), "mlp", "attn"]) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "mlp.svg", "mlp.html", "attn.svg", "attn.html", "index.html",
    }  # fmt: skip
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'src="mlp.svg"' in page and 'src="attn.svg"' in page
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][:2] == ["mlp", "attn"]


def test_the_demo_shows_what_trained_weights_write(tmp_path: Path) -> None:
    figure = demo.hulls(tmp_path, (5, 7))
    tree = ElementTree.parse(tmp_path / "hulls.svg").getroot()
    assert len(tree.findall(".//{*}polygon")) == 2 and len(tree.findall(".//{*}circle")) == 12
    assert "2 of 2 are the hull" in figure and figure in demo.index([], figure)


def test_a_model_that_fails_is_told_and_the_others_are_drawn(tmp_path: Path, monkeypatch, capsys) -> None:
    drawn = demo.draw

    def draw(name: str, out: Path) -> demo.Row:
        if name == "mlp":
            raise ncd.TraceError("no way through")
        return drawn(name, out)

    monkeypatch.setattr(demo, "draw", draw)
    assert demo.main([str(tmp_path), "mlp", "attn"]) == 1
    out = capsys.readouterr()
    assert "FAILED: TraceError: while tracing: no way through" in out.out
    assert "could not draw mlp" in out.err
    assert (tmp_path / "attn.svg").exists()
