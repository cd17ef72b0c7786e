"""A bidirectional LSTM that scores every token of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tagger(nn.Module):
    """Token ids (b, s) -> scores (b, s, tags)."""

    def __init__(self, vocabulary: int = 100, d: int = 32, hidden: int = 64, tags: int = 20) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, d)
        self.lstm = nn.LSTM(d, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * hidden, tags)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.lstm(self.embedding(ids))
        return self.score(states)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return Tagger(), (torch.randint(0, 100, (2, 12)),)
