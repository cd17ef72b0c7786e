"""The figures: which module, on what, and what its axes are called on paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ncd.circuit.diagram import Diagram

    Example = tuple[nn.Module, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Figure:
    """One picture: ``make`` gives the module and its inputs, ``axes`` names these."""

    title: str
    says: str
    """What to see in it."""
    make: Callable[[], Example]
    axes: Mapping[str, str]
    code: tuple[str, ...]
    """The classes of ``ncd.models`` to show, as ``file.Class``."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the features of a layer are called, or of a function outside any, by its path; ``cat#2`` is a second."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def trace(self) -> Diagram:
        import torch

        import ncd

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module, args = self.make()
        diagram = named(ncd.trace(module.eval(), *args, axes=dict(self.axes)), self.names)
        return diagram.view(**{"theme": "paper", "titles": {"": self.title}, **self.options})


def named(diagram: Diagram, names: Mapping[str, str]) -> Diagram:
    """The diagram with the features that layers make renamed, ``{path: name}``; who bore a name gets a prime."""
    new: dict[str, str] = {}
    for where, name in names.items():
        path, _, count = where.partition("#")
        found = [o for o in diagram.ops if path in (o.path, "" if o.path else o.name)]
        op = found[int(count or 1) - 1]
        made = op.outputs[0].axes[1 if op.kind in ("window", "join") else -1]
        new |= dict(zip((a.name for a in made.factors or (made,)), name.split(), strict=True))
    for old in sorted(set(new.values()) & set(diagram.axes) - set(new)):
        new[old] = old + "'"
        while new[old] in diagram.axes or list(new.values()).count(new[old]) > 1:
            new[old] += "'"
    return diagram.rename(new)


