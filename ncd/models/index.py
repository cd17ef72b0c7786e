"""The reference implementations by name: who described each, and what independent truth a test holds it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from ncd.models import (
    bert,
    conditioning,
    convolution,
    gpt2,
    llama,
    mamba,
    mixture,
    pointing,
    recogniser,
    resnet,
    scaled,
    transformer,
    unet,
    vision,
)

Example = tuple[Callable[..., Any], tuple[Any, ...]]


class Reference(NamedTuple):
    """``example()`` gives it, small and with random weights, and its inputs."""

    example: Callable[[], Example]
    source: str
    held_to: str
    test: str
    """``FILE::TEST`` in ``tests/torch``."""


def attention() -> Example:
    return scaled.ScaledDotProductAttention(), (torch.randn(7, 12), torch.randn(10, 12), torch.randn(10, 9))


def trials(rule: conditioning.Hebb) -> Example:
    return rule, (torch.randn(2, 3, 12, 8), torch.randn(2, 3, 12, 8), torch.randn(2, 3, 12, 5))


def written(writer: pointing.Writer) -> Example:
    return writer, (torch.rand(2, 5, 2), torch.tensor([[1, 2, 3, 0], [2, 4, 5, 0]]))


def visual() -> Example:
    return vision.VisualAttention(), (torch.randn(2, 16, 8, 6), torch.randn(2, 16, 5, 7))


VASWANI, VINYALS, ABBOTT, QIAO = "Vaswani et al. 2017", "Vinyals et al. 2015", "Abbott 2024", "Qiao 2025"
REFERENCES: Mapping[str, Reference] = {
    "attention": Reference(
        attention, VASWANI, "torch's kernel", "test_paper_architectures.py::test_attention_is_torchs"
    ),
    "multi-head attention": Reference(
        scaled.example, VASWANI, "nn.MultiheadAttention", "test_reference.py::test_multi_head_attention_is_torchs"
    ),
    "transformer": Reference(
        transformer.example, VASWANI, "nn.Transformer", "test_reference.py::test_the_transformer_is_torchs"
    ),
    "gpt2": Reference(
        gpt2.example, "Radford et al. 2019", "transformers", "test_reference.py::test_gpt2_is_transformers"
    ),
    "bert": Reference(
        bert.example, "Devlin et al. 2019", "transformers", "test_reference.py::test_bert_is_transformers"
    ),
    "llama": Reference(
        llama.example, "Touvron et al. 2023", "transformers", "test_reference.py::test_llama_is_transformers"
    ),
    "mixture of experts": Reference(
        mixture.example, "Jiang et al. 2024", "transformers", "test_reference.py::test_the_mixture_is_transformers"
    ),
    "mamba": Reference(
        mamba.example, "Gu and Dao 2023", "transformers", "test_reference.py::test_mamba_is_transformers"
    ),
    "vision transformer": Reference(
        vision.example,
        "Dosovitskiy et al. 2021",
        "transformers",
        "test_reference.py::test_the_vision_transformer_is_transformers",
    ),
    "linear attention": Reference(
        lambda: trials(conditioning.Hebb()),
        "Katharopoulos et al. 2020",
        "its recurrent form",
        "test_conditioning.py::test_recurrent_parallel_and_chunked_are_one",
    ),
    "deltanet": Reference(
        lambda: trials(conditioning.Delta(0.5)),
        "Yang et al. 2024",
        "transformers",
        "test_conditioning.py::test_the_delta_rule_is_another_implementations",
    ),
    "conditioning": Reference(
        conditioning.example,
        QIAO,
        "Rescorla and Wagner's rule",
        "test_conditioning.py::test_the_delta_rule_is_rescorla_and_wagners",
    ),
    "pointer network": Reference(
        lambda: written(pointing.PointerNetwork(32)),
        VINYALS,
        "equation 3",
        "test_pointing.py::test_scores_are_the_equation",
    ),
    "sequence to sequence": Reference(
        lambda: written(pointing.SequenceToSequence(32, 5)),
        VINYALS,
        "itself, step by step",
        "test_pointing.py::test_told_the_truth_or_step_by_step",
    ),
    "content attention": Reference(
        lambda: written(pointing.ContentAttention(32, 5)),
        VINYALS,
        "itself, step by step",
        "test_pointing.py::test_told_the_truth_or_step_by_step",
    ),
    "recogniser": Reference(
        recogniser.example,
        ABBOTT,
        "its layers in a row",
        "test_paper_architectures.py::test_the_recogniser_is_a_sequence_of_layers",
    ),
    "convolutions": Reference(
        convolution.example, ABBOTT, "unfolded windows", "test_paper_architectures.py::test_convolutions_are_windows"
    ),
    "identity resnet": Reference(
        resnet.example,
        "He et al. 2016",
        "its layers in a row",
        "test_paper_architectures.py::test_an_identity_block_is_the_sequence_it_says",
    ),
    "u-net": Reference(
        unet.example, "Ronneberger et al. 2015", "published counts", "test_paper_architectures.py::test_parameters"
    ),
    "visual attention": Reference(
        visual,
        ABBOTT,
        "torch's kernel",
        "test_paper_architectures.py::test_visual_attention_keeps_the_size_of_its_target",
    ),
}
