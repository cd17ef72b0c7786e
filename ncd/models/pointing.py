"""Pointer Networks and the two networks they are compared with (Vinyals et al., NeurIPS 2015, arXiv 1506.03134).

All three read n points of the plane by one LSTM and write a sequence by another.  They differ in how a step of
the output is chosen:

=====================  ===============================================================================
``SequenceToSequence``  a fixed table of words, one for every position: one model for one n (section 2.1)
``ContentAttention``    the same, from the state and what attention has read, which is fed on (section 2.2)
``PointerNetwork``      attention itself: its weights are the answer, so that any n will do (section 2.3)
=====================  ===============================================================================

Slot 0 of every answer is the end of the sequence, slot i the i-th point.  The paper leaves open how the end is
scored: here it is a learned vector at the head of what the pointer points into.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class Writer(nn.Module):
    """What the three share: an LSTM that reads the points, one that writes, and the symbol that starts it."""

    def __init__(self, hidden: int, told: int) -> None:
        super().__init__()
        self.encoder = nn.LSTM(2, hidden, batch_first=True)
        self.decoder = nn.LSTM(told, hidden, batch_first=True)
        self.start = nn.Parameter(torch.empty(2))

    def encode(self, points: Tensor) -> tuple[Tensor, State]:
        """Points (b, n, 2) -> what a step looks at (b, n, hidden), and the state the first step starts from."""
        memory, (h, c) = self.encoder(points)
        return memory, (h[0], c[0])

    def write(self, told: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (b, m, told) and a state (b, hidden) twice -> outputs (b, m, hidden) and the state after."""
        written, (after, cell) = self.decoder(told, (h.unsqueeze(0), c.unsqueeze(0)))
        return written, after[0], cell[0]

    def before(self, points: Tensor, targets: Tensor) -> Tensor:
        """The point that each step of ``targets`` (b, m) follows: the start, then the targets' own (b, m, 2)."""
        last = (targets[:, :-1] - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, 2)
        return torch.cat([self.start.expand(len(points), 1, 2), points.gather(1, last)], dim=1)


class SequenceToSequence(Writer):
    """Points (b, n, 2) and targets (b, m) -> scores (b, m, n + 1), for the one n it is made for."""

    def __init__(self, hidden: int, n: int) -> None:
        super().__init__(hidden, 2)
        self.words = nn.Linear(hidden, n + 1)
        spread(self)

    def step(self, point: Tensor, state: State, memory: Tensor) -> tuple[Tensor, State]:
        """The last point written (b, 2), state, memory -> scores (b, n + 1) of what comes next, state."""
        written, h, c = self.write(point.unsqueeze(1), *state)
        return self.words(written[:, 0]), (h, c)

    def forward(self, points: Tensor, targets: Tensor) -> Tensor:
        """points (b, n, 2), targets (b, m), 0 the end -> scores (b, m, n + 1); a step is told what came before."""
        _, state = self.encode(points)
        return self.words(self.write(self.before(points, targets), *state)[0])


class ContentAttention(Writer):
    """As ``SequenceToSequence``; every step also reads the encoder's states (b, n, hidden) by attention."""

    def __init__(self, hidden: int, n: int) -> None:
        super().__init__(hidden, 2 + hidden)
        self.attention = Additive(hidden)
        self.words = nn.Linear(2 * hidden, n + 1)
        spread(self)

    def encode(self, points: Tensor) -> tuple[Tensor, State]:
        memory, (h, c) = super().encode(points)
        return memory, (h, c, torch.zeros_like(h))

    def step(self, point: Tensor, state: State, memory: Tensor) -> tuple[Tensor, State]:
        h, c, read = state
        written, h, c = self.write(torch.cat([point, read], dim=-1).unsqueeze(1), h, c)
        read = (self.attention(memory, written).softmax(dim=-1) @ memory)[:, 0]
        return self.words(torch.cat([written[:, 0], read], dim=-1)), (h, c, read)

    def forward(self, points: Tensor, targets: Tensor) -> Tensor:
        memory, state = self.encode(points)
        scores = []
        for point in self.before(points, targets).unbind(1):
            answer, state = self.step(point, state, memory)
            scores.append(answer)
        return torch.stack(scores, dim=1)


class PointerNetwork(Writer):
    """Points (b, n, 2) and targets (b, m) -> scores (b, m, n + 1), for any n.

    Nothing that attention reads goes back into the decoder, so a sequence that is known is one call of the LSTM.
    10 h^2 + 34 h + 2 parameters for h hidden units.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, 2)
        self.end = nn.Parameter(torch.empty(hidden))
        self.pointer = Additive(hidden)
        spread(self)

    def encode(self, points: Tensor) -> tuple[Tensor, State]:
        memory, state = super().encode(points)
        return torch.cat([self.end.expand(len(points), 1, -1), memory], dim=1), state

    def step(self, point: Tensor, state: State, memory: Tensor) -> tuple[Tensor, State]:
        written, h, c = self.write(point.unsqueeze(1), *state)
        return self.pointer(memory, written)[:, 0], (h, c)

    def forward(self, points: Tensor, targets: Tensor) -> Tensor:
        memory, state = self.encode(points)
        return self.pointer(memory, self.write(self.before(points, targets), *state)[0])


class Additive(nn.Module):
    """u_ij = v . tanh(W1 e_j + W2 d_i) (equation 3): memory (b, n, h), states (b, m, h) -> scores (b, m, n)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.of_memory = nn.Linear(hidden, hidden, bias=False)
        self.of_state = nn.Linear(hidden, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, memory: Tensor, states: Tensor) -> Tensor:
        mixed = self.of_memory(memory).unsqueeze(1) + self.of_state(states).unsqueeze(2)
        return self.score(torch.tanh(mixed)).squeeze(-1)


def spread(module: nn.Module) -> None:
    """Every parameter uniform in +-0.08 (section 4.1)."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.08, 0.08)
