"""``import ncd`` is light, and its verbs stay verbs."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import textwrap

import pytest

import ncd

HEAVY = (
    "torch", "numpy", "networkx", "sympy", "kiwisolver", "graphviz", "einops", "scipy", "tqdm",
    "IPython", "ipywidgets", "anywidget", "traitlets", "transformers",
)  # fmt: skip
"""What ``import ncd`` must not load: these take seconds, and a saved diagram is read without them."""


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_no_other_library() -> None:
    loaded = fresh("import sys, ncd; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert "ncd" in loaded
    assert not set(HEAVY) & set(loaded)


def test_import_loads_no_layout_and_no_tracer() -> None:
    loaded = fresh("import sys, ncd; print(*(m for m in sys.modules if m.startswith('ncd')))").split()
    assert loaded == ["ncd"]


def test_a_diagram_is_read_without_torch_and_without_drawing_code() -> None:
    loaded = fresh(
        """
        import sys, ncd
        text = ncd.Diagram("empty", (), (), ()).to_json()
        ncd.Diagram.from_json(text)
        print(*sys.modules)
        """
    ).split()
    assert not set(HEAVY) & set(loaded)
    assert not any(m.startswith(("ncd.layout", "ncd.render", "ncd.tracing", "ncd.ops")) for m in loaded)


def test_no_submodule_bears_the_name_of_a_verb() -> None:
    assert not {m.name for m in pkgutil.iter_modules(ncd.__path__)} & set(ncd._HOME)


def test_every_public_name_means_the_same_after_everything_is_loaded() -> None:
    pytest.importorskip("torch")
    out = fresh(
        """
        import importlib, pkgutil, types, ncd
        first = {name: getattr(ncd, name) for name in ncd.__all__}
        for module in pkgutil.walk_packages(ncd.__path__, "ncd."):
            importlib.import_module(module.name)
        for name, value in first.items():
            assert getattr(ncd, name) is value, name
            assert not isinstance(value, types.ModuleType), name
        print(len(first))
        """
    )
    assert int(out) == len(ncd.__all__)


def test_every_verb_can_be_called_twice() -> None:
    pytest.importorskip("torch")
    fresh(
        """
        import torch, ncd
        for _ in range(2):
            assert ncd.array("b=2 d=4").sizes == (2, 4)
            assert ncd.tokens("b=2").sizes == (2,)
            diagram = ncd.trace(torch.nn.Linear(4, 3), ncd.array("b=2 d=4"))
            assert isinstance(diagram, ncd.Diagram)
            assert str(ncd.Weave.parse("b [i] -> b")) == "b [i] -> b"
            assert isinstance(diagram.widget(), ncd.Widget)
            for kind in (ncd.TraceError, ncd.AxisError, ncd.DSLError, ncd.CheckError):
                assert issubclass(kind, ncd.NCDError)
        """
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tracer_of_everything'"):
        _ = ncd.tracer_of_everything
    assert set(dir(ncd)) == set(ncd.__all__)


def test_marks_are_drawn_without_the_layout() -> None:
    """Symbols need the scene's types alone; importing them first must not run in circles."""
    code = "import sys; from ncd import symbols; sys.exit('ncd.layout.figure' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
