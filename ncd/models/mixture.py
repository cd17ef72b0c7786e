"""A sparse mixture of experts as in Mixtral (Jiang et al. 2024): each token is sent to the best two of eight.

Which experts a token meets depends on its values, but not what is computed: here every expert sees every token, and
all but the best have a weight of nothing.  The same outputs as with sending, at the cost of all experts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


class MixtureOfExperts(nn.Module):
    """(b, s, d) -> (b, s, d): a mix of ``top`` of ``experts`` gated feed-forwards, weighted by a router."""

    def __init__(self, d: int = 64, wide: int = 128, experts: int = 8, top: int = 2) -> None:
        super().__init__()
        self.top = top
        self.router = nn.Linear(d, experts, bias=False)
        self.gate = nn.Parameter(torch.randn(experts, wide, d) * d**-0.5)
        self.up = nn.Parameter(torch.randn(experts, wide, d) * d**-0.5)
        self.down = nn.Parameter(torch.randn(experts, d, wide) * wide**-0.5)

    def weights(self, x: Tensor) -> Tensor:
        """(b, s, d) -> (b, s, experts): the probabilities of the best, rescaled to a sum of 1, and 0."""
        probability = self.router(x).softmax(dim=-1)
        best, chosen = probability.topk(self.top, dim=-1)
        return torch.zeros_like(probability).scatter(-1, chosen, best / best.sum(dim=-1, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.einsum("bsd,efd->bsef", x, self.gate)
        up = torch.einsum("bsd,efd->bsef", x, self.up)
        answers = torch.einsum("bsef,edf->bsed", silu(gate) * up, self.down)
        return torch.einsum("bse,bsed->bsd", self.weights(x), answers)


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    return MixtureOfExperts(), (torch.randn(2, 10, 64),)
