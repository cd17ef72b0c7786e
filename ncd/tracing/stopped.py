"""Where a forward pass stopped: the diagram up to an exception of the model's own."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import torch

from ncd.circuit.axis import fresh
from ncd.circuit.diagram import Array, Diagram, Op
from ncd.circuit.weave import Weave, mixed
from ncd.tracing.infer import infer, produced
from ncd.tracing.record import Recorder
from ncd.tracing.recording import Recorded, Value
from ncd.tracing.seal import seal
from ncd.tracing.source import place_of_error

ATTRIBUTE = "__ncd_diagram__"
LONGEST = 200
"""A longer message is cut short in the picture, characters."""


def stopped(error: BaseException | None = None) -> Diagram | None:
    """The diagram of what a model did until it raised ``error``, left out: the last one not caught.

    Its last operation bears the exception's name and reads what the call that raised was given.
    None if ``ncd.trace`` was not under way, or had nothing to tell.
    """
    if error is None:
        error = getattr(sys, "last_value", None)
    found = getattr(error, ATTRIBUTE, None) or getattr(getattr(error, "__cause__", None), ATTRIBUTE, None)
    return found if isinstance(found, Diagram) else None


def attach(error: Exception, recorder: Recorder, taken: Any, title: str, module: Any) -> None:
    """Put the diagram so far on the exception, and say so in a note.  Never raises."""
    try:
        diagram = partial(error, recorder, taken, title, module)
        setattr(error, ATTRIBUTE, diagram)
        path = diagram.ops[-1].path
        where = f", in {path}" if path else ""
        error.add_note(f"ncd.stopped() is the diagram up to here: {len(diagram.ops) - 1} operations{where}")
    except Exception:  # what the user must see is the error, whatever becomes of its picture
        return


def partial(error: Exception, recorder: Recorder, taken: Any, title: str, module: Any) -> Diagram:
    """The diagram of a recording that broke off.  ``taken`` gives the recording with these results."""
    failed = recorder.failed if recorder.failed is not None and recorder.failed[0] is error else None
    call: Recorded | None = failed[1] if failed else recorder.calls[-1] if recorder.calls else None
    read = {v for c in recorder.calls for v in (*c.ins, *(old for old, _ in c.writes))}
    made = [v for c in recorder.calls for v in produced(c)]
    start = produced(call) if call else taken([]).recording.inputs
    given: list[Value] = list(dict.fromkeys(failed[1].ins if failed else start))
    loose = [v for v in dict.fromkeys(made) if v not in read and v not in given]
    so_far = taken([*given, *loose])
    recording = so_far.recording
    woven = infer(recording.calls, recording.values, recording.tensors)
    for v in given:
        v.dims = fresh(v.shape) if v.dims is None else v.dims
    diagram = seal(recording, woven, {}, so_far.sizes(dict.fromkeys(so_far.atoms, 1)), recording, title, module)
    inputs, outputs = diagram.outputs[: len(given)], diagram.outputs[len(given) :]
    message = " ".join(str(error).split())
    message = message if len(message) <= LONGEST else message[: LONGEST - 1] + "…"
    label = type(error).__name__
    place = place_of_error(error)
    end = Op(
        "opaque",
        label,
        inputs,
        (),
        _touching(inputs),
        _path(error, recorder) if failed is None else failed[1].where.path,
        place,
        symbol="box",
        label=label,
    )
    at = f" ({place.file.rsplit('/', 1)[-1]}:{place.line})" if place is not None else ""
    options = {"highlight": (label,), "notes": ((label, f"{label}: {message}{at}"),)}
    known = {b.path for b in diagram.blocks}
    end = end if end.path in known else replace(end, path=next((op.path for op in reversed(diagram.ops)), ""))
    return replace(diagram, ops=(*diagram.ops, end), outputs=outputs, options=tuple(options.items()))


def _touching(arrays: tuple[Array, ...]) -> Weave:
    """All target: nothing is known of what would have come of it."""
    sizes: dict[str, int] = {}
    sides = []
    for a in arrays:
        dims = []
        for axis in a.axes:
            names = []
            for leaf in axis.leaves:
                name = leaf.name
                while name in sizes:
                    name += "'"
                sizes[name] = leaf.size
                names.append(name)
            dims.append(mixed(names, sizes))
        sides.append(tuple(dims))
    return Weave(tuple(sides), (), sizes, frozenset(sizes))


def _path(error: BaseException, recorder: Recorder) -> str:
    """The module whose method raised."""
    tb, found = error.__traceback__, ""
    while tb is not None:
        owner = tb.tb_frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module):
            found = recorder.names.get(id(owner), found)
        tb = tb.tb_next
    return found
