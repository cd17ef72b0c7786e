"""Every error ncd raises on purpose, as data, with one place for the wording."""

from __future__ import annotations

from collections.abc import Mapping


class NCDError(Exception):
    """What we were doing, on what, the axis sizes known so far, the cause, and the way out.

    Only ``cause`` is required; whatever else is known is printed on lines of its own.
    """

    doing = "working on a diagram"

    def __init__(
        self,
        cause: str,
        *,
        doing: str = "",
        path: str = "",
        source: object = None,
        sizes: Mapping[str, int] | None = None,
        fix: str = "",
    ) -> None:
        self.cause, self.path, self.source, self.fix = cause, path, source, fix
        self.doing = doing or type(self).doing
        self.sizes = dict(sizes or {})
        super().__init__(self.message())

    def message(self) -> str:
        lines = [f"while {self.doing}: {self.cause}"]
        if self.path:
            lines.append(f"  module: {self.path}")
        if self.source is not None:
            lines.append(f"  source: {self.source}")
        if self.sizes:
            lines.append("  sizes so far: " + ", ".join(f"{k}={v}" for k, v in self.sizes.items()))
        if self.fix:
            lines.append(f"  try: {self.fix}")
        return "\n".join(lines)


class TraceError(NCDError):
    """The model could not be recorded."""

    doing = "tracing"


class AxisError(NCDError):
    """Axis names or sizes that contradict each other."""

    doing = "matching axes"


class DSLError(NCDError):
    """A diagram composed by hand whose parts do not fit."""

    doing = "composing a diagram"


class CheckError(NCDError):
    """A diagram that could not be run or checked."""

    doing = "checking a diagram"


def missing_extra(package: str, extra: str, what: str) -> NCDError:
    """The error for an optional dependency that is not installed."""
    return NCDError(
        f"{what} needs the package {package!r}, which is not installed",
        doing=what,
        fix=f'pip install "ncd[{extra}]"',
    )
