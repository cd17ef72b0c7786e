"""How much is open where nobody chose a depth."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ncd.circuit.diagram import Block, Diagram, Op
from ncd.circuit.weave import Weave
from ncd.depth import LEGIBLE, SCREEN, TELLING, best_that_fits, second_of_class, told, torn
from ncd.layout.scene import Ids, Path, Scene
from ncd.symbols import arrow

OP = Op("map", "relu", (), (), Weave((), (), {}))


def plate(width: float, block: str = "h.0") -> Path:
    corners = (("M", (10.0, 0.0)), ("L", (10.0 + width, 0.0)), ("L", (10.0 + width, 90.0)), ("Z", ()))
    return Path("block", corners, Ids(block=block))


class Pictures:
    """Pictures with 0, 1, 2... open levels: width, height, number of ops, widths of the pieces of one block."""

    def __init__(self, of: list[tuple]) -> None:
        self.of, self.laid = of, []

    def opened(self, depth: int, expand: object, collapse: object) -> SimpleNamespace:
        return SimpleNamespace(ops=(OP,) * self.of[depth][2], depth=depth, blocks=())

    def laid_out(self, drawn: SimpleNamespace) -> tuple[SimpleNamespace, Scene]:
        self.laid.append(drawn.depth)
        width, height, _, *pieces = self.of[drawn.depth]
        return drawn, Scene(width, height, "", "", tuple(map(plate, pieces)))


W, H = SCREEN


@pytest.mark.parametrize(
    ("of", "width", "depth"),
    [
        ([(100, 50, 1), (W, H, LEGIBLE)], W, 1),
        ([(100, 50, 1), (W + 1, H, 3)], W, 0),
        ([(100, 50, 1), (W, H + 1, 3)], W, 0),
        ([(100, 50, 1), (W, H, LEGIBLE + 1)], W, 0),
        ([(100, 50, 1), (300, 90, 2), (W, 2 * H, 9)], W, 1),
        ([(W, 2 * H, 90)], W, 0),
        ([(W, 2 * H, 90), (W, 3 * H, 99)], W, 0),
        ([(100, 50, 1), (1400, 50, 2)], 1500, 1),
        ([(100, 50, 1), (700, 50, 2)], 640, 0),
        ([(100, 50, 1), (W + 1, 50, 2)], None, 0),
    ],
)
def test_as_much_is_open_as_fits_the_screen(of: list, width: float | None, depth: int) -> None:
    pictures = Pictures(of)
    found = best_that_fits(len(of) - 1, width, pictures.opened, pictures.laid_out, pictures.laid_out)
    assert found.depth == found.drawn.depth == depth
    assert (found.scene.width, found.scene.height) == of[depth][:2]
    assert all(of[d][2] <= LEGIBLE or d == 0 for d in pictures.laid)


@pytest.mark.parametrize(
    ("of", "depth"),
    [
        ([(500, 50, 12), (W, 300, 14, 900, 700)], 0),  # two more ops are not worth a torn block
        ([(500, 50, 6), (W, 300, 14, 900, 700)], 1),
        ([(500, 50, 8), (W, 300, 14, 900, 90)], 0),  # the end of it is a scrap
        ([(500, 50, 8), (W, 300, 14, 900)], 1),
        ([(500, 50, TELLING), (W, 300, TELLING + 10, 900, 700)], 0),
    ],
)
def test_a_picture_that_tears_a_block_has_to_tell_more(of: list, depth: int) -> None:
    pictures = Pictures(of)
    assert best_that_fits(len(of) - 1, W, pictures.opened, pictures.laid_out, pictures.laid_out).depth == depth


def test_pieces_of_one_block_are_counted() -> None:
    def count(*marks: Path) -> int:
        return torn(Scene(1000, 100, "", "", marks))

    assert count(plate(900), plate(900, "h.1")) == 0
    assert count(plate(900), plate(900)) == 1
    assert count(plate(900), plate(900)) == count(plate(900), plate(900), plate(800, "h"), plate(800, "h")) == 1
    assert count(plate(900), plate(90)) == 3
    wires = [arrow(940, y) for y in (10, 30, 50, 70)]
    assert count(plate(900), plate(900), *wires[:3]) == 1
    assert count(plate(900), plate(900), *wires) == 3


def test_one_block_of_each_class_is_open() -> None:
    blocks = [Block("a", "Layer"), Block("a.x", "Part", "a"), Block("b", "Layer"), Block("b.x", "Part", "b"),
              Block("c", "Part")]  # fmt: skip
    assert second_of_class(Diagram("", (), (), (), tuple(blocks))) == ("b", "c")


def test_what_is_hopeless_as_a_sketch_is_not_laid_out_in_full() -> None:
    of = [(100, 50, 1), (W, H, 4), (W, 3 * H, 30)]
    full, sketches = Pictures(of), Pictures(of)
    assert best_that_fits(2, W, full.opened, full.laid_out, sketches.laid_out).depth == 1
    assert full.laid == [1] and sketches.laid == [2, 1]


def test_a_kind_of_operation_seen_for_the_first_time_tells_more_than_another_of_one_known() -> None:
    def of(*symbols: str) -> Diagram:
        return Diagram("", tuple(replace(OP, symbol=s) for s in symbols), (), ())

    assert told(of("add", "norm", "softmax")) > told(of("add", "norm", "norm", "add"))
    assert told(of("add", "norm", "norm")) > told(of("add", "norm"))
