"""Operands that are read for their shape alone."""

from __future__ import annotations

from dataclasses import replace

from ncd.circuit.diagram import Op

SHAPED_LIKE = {
    f"torch.Tensor.{name}_as": f"torch.Tensor.{does}"
    for name, does in (("view", "reshape"), ("reshape", "reshape"), ("expand", "expand"))
}


def without_pattern(op: Op) -> Op:
    """``x.view_as(y)`` reads nothing of ``y`` but its shape, which is written instead."""
    if len(op.body) != 1 or op.body[0].name not in SHAPED_LIKE or len(op.inputs) != 2 or op.weave.targets:
        return op
    call = op.body[0]
    like = replace(call, name=SHAPED_LIKE[call.name], args=(call.args[0], op.outputs[0].shape), kwargs=())
    return replace(op, inputs=op.inputs[:1], weave=replace(op.weave, ins=op.weave.ins[:1]), body=(like,))
