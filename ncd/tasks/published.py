"""What Vinyals, Fortunato and Jaitly report (arXiv 1506.03134v2, tables 1 to 3 and section 4.3), to print beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """One network of the paper: what it was trained on, and on how many points it is tested."""

    task: str
    model: str
    trained: str
    n: int


FAIL = -1.0
"""More than one answer in a hundred was no simple polygon, and the paper gives no area."""

ROWS: Mapping[Row, Mapping[str, float]] = {
    Row("hull", "seq2seq", "50", 50): {"accuracy": 0.019, "area": FAIL},
    Row("hull", "attention", "50", 50): {"accuracy": 0.389, "area": 0.997},
    Row("hull", "pointer", "50", 50): {"accuracy": 0.726, "area": 0.999},
    Row("hull", "seq2seq", "5", 5): {"accuracy": 0.877, "area": 0.996},
    Row("hull", "pointer", "5-50", 5): {"accuracy": 0.920, "area": 0.996},
    Row("hull", "seq2seq", "10", 10): {"accuracy": 0.299, "area": FAIL},
    Row("hull", "pointer", "5-50", 10): {"accuracy": 0.870, "area": 0.998},
    Row("hull", "pointer", "5-50", 50): {"accuracy": 0.696, "area": 0.999},
    Row("hull", "pointer", "5-50", 100): {"accuracy": 0.503, "area": 0.999},
    Row("hull", "pointer", "5-50", 200): {"accuracy": 0.221, "area": 0.999},
    Row("hull", "pointer", "5-50", 500): {"accuracy": 0.013, "area": 0.992},
    Row("delaunay", "pointer", "5", 5): {"accuracy": 0.807, "coverage": 0.930},
    Row("delaunay", "pointer", "10", 10): {"accuracy": 0.226, "coverage": 0.813},
    Row("delaunay", "pointer", "50", 50): {"accuracy": 0.0, "coverage": 0.528},
    Row("tsp", "pointer", "5", 5): {"length": 2.12},
    Row("tsp", "pointer", "10", 10): {"length": 2.88},
    Row("tsp", "pointer", "5-20", 5): {"length": 2.12},
    Row("tsp", "pointer", "5-20", 10): {"length": 2.87},
    Row("tsp", "pointer", "5-20", 20): {"length": 3.88},
    Row("tsp", "pointer", "5-20", 25): {"length": 4.30},
    Row("tsp", "pointer", "5-20", 30): {"length": 4.72},
    Row("tsp", "pointer", "5-20", 40): {"length": 5.91},
    Row("tsp", "pointer", "5-20", 50): {"length": 7.66},
}
"""Shares as fractions.  Every row: greedy or beam search as the paper did; tours by a beam of valid ones."""


def of(task: str, model: str, n: int) -> dict[str, Mapping[str, float]]:
    """The paper's rows for a task, a network and a size, by what they were trained on."""
    return {r.trained: measures for r, measures in ROWS.items() if (r.task, r.model, r.n) == (task, model, n)}
