"""A dozen of the models of the sweep (``python -m benchmarks.sweep timm``), as unlike as they come.

They run in an environment of their own: beside torchvision, which timm needs, transformers cannot be imported.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks.sweep.case import Case, hold
from benchmarks.sweep.report import wrong
from benchmarks.sweep.timm import suite

NAMES = {
    "test_resnet": "residual blocks",
    "test_efficientnet": "depthwise convolutions, squeeze and excitation",
    "test_convnext": "large depthwise windows",
    "test_byobnet": "blocks of several kinds",
    "test_vit": "attention on patches",
    "test_vit_relpos": "relative positions",
    "cait_xxs24_224": "heads that talk, attention of the class alone",
    "mixer_s32_224": "no attention",
    "inception_next_atto": "windows in bands",
    "fasternet_t0": "convolutions of a part of the channels",
    "starnet_s050": "products of branches",
    "pit_ti_224": "pooling between stages",
}


pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="make timm runs it where timm is")


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {c.name: c for c in suite().cases}


@pytest.mark.parametrize("name", NAMES)
def test_traced_true_and_equal(name: str, cases: dict[str, Case]) -> None:
    x = hold(cases[name])
    assert x.fine, wrong(x) + x.failures
    assert not x.opaque
    assert x.claims > 50
