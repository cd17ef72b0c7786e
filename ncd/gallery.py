"""``python -m ncd.gallery OUT``: the architectures of the paper, drawn from plain modules, with the code beside.

Abbott, "Neural Circuit Diagrams: Robust Diagrams for the Communication, Implementation, and Analysis of
Deep Learning Architectures", TMLR 2024, draws these by hand.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ncd.circuit.diagram import Diagram


@dataclass(frozen=True)
class Figure:
    """One picture: ``make`` gives the module and its inputs, ``axes`` names these, ``rename`` what comes later."""

    title: str
    make: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]
    axes: Mapping[str, str]
    code: tuple[str, ...]
    """The classes of ``ncd.models`` to show, as ``file.Class``."""
    rename: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def trace(self) -> Diagram:
        import torch

        import ncd

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module, args = self.make()
        diagram = ncd.trace(module.eval(), *args, axes=dict(self.axes)).rename(dict(self.rename))
        return diagram.view(**{"theme": "paper", "titles": {"": self.title}, **self.options})


def figures() -> dict[str, Figure]:
    """Every figure by the name of its files."""
    import torch

    from ncd.models import convolution, recogniser, resnet, scaled, transformer, unet, vision

    def attention() -> tuple[nn.Module, tuple[Tensor, ...]]:
        return scaled.ScaledDotProductAttention(), (torch.randn(7, 12), torch.randn(10, 12), torch.randn(10, 9))

    def stage() -> tuple[nn.Module, tuple[Tensor, ...]]:
        return resnet.Stage(16, 64, 2, 3), (torch.randn(2, 16, 32, 32),)

    def visual() -> tuple[nn.Module, tuple[Tensor, ...]]:
        return vision.VisualAttention(), (torch.randn(2, 16, 8, 6), torch.randn(2, 16, 5, 7))

    image, pair = {"image": "b c y x"}, {"source": "b x", "target": "b y"}
    layers = ("EncoderLayer", "DecoderLayer", "Transformer")
    parts = tuple(f"transformer.{name}" for name in ("FeedForward", "Residual", *layers))
    return {
        "attention": Figure(
            "Scaled dot-product attention",
            attention,
            {"query": "y k", "key": "x k", "value": "x v"},
            ("scaled.ScaledDotProductAttention",),
        ),
        "multihead": Figure(
            "Multi-head attention",
            scaled.example,
            {"target": "y m", "source": "x m"},
            ("scaled.MultiHeadAttention",),
        ),
        "transformer": Figure("Transformer", transformer.example, pair, parts),
        "transformer_pre": Figure(
            "Transformer, norms first", lambda: transformer.example(first=True), pair, parts[1:2]
        ),
        "recogniser": Figure(
            "Basic image recogniser for digits",
            recogniser.example,
            {"image": "b y x"},
            ("recogniser.BasicImageRecogniser",),
        ),
        "convolution": Figure("Convolutions", convolution.example, image, ("convolution.Convolutions",)),
        "resnet_block": Figure(
            "Identity ResNet: a stage of blocks",
            stage,
            {"x": "b c y x"},
            tuple(
                f"resnet.{c}"
                for c in ("NormActivate", "ResidualComponent", "ProjectionBlock", "IdentityBlock", "Stage")
            ),
            options={"depth": 9},
        ),
        "resnet": Figure("Identity ResNet", resnet.example, image, ("resnet.IdentityResNet",), options={"depth": 0}),
        "unet": Figure("U-Net", unet.example, image, ("unet.DoubleConv", "unet.UNet")),
        "vision_transformer": Figure("Vision transformer", vision.example, image, ("vision.VisionTransformer",)),
        "visual_attention": Figure(
            "Visual attention",
            visual,
            {"target": "b c y1 y2", "source": "b c x1 x2"},
            ("vision.VisualAttention",),
        ),
    }


def code(figure: Figure) -> str:
    """The source of what a figure shows."""
    from importlib import import_module

    found = []
    for name in figure.code:
        file, _, cls = name.partition(".")
        found.append(inspect.getsource(getattr(import_module(f"ncd.models.{file}"), cls)))
    return "\n\n".join(found)


def index(shown: Mapping[str, Figure]) -> str:
    """The page: every figure, and its code."""
    parts = "\n".join(
        f'<section id="{name}">\n<h2>{escape(f.title)}</h2>\n'
        f'<p>{" ".join(f"""<a href="{name}.{kind}">{kind.upper()}</a>""" for kind in KINDS)}</p>\n'
        f'<div class="pair"><img src="{name}.svg" alt="{escape(f.title)}" loading="lazy">\n'
        f"<pre><code>{escape(code(f))}</code></pre></div>\n</section>"
        for name, f in shown.items()
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ncd: the figures of the paper, from code</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #111; background: #fff }}
section {{ margin: 3rem 0 }}
.pair {{ display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start }}
.pair img {{ max-width: 100% }}
pre {{ font-size: 13px; line-height: 1.35; max-height: 640px; overflow: auto; background: #f6f6f6; padding: 1rem;
  margin: 0 }}
</style>
<h1>The figures of the paper, from code</h1>
<p>Architectures that Abbott (TMLR 2024) draws by hand; each of these pictures was traced from the module beside it.</p>
{parts}
</html>
"""


KINDS = ("svg", "png", "pdf", "tex")


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figures named, or all, in every format."""
    every = figures()
    parser = argparse.ArgumentParser(prog="python -m ncd.gallery", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("figures", nargs="*", choices=[*every, []], help="which figures (default: all)")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = {name: every[name] for name in options.figures or every}
    for name, figure in chosen.items():
        diagram = figure.trace()
        for kind in KINDS:
            diagram.save(options.out / f"{name}.{kind}")
        print(f"{name:<20}{len(diagram):>4} ops, {len(diagram.opaque)} opaque", flush=True)
    (options.out / "index.html").write_text(index(chosen), encoding="utf-8")
    print(f"{len(chosen)} figures; see {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
