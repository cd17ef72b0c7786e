"""Is what is drawn still the model?  It is run through its own bodies and searched for what went missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ncd.circuit.diagram import Array, Call, Diagram, Op
from ncd.claims import Claims, difference, uninitialised
from ncd.emit.binding import ending, is_part, opened_out
from ncd.emit.calls import execute, step
from ncd.emit.values import Values
from ncd.report import Finding, Report


def compare(
    report: Report,
    drawn: Diagram,
    exact: Diagram,
    values: Values,
    constants: Mapping[int, Tensor],
    trials: int,
    seed: int,
) -> None:
    """Run the drawn ops one by one, each on its own inputs alone, and hold them to the recorded values.

    ``constants`` are those of the drawn diagram that no recorded op makes (see ``folded``).
    """
    known = set(values)
    recorded: dict[int, Tensor] = {a.id: values[a] for a in exact.arrays if a.id in known}
    functions = drawn.source.functions or exact.source.functions
    quiet = without_dropout(drawn)
    layer = Claims(report, "drawn", quiet, functions, trials, seed)
    env: dict[int, Tensor] = {}
    for a in quiet.arrays:
        if a.hidden or a in quiet.inputs:
            x = next((m[a.id] for m in (recorded, drawn.source.tensors, constants) if a.id in m), None)
            if x is not None:
                env[a.id] = x.clone()
    torch.manual_seed(seed)
    seen, astray = dict(env), False
    for k, op in enumerate(quiet.ops):
        missing = [str(a) for a in op.inputs if a.id not in env]
        if missing:
            report.failures.append(layer.finding(k, 1, f"nothing makes its input {missing[0]}"))
            return
        local = {a.id: env[a.id] for a in op.inputs}
        try:
            for call in op.body:
                _keep(call, local, seen)
                step(call, local, functions)
        except Exception as error:
            report.failures.append(layer.finding(k, 1, f"its code does not run on its inputs alone: {error}"))
            return
        for call in op.body:
            for old, new in call.writes:
                if new not in local and old in env:
                    local[new] = env[old]
        for a in op.outputs:
            if a.id not in local:
                report.failures.append(layer.finding(k, 1, f"its code does not make its output {a}"))
                return
            if a.id in recorded and any(map(uninitialised, op.body)):
                local[a.id] = recorded[a.id].clone()  # no one says what is in there, so take what was
            env[a.id] = seen[a.id] = local[a.id]
            differs = difference(recorded[a.id], local[a.id]) if a.id in recorded else ""
            if differs and not astray:
                report.failures.append(layer.finding(k, 1, f"its output {a} is not what the model computes: {differs}"))
                astray = True
    whole = not is_part(drawn)
    tail, ends = ending(quiet)
    execute(tail, env, functions)
    for a, end in zip(drawn.outputs, ends, strict=False):
        wanted = recorded[end]
        differs = difference(wanted, env[end]) if end in env else "nothing makes it"
        finding = Finding(f"the drawn output {a} is the model's" + (f" not: {differs}" if differs else ""), "drawn")
        (report.failures if differs else report.claims).append(finding)
    if whole and len(drawn.outputs) != len(exact.outputs):
        report.failures.append(
            Finding(f"{len(drawn.outputs)} outputs are drawn, the model has {len(exact.outputs)}", "drawn")
        )
    if not astray:
        layer.test(seen)


def _keep(call: Call, local: Mapping[int, Tensor], seen: dict[int, Tensor]) -> None:
    for old, _ in call.writes:
        if old in local and seen.get(old) is local[old]:
            seen[old] = local[old].clone()


def without_dropout(diagram: Diagram) -> Diagram:
    """The same diagram with dropout left out, as a picture leaves it out."""

    def quiet(call: Call) -> Call:
        function = call.name.split(".")[-1]
        if "dropout" in function and call.args:
            return replace(call, name="torch.positive", args=call.args[:1], kwargs=())
        if function == "scaled_dot_product_attention" and len(call.args) > 4:
            call = replace(call, args=(*call.args[:4], 0.0, *call.args[5:]))
        off = {"dropout_p": 0.0} | ({"training": False} if function == "multi_head_attention_forward" else {})
        if any(k in off for k, _ in call.kwargs):
            return replace(call, kwargs=tuple((k, off.get(k, x)) for k, x in call.kwargs))
        return call

    ops = tuple(
        replace(op, body=tuple(map(quiet, op.body))) if any(quiet(c) is not c for c in op.body) else op
        for op in diagram.ops
    )
    return replace(diagram, ops=ops, source=replace(diagram.source, tail=tuple(map(quiet, diagram.source.tail))))


def reachability(report: Report, drawn: Diagram, exact: Diagram) -> None:
    """Every input and parameter that reaches an output of the model must do so in what is drawn."""
    if is_part(drawn):
        return
    left = reaching(drawn)
    for i, array in reaching(replace(exact, ops=tuple(opened_out(exact)))).items():
        if array.kind in ("input", "parameter") and i not in left and 0 not in array.shape:
            what = f"the {array.kind} {array.name or array} reaches the model's output, but not the drawn one"
            report.failures.append(Finding(what, "drawn"))


def reaching(diagram: Diagram) -> dict[int, Array]:
    """The arrays whose values some output depends on."""
    found: dict[int, Array] = {a.id: a for a in diagram.outputs}
    for op in reversed(diagram.ops):
        if any(a.id in found for a in op.outputs):
            found.update({a.id: a for k, a in enumerate(op.inputs) if not _only_shape(op, k)})
    return found


def _only_shape(op: Op, operand: int) -> bool:
    """Whether a call asks an operand for its shape and dtype alone (``zeros_like``, ``view_as``)."""
    if len(op.body) != 1:
        return False
    words = op.body[0].name.split(".")
    function = words[3] if op.body[0].name.startswith("torch.ops.") and len(words) > 3 else words[-1]
    if operand == 0:
        return function.endswith("_like") or function.startswith("new_")
    return operand == 1 and function in ("view_as", "expand_as", "reshape_as", "type_as")
