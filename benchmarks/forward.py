"""The parts of ``trace`` one by one: a bare forward pass on fake parameters, and the same pass recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import ncd
from ncd.circuit.diagram import Diagram
from ncd.models.zoo import Example
from ncd.tracing import infer
from ncd.tracing.inputs import Inputs, prepare
from ncd.tracing.preserve import untouched
from ncd.tracing.record import Recorder, recording
from ncd.tracing.tracer import quiet, start


@contextmanager
def ready(example: Example) -> Iterator[tuple[Inputs, Recorder]]:
    """The inputs and the stand-ins for parameters that ``trace`` would run the model on."""
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    with quiet(), untouched(example.module):
        # A batch of 1 is enlarged as in a trace: both passes see the same sizes.
        inputs, _ = prepare(example.module.forward, example.module, example.args, example.kwargs, example.axes, fakes)
        yield inputs, start(example.module, fakes, real=False)


def bare(example: Example) -> float:
    """Seconds of a forward pass on fake parameters with nobody watching.  Raises what the model raises on fakes."""
    with ready(example) as (inputs, _), torch.no_grad():
        began = thread_time()
        example.module(*inputs.args, **inputs.kwargs)
        return thread_time() - began


def recorded(example: Example) -> float:
    """Seconds of the same pass with every call written down."""
    with ready(example) as (inputs, recorder):
        began = thread_time()
        with recording(recorder):
            example.module(*inputs.args, **inputs.kwargs)
        return thread_time() - began


def trace(example: Example) -> Diagram:
    return ncd.trace(example.module, *example.args, axes=example.axes, **example.kwargs)


def forget() -> None:
    """Let the next trace derive every signature anew, as the first one of a session does."""
    infer.forget()


def signatures() -> int:
    return len(infer._SIGNATURES)


def kept(example: Example) -> dict[str, Any]:
    """What a trace needed: ops and signatures."""
    forget()
    return {"ops": len(trace(example)), "signatures": signatures()}
