"""What is installed: one wheel, made and installed with no node in reach, carries the whole front end."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import ncd
from tests.page.conftest import REPOSITORY

EXTENSION = Path("share", "jupyter", "labextensions", "ncd")
USE = """
import json, shutil, sys
assert shutil.which("node") is shutil.which("npm") is None
import ncd
d = ncd.Diagram("empty", (), (), ())
assert "torch" not in sys.modules
from ncd.notebook.widget import Widget
print(json.dumps([ncd.__file__, ncd.__version__, len(str(Widget(d)._esm)), len(d.to_html())]))
"""


class Environment:
    """A virtual environment that sees the packages of this one behind its own, and no program but its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
        self.bin = root / "bin"
        (site,) = root.glob("lib/python*/site-packages")
        beside = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (site / "beside.pth").write_text(beside)

    def run(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [self.bin / "python", *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), "HOME": str(self.root), "JUPYTER_PLATFORM_DIRS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def install(self, what: Path) -> None:
        offline = ("--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--disable-pip-version-check")
        self.run("-m", "pip", "install", "--prefix", self.root, *offline, what)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=REPOSITORY, check=True)
    return folder


@pytest.fixture(scope="module", params=["*.tar.gz", "*.whl"])
def environment(built: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One into which the sdist was installed, and one with the wheel."""
    (package,) = built.glob(request.param)
    environment = Environment(tmp_path_factory.mktemp("env"))
    environment.install(package)
    return environment


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_all_of_it_is_installed_without_node(environment: Environment) -> None:
    assert files(environment.root / EXTENSION) == files(REPOSITORY / "ncd" / "labextension")
    (home,) = environment.root.glob("lib/python*/site-packages/ncd")
    assert files(home / "static") == files(REPOSITORY / "ncd" / "static")
    assert not (home / "labextension").exists()  # it would be there twice


@pytest.mark.parametrize("environment", ["*.whl"], indirect=True)
def test_it_works_and_jupyterlab_finds_it(environment: Environment) -> None:
    used = environment.run("-c", USE)
    assert str(environment.root) in used and f'"{ncd.__version__}"' in used
    listed = environment.run("-m", "jupyterlab.labextensions", "list")
    assert re.search(rf"ncd v{re.escape(ncd.__version__)} .*enabled.*OK", listed), listed
