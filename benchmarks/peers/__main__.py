"""``python -m benchmarks.peers [FILE [MODEL ...]]``: a table of ratios, peer over ncd: above 1, ncd is ahead.

Every pair has a process of its own; what was measured already is kept in ``FILE.jsonl`` and not measured again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.__main__ import machine
from benchmarks.peers.tools import PEERS
from benchmarks.timing import table

MODELS = ("attn", "lstm", "pointer", "unet", "gpt2", "gpt2@1024", "vit", "resnet", "llama_7b")
PACKAGES = ("torch", "torchview", "torchlens", "torchviz", "torchvista", "ai-edge-model-explorer")
PATIENCE = 400
"""Seconds of the clock for a pair."""


def measured(model: str, peer: str) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "benchmarks.peers.pair", model, peer]
    pipe = subprocess.PIPE
    pair = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        out, complaints = pair.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return {"peer": f"not done after {PATIENCE} s"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pair.pid, signal.SIGKILL)  # graphviz's dot would go on for hours
    lines = out.strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        return {"peer": f"ended with {pair.returncode}: {complaints.strip().splitlines()[-1:]}"[:100]}
    return found


def row(model: str, peer: str, found: Mapping[str, Any]) -> list[object]:
    if not isinstance(found.get("peer"), dict) or not isinstance(found.get("ncd"), dict):
        failed = next(v for v in (found.get("ncd"), found.get("peer")) if isinstance(v, str))
        who = "ncd: " if isinstance(found.get("ncd"), str) else ""
        return [model, peer, *[""] * 10, who + failed]
    ours, theirs = found["ncd"], found["peer"]
    ratios = [theirs[key] / max(ours[key], 1e-9) for key in ("trace", "written", "picture", "size")]
    numbers = [ours[key] for key in ("trace", "written", "picture", "size", "memory")]
    return [model, peer, *ratios, *numbers, theirs["memory"], "" if min(ratios) >= 1 else "behind"]


HEAD = ["model", "peer", "trace", "written", "picture", "size"]
HEAD += ["ncd: trace s", "written s", "picture s", "size kB", "memory MB", "peer: memory MB", ""]


def main() -> None:
    from tqdm import tqdm

    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/peers.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.with_suffix(".jsonl")
    known = (
        {(r["model"], r["tool"]): r["found"] for r in map(json.loads, kept.read_text().splitlines())}
        if kept.exists()
        else {}
    )
    pairs = [(m, p) for m in sys.argv[2:] or MODELS for p in PEERS]
    with suppress(KeyboardInterrupt):  # then the table is of what is there
        for model, peer in tqdm(pairs):
            if (model, peer) not in known:
                known[model, peer] = measured(model, peer)
                with kept.open("a") as f:
                    f.write(json.dumps({"model": model, "tool": peer, "found": known[model, peer]}) + "\n")
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    said = [
        "python -m benchmarks.peers: peer over ncd, so that above 1 ncd is ahead; time to the trace, to the file and",
        "to the picture, bytes of the file.  A page is a picture when Chromium has made and shown all of it.",
        f"{machine()}, one thread; {', '.join(versions)}",
        "In turns in one process a pair; seconds of the processor, graphviz's included, and of the clock in Chromium;",
        "the least of three rounds; ncd derives every signature anew in each.  gpt2@1024 reads one text of so many",
        "tokens, the others the zoo's small inputs.  Files are of the peer's kind: SVG of torchview, torchlens and",
        "torchviz, HTML of torchvista, JSON of Model Explorer, text of torch.export.  A peer at its best is compared",
        "with ncd at its best: depth=1, ids=False.",
        "",
        table(HEAD, [row(*pair, known[pair]) for pair in pairs if pair in known]),
    ]
    path.write_text("\n".join(said) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
