"""A dozen of the architectures of the sweep (``python -m benchmarks.sweep transformers``), as unlike as they come."""

from __future__ import annotations

import pytest

from benchmarks.sweep.case import Case, hold
from benchmarks.sweep.report import wrong
from benchmarks.sweep.transformers import subject

TYPES = {
    "olmoe": "a mixture of experts",
    "deepseek_v3": "attention through a latent, experts in groups",
    "mamba2": "a state space with heads, in chunks",
    "qwen3_next": "gated linear attention beside the usual one",
    "wav2vec2": "sound",
    "clip": "two towers",
    "detr": "detection of objects",
    "fnet": "Fourier transforms instead of attention",
    "bart": "an encoder and a decoder",
    "patchtst": "time series",
    "bloom": "ALiBi",
    "deberta-v2": "disentangled relative positions",
}


@pytest.mark.parametrize("name", TYPES)
def test_traced_true_and_equal(name: str) -> None:
    x = hold(Case(name, lambda: subject(name)), draw=False)
    assert x.fine, wrong(x) + x.failures
    assert not x.opaque
    assert x.claims > 50
