"""One aten call as plain data: what an axis rule may look at.  Nothing here knows torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any


@dataclass(frozen=True)
class Operand:
    """A tensor as a rule sees it; ``dtype`` as torch prints it without ``torch.``."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    strides: tuple[int, ...] = ()
    offset: int = 0

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def empty(self) -> bool:
        return 0 in self.shape

    @property
    def mask(self) -> bool:
        """Whether indexing by this tensor selects where it is true."""
        return self.dtype in ("bool", "uint8")


@dataclass(frozen=True)
class AtenCall:
    """``args`` by the schema's names, defaults filled in, every tensor replaced by its Operand.

    ``ins`` and ``outs`` are the tensors in argument and result order.  ``tags`` are facts of the
    schema: pointwise, reduction, view, random.
    """

    name: str
    overload: str
    args: Mapping[str, Any]
    ins: tuple[Operand, ...]
    outs: tuple[Operand, ...]
    tags: frozenset[str] = field(default=frozenset())

    def dims(self, key: str = "dim", of: int | None = None) -> tuple[int, ...] | None:
        """The dimensions an argument names, from 0; None when the op has no such argument or it is not given."""
        value, n = self.args.get(key), self.ins[0].ndim if of is None else of
        if value is None:
            return None
        many = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(d, int) and not isinstance(d, bool) for d in many):
            return None
        return tuple(d % n if n else 0 for d in many)

    def dim(self, key: str = "dim", default: int = 0, of: int | None = None) -> int:
        found = self.dims(key, of)
        n = self.ins[0].ndim if of is None else of
        return found[0] if found else default % n if n else 0


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a dense array in memory order."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
