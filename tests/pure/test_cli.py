"""The command line: what it names, what it refuses, and its exit codes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from ncd import NCDError, cli


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of the user's, as the current folder."""
    text = """
        def plain(x): return x
        def pair(): return plain, (1, 2)
        def by_name(): return plain, {"x": 1}
        def single(): return plain, "one"
        def whole(): return plain, (1,), {"y": 2}, {"x": "b s"}
        def number(): return 3
        class Needs:
            def __init__(self, size): pass
        class Bare:
            def __init__(self, *args, **kwargs): pass
            def __call__(self, x): return x
        def stack(*arrays): return arrays
        class Group:
            inner = Bare()
        constant = 4
    """
    (tmp_path / "their_models.py").write_text(textwrap.dedent(text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "their_models", raising=False)
    return tmp_path


@pytest.mark.parametrize("module", ["their_models", "their_models.py"])
def test_a_module_is_found_by_name_and_by_file(models: Path, module: str) -> None:
    assert cli.resolve(f"{module}:plain").target.__name__ == "plain"
    assert "" not in sys.path


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "axes"),
    [
        ("plain", (), {}, {}),
        ("pair", (1, 2), {}, {}),
        ("by_name", (), {"x": 1}, {}),
        ("single", ("one",), {}, {}),
        ("whole", (1,), {"y": 2}, {"x": "b s"}),
    ],
)
def test_a_function_may_bring_its_inputs(models: Path, name: str, args: tuple, kwargs: dict, axes: dict) -> None:
    found = cli.resolve(f"their_models:{name}")
    assert found.target.__name__ == "plain"
    assert (found.args, found.kwargs, found.axes) == (args, kwargs, axes)


def test_a_function_of_any_number_of_tensors_is_traced_and_not_called(models: Path) -> None:
    assert cli.resolve("their_models:stack").target.__name__ == "stack"


def test_a_class_without_arguments_is_made(models: Path) -> None:
    assert type(cli.resolve("their_models:Bare").target).__name__ == "Bare"
    assert type(cli.resolve("their_models:Group.inner").target).__name__ == "Bare"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("their_models", "not MODULE:OBJECT"),
        (":plain", "not MODULE:OBJECT"),
        ("their_models:", "not MODULE:OBJECT"),
        ("nowhere.at_all:plain", "no module 'nowhere'"),
        ("missing.py:plain", "no such file"),
        ("their_models:plan", "has no 'plan'"),
        ("their_models:Needs", "needs arguments"),
        ("their_models:constant", "type int cannot be traced"),
        ("their_models:number", "type int cannot be traced"),
    ],
)
def test_what_cannot_be_found_is_said(models: Path, name: str, says: str) -> None:
    with pytest.raises(NCDError, match=says):
        cli.resolve(name)


def test_an_import_that_the_users_module_misses_is_their_own_error(models: Path) -> None:
    (models / "broken_models.py").write_text("import not_installed_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        cli.resolve("broken_models:x")


@pytest.mark.parametrize(
    ("given", "says"),
    [(["b"], "no input name"), (["=b=2"], "no input name"), (["a b=2"], "no input name"), (["1=b=2"], "gaps")],
)
def test_inputs_need_names(given: list[str], says: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(NCDError, match=says):
        cli.inputs(given)


def test_inputs_become_placeholders() -> None:
    torch = pytest.importorskip("torch")
    args, kwargs = cli.inputs(["0=b=2 d=4", "ids=b=2 s=16:int", "few=s=3:int<7", "mask=b=2 s=16:bool", "n=3:int32"])
    assert [str(a) for a in args] == ["b=2 d=4"]
    assert {k: (str(p), p.values, p.high, p.dtype) for k, p in kwargs.items()} == {
        "ids": ("b=2 s=16", "tokens", None, torch.int64),
        "few": ("s=3", "tokens", 7, torch.int64),
        "mask": ("b=2 s=16", "fake", None, torch.bool),
        "n": ("3", "fake", None, torch.int32),
    }


class Report:
    """What ``check`` gives, as far as the command line looks."""

    def __init__(self, ok: bool) -> None:
        self.ok = ok

    def __str__(self) -> str:
        return "12 claims"


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_check_tells_by_its_exit_code(ok: bool, code: int, monkeypatch, capsys) -> None:
    asked = {}
    diagram = SimpleNamespace(check=lambda **kw: asked.update(kw) or Report(ok))
    monkeypatch.setattr(cli, "_diagram", lambda options: diagram)
    assert cli.main(["check", "a:b", "--trials", "5"]) == code
    assert asked == {"trials": 5, "seed": 0}
    assert capsys.readouterr().out == "12 claims\n"


def test_a_refusal_is_a_sentence_and_not_a_traceback(models: Path, capsys) -> None:
    assert cli.main(["draw", "their_models:plan"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ncd: while looking up 'their_models:plan'")
    assert "Traceback" not in err


def test_the_users_own_exception_is_shown_whole(models: Path, capsys) -> None:
    (models / "raising_models.py").write_text("def make():\n    raise KeyError('their own')\n")
    assert cli.main(["draw", "raising_models:make"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err and "KeyError: 'their own'" in err


@pytest.mark.parametrize("argv", [[], ["paint"], ["draw"], ["draw", "a:b", "--depth", "deep"]])
def test_a_wrong_command_line_prints_the_usage(argv: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as e:
        cli.main(argv)
    assert e.value.code == 2
    assert "usage: ncd" in capsys.readouterr().err


def test_help_loads_no_torch() -> None:
    code = textwrap.dedent("""
        import sys
        from ncd.cli import main
        try:
            main(["draw", "--help"])
        finally:
            print("torch" in sys.modules)
    """)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--input" in out and out.strip().endswith("False")


def test_cost_takes_sizes(models: Path, capsys) -> None:
    """``--at`` is read before anything is traced."""
    assert cli.main(["cost", "their_models:net", "--at", "s=many"]) == cli.REFUSED
    assert "AXIS=SIZE" in capsys.readouterr().err
