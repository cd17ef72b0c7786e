"""What checking a diagram found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One claim of a diagram, and what came of testing it.

    ``layer`` is ``recorded`` or ``drawn``; ``op`` the op's position there, None for the whole
    diagram; ``index`` the index claimed to be tiled, empty for other claims; ``count`` how many
    equal ops the test speaks for.
    """

    what: str
    layer: str = "recorded"
    op: int | None = None
    path: str = ""
    name: str = ""
    weave: str = ""
    index: str = ""
    source: str = ""
    count: int = 1

    def __str__(self) -> str:
        if self.op is None:
            return self.what
        where = f"{self.layer} op {self.op}, {self.name} in {self.path or 'the model itself'}"
        where += f" ({self.source})" if self.source else ""
        return f"{where}: {self.what}" + (f"; its weave is {self.weave}" if self.weave else "")


@dataclass
class Report:
    """What ``check`` found; true when nothing failed.

    ``claims`` hold, ``failures`` do not, ``unverified`` could not be tested, each with its reason.
    """

    title: str
    claims: list[Finding] = field(default_factory=list)
    failures: list[Finding] = field(default_factory=list)
    unverified: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.failures

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        layers = Counter(c.layer for c in self.claims)
        counts = ", ".join(f"{n} {layer}" for layer, n in layers.items())
        lines = [
            f"{self.title}: {'true as far as tested' if self.ok else 'NOT TRUE'}: "
            f"{len(self.claims)} claims hold" + (f" ({counts})" if counts else "")
            + f", {len(self.failures)} fail, {len(self.unverified)} could not be tested"
        ]  # fmt: skip
        lines += [f"  fails: {f}" for f in self.failures[:20]]
        if len(self.failures) > 20:
            lines.append(f"  ... and {len(self.failures) - 20} more")
        reasons = Counter(f.what for f in self.unverified)
        lines += [f"  not tested, {n}x: {what}" for what, n in reasons.most_common(8)]
        return "\n".join(lines)
