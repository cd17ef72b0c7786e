"""``python -m ncd.demo OUT``: draw every model of the zoo into a folder, with a page that shows them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from textwrap import shorten
from time import perf_counter

TITLES = {
    "mlp": "Perceptron",
    "attn": "Attention, written with views",
    "mha": "nn.MultiheadAttention",
    "lstm": "LSTM tagger",
    "pointer": "Pointer network",
    "unet": "U-Net",
    "transformer": "nn.Transformer",
    "gpt2": "GPT-2",
    "bert": "BERT",
    "vit": "ViT",
    "deit": "DeiT",
    "resnet": "ResNet-50",
    "convnext": "ConvNeXt",
    "swin": "Swin",
    "llama_tiny": "Llama, tiny",
    "t5": "T5",
    "whisper": "Whisper",
    "mixtral_tiny": "Mixtral, tiny",
    "mamba_tiny": "Mamba, tiny",
    "llama_7b": "Llama 7B, no weights",
}

TRAINED = "hull-5-50"


@dataclass(frozen=True)
class Row:
    """What is said about one model."""

    name: str
    title: str
    ops: int
    drawn: int
    axes: int
    opaque: int
    seconds: float
    alt: str

    def __str__(self) -> str:
        return (
            f"{self.name:<14}{self.ops:>6} ops {self.drawn:>5} drawn {self.axes:>5} axes "
            f"{self.opaque:>4} opaque {self.seconds:>7.1f} s"
        )


def draw(name: str, out: Path) -> Row:
    """Trace one model and write its SVG and its page."""
    import ncd
    from ncd import show
    from ncd.models import zoo
    from ncd.render.html import page

    example = zoo.get(name)
    start = perf_counter()
    traced = ncd.trace(example.module, *example.args, axes=example.axes, **example.kwargs)
    diagram = replace(traced, title=TITLES.get(name, name))
    shown = show.draw(diagram)
    (out / f"{name}.svg").write_text(shown.svg, encoding="utf-8")
    (out / f"{name}.html").write_text(page(diagram.title, shown.svg, show.document(diagram, shown)), encoding="utf-8")
    return Row(
        name,
        diagram.title,
        len(diagram),
        len(shown.drawn),
        len(diagram.axes),
        len(diagram.opaque),
        perf_counter() - start,
        shown.scene.description,
    )


def hulls(out: Path, sizes: Sequence[int] = (5, 10, 15, 20, 30)) -> str:
    """What the trained pointer network writes of points it never saw, as an SVG and a figure for the page."""
    import numpy as np
    import torch

    from ncd.tasks import shipped
    from ncd.tasks.decoding import greedy
    from ncd.tasks.pointing import PROBLEMS, judge_hulls

    network, problem, right = shipped.load(TRAINED), PROBLEMS["hull"], 0
    parts = []
    for k, n in enumerate(sizes):
        points = problem.sets(np.random.default_rng(n), 1, n)
        answers = greedy(network, torch.from_numpy(points).float(), problem.longest(n))
        right += int(judge_hulls(points, answers)["accuracy"])
        place = points[0] * 150 + 20
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in place[answers[0]])
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in place)
        hull = f'<polygon points="{corners}" fill="#d2e5f3" stroke="#4393c3"/>'
        parts.append(f'<g transform="translate({190 * k})">{hull}{dots}</g>')
    size = f'width="{190 * len(sizes)}" height="190" viewBox="0 0 {190 * len(sizes)} 190"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join(parts) + "\n</svg>\n"
    (out / "hulls.svg").write_text(svg, encoding="utf-8")
    said = f"{right} of {len(sizes)} are the hull; weights {TRAINED}, which come with ncd"
    return (
        '<figure id="hulls">\n<figcaption>Convex hulls that the trained pointer network points out '
        f'<small>{said}</small></figcaption>\n<img src="hulls.svg" alt="Points and polygons" loading="lazy">\n</figure>'
    )


def index(rows: Sequence[Row], more: str = "") -> str:
    """The page of all pictures, and ``more`` below them."""
    figures = "\n".join(
        f'<figure id="{row.name}">\n<figcaption><a href="{row.name}.html">{escape(row.title)}</a> '
        f"<small>{row.ops} operations, drawn as {row.drawn}; {row.axes} axes; {row.opaque} opaque; "
        f"{row.seconds:.1f} s</small></figcaption>\n"
        f'<img src="{row.name}.svg" alt="{escape(row.alt)}" loading="lazy">\n</figure>'
        for row in rows
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ncd: models drawn from their code</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1040px; padding: 0 1rem;
  color: #111; background: #fff }}
figure {{ margin: 3rem 0; overflow-x: auto }}
figcaption {{ margin-bottom: .5rem; font-weight: 600 }}
small {{ font-weight: 400; color: #555; margin-left: .5rem }}
</style>
<h1>Models drawn from their code</h1>
<p>Each picture was traced from a running module. Follow a title for the page where axes and operations light up.</p>
{figures}
{more}
</html>
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the models named, or all; 1 if any of them could not be drawn."""
    from ncd.models.zoo import MODELS

    parser = argparse.ArgumentParser(prog="python -m ncd.demo", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], help="which models (default: all)")
    options = parser.parse_args(argv)
    # The configs are in the package; nothing is to be fetched.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    failed: list[str] = []
    for name in options.models or MODELS:
        try:
            rows.append(draw(name, options.out))
            print(rows[-1], flush=True)
        except Exception as e:
            failed.append(name)
            print(shorten(f"{name:<14}FAILED: {type(e).__name__}: {e}", 300), flush=True)
    more = "" if options.models else hulls(options.out)
    (options.out / "index.html").write_text(index(rows, more), encoding="utf-8")
    print(f"{len(rows)} models drawn; see {options.out / 'index.html'}")
    if failed:
        print("could not draw " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
