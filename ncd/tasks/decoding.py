"""From the scores of a writer to a sequence: the best step at a time, or the best of a beam."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

State = tuple[Tensor, ...]


class Writes(Protocol):
    """What is decoded: ``ncd.models.pointing``."""

    start: Tensor

    def encode(self, points: Tensor) -> tuple[Tensor, State]: ...
    def step(self, point: Tensor, state: State, memory: Tensor) -> tuple[Tensor, State]: ...


@torch.no_grad()
def greedy(model: Writes, points: Tensor, longest: int, tour: bool = False) -> list[list[int]]:
    """The most likely step after step, as indices of points (b, n, 2), to the end symbol or ``longest``.

    ``tour``: only points that were not visited are open, and all are visited.
    """
    b, n, _ = points.shape
    memory, state = model.encode(points)
    here = model.start.expand(b, 2)
    ended = torch.zeros(b, dtype=torch.bool, device=points.device)
    closed = torch.zeros(b, n + 1, dtype=torch.bool, device=points.device)
    closed[:, 0] = True
    chosen: list[Tensor] = []
    for _ in range(longest):
        scores, state = model.step(here, state, memory)
        if tour:
            scores = scores.masked_fill(closed, -torch.inf)
        best = scores.argmax(dim=-1).masked_fill(ended, 0)
        chosen.append(best)
        closed = closed.scatter(1, best.unsqueeze(1), True)
        ended = ended | (best == 0)
        if bool(ended.all()):
            break
        here = points[torch.arange(b, device=points.device), (best - 1).clamp(min=0)]
    rows = torch.stack(chosen, dim=1).tolist()
    return [[i - 1 for i in (row[: row.index(0)] if 0 in row else row)] for row in rows]


@torch.no_grad()
def beam(
    model: Writes, points: Tensor, width: int, longest: int | None = None, tour: bool = True
) -> tuple[Tensor, Tensor]:
    """The ``width`` most likely answers that a beam finds: (b, width, m), and their log probabilities (b, width).

    Tours visit every point once.  Other answers (``tour=False``) are open in every step, have at most ``longest``
    points, n + 1 without it, and hold -1 from the end symbol on.  Fewer than ``width`` different answers: the rest have
    probability 0.
    """
    b, n, _ = points.shape
    memory, state = model.encode(points)
    memory = memory.repeat_interleave(width, 0)
    state = tuple(s.repeat_interleave(width, 0) for s in state)
    every = points.repeat_interleave(width, 0)
    row = torch.arange(b * width, device=points.device)
    here = model.start.expand(b * width, 2)
    closed = torch.zeros(b * width, n + 1, dtype=torch.bool, device=points.device)
    closed[:, 0] = tour
    likely = torch.full((b, width), -torch.inf, device=points.device)
    likely[:, 0] = 0
    path = torch.empty(b * width, 0, dtype=torch.long, device=points.device)
    for _ in range(n if tour else longest or n + 1):
        scores, state = model.step(here, state, memory)
        chance = scores.masked_fill(closed, -torch.inf).log_softmax(dim=-1).nan_to_num(nan=-torch.inf)
        likely, best = (likely.view(-1, 1) + chance).view(b, -1).topk(width, dim=-1)
        came = (best // (n + 1) + torch.arange(b, device=points.device).unsqueeze(1) * width).view(-1)
        step = (best % (n + 1)).view(-1)
        state = tuple(s[came] for s in state)
        closed, path = closed[came], torch.cat([path[came], step.unsqueeze(1)], dim=1)
        if tour:
            closed[row, step] = True
        else:
            closed[step == 0, 1:] = True  # after the end nothing but the end
            if bool((step == 0).all()):
                break
        here = every[row, (step - 1).clamp(min=0)]
    return path.view(b, width, -1) - 1, likely
