"""How long a browser takes to show a page: some are a picture as they are written, others make it when opened."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

WATCH = """
    window.changed = 0;
    const watch = new MutationObserver(() => {
        if (document.querySelector('svg text')) window.changed = performance.now();
    });
    watch.observe(document, { childList: true, subtree: true });
"""
REST = "window.changed && performance.now() - window.changed > 1000"
"""Nothing was added to the page for a second, and there are words in a picture."""


def shown(page: bytes) -> float:
    """Seconds of the clock from opening a page until its picture is there, by the browser's own account."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as tools:
        file = Path(folder, "page.html")
        file.write_bytes(page)
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.add_init_script(WATCH)
        tab.goto(file.as_uri())
        while not tab.evaluate(REST):
            tab.wait_for_timeout(100)
        seconds = float(tab.evaluate("window.changed")) / 1e3
        browser.close()
    return seconds
