"""The models that ncd is held to: our own small ones, PyTorch's, and twelve from transformers' configs.

Every one has random weights, so nothing is downloaded; ``llama_7b`` has none at all.  transformers
is imported when one of its models is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ncd.models import attention, perceptron, recurrent
from ncd.models import pointer as pointer_network
from ncd.models import unet as u_net


class Example(NamedTuple):
    """A module in eval mode and what to call it with; ``axes`` names the dimensions of its inputs."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    axes: dict[str, str]


SEQUENCE = 16
MODELS: dict[str, Callable[[], Example]] = {}
"""Every model by name, in the order of the gallery."""


def _model(make: Callable[[], Example]) -> Callable[[], Example]:
    """Enter a model into the zoo: in eval mode, and with the same weights and inputs every time."""

    @wraps(make)
    def seeded() -> Example:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            example = make()
        example.module.eval()
        return example

    MODELS[make.__name__] = seeded
    return seeded


def get(name: str) -> Example:
    """A model of the zoo by its name.  Raises KeyError on an unknown one."""
    return MODELS[name]()


def _ids(vocabulary: int, length: int = SEQUENCE) -> Tensor:
    return torch.randint(0, vocabulary, (2, length))


def _images() -> dict[str, Tensor]:
    return {"pixel_values": torch.randn(2, 3, 224, 224)}


TEXT: Mapping[str, str] = {"input_ids": "b s"}
IMAGE: Mapping[str, str] = {"pixel_values": "b c y x"}
PAIR: Mapping[str, str] = {"input_ids": "b x", "decoder_input_ids": "b y"}


@_model
def mlp() -> Example:
    module, args = perceptron.example()
    return Example(module, args, {}, {"x": "b d"})


@_model
def attn() -> Example:
    module, args = attention.example()
    return Example(module, args, {}, {"x": "b s d"})


@_model
def mha() -> Example:
    return Example(attention.LayerAttention(), (torch.randn(2, 10, 64),), {}, {"x": "b s d"})


@_model
def lstm() -> Example:
    module, args = recurrent.example()
    return Example(module, args, {}, {"ids": "b s"})


@_model
def pointer() -> Example:
    module, args = pointer_network.example()
    return Example(module, args, {}, {"points": "b n xy"})


@_model
def unet() -> Example:
    module, args = u_net.example()
    return Example(module, args, {}, {"image": "b c y x"})


@_model
def transformer() -> Example:
    module = nn.Transformer(64, 4, 2, 2, dim_feedforward=128, batch_first=True)
    return Example(module, (torch.randn(2, 10, 64), torch.randn(2, 7, 64)), {}, {"src": "b x d", "tgt": "b y d"})


@_model
def gpt2() -> Example:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(use_cache=False)
    return Example(GPT2LMHeadModel(config), (), {"input_ids": _ids(config.vocab_size)}, dict(TEXT))


@_model
def bert() -> Example:
    from transformers import BertConfig, BertModel

    config = BertConfig()
    return Example(BertModel(config), (), {"input_ids": _ids(config.vocab_size)}, dict(TEXT))


@_model
def vit() -> Example:
    from transformers import ViTConfig, ViTModel

    return Example(ViTModel(ViTConfig()), (), _images(), dict(IMAGE))


@_model
def deit() -> Example:
    from transformers import DeiTConfig, DeiTForImageClassification

    return Example(
        DeiTForImageClassification(DeiTConfig(hidden_size=192, num_attention_heads=3, intermediate_size=768)),
        (),
        _images(),
        dict(IMAGE),
    )


@_model
def resnet() -> Example:
    from transformers import ResNetConfig, ResNetForImageClassification

    return Example(ResNetForImageClassification(ResNetConfig()), (), _images(), dict(IMAGE))


@_model
def convnext() -> Example:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return Example(ConvNextForImageClassification(ConvNextConfig()), (), _images(), dict(IMAGE))


@_model
def swin() -> Example:
    from transformers import SwinConfig, SwinForImageClassification

    return Example(SwinForImageClassification(SwinConfig()), (), _images(), dict(IMAGE))


@_model
def llama_tiny() -> Example:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=2,
        use_cache=False,
    )
    return Example(LlamaForCausalLM(config), (), {"input_ids": _ids(1000)}, dict(TEXT))


@_model
def t5() -> Example:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(use_cache=False)
    ids = {"input_ids": _ids(config.vocab_size), "decoder_input_ids": _ids(config.vocab_size, 10)}
    return Example(T5ForConditionalGeneration(config), (), ids, dict(PAIR))


@_model
def whisper() -> Example:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(use_cache=False)
    sound = torch.randn(2, config.num_mel_bins, 2 * config.max_source_positions)
    inputs = {"input_features": sound, "decoder_input_ids": _ids(config.vocab_size, 8)}
    axes = {"input_features": "b mel t", "decoder_input_ids": "b y"}
    return Example(WhisperForConditionalGeneration(config), (), inputs, axes)


@_model
def mixtral_tiny() -> Example:
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=1000,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        use_cache=False,
    )
    return Example(MixtralForCausalLM(config), (), {"input_ids": _ids(1000)}, dict(TEXT))


@_model
def mamba_tiny() -> Example:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=1000, hidden_size=128, num_hidden_layers=2, use_cache=False)
    return Example(MambaForCausalLM(config), (), {"input_ids": _ids(1000)}, dict(TEXT))


@_model
def llama_7b() -> Example:
    """The default configuration, with no weights in memory: every tensor is on the meta device."""
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        module = LlamaForCausalLM(LlamaConfig(use_cache=False))
        ids = torch.zeros(2, 32, dtype=torch.int64)
        # Given a mask of four dimensions, the model does not look at values to make one itself.
        mask = torch.zeros(2, 1, 32, 32)
    return Example(
        module, (), {"input_ids": ids, "attention_mask": mask}, {"input_ids": "b s", "attention_mask": "b 1 s s"}
    )
