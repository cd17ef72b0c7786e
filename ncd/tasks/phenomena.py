"""Which phenomena of classical conditioning a memory shows, rule by rule.

A trial shows some cues and an outcome of strength 1 or 0.  A cue is one feature, as strong as its salience; the
response to a test is what the memory reads out.  The protocols are those of any textbook of animal learning
(Rescorla and Wagner 1972 for the delta rule's).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ncd.models.conditioning import BCM, Decay, Delta, GatedDelta, Hebb, Oja, Softmax, respond

CUES = "ABX"
TRIALS = 40
"""Trials of a phase."""

Trial: TypeAlias = tuple[str, float]


def cue(names: str, salience: Mapping[str, float] | None = None) -> Tensor:
    """The stimulus (cues,) that shows these cues."""
    return torch.tensor([(salience or {}).get(c, 1.0) if c in names else 0.0 for c in CUES], dtype=torch.float64)


class Subject:
    """A memory that goes through trials.  ``salience`` is how strong its cues are, 1 if not said."""

    def __init__(self, rule: str, salience: Mapping[str, float] | None = None) -> None:
        self.rule, self.salience = SUBJECTS[rule], salience
        self.cues, self.outcomes = torch.zeros(0, len(CUES)).double(), torch.zeros(0, 1).double()
        self.state = self.rule.start(self.cues, self.outcomes) if isinstance(self.rule, Hebb) else None

    def live(self, trials: Iterable[Trial]) -> list[float]:
        """Go through trials; the response to the cues of each, after it."""
        responses = []
        for names, strength in trials:
            shown, outcome = cue(names, self.salience), torch.tensor([strength], dtype=torch.float64)
            if isinstance(self.rule, Hebb):
                self.state = self.rule.learn(self.state, shown, outcome)
            else:
                self.cues = torch.cat([self.cues, shown[None]])
                self.outcomes = torch.cat([self.outcomes, outcome[None]])
            responses.append(self.response(names))
        return responses

    def response(self, names: str) -> float:
        """What is expected when these cues are shown."""
        test = cue(names, self.salience)
        if isinstance(self.rule, Hebb):
            return float(respond(self.state, test))
        return float(self.rule(test, self.cues, self.outcomes))


def remembered(test: Tensor, cues: Tensor, outcomes: Tensor) -> Tensor:
    """A test against all trials, and a silent one that stands for none of them."""
    silent = torch.zeros(1, 1, dtype=test.dtype)
    cues, outcomes = torch.cat([silent.expand(1, cues.shape[1]), cues]), torch.cat([silent, outcomes])
    return Softmax(4.0)(test.expand(len(cues), -1), cues, outcomes)[-1]


Answer: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A response to a test (cues,) from all trials: cues (t, cues) and outcomes (t, 1)."""


def averaged(test: Tensor, cues: Tensor, outcomes: Tensor) -> Tensor:
    """Linear attention normalised: the mean of outcomes, weighted by how alike the cues are."""
    weight = cues @ test
    return (weight @ outcomes) / weight.sum() if weight.sum() > 0 else torch.zeros(1, dtype=test.dtype)


RATE = 0.2
SUBJECTS: Mapping[str, Hebb | Answer] = {
    "hebb": Hebb(RATE),
    "normalised": averaged,
    "decay": Decay(RATE, 0.9),
    "oja": Oja(RATE),
    "bcm": BCM(RATE, 0.9),
    "delta": Delta(RATE),
    "gated delta": GatedDelta(RATE, 0.9),
    "softmax": remembered,
}
"""The memories that are compared, by name."""


@dataclass(frozen=True)
class Phenomenon:
    """``measure`` gives numbers by name; ``shown`` says whether an animal would give such ones."""

    says: str
    measure: Callable[[str], Mapping[str, float]]
    shown: Callable[[Mapping[str, float]], bool]


def acquisition(rule: str) -> dict[str, float]:
    curve = Subject(rule).live([("A", 1)] * TRIALS)
    return {"1": curve[0], "5": curve[4], "10": curve[9], "40": curve[-1]}


def extinction(rule: str) -> dict[str, float]:
    subject = Subject(rule)
    before = subject.live([("A", 1)] * TRIALS)[-1]
    curve = subject.live([("A", 0)] * TRIALS)
    spared = Subject(rule)
    spared.live([("A", 1)] * TRIALS + [("B", 0)] * TRIALS)
    return {"before": before, "5": curve[4], "40": curve[-1], "other cue shown": spared.response("A")}


def overshadowing(rule: str) -> dict[str, float]:
    subject = Subject(rule, {"X": 0.5})
    subject.live([("AX", 1)] * TRIALS)
    alone = Subject(rule, {"X": 0.5})
    alone.live([("X", 1)] * TRIALS)
    return {"salient": subject.response("A"), "faint": subject.response("X"), "faint alone": alone.response("X")}


