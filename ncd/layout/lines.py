"""A dashed line as it is drawn piece by piece, and how small bends in it are taken out again."""

from __future__ import annotations

from dataclasses import dataclass

from ncd.layout.strip import Step

JOG = 10.0
"""A line moves by up to so many px where that spares it a bend."""

Room = tuple[float, float]
"""Between which heights a piece of a line may lie."""


@dataclass
class Line:
    """The pieces of a line so far, and the room that each level one has."""

    steps: list[Step]
    rooms: list[Room]

    def add(self, step: Step, room: Room) -> None:
        if self.steps and step[0] == "L" and self.steps[-1][0] == "L":
            kind, x0, y0, _, _ = self.steps[-1]
            self.steps[-1] = (kind, x0, y0, step[3], y0)
            self.rooms[-1] = common(self.rooms[-1], room)
        else:
            self.steps.append(step)
            self.rooms.append(room)

    def straightened(self) -> list[Step]:
        """The steps, without the small bends that some other height in the room of both sides spares."""
        steps, rooms = self.steps[:1], self.rooms[:1]
        for (kind, x0, y0, x1, y1), room in zip(self.steps[1:], self.rooms[1:], strict=True):
            if kind == "L" and len(steps) > 1 and steps[-1][0] == "C":
                before = steps[-2][2]
                low, high = common(rooms[-2], room)
                y = clamp(before, low, high)
                if low <= high and max(abs(y - before), abs(y - y0), abs(y0 - before)) <= JOG:
                    steps[-2:] = [("L", steps[-2][1], y, x1, y)]
                    rooms[-2:] = [(low, high)]
                    if len(steps) > 1:  # the bend in front of it
                        _, a, b, c, _ = steps[-2]
                        steps[-2] = ("C", a, b, c, y)
                    continue
            if kind == "C" and steps[-1][0] == "L":
                y0 = steps[-1][2]
            steps.append((kind, x0, y0, x1, y1))
            rooms.append(room)
        return steps


def clamp(y: float, low: float, high: float) -> float:
    return max(min(y, high), low)


def common(a: Room, b: Room) -> Room:
    return max(a[0], b[0]), min(a[1], b[1])
