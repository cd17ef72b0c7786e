"""Which wires of several arrays are one index, as the operations between them say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ncd.circuit.diagram import Array


class Classes:
    """A union of wires by number; some are touched."""

    def __init__(self) -> None:
        self._up: list[int] = []
        self._wires: dict[int, Sequence[int]] = {}
        self._touched: set[int] = set()

    def wires(self, array: int, count: int) -> Sequence[int]:
        """The numbers of an array's wires."""
        found = self._wires.get(array)
        if found is None:
            start = len(self._up)
            found = self._wires[array] = range(start, start + count)
            self._up.extend(found)
        return found

    def tie(self, operands: Iterable[tuple[Array, Sequence[str]]], at: dict[str, int]) -> None:
        """Join the wires that have one index in an operation; ``at`` tells a wire of every index it has had."""
        for a, row in operands:
            for index, wire in zip(row, self.wires(a.id, len(row)), strict=True):
                if index in at:
                    self.join(at[index], wire)
                else:
                    at[index] = wire

    def join(self, x: int, y: int) -> None:
        self._up[self._root(x)] = self._root(y)

    def _root(self, x: int) -> int:
        up = self._up
        while up[x] != x:
            up[x] = up[up[x]]
            x = up[x]
        return x

    def touch(self, wires: Iterable[int]) -> None:
        self._touched.update(wires)

    def of(self, a: Array) -> list[int]:
        """What the wires of an array are, all having been joined: equal numbers are one index."""
        return [self._root(x) for x in self.wires(a.id, len(a.wires))]

    def touched(self) -> set[int]:
        """The indices that are touched, as ``of`` numbers them: so is one that is twice on an array."""
        return {self._root(x) for x in (*self._touched, *self._repeated())}

    def _repeated(self) -> Iterator[int]:
        for wires in self._wires.values():
            roots = [self._root(x) for x in wires]
            if len(set(roots)) < len(roots):
                yield from (r for r in roots if roots.count(r) > 1)
