"""Programs that are no module themselves, and say whose parameters they use and where their calls belong."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.overrides import _get_current_function_mode_stack

from ncd.tracing.record import Recorder


class Program:
    """Something to call that runs on the parameters of ``module`` (None: on none)."""

    module: nn.Module | None
    title: str
    any_size: bool = False
    """Whether it computes what its diagram says for inputs of other sizes, too."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def running() -> Recorder | None:
    """What records the calls that are made now, if anything does."""
    return next((m for m in _get_current_function_mode_stack() if isinstance(m, Recorder)), None)
