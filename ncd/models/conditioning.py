"""Attention read as classical conditioning (Qiao, "Understanding Transformers through the Lens of Pavlovian
Conditioning", arXiv 2508.08289v1).

=================  ==============================  =========================
attention          conditioning                    here
=================  ==============================  =========================
query              test stimulus                   ``test``    (..., n, dk)
key                conditional stimulus (CS)       ``cue``     (..., n, dk)
value              unconditional stimulus (US)     ``outcome`` (..., n, dv)
fast weights       association of CS and US        ``state``   (..., dk, dv)
read-out           conditional response            (..., n, dv)
=================  ==============================  =========================

A rule of plasticity says how a trial, a cue and its outcome, changes the association (section 5.3).  Each is written
twice: ``learn`` is the rule itself, a trial at a time; ``chunk`` takes any number of trials by products of matrices.
Chunks of one trial, of all trials and of any size between are the recurrent, the parallel and the chunked form, and
give the same responses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Hebb(nn.Module):
    """S + a k'v: what occurs together is associated.  Linear attention (theorem 5)."""

    def __init__(self, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate

    def start(self, cue: Tensor, outcome: Tensor) -> Tensor:
        """No association: (..., dk, dv)."""
        size = (*cue.shape[:-2], cue.shape[-1], outcome.shape[-1])
        return torch.zeros(size, dtype=cue.dtype, device=cue.device)

    def learn(self, state: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        """One trial: state (..., dk, dv), cue (..., dk), outcome (..., dv) -> the state after it."""
        return state + self.rate * outer(cue, outcome)

    def parallel(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        """Trials (..., n, d) at once, with nothing before them: the responses (..., n, dv) after each."""
        return self.rate * (test @ cue.mT).tril() @ outcome

    def chunk(self, state: Tensor, test: Tensor, cue: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        """Trials (..., m, d): the responses (..., m, dv) after each of them, and the state after all."""
        response = test @ state + self.parallel(test, cue, outcome)
        return response, state + self.rate * cue.mT @ outcome

    def forward(self, test: Tensor, cue: Tensor, outcome: Tensor, size: int | None = None) -> Tensor:
        """Responses (..., n, dv) to tests after each trial; ``size`` trials at a time, all at once without it."""
        if size is None:
            return self.parallel(test, cue, outcome)
        state, responses = self.start(cue, outcome), []
        for q, k, v in zip(*(x.split(size, -2) for x in (test, cue, outcome)), strict=True):
            response, state = self.chunk(state, q, k, v)
            responses.append(response)
        return torch.cat(responses, -2)

    def recurrent(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        """The same responses by the rule itself, trial after trial."""
        state, responses = self.start(cue, outcome), []
        for q, k, v in zip(test.unbind(-2), cue.unbind(-2), outcome.unbind(-2), strict=True):
            state = self.learn(state, k, v)
            responses.append(respond(state, q))
        return torch.stack(responses, -2)


class Decay(Hebb):
    """g S + a k'v: associations fade with every trial.  Retention."""

    def __init__(self, rate: float = 1.0, kept: float = 0.9) -> None:
        super().__init__(rate)
        self.kept = kept

    def learn(self, state: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return super().learn(self.kept * state, cue, outcome)

    def parallel(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return self.rate * (test @ cue.mT * self.fading(cue)[0]) @ outcome

    def chunk(self, state: Tensor, test: Tensor, cue: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        _, before, after = self.fading(cue)
        response = before * (test @ state) + self.parallel(test, cue, outcome)
        return response, self.kept ** cue.shape[-2] * state + self.rate * (after * cue).mT @ outcome

    def fading(self, cue: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is kept of trial j at trial i (m, m), of the past at i (m, 1), and of i at the end (m, 1)."""
        i = torch.arange(cue.shape[-2], dtype=cue.dtype, device=cue.device)
        within = (self.kept ** (i[:, None] - i).clamp(min=0)).tril()
        return within, (self.kept ** (i + 1))[:, None], (self.kept ** (len(i) - 1 - i))[:, None]


class GatedDelta(Decay):
    """S <- g S, then S + a k'(v - k S): only what is not expected is learned.  Gated DeltaNet."""

    def learn(self, state: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        state = self.kept * state
        return state + self.rate * outer(cue, outcome - respond(state, cue))

    def surprises(self, cue: Tensor, outcome: Tensor) -> Tensor:
        """What is learned of each outcome (..., n, dv), beyond what the trials before it let expect.

        They depend on each other from first to last: a triangular system (Yang et al. 2024, arXiv 2406.06484).
        """
        earlier = (cue @ cue.mT * self.fading(cue)[0]).tril(-1)
        system = torch.eye(cue.shape[-2], dtype=cue.dtype, device=cue.device) + self.rate * earlier
        return torch.linalg.solve_triangular(system, self.rate * outcome, upper=False, unitriangular=True)

    def parallel(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return (test @ cue.mT * self.fading(cue)[0]) @ self.surprises(cue, outcome)

    def chunk(self, state: Tensor, test: Tensor, cue: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        within, before, after = self.fading(cue)
        learned = self.surprises(cue, outcome - before * (cue @ state))
        response = before * (test @ state) + (test @ cue.mT * within) @ learned
        return response, self.kept ** cue.shape[-2] * state + (after * cue).mT @ learned


class Delta(GatedDelta):
    """S + a k'(v - k S): nothing fades.  DeltaNet, and the model of Rescorla and Wagner (1972)."""

    def __init__(self, rate: float = 1.0) -> None:
        super().__init__(rate, kept=1.0)


class Oja(Hebb):
    """S + a (k'v - S diag(v v)): every outcome shrinks what was associated with it, whatever the cue."""

    def learn(self, state: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return super().learn(state * (1 - self.rate * outcome.square()).unsqueeze(-2), cue, outcome)

    def lasting(self, outcome: Tensor) -> Tensor:
        """What is left of the outcome of trial j after trial i: (..., j, i, dv), 0 before j."""
        i = torch.arange(outcome.shape[-2], device=outcome.device)
        shrinks = (1 - self.rate * outcome.square()).unsqueeze(-3)
        kept = torch.where((i > i[:, None]).unsqueeze(-1), shrinks, 1.0).cumprod(-2)
        return kept * outcome.unsqueeze(-2) * (i >= i[:, None]).unsqueeze(-1)

    def parallel(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return self.rate * torch.einsum("...ik,...jk,...jiv->...iv", test, cue, self.lasting(outcome))

    def chunk(self, state: Tensor, test: Tensor, cue: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        kept = (1 - self.rate * outcome.square()).cumprod(-2)
        response = kept * (test @ state) + self.parallel(test, cue, outcome)
        return response, kept[..., -1:, :] * state + self.rate * cue.mT @ self.lasting(outcome)[..., -1, :]


class BCM(Hebb):
    """S + a k'v(v - t), t <- c t + (1 - c) v v: usual outcomes teach nothing, smaller ones unteach (Bienenstock,
    Cooper, Munro 1982).  The state holds the thresholds as one more row."""

    def __init__(self, rate: float = 1.0, steady: float = 0.9) -> None:
        super().__init__(rate)
        self.steady = steady

    def start(self, cue: Tensor, outcome: Tensor) -> Tensor:
        size = (*cue.shape[:-2], cue.shape[-1] + 1, outcome.shape[-1])
        return torch.zeros(size, dtype=cue.dtype, device=cue.device)

    def learn(self, state: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        threshold = state[..., -1, :]
        learned = super().learn(state[..., :-1, :], cue, outcome * (outcome - threshold))
        moved = self.steady * threshold + (1 - self.steady) * outcome.square()
        return torch.cat([learned, moved.unsqueeze(-2)], -2)

    def thresholds(self, first: Tensor | float, outcome: Tensor) -> Tensor:
        """The threshold before each trial, and after the last: (..., n + 1, dv), from the ``first`` (..., 1, dv)."""
        i = torch.arange(outcome.shape[-2] + 1, dtype=outcome.dtype, device=outcome.device)
        fading = (self.steady ** (i[:, None] - i[1:]).clamp(min=0)).tril(-1)
        return (self.steady**i)[:, None] * first + (1 - self.steady) * fading @ outcome.square()

    def parallel(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        return super().parallel(test, cue, outcome * (outcome - self.thresholds(0.0, outcome)[..., :-1, :]))

    def chunk(self, state: Tensor, test: Tensor, cue: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        threshold = self.thresholds(state[..., -1:, :], outcome)
        learned = outcome * (outcome - threshold[..., :-1, :])
        response = test @ state[..., :-1, :] + super().parallel(test, cue, learned)
        after = state[..., :-1, :] + self.rate * cue.mT @ learned
        return response, torch.cat([after, threshold[..., -1:, :]], -2)


class Softmax(nn.Module):
    """Attention itself: every trial is kept, and tests are answered by those whose cues are most like them.

    ``sharpness`` multiplies the likeness of cues.  In chunks, a running maximum, sum and mix are kept of each test.
    """

    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness

    def recurrent(self, test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
        """Each test against the trials up to its own."""
        answers = []
        for i, q in enumerate(test.unbind(-2), 1):
            weight = (self.sharpness * cue[..., :i, :] @ q.unsqueeze(-1)).softmax(-2)
            answers.append((weight * outcome[..., :i, :]).sum(-2))
        return torch.stack(answers, -2)

    def forward(self, test: Tensor, cue: Tensor, outcome: Tensor, size: int | None = None) -> Tensor:
        """Responses (..., n, dv) to tests after each trial; cues are visited ``size`` at a time."""
        n = cue.shape[-2]
        size = size or n
        top = test.new_full((*test.shape[:-1], 1), -torch.inf)
        total, mix = torch.zeros_like(top), test.new_zeros(*test.shape[:-1], outcome.shape[-1])
        trial = torch.arange(n, device=test.device)
        for j in range(0, n, size):
            score = self.sharpness * test @ cue[..., j : j + size, :].mT
            score = score.masked_fill(trial[j : j + size] > trial[:, None], -torch.inf)
            peak = torch.maximum(top, score.amax(-1, keepdim=True))
            weight, fade = (score - peak).exp(), (top - peak).exp()
            total = fade * total + weight.sum(-1, keepdim=True)
            mix = fade * mix + weight @ outcome[..., j : j + size, :]
            top = peak
        return mix / total


class Circuit(nn.Module):
    """A layer of conditioning: (b, n, d) -> (b, n, d), what was there plus the responses of every head.

    Layers upon layers give conditioning of higher order (definition 8): A -> B in one and B -> C in the next make
    A -> C.
    """

    def __init__(self, d: int, heads: int, rule: nn.Module) -> None:
        super().__init__()
        self.heads = heads
        self.to_test = nn.Linear(d, d, bias=False)
        self.to_cue = nn.Linear(d, d, bias=False)
        self.to_outcome = nn.Linear(d, d, bias=False)
        self.rule = rule
        self.norm = nn.RMSNorm(d // heads)
        self.out = nn.Linear(d, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        test, cue, outcome = (
            to(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for to in (self.to_test, self.to_cue, self.to_outcome)
        )
        response = self.norm(self.rule(test, cue, outcome))
        return x + self.out(response.transpose(1, 2).flatten(-2))


def scores_first(test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
    """``(q k') v``: n n (dk + dv) products; the associations of moments, n by n."""
    return (test @ cue.mT) @ outcome


def store_first(test: Tensor, cue: Tensor, outcome: Tensor) -> Tensor:
    """``q (k' v)``: 2 n dk dv products; the association of features, dk by dv.  The same response, all trials seen."""
    return test @ (cue.mT @ outcome)


def respond(state: Tensor, test: Tensor) -> Tensor:
    """The response (..., dv) of an association (..., dk or more, dv) to a test stimulus (..., dk)."""
    return (test.unsqueeze(-2) @ state[..., : test.shape[-1], :]).squeeze(-2)


def outer(cue: Tensor, outcome: Tensor) -> Tensor:
    """k'v: (..., dk), (..., dv) -> (..., dk, dv)."""
    return cue.unsqueeze(-1) * outcome.unsqueeze(-2)


RULES = {"hebb": Hebb, "decay": Decay, "delta": Delta, "gated delta": GatedDelta, "oja": Oja, "bcm": BCM}
"""The rules of plasticity by name."""


def example() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Two layers of the delta rule: features (2, 12, 16)."""
    return nn.Sequential(Circuit(16, 2, Delta(0.5)), Circuit(16, 2, Delta(0.5))), (torch.randn(2, 12, 16),)
