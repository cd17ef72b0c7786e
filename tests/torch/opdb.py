"""torch's own list of operators with sample inputs, as an oracle for axis rules.

``python tests/torch/opdb.py [SAMPLES [NAME,NAME,...]]`` examines all of it and prints what fails.
"""

from __future__ import annotations

import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db

from ncd.naturality import OnTensors, equal, reindexes, tensors, verdicts
from ncd.ops.aten import is_declared
from ncd.tracing.derive import Derived, derive

DTYPES = (torch.float64, torch.float32, torch.complex128, torch.int64, torch.bool, torch.bfloat16)
RANDOM = ("dropout", "rrelu", "empty", "_like", "normal", "fractional", "svd_lowrank", "pca_lowrank")
"""Ops whose result is not a function of their tensors."""


MOVING = {"view", "flip", "repeat", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "im2col"}
MOVING |= {"as_strided", "clone", "unsqueeze", "squeeze", "permute", "t", "transpose", "slice", "select", "alias"}
"""Inner ops that move values and leave them as they are."""


class TooSlow(Exception):
    pass


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlow

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def key(op: Any) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def by_name() -> dict[str, Any]:
    return {key(op): op for op in op_db}


def samples(op: Any, count: int) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Up to ``count`` calls, spread over the list from the most to the fewest axes."""
    usable = op.supported_dtypes("cpu")
    dtype = next((d for d in DTYPES if d in usable), None)
    if dtype is None:
        return []
    torch.manual_seed(0)
    found = []
    for s in op.sample_inputs("cpu", dtype, requires_grad=False):
        args, kwargs = (s.input, *s.args), dict(s.kwargs)
        xs = tensors((args, kwargs))
        if not xs or all(x.ndim == 0 for x in xs) or any(x.numel() == 0 or x.numel() > 200_000 for x in xs):
            continue
        found.append((sum(n > 1 for x in xs for n in x.shape), args, kwargs))
        if len(found) == 60:
            break
    found.sort(key=lambda s: -s[0])
    return [(a, k) for _, a, k in found[:: max(1, len(found) // count)][:count]]


@dataclass
class Finding:
    """What one call showed.  ``checks`` counts naturality verdicts; ``wrong`` says which claims failed."""

    derived: Derived | None = None
    real: bool = False
    checks: Counter[bool | None] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    @property
    def declared(self) -> bool:
        return self.derived is not None and any(is_declared(op) for op in self.derived.ops)


def examine(fn: Any, args: Any, kwargs: Any, random: bool = False, trials: int = 2) -> Finding | None:
    """None when the call itself does not run here."""
    call = OnTensors(fn, args, kwargs)
    try:
        base = call(call.xs)
    except TooSlow:
        raise
    except Exception:
        return None
    found = Finding()
    start = time.perf_counter()

    def real() -> Any:
        found.real = True
        return args, kwargs

    try:
        found.derived = derive(fn, args, kwargs, real=real)
    except TooSlow:
        raise
    except Exception as e:
        found.error = f"{type(e).__name__}: {e}"[:200]
        return found
    found.seconds = time.perf_counter() - start
    weave = found.derived.weave
    if len(weave.ins) != len(call.xs) or len(weave.outs) * (1 + len(weave.rest)) != len(base):
        found.error = f"{weave} speaks of other operands than {[tuple(t.shape) for t in (*call.xs, *base)]}"
        return found
    if set(found.derived.ops) <= MOVING and reindexes(call.xs, base, weave) is False:
        found.wrong.append(f"not this re-indexing: {weave}")
    if not random and not found.derived.random and equal(base, call(call.xs)):
        for (part, var), verdict in verdicts(call, call.xs, base, weave, trials=trials).items():
            found.checks[verdict] += 1
            if verdict is False:
                found.wrong.append(f"not tiled over {var} (output {part}): {weave}")
    return found


def survey(names: list[str], count: int) -> dict[str, list[Finding]]:
    ops, found = by_name(), {}
    for name in names:
        op, random = ops[name], any(word in name for word in RANDOM)
        rows: list[Finding] = []
        try:
            with limit(30), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for args, kwargs in samples(op, count):
                    one = examine(op.op, args, kwargs, random)
                    if one is not None:
                        rows.append(one)
        except TooSlow:
            rows.append(Finding(error="too slow"))
        except Exception as e:
            print("   no samples:", name, type(e).__name__, str(e)[:80])
        if rows:
            found[name] = rows
    return found


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    only = set(sys.argv[2].split(",")) if len(sys.argv) > 2 else None
    names = [n for n in by_name() if only is None or n in only or n.split(".")[0] in only]
    start = time.time()
    found = survey(names, count)
    total: Counter[bool | None] = Counter()
    for name, rows in found.items():
        for row in rows:
            total.update(row.checks)
            if only:
                print(f"{name:30} {row.derived and (row.derived.how, str(row.derived.weave))} {'real' * row.real}")
        for text in sorted({r.error for r in rows if r.error}):
            print("ERROR  ", name, text)
        for text in sorted({m for r in rows if r.derived for m in r.derived.missing}):
            print("MISSING", name, text)
        for text in sorted({w for r in rows for w in r.wrong}):
            print("WRONG  ", name, text)
    answered = [n for n, rows in found.items() if all(r.derived and not r.derived.missing for r in rows)]
    exact = [n for n in answered if not any(r.declared for r in found[n])]
    wrong = [n for n, rows in found.items() if any(r.wrong for r in rows)]
    declared = [n for n in answered if n not in set(exact)]
    print("declared inside:", *declared)
    print(
        f"{len(names)} entries, {len(found)} run, {len(answered)} answered, {len(exact)} of them with a real rule,"
        f" {len(wrong)} wrong, real values: {sum(any(r.real for r in rows) for rows in found.values())};"
        f" checks {dict(total)}; deriving {sum(r.seconds for rows in found.values() for r in rows):.1f} s"
        f" of {time.time() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
