"""``python -m benchmarks.page [WIRES]``: frames of the widget in headless Chromium, drawn without a GPU.

A figure of 20,000 wires is held to 500 ms from its text to its first paint, and to 17 ms a frame in the
median while it is panned, zoomed and pointed at.  Not part of ``python -m benchmarks``: it needs a browser.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.timing import table, verdict
from ncd.layout.scene import Ids, Path, Scene, Text
from ncd.render.svg import render

STATIC = File(__file__).parents[1] / "ncd" / "static"
ARGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-precise-memory-info")
PAINT, FRAME = 0.5, 0.017
ROUNDS = 5
FRAMES = 90

START = """([code, css, state]) =>
  import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))).then(widget => new Promise(done => {
    const style = document.head.appendChild(document.createElement('style'));
    style.textContent = css;
    const model = { get: name => state[name], set() {}, save_changes() {}, on() {}, off() {} };
    const started = performance.now();
    widget.default.render({ model, el: document.body });
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
  }))"""
RUN = """([what, frames]) => new Promise(done => {
  const stage = document.querySelector('.ncd-stage');
  const { left, top, width, height } = stage.getBoundingClientRect();
  const swing = (i, period) => .1 + .8 * Math.abs(Math.sin(i / period));
  const at = i => ({ clientX: left + width * swing(i, 9), clientY: top + Math.min(height, 700) * swing(i, 23) });
  const kind = { bubbles: true, cancelable: true };
  const tell = (type, where) =>
    stage.dispatchEvent(new PointerEvent(type, { ...kind, ...where, pointerType: 'mouse', button: 0, pointerId: 1 }));
  const wheel = (where, deltaY) =>
    stage.lastChild.dispatchEvent(new WheelEvent('wheel', { ...kind, ...where, ctrlKey: true, deltaY }));
  const acts = {
    pan: i => tell('pointermove', at(i)),
    zoom: i => wheel(at(i), i % 40 < 20 ? -40 : 40),
    hover: i => tell('pointermove', at(i)),
  };
  if (what === 'pan') { stage.lastChild.setPointerCapture = () => {}; tell('pointerdown', at(0)); }
  const times = [];
  let last = 0, i = 0, keys = new Set();
  const heard = e => keys.add(e.detail.key);
  document.addEventListener('ncd:hover', heard);
  const frame = now => {
    if (last) times.push(now - last);
    last = now;
    if (i < frames) { acts[what](i++); return requestAnimationFrame(frame); }
    if (what === 'pan') tell('pointerup', at(i));
    document.removeEventListener('ncd:hover', heard);
    done([times, keys.size]);
  };
  requestAnimationFrame(frame);
})"""


def figure(wires: int) -> tuple[str, dict[str, Any]]:
    """Curves in rows of blocks, an operation to every fourth of them, eight axes in all."""
    across, pitch = 40, 14
    marks: list[Any] = []
    facts: dict[str, dict[str, Any]] = {"op": {}, "axis": {}, "array": {}, "block": {}}
    for k in range(8):
        facts["axis"][str(k)] = {"name": f"axis_{k}", "size": 2**k}
    for i in range(wires):
        x, y = 90 * (i % across), pitch * (i // across) + 20
        bend = 10 if i % 3 else -10
        curve = (("M", (x, y)), ("L", (x + 30, y)), ("C", (x + 45, y, x + 45, y + bend, x + 60, y + bend)))
        marks.append(Path("wire", curve, Ids(axis=i % 8, array=i)))
        if i % 4 == 0:
            box = (
                ("M", (x + 62, y - 4)),
                ("L", (x + 80, y - 4)),
                ("L", (x + 80, y + 6)),
                ("L", (x + 62, y + 6)),
                ("Z", ()),
            )
            marks.append(Path("box", box, Ids(op=i // 4)))
            facts["op"][str(i // 4)] = {
                "name": f"op{i // 4}",
                "path": "",
                "words": "acts along",
                "ins": [i],
                "outs": [i + 1],
            }
        if i % 16 == 0:
            marks.append(Text("axis", x + 2, y - 3, "n", ids=Ids(axis=i % 8)))
        facts["array"][str(i)] = {"name": "", "shape": [2], "axes": [i % 8]}
    height = pitch * (wires // across) + 60
    return render(Scene(90 * across, height, "wires", "", tuple(marks)), "auto"), facts


def measured(wires: int) -> Mapping[str, float]:
    """Medians in seconds: from a figure's text to its first paint, and of frames."""
    svg, facts = figure(wires)
    found: dict[str, list[float]] = {"paint": [], "pan": [], "zoom": [], "hover": []}
    keys = 0
    code, css = ((STATIC / name).read_text("utf-8") for name in ("widget.js", "widget.css"))
    state = {"document": {"title": "wires", "scenes": [{"svg": svg, "facts": facts}]}}
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGS))
        for _ in range(ROUNDS):
            tab = browser.new_page(viewport={"width": 1200, "height": 800})
            found["paint"].append(tab.evaluate(START, [code, css, state]) / 1e3)
            tab.wait_for_timeout(500)
            for what in ("hover", "pan", "zoom"):
                times, seen = tab.evaluate(RUN, [what, FRAMES])
                keys = max(keys, seen)
                found[what] += [t / 1e3 for t in times]
                tab.wait_for_timeout(300)
            tab.close()
        browser.close()
    assert keys > 5, "nothing was pointed at"
    return {k: sorted(v)[len(v) // 2] for k, v in found.items()}


def main(argv: list[str]) -> None:
    for wires in map(int, argv or ["1000", "5000", "20000"]):
        times = measured(wires)
        rows = [[wires, what, t * 1e3, verdict(t, PAINT if what == "paint" else FRAME)] for what, t in times.items()]
        print(table(("wires", "what", "ms", ""), rows), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
