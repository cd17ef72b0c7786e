"""Runs of a diagram for a widget: values at its wires, interventions, and what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ncd.circuit.diagram import Diagram
from ncd.emit.change import Change
from ncd.emit.values import Values, run
from ncd.notebook.payload import payload


class Experiment:
    """One set of inputs, run as often as something is changed on the way."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.clean: Values | None = None
        self.values: Values | None = None

    def run(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], patch: Mapping[Any, Any] | None) -> Values:
        """Run, on other inputs or (given none) on those of before."""
        if args or kwargs or self.clean is None:
            clean = run(self.diagram, args, dict(kwargs), keep=())
            self.clean, self.args, self.kwargs = clean, *clean.inputs
        self.values = run(self.diagram, self.args, self.kwargs, patch, keep=()) if patch else self.clean
        return self.values

    def changes(self) -> list[Change]:
        """How far each output is from the clean run's; none where nothing was changed."""
        if self.values is None or self.values is self.clean:
            return []
        return list(self.values.change(self.clean))

    def shown(self, drawn: Diagram, turn: int) -> dict[str, dict[str, Any]]:
        """What a page says of the values in a picture."""
        return payload(self.values, drawn, turn) if self.values is not None else {}
