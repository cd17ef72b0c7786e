"""transformers: every architecture that can be built offline from a small configuration."""

from __future__ import annotations

import torch
from transformers import AutoConfig, AutoModel

from benchmarks.sweep.case import Case, Subject, Suite


def suite() -> Suite:
    names = ("bert", "gpt2")
    return Suite(
        "transformers, a model of every type", [Case(n, lambda n=n: subject(n)) for n in names], ("transformers",)
    )


def subject(name: str) -> Subject:
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 200}
    model = AutoModel.from_config(AutoConfig.for_model(name, **sizes))
    return Subject(model, (), {"input_ids": torch.randint(1, 99, (2, 11))}, {"input_ids": "b s"})
