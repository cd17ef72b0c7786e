"""transformers: a model of every type that can be built offline, from a small configuration."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, LlamaModel, PretrainedConfig, ViTModel, Wav2Vec2Model
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

from benchmarks.sweep.case import Case, Subject, Suite, redrawn
from benchmarks.sweep.configurations import CHANGES, INPUTS, KNOWN, LEFT_OUT
from benchmarks.sweep.shrink import small

BATCH, LENGTH, TARGET = 2, 11, 7
IMPORTED = LlamaModel, ViTModel, Wav2Vec2Model
"""What most models import, so that it is imported once, before any case has a process of its own."""


def suite() -> Suite:
    names = dict.fromkeys(MODEL_MAPPING_NAMES)
    cases = [Case(n, lambda n=n: subject(n), again) for n in names if n not in LEFT_OUT]
    left_out = {n: why for n, why in LEFT_OUT.items() if n in names}
    return Suite("transformers, a model of every type", cases, ("transformers",), left_out, KNOWN)


def again(s: Subject) -> tuple[Any, Any]:
    """Other inputs; those that say where and how large things are stay."""
    return redrawn(s, ("grid_thw", "merge_sizes", "spatial_shapes", "bbox"))


def subject(name: str) -> Subject:
    config = small(name, **CHANGES.get(name, {}))
    model = AutoModel.from_config(config)
    given = INPUTS.get(name, {})
    return Subject(model, (), inputs(model, config, given))


def inputs(model: nn.Module, config: PretrainedConfig, given: dict[str, Any]) -> dict[str, Any]:
    """What the model's forward asks for, by the names of its parameters; ``given``: shapes, or None to leave it out."""
    taken = inspect.signature(model.forward).parameters
    main = getattr(model, "main_input_name", "input_ids")
    wanted = [
        p.name for p in taken.values() if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    also = ["input_ids", "decoder_input_ids", "bbox", *(["pixel_values"] if "return_loss" in taken else [])]
    found: dict[str, Any] = {}
    for name in dict.fromkeys([main, *wanted, *also, *given]):
        if name in given:
            if given[name] is not None:
                found[name] = drawn(given[name])
        elif name in taken:
            made = make(name, config, set(wanted))
            if made is not None:
                found[name] = made
    return found


def drawn(shape: Any) -> Any:
    """Random numbers of a shape: integers below its first entry where that is negative; other things as they are."""
    if not isinstance(shape, tuple):
        return torch.tensor(shape) if isinstance(shape, list) else shape
    if shape[0] < 0:
        return torch.randint(0, -shape[0], shape[1:])
    return torch.randn(shape)


def number(config: PretrainedConfig, *names: str, default: int) -> int:
    """The first of these numbers that the configuration, or one inside it, has."""
    todo = [config]
    for c in todo:
        for n in names:
            v = getattr(c, n, None)
            if isinstance(v, (list, tuple)) and v and isinstance(v[0], int):
                v = v[0]
            if isinstance(v, int):
                return v
        todo += [v for v in vars(c).values() if isinstance(v, PretrainedConfig)]
    return default


def make(name: str, c: PretrainedConfig, wanted: set[str]) -> Tensor | None:
    if "grid_thw" in wanted and name in ("hidden_states", "pixel_values"):
        side = number(c, "patch_size", default=8)
        deep = number(c, "temporal_patch_size", default=1) * number(c, "num_channels", "in_channels", default=3)
        return torch.randn(16, deep * side * side)
    if name == "grid_thw":
        return torch.tensor([[1, 4, 4]])
    if name in ("input_ids", "decoder_input_ids"):
        shape = (BATCH, LENGTH if name == "input_ids" else TARGET)
        return torch.randint(5, min(150, number(c, "vocab_size", default=99)), shape)
    if name == "pixel_values":
        n = number(c, "image_size", default=64)
        return torch.randn(BATCH, number(c, "num_channels", "in_channels", default=3), n, n)
    if name == "pixel_values_videos":
        n = number(c, "image_size", "crop_size", default=64)
        return torch.randn(BATCH, number(c, "num_frames", "frames_per_clip", default=4), 3, n, n)
    if name == "input_values":
        return torch.randn(BATCH, 1600)
    if name == "input_features":
        length = 2 * number(c, "max_source_positions", default=32)
        return torch.randn(BATCH, number(c, "num_mel_bins", "input_feat_per_channel", default=80), length)
    if name == "bbox":
        return torch.randint(0, 90, (BATCH, LENGTH, 1)).expand(-1, -1, 4).contiguous()
    return None
