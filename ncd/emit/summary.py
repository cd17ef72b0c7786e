"""What is said of an array's values in a few hundred bytes: statistics, and a small map of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ncd.circuit.diagram import Array
from ncd.emit.patch import axis_names
from ncd.errors import CheckError

CELLS = 1024
"""So many cells has the map of an array, if nobody asks for more."""
TILES = 16
"""So many maps stand beside one another at most."""
EMPTY, ODD, LOW, HIGH = 0, 1, 2, 63
"""Codes of a cell: between tiles; nothing finite in it; from ``low`` to ``high``."""


@dataclass(frozen=True)
class Heat:
    """Averages of values over a grid of cells, coded in bytes: ``codes`` is [tiles, rows, columns].

    ``rows`` and ``columns`` are (axis, size), ``tiles`` (axis, size, how many of them are here);
    None where the array has no such axis.  ``at`` says at which index of every other axis.
    ``low`` (code 2) is 0 or ``-high`` (code 63); code 1 stands where nothing is finite.
    """

    codes: Tensor
    low: float
    high: float
    rows: tuple[str, int] | None
    columns: tuple[str, int] | None
    tiles: tuple[str, int, int] | None
    at: tuple[tuple[str, int], ...]

    @property
    def caption(self) -> str:
        """Where which axis runs, in words."""
        said = [f"{name} = {i}" for name, i in self.at]
        if self.tiles is not None:
            name, size, shown = self.tiles
            said.append(f"tiles: {name} ({size})" if shown == size else f"tiles: {name} (first {shown} of {size})")
        said += [f"down: {self.rows[0]} ({self.rows[1]})"] if self.rows else []
        said += [f"across: {self.columns[0]} ({self.columns[1]})"] if self.columns else []
        _, r, c = self.codes.shape
        each = [-(-n[1] // k) for n, k in ((self.rows, r), (self.columns, c)) if n]
        if any(k > 1 for k in each):
            said.append("a cell: the mean of " + " × ".join(map(str, each)))
        return "; ".join(said)

    @property
    def scale(self) -> str:
        """What the colours mean."""
        if self.low < 0:
            return f"blue −{_short(self.high)}, white 0, red {_short(self.high)}"
        return f"white 0, dark {_short(self.high)}"

    def _repr_png_(self) -> bytes:
        from ncd.emit.image import png

        return png(self, enlarged=True)

    def to_png(self) -> bytes:
        """The map as an image, large enough to look at."""
        return self._repr_png_()


@dataclass(frozen=True)
class Summary:
    """Statistics of an array's finite values; ``zeros`` is a share, ``nonfinite`` a count.  NaN where there are none.

    Of complex values: of their magnitude.
    """

    axes: tuple[tuple[str, int], ...]
    dtype: str
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    nonfinite: int
    heat: Heat | None = None

    def __str__(self) -> str:
        if not self.axes:
            return _short(self.mean) if not self.nonfinite else "not finite"
        if math.isnan(self.mean):
            return "no finite value" if self.nonfinite else "empty"
        said = f"mean {_short(self.mean)} · std {_short(self.std)} · {_short(self.min)} … {_short(self.max)}"
        said += f" · {self.zeros:.0%} zeros" if self.zeros >= 0.005 else ""
        return said + (f" · {self.nonfinite} not finite" if self.nonfinite else "")


def _short(x: float) -> str:
    return f"{x:.3g}".replace("-", "−")


def summary(array: Array, x: Tensor, batch: Collection[int] = (), cells: int = CELLS) -> Summary:
    """Statistics and map of an array's value.  ``batch`` are ids of axes shown at their first index alone."""
    axes = tuple((w.name, w.size) for w in array.wires)
    x = _real(x)
    finite = torch.isfinite(x)
    bad = int(x.numel() - finite.sum())
    good = x[finite] if bad else x
    if not good.numel():
        return Summary(axes, array.dtype, math.nan, math.nan, math.nan, math.nan, 0.0, bad)
    low, high = (float(v) for v in torch.aminmax(good))
    std, mean = torch.std_mean(good, correction=0)
    zeros = float((good == 0).sum()) / x.numel()
    return Summary(axes, array.dtype, float(mean), float(std), low, high, zeros, bad, heat(array, x, batch, cells))


def _real(x: Tensor) -> Tensor:
    x = x.detach()
    if x.layout is not torch.strided:
        x = x.to_dense()
    x = x.abs() if x.is_complex() else x
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def heat(
    array: Array, x: Tensor, batch: Collection[int] = (), cells: int = CELLS, at: Mapping[str, int] | None = None
) -> Heat | None:
    """The map of an array: its last two axes down and across, the one before in tiles, all others at one index.

    None for a single number.  Raises CheckError for an axis in ``at`` that is not there, or too short.
    """
    wires, names, chosen = list(array.wires), axis_names(array), dict(at or {})
    x = _real(x).reshape([w.size for w in wires])
    for name, i in chosen.items():
        size = next((w.size for n, w in zip(names, wires, strict=True) if n == name), None)
        if size is None or not -size <= i < size:
            raise CheckError(
                f"there is no {name}={i} in the wire {array}",
                doing="drawing a map of values",
                sizes={n: w.size for n, w in zip(names, wires, strict=True)},
            )
    fixed: list[tuple[str, int]] = []

    def fix(k: int, i: int) -> None:
        nonlocal x
        fixed.append((names.pop(k), i % wires[k].size))
        x = x.select(k, i)
        del wires[k]

    for k in range(len(wires) - 1, -1, -1):
        if names[k] in chosen:
            fix(k, chosen.pop(names[k]))
    while len(wires) > 3:
        fix(0, 0)
    if len(wires) == 3 and wires[0].id in batch:
        fix(0, 0)
    if not wires or not x.numel():
        return None
    tile = wires[0] if len(wires) == 3 else None
    row = wires[-2] if len(wires) > 1 else None
    grid = x.reshape((tile.size if tile else 1, row.size if row else 1, wires[-1].size))
    n = min(len(grid), TILES)
    codes, low, high = _coded(*_pooled(grid[:n], max(1, cells // n)))
    return Heat(
        codes,
        low,
        high,
        (names[-2], row.size) if row else None,
        (names[-1], wires[-1].size),
        (names[0], tile.size, n) if tile else None,
        tuple(sorted(fixed)),
    )


def _pooled(grid: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Means of the finite values in each of so many cells, and which cells have any."""
    _, rows, columns = grid.shape
    shrink = max(1.0, math.sqrt(rows * columns / cells))
    r = max(1, min(rows, int(rows / shrink)))
    c = max(1, min(columns, cells // r))
    r = max(1, min(rows, cells // c))
    finite = torch.isfinite(grid)
    share = adaptive_avg_pool2d(finite.to(grid.dtype)[:, None], (r, c))[:, 0]
    means = adaptive_avg_pool2d(grid.where(finite, 0)[:, None], (r, c))[:, 0] / share.clamp_min(1e-12)
    return means, share > 0


def _coded(means: Tensor, known: Tensor) -> tuple[Tensor, float, float]:
    high = float(means[known].abs().max()) if bool(known.any()) else 0.0
    low = -high if bool((means[known] < 0).any()) else 0.0
    reach = (high - low) or 1.0
    codes = LOW + ((means - low) / reach * (HIGH - LOW)).round().clamp(0, HIGH - LOW)
    return codes.where(known, ODD).to(torch.uint8).cpu(), low, high