def figures() -> dict[str, Figure]:
    """Every figure by the name of its files."""
    import torch

    from ncd.models import convolution, recogniser, resnet, scaled, transformer, unet, vision
    from ncd.models.index import attention, visual

    def stage() -> Example:
        return resnet.Stage(16, 64, 2, 3), (torch.randn(2, 16, 32, 32),)

    image, pair = {"image": "b c y x"}, {"source": "b x", "target": "b y"}
    layers = ("FeedForward", "Residual", "EncoderLayer", "DecoderLayer", "Transformer")
    parts = ("scaled.MultiHeadAttention", *(f"transformer.{name}" for name in layers))
    words = {"embed": "m", "linear": "v", "encoder.0.feed_forward.branch.up": "d_ff"}
    scales = {"first.layers.0": "b_1", "first.layers.3": "c_1", "cat": "d_3", "cat#2": "d_2", "cat#3": "d_1"}
    scales |= {f"down.{k}.layers.3": f"c_{k + 2}" for k in range(3)} | {f"grow.{k}": f"c_{3 - k}'" for k in range(3)}
    scales |= {f"up.{k}.layers.3": f"c_{3 - k}''" for k in range(3)} | {"score": "k"}
    unets = ("unet.DoubleConv", "unet.UNet")
    return {
        "attention": Figure(
            "Scaled Dot-Product Attention",
            "Queries and keys meet in a cup, over k; the softmax runs along x, and a second cup sums over it.",
            attention,
            {"query": "y k", "key": "x k", "value": "x v"},
            ("scaled.ScaledDotProductAttention",),
        ),
        "multihead": Figure(
            "Multi-Head Attention",
            "The heads h are never touched between the projections: the same attention, side by side.",
            scaled.example,
            {"target": "y m", "source": "x m"},
            ("scaled.MultiHeadAttention",),
            {"query": "h k", "value": "h v", "output": "m'"},
        ),
        "transformer": Figure(
            "Transformer",
            "The encoder's output goes into every layer of the decoder; arrowheads at a bracket mark what one "
            "layer hands to the next.",
            transformer.example,
            pair,
            parts,
            words,
            {"depth": 1, "width": 1240},
        ),
        "transformer_pre": Figure(
            "Transformer, Norms First",
            "The same modules with each norm in front of its branch: the residual stream runs through untouched.",
            lambda: transformer.example(first=True),
            pair,
            parts[2:3],
            words,
            {"depth": 1, "width": 1240},
        ),
        "transformer_layer": Figure(
            "Decoder Layer",
            "One layer open to the last wire: causal self-attention, attention to the source, and feed-forward.",
            lambda: (
                transformer.DecoderLayer(64, 4, 12, 256, False),
                (torch.randn(2, 7, 64), torch.randn(2, 10, 64)),
            ),
            {"y": "b y m", "x": "b x m"},
            parts[4:5],
            {
                "feed_forward.branch.up": "d_ff",
                "cross_attention.branch.query": "h' k'",
                "cross_attention.branch.value": "h' v'",
            },
            {"depth": 9, "width": 1500, "skips": "lanes"},
        ),
        "recogniser": Figure(
            "Basic Image Recogniser for Digits",
            "Flattening is no operation here: the first layer touches both axes of the image.",
            recogniser.example,
            {"image": "b y x"},
            ("recogniser.BasicImageRecogniser",),
            {"stack.0": "h_1", "stack.2": "h_2", "stack.4": "k"},
            {"labels": "both"},
        ),
        "convolution": Figure(
            "Convolutions",
            "A star is a window: its size, its stride after a slash, d its dilation, g its groups.",
            convolution.example,
            image,
            ("convolution.Convolutions",),
            {"plain": "c_1", "strided": "c_2", "dilated": "c_3", "grouped": "c_4", "transposed": "c_5"},
        ),
        "resnet_block": Figure(
            "Identity ResNet: a Stage of Blocks",
            "The first block changes the shape, so its skip is a convolution; the others add what they were given.",
            stage,
            {"x": "b n_0 y x"},
            tuple(
                f"resnet.{c}"
                for c in ("NormActivate", "ResidualComponent", "ProjectionBlock", "IdentityBlock", "Stage")
            ),
            {
                "project.residual.narrow": "n_b",
                "project.residual.middle": "n_b'",
                "project.residual.widen": "n_1",
                "blocks.0.residual.narrow": "n_b''",
                "blocks.0.residual.middle": "n_b'''",
            },
            {"depth": 9},
        ),
        "resnet": Figure(
            "Identity ResNet",
            "Three stages, each closed; only the mean at the end touches the two axes of the image.",
            resnet.example,
            image,
            ("resnet.IdentityResNet",),
            {"first": "n_1", **{f"stages.{k}.project.residual.widen": f"n_{k + 2}" for k in range(3)}, "score": "k"},
            {"depth": 0},
        ),
        "unet": Figure(
            "U-Net",
            "The way down, and up again; at every scale what was kept is joined with what comes up.",
            unet.example,
            image,
            unets,
            scales,
            {"depth": 0, "width": None, "stages": False},
        ),
        "unet_stages": Figure(
            "U-Net, by Stage",
            "The way down is one block, and so is the way up: turns differ in sizes alone, and the legend gives these.",
            unet.example,
            image,
            (),
            options={"legend": True},
        ),
        "unet_rows": Figure(
            "U-Net, in Rows",
            "Skips that would pass whole rows are saved to memory and loaded where they are read.",
            unet.example,
            image,
            unets[1:],
            scales,
            {"stages": False},
        ),
        "vision_transformer": Figure(
            "Vision Transformer",
            "The patches are one convolution; a learned token is put in front of them, and read off at the end.",
            vision.example,
            image,
            ("vision.FeedForward", "vision.Layer", "vision.VisionTransformer"),
            {"patches": "m", "score": "k"},
            {"depth": 1, "width": 1240},
        ),
        "visual_attention": Figure(
            "Visual Attention",
            "Attention between two feature maps: double wires are pairs of image axes, and nothing else changes.",
            visual,
            {"target": "b c y1 y", "source": "b c x1 x"},
            ("vision.VisualAttention",),
            {"query": "k", "value": "v", "output": "c'"},
        ),
    }
