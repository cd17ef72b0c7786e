"""The last line of a marimo cell is the living figure, and it asks the kernel to open a block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page.conftest import PATIENCE_MS, REPOSITORY, START_S
from tests.page.notebooks import point_at

pytest.importorskip("marimo")

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    import ncd
    from torch import nn

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, x):
            return x + self.down(self.up(x).relu())

    ncd.trace(nn.Sequential(Layer(), Layer()), ncd.array("b=2 d=4")).view(depth=0)


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "app.py").write_text(APP)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = (*(sys.executable, "-m", "marimo", "run", "app.py"), "--headless", "--no-token", "--port", str(port))
    environ = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)
    end = time.monotonic() + START_S
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(15)


def test_a_diagram_is_alive_and_opens_in_place(chromium: Browser, address: str) -> None:
    tab = chromium.new_page(viewport={"width": 1200, "height": 900})
    tab.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.goto(address)
    figure = tab.locator(".ncd-view")
    closed = figure.locator("g.ncd-op").first
    closed.wait_for()
    tab.mouse.dblclick(*point_at(tab, closed))
    figure.locator("path.ncd-block[data-block='0']").wait_for(state="attached")
    assert complaints == []
    tab.close()