def blocking(rule: str) -> dict[str, float]:
    blocked, control = Subject(rule), Subject(rule)
    blocked.live([("A", 1)] * TRIALS + [("AX", 1)] * TRIALS)
    control.live([("B", 1)] * TRIALS + [("AX", 1)] * TRIALS)
    return {"blocked": blocked.response("X"), "control": control.response("X")}


def overexpectation(rule: str) -> dict[str, float]:
    subject = Subject(rule)
    subject.live([("A", 1), ("B", 1)] * TRIALS)
    before = subject.response("A")
    subject.live([("AB", 1)] * TRIALS)
    return {"before": before, "after": subject.response("A")}


def inhibition(rule: str) -> dict[str, float]:
    subject = Subject(rule)
    subject.live([("A", 1), ("AX", 0)] * TRIALS)
    return {"A": subject.response("A"), "X": subject.response("X")}


def latent_inhibition(rule: str) -> dict[str, float]:
    seen, new = Subject(rule), Subject(rule)
    seen.live([("X", 0)] * TRIALS + [("X", 1)] * 5)
    new.live([("X", 1)] * 5)
    return {"seen before": seen.response("X"), "new": new.response("X")}


def partial_reinforcement(rule: str) -> dict[str, float]:
    subject = Subject(rule)
    curve = subject.live([("A", float(i % 2)) for i in range(TRIALS)])
    return {"response": sum(curve[-10:]) / 10}


def second_order(rule: str) -> dict[str, float]:
    """B never meets the outcome: a first circuit answers to A, and its answer is the outcome of a second."""
    first, second = Subject(rule), Subject(rule)
    first.live([("A", 1)] * TRIALS)
    second.live([("B", first.response("A"))] * 10)
    return {"one circuit": first.response("B"), "two circuits": second.response("B"), "unrelated": first.response("X")}


def savings(rule: str) -> dict[str, float]:
    subject = Subject(rule)

    def trials_to_half(curve: list[float]) -> float:
        return float(next((i for i, r in enumerate(curve, 1) if r >= 0.5), TRIALS + 1))

    first = trials_to_half(subject.live([("A", 1)] * TRIALS))
    extinguished = subject.live([("A", 0)] * TRIALS)[-1]
    again = trials_to_half(subject.live([("A", 1)] * TRIALS))
    return {"first": first, "again": again, "in between": extinguished}


PHENOMENA: Mapping[str, Phenomenon] = {
    "acquisition": Phenomenon(
        "responses grow to an asymptote", acquisition, lambda m: 0.05 < m["1"] < 0.9 * m["40"] and m["40"] <= 1.1
    ),
    "extinction": Phenomenon(
        "without the outcome they vanish, and only those",
        extinction,
        lambda m: abs(m["40"]) < 0.05 * m["before"] and m["other cue shown"] > 0.9 * m["before"],
    ),
    "overshadowing": Phenomenon(
        "a salient cue takes from a faint one", overshadowing, lambda m: m["faint"] < 0.9 * m["faint alone"]
    ),
    "blocking": Phenomenon(
        "what is already expected teaches nothing about X", blocking, lambda m: m["blocked"] < 0.5 * m["control"]
    ),
    "overexpectation": Phenomenon(
        "two cues together promise too much, and lose", overexpectation, lambda m: m["after"] < 0.9 * m["before"]
    ),
    "conditioned inhibition": Phenomenon("X comes to mean that nothing follows", inhibition, lambda m: m["X"] < -0.1),
    "latent inhibition": Phenomenon(
        "a cue seen for nothing is learned slower", latent_inhibition, lambda m: m["seen before"] < 0.9 * m["new"]
    ),
    "partial reinforcement": Phenomenon(
        "half the outcomes, half the response", partial_reinforcement, lambda m: 0.4 < m["response"] < 0.65
    ),
    "second order": Phenomenon(
        "B, then A, where A meant the outcome",
        second_order,
        lambda m: m["two circuits"] > 0.3 and abs(m["unrelated"]) < 0.1,
    ),
    "savings": Phenomenon(
        "what was extinguished is learned again sooner",
        savings,
        lambda m: m["again"] < m["first"] and abs(m["in between"]) < 0.1,
    ),
}
"""In the order of the table."""


def table() -> dict[str, dict[str, Mapping[str, float]]]:
    """The measures of every phenomenon for every memory."""
    return {name: {rule: p.measure(rule) for rule in SUBJECTS} for name, p in PHENOMENA.items()}


def rescorla_wagner(trials: Tensor, outcomes: Tensor, salience: Tensor, rate: float) -> Tensor:
    """The strengths (t, cues) after each trial: dV = a b (outcome - the sum of V present), a = salience squared.

    ``trials`` (t, cues) are 1 where a cue is shown, ``outcomes`` (t,).  Equal to ``salience * S`` of the delta rule.
    """
    strength, curve = torch.zeros_like(salience), []
    for shown, outcome in zip(trials, outcomes, strict=True):
        strength = strength + salience.square() * rate * shown * (outcome - (shown * strength).sum())
        curve.append(strength)
    return torch.stack(curve)
