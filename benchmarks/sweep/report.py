"""The outcomes of a sweep as text: shares first, then every exception by name, with its reason."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version

from benchmarks.sweep.case import STAGES, Outcome, Suite


def report(suite: Suite, outcomes: Sequence[Outcome], command: str, beyond: int = 0) -> str:
    """``beyond``: how many cases were not begun, for want of time."""
    outcomes = sorted(outcomes, key=lambda x: x.name)
    versions = ", ".join(f"{p} {version(p)}" for p in ("torch", *suite.packages))
    built = [x for x in outcomes if "run" in x.done or "limit" in x.errors]
    traced = [x for x in built if "trace" in x.done]
    tried = [x for x in traced if "draw" in x.seconds]
    calls = sum(x.calls for x in traced)
    opaque = Counter(name for x in traced for name in x.opaque)
    lines = [
        command,
        f"{date.today()}, Python {platform.python_version()}, {versions}",
        "",
        *([f"{beyond} cases were not begun for want of time", ""] if beyond else []),
        f"{suite.title}: {len(built)} run, of them",
        *(
            f"  {what:<44}{of(n, total)}"
            for what, n, total in (
                ("traced", len(traced), len(built)),
                ("equal as a module, on other inputs", sum(x.equal for x in traced), len(built)),
                ("equal, but other values take another path", sum(x.elsewhere for x in traced), len(built)),
                ("check finds no failure", sum(x.true for x in traced), len(built)),
                ("drawn, of those tried", sum("draw" in x.done for x in tried), len(tried)),
                ("values chose the path somewhere", sum(x.reads > 0 for x in traced), len(built)),
            )
        ),
        f"calls recorded: {calls}",
        f"  {'with an exact axis relation':<44}{of(calls - opaque.total(), calls)}",
        f"  {'repeated over some axis':<44}{of(calls - sum(x.whole for x in traced), calls)}",
        f"claims tested: {sum(x.claims + x.failed for x in traced)}, {sum(x.failed for x in traced)} fail",
        f"seconds: {sum(sum(x.seconds.values()) for x in outcomes):.0f} ({stages(outcomes)})",
    ]
    if opaque:
        lines += ["", "Opaque calls", *(f"  {n:>4}  {name}" for name, n in opaque.most_common())]
    bad = [x for x in built if not x.fine]
    lines += ["", "Exceptions" if bad else "No exceptions"]
    for x in bad:
        reason = suite.known.get(x.name)
        lines += [f"  {x.name}: {'; '.join(wrong(x))}", *([f"      {reason}"] if reason else [])]
    left = {**suite.left_out, **{x.name: "; ".join(wrong(x)) for x in outcomes if x not in built}}
    if left:
        lines += ["", f"Left out: {len(left)}", *(f"  {k}: {why}" for k, why in sorted(left.items()))]
    lines += ["", "All: calls, claims, reads, seconds"]
    lines += [f"  {x.name:<44}{x.calls:>6}{x.claims:>6}{x.reads:>4}{sum(x.seconds.values()):>8.1f}" for x in built]
    return "\n".join(lines) + "\n"


def of(n: int, total: int) -> str:
    return f"{n} of {total}, {100 * n / total:.2f} %" if total else "0 of 0"


def stages(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(f"{s} {sum(x.seconds.get(s, 0) for x in outcomes):.0f}" for s in STAGES)


def wrong(x: Outcome) -> list[str]:
    """What is wrong with one outcome, in words."""
    said = [f"{stage}: {error}" for stage, error in x.errors.items()]
    if x.differs:
        said.append(f"the module differs: {x.differs}")
    if x.failed:
        said.append(f"{x.failed} claims fail, as {x.failures[0]}")
    return said
