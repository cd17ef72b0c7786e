"""For all tests: the same random numbers every time, and no deadline on a machine that others share."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

settings.register_profile("ncd", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("ncd")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
