"""Names of classes as titles: in words, hyphenated as people write them, without the model's own prefix."""

from __future__ import annotations

import re
from itertools import takewhile

_KNOWN = {"MLP": "Feed Forward", "Mlp": "Feed Forward", "FFN": "Feed Forward", "FF": "Feed Forward",
          "FeedForward": "Feed Forward", "DenseActDense": "Feed Forward", "DenseGatedActDense": "Feed Forward",
          "MHA": "Multi-Head Attention", "MultiheadAttention": "Multi-Head Attention"}  # fmt: skip
_ONE = ("ReLU", "GELU", "SiLU", "PReLU", "SwiGLU", "GeGLU", "ReGLU", "ResNet", "MobileNet", "EfficientNet", "DenseNet",
        "ConvNeXt", "ConvNext", "NeXt", "DropPath", "DeBERTa", "ViT", "DiT", "MoE", "LoRA", "ALiBi", "RoPE",
        "Wav2Vec2", "XLNet", "FNet", "GPT2", "T5", "SSM")  # fmt: skip
"""What is one word whatever its capitals say."""
_WORDS = re.compile(
    "|".join(sorted(_ONE, key=len, reverse=True))
    + r"|[A-Z]+(?![a-z])(?:\d+(?![dD\d]))?|[A-Z]?[a-z]+(?:\d+(?![dD\d]))?|\d+[dD]?"
)
_LONG = {"Attn": "Attention", "Proj": "Projection", "Emb": "Embedding", "Embed": "Embedding", "Enc": "Encoder",
         "Dec": "Decoder"}  # fmt: skip
_HYPHENED = (
    "Multi Head", "Multi Scale", "Multi Query", "Multi Modal", "Grouped Query", "Self Attention", "Cross Attention",
    "Dot Product", "Pre Norm", "Post Norm", "Depth Wise", "Point Wise", "Position Wise", "U Net", "Bi Directional",
)  # fmt: skip
"""Pairs of words written with a hyphen."""


CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
SAME = ("Stack",)
"""Titles of classes that are used for unlike things: their attributes (encoder, decoder) say which."""


def attribute(path: str) -> str:
    """What a container without a class of its own is called: ``layer1`` is "Layer 1", ``stages.0`` "Stage 1"."""
    *_, above, last = ("", *path.split("#")[0].split("."))
    if not last.isdigit():
        stem = last.rstrip("0123456789")
        return f"{words(stem.rstrip('_'))} {last[len(stem) :]}".strip() if stem else last
    one = above if above.endswith("ss") else above.removesuffix("s")
    return f"{words(one)} {int(last) + 1}" if one else last


def pretty(cls: str, model: str = "") -> str:
    """A class name as a title: ``ViTMultiHeadAttention`` of ``ViTModel`` is "Multi-Head Attention"."""
    same = list(takewhile(lambda pair: pair[0] == pair[1], zip(cls, model, strict=False)))
    shared = cls[: len(same)]
    while shared and not all(len(shared) == len(n) or n[len(shared)].isupper() for n in (cls, model)):
        shared = shared[:-1]
    if shared == cls:
        shared = ""
    name = cls[len(shared) :] if len(shared) > 1 else cls
    name = name.removeprefix("Sdpa") or cls
    return _KNOWN.get(name) or words(name)


def words(name: str) -> str:
    """A name in words."""
    found = (w[0].upper() + w[1:] for w in _WORDS.findall(name))
    out = " ".join(_LONG.get(w, w) for w in found) or name
    for pair in _HYPHENED:
        out = re.sub(rf"\b{pair}\b", pair.replace(" ", "-"), out)
    return out
