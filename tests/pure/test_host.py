"""The programs that show widgets but not ncd's own mime type are recognised."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ncd.notebook.host import host, live


def marimo(running: bool) -> SimpleNamespace:
    return SimpleNamespace(running_in_notebook=lambda: running)


@pytest.mark.parametrize(
    ("environ", "modules", "where"),
    [
        ({}, {}, ""),
        ({"JPY_SESSION_NAME": "/work/a.ipynb"}, {"ipykernel": None}, ""),
        ({"VSCODE_PID": "12"}, {}, "vscode"),
        ({"VSCODE_PID": "12", "JPY_SESSION_NAME": "/work/a.ipynb"}, {}, ""),
        ({}, {"google.colab": None}, "colab"),
        ({}, {"marimo": marimo(True)}, "marimo"),
        ({}, {"marimo": marimo(False)}, ""),
        ({"VSCODE_PID": "12"}, {"marimo": marimo(False)}, "vscode"),
    ],
)
def test_host(environ: dict, modules: dict, where: str) -> None:
    assert host(environ, modules) == where


def test_nothing_is_added_where_the_mime_type_is_drawn() -> None:
    class NoWidget:
        def widget(self):
            raise AssertionError("no widget is wanted here")

    assert live(NoWidget(), "") == {}


def test_elsewhere_the_widget_is_added() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    for shown in (view, (view, {}), ({**view, "text/plain": "<Widget>", "image/svg+xml": "<svg/>"}, {})):
        widget = SimpleNamespace(_repr_mimebundle_=lambda shown=shown: shown)
        assert live(SimpleNamespace(widget=lambda widget=widget: widget), "vscode") == view
