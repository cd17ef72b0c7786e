"""Does the diagram tell the truth?

Three independent means: the recorded calls are run and compared with the model's own call; every
claim that an operation is tiled over an index is tested on the running code (see
``ncd.naturality``), and so is every re-indexing; and the drawn diagram is run through its own
bodies, compared with the model, and searched for inputs and parameters that lost their way to the
outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ncd.circuit.diagram import Diagram
from ncd.claims import Claims, difference
from ncd.drawn import compare, reachability, without_dropout
from ncd.emit.binding import folded, is_part, owner, target_of, written
from ncd.emit.example import example
from ncd.emit.values import Values, run
from ncd.report import Finding, Report
from ncd.tracing.containers import map_leaves, shown
from ncd.tracing.preserve import untouched


def check(
    diagram: Diagram,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    trials: int = 2,
    seed: int = 0,
    module: nn.Module | None = None,
) -> Report:
    """Test every claim of a diagram against the running code.

    On the inputs given, or else those it was traced with (placeholders become random values).  The
    model, its buffers, random states and modes are left as they are.  Raises CheckError on inputs that
    do not fit and on weights without values; an exception of the model's own reaches the caller.
    """
    exact = diagram.source.exact or diagram
    kwargs = dict(kwargs or {})
    module = owner(exact, module)
    report = Report(diagram.title)
    with untouched(module), torch.random.fork_rng(), torch.no_grad():
        torch.backends.mha.set_fastpath_enabled(False)  # recorded without it, and it rounds otherwise
        torch.manual_seed(seed)
        if not args and not kwargs:
            args, kwargs = example(exact)
        args, kwargs = _cloned(args), _cloned(kwargs)
        values = _run(exact, args, kwargs, module, seed)
        _compare_with_model(report, exact, values, args, kwargs, module, seed)
        Claims(report, "recorded", exact, exact.source.functions, trials, seed).test(values)
        drawn = diagram if diagram.source.exact is not None else exact.simplify()
        if drawn is not exact:
            quiet = _run(without_dropout(exact), args, kwargs, module, seed)
            compare(report, drawn, exact, quiet, folded(drawn, module), trials, seed)
            reachability(report, drawn, exact)
    return report


# ---------------------------------------------------------------- inputs


def _cloned(tree: Any) -> Any:
    twins: dict[int, Tensor] = {}
    return map_leaves(tree, lambda _, x: twins.setdefault(id(x), x.detach().clone()) if isinstance(x, Tensor) else x)


def _run(diagram: Diagram, args: Any, kwargs: Any, module: nn.Module | None, seed: int) -> Values:
    torch.manual_seed(seed)
    return run(diagram, args, kwargs, module=module)


# ---------------------------------------------------------------- the model's own call


def _compare_with_model(
    report: Report,
    diagram: Diagram,
    values: Values,
    args: Any,
    kwargs: Any,
    module: nn.Module | None,
    seed: int,
) -> None:
    spent = torch.get_rng_state()  # by the recorded calls, just now
    target = target_of(diagram) if target_of(diagram) is not None else module
    if target is None or is_part(diagram):
        report.unverified.append(Finding("there is no model call to compare the outputs with"))
        return
    if module is not None:
        _spare(module, {a.name for a in diagram.arrays if a.id in written(c for op in diagram.ops for c in op.body)})
    torch.manual_seed(seed)
    wanted = shown(target(*_cloned(args), **_cloned(kwargs)))
    if len(wanted) != len(diagram.outputs):
        report.failures.append(
            Finding(f"the model returned {len(wanted)} tensors, the diagram has {len(diagram.outputs)} outputs")
        )
        return
    drawn_too = torch.equal(torch.get_rng_state(), spent)
    for (name, y), x in zip(wanted, values.outputs, strict=True):
        differs = difference(y, x)
        if differs and not drawn_too:
            what = f"the model draws random numbers besides those that its output {name or 'here'} needs"
            report.unverified.append(Finding(what))
            continue
        if not differs:
            report.claims.append(Finding(f"the output {name or 'of the model'} is the model's own"))
            continue
        why = ""
        if diagram.reads:
            why = f"; values decided what was done at {diagram.reads[0].source}: other inputs may go another way"
        report.failures.append(Finding(f"the recorded calls do not give the model's output {name}: {differs}{why}"))


def _spare(module: nn.Module, names: Iterable[str]) -> None:
    """Let the model write into copies of its buffers, and of the parameters in ``names``; ``untouched`` undoes it."""
    twins: dict[int, Tensor] = {}
    named = set(names)
    for path, m in module.named_modules(remove_duplicate=False):
        for k, b in m._buffers.items():
            if b is not None:
                m._buffers[k] = twins.setdefault(id(b), b.clone())
        for k, p in m._parameters.items():
            if p is not None and (f"{path}.{k}" if path else k) in named:
                m._parameters[k] = nn.Parameter(p.detach().clone(), p.requires_grad)
