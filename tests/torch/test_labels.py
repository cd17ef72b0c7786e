"""What is written on symbols, in the rows of the notation whose labels say more than their symbols."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ncd
from ncd import show
from ncd.notation.catalogue import SECTIONS

ENTRIES = {f"{s.title}: {e.title}": e for s in SECTIONS for e in s.entries}
LABELS = {
    "Functions of numbers: Powers": ["x^{2}", "√x"],
    "Functions of numbers: With a number": ["×0.5", "+3", "÷7"],
    "Functions of numbers: Clamp": ["clamp_{0}^{6}"],
    "Products and sums: With a factor": ["", "×k^{-½}"],
    "Learned maps: Once more": ["L_+^1", "R", "L_+^1"],
    "Learned maps: Bilinear": ["L_+"],
    "Learned maps: Tied": ["E", "E^{⊤}"],
    "Learned maps: Position": ["E^{pos}", "+"],
    "Learned maps: Class token": ["cls", ""],
    "Learned maps: Buffer": ["offset", "+"],
    "Windows: Convolution": ["★3"],
    "Windows: Strided": ["★3/2_{p=1}"],
    "Windows: Patches": ["★4/4"],
    "Windows: Not padded": ["★5_{p=0}"],
    "Windows: Dilated": ["★3_{d=2}"],
    "Windows: Grouped": ["★3_{g=2}"],
    "Windows: Depthwise": ["★3_{depthwise}"],
    "Windows: Rectangular": ["★3×1"],
    "Windows: Causal": ["pad 2,0", "★3_{p=0}"],
    "Windows: Transposed": ["★2/2^T"],
    "Windows: Overlapping": ["max 3/2_{p=1}"],
    "Windows: Mean": ["𝔼 3_{p=1}"],
    "Windows: Adaptive": ["𝔼 →7×5"],
    "Windows: Global": ["𝔼"],
    "Windows: Bilinear": ["↑2_{bilinear}"],
    "Windows: Shrink": ["↓ 3×2"],
    "Windows: Unfold": ["unfold 3_{p=1}"],
    "Windows: Along one axis": ["unfold 4/2"],
    "Softmax and norms: Layer norm": ["LN"],
    "Softmax and norms: Without gain": ["LN₀"],
    "Softmax and norms: Written out": ["RMS₀"],
    "Softmax and norms: Batch norm": ["⌒"],
    "Softmax and norms: Batch norm, fixed": [""],
    "Masks: Causal": ["causal", ""],
    "Masks: Window": ["window", ""],
    "Masks: Causal window": ["causal window", ""],
    "Masks: Any other": ["mask", ""],
    "Masks: ALiBi": ["ALiBi", "+", ""],
    "Views, parts and places: Split": [":3", "3:"],
    "Views, parts and places: Unbind": ["0", "1", "2"],
    "Views, parts and places: Last": ["−1"],
    "Views, parts and places: Of two axes": ["1:, :4"],
    "Views, parts and places: Roll": ["roll 2"],
    "Views, parts and places: Reflect": ["reflect 2,1"],
    "From nowhere: Positions": ["0…5", "+"],
    "From nowhere: Zeros": ["0", ""],
    "From nowhere: Identity": ["I", "+"],
    "From nowhere: Any other": ["c", "+"],
    "From nowhere: Noise": ["∼N", "+"],
    "Blocks and repetition: A loop": ["0", "t", "RNN", "t"],
}


@pytest.mark.parametrize("name", LABELS)
def test_a_symbol_says(name: str) -> None:
    assert [op.label for op in ENTRIES[name].draw().drawn.ops] == LABELS[name]


def said(f: object, *args: Tensor) -> list[tuple[str, str]]:
    return [(op.symbol, op.label) for op in ncd.trace(f, *args).simplify().ops]


def test_a_product_of_computed_arrays_is_no_learned_map() -> None:
    x, y, z = torch.rand(3, 4), torch.rand(5, 4), torch.rand(5)
    assert said(F.linear, x, y) == [("einsum", "")]
    assert said(lambda x, y, z: F.linear(x, y, z), x, y, z) == [("box", "linear")]


def test_a_map_before_attention_is_not_its_queries() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention = nn.Linear(6, 8), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            return self.attention(y, y, y, need_weights=False)[0]

    labels = [label for symbol, label in said(Model(), torch.rand(2, 5, 6)) if symbol == "linear"]
    assert labels == ["L_+", "L_+^Q", "L_+^K", "L_+^V", "L_+^O"]


def test_several_tables_are_told_apart() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.source, self.target = nn.Embedding(11, 8), nn.Embedding(13, 8)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return F.linear(self.source(x) + self.target(y), self.target.weight)

    tokens = torch.randint(0, 11, (5,))
    assert said(Model(), tokens, tokens) == [("embed", "E^1"), ("embed", "E^2"), ("add", "+"), ("linear", "E^{2⊤}")]


def test_a_function_of_a_weight_begins_at_the_weight() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.A_log = nn.Parameter(torch.rand(8))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.A_log.exp()

    assert said(Model(), torch.rand(5, 8)) == [("parameter", "A_{log}"), ("map", "exp"), ("einsum", "")]


def test_padding_by_nothing_is_nothing() -> None:
    assert said(lambda x: F.pad(x, (0, 0)).relu(), torch.rand(3, 4)) == [("map", "R")]


def test_a_window_is_labelled_by_the_shapes_of_the_call() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.conv = nn.LayerNorm(6), nn.Conv2d(6, 6, 3, padding=1, groups=6)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.norm(x).permute(0, 3, 1, 2))

    assert said(Model(), torch.rand(2, 7, 5, 6)) == [("norm", "LN"), ("conv", "★3_{depthwise}")]


class TwoHalves(nn.Module):
    """A feed-forward layer whose maps are in modules of their own, as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.intermediate = nn.Sequential(nn.Linear(6, 9), nn.GELU())
        self.output = nn.Sequential(nn.Linear(9, 6))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.output(self.intermediate(x))


def test_maps_in_one_block_are_numbered_whatever_modules_they_are_in() -> None:
    drawn = show.draw(ncd.trace(TwoHalves(), torch.rand(5, 6))).drawn
    assert [op.label for op in drawn.ops if op.symbol == "linear"] == ["L_+^1", "L_+^2"]


def test_a_module_too_small_for_a_frame_is_pointed_at_by_what_it_does() -> None:
    d = ncd.trace(TwoHalves(), torch.rand(5, 6))
    shown = show.draw(d, highlight=["output"])
    assert [m.role for m in shown.scene.marks].count("spot") == 1
    assert [m.role for m in show.draw(d, highlight=["intermediate"]).scene.marks].count("spot") == 2


def test_a_number_goes_into_a_learned_map_and_out_of_it() -> None:
    assert said(nn.Linear(1, 4), torch.rand(5, 1)) == said(nn.Linear(4, 1), torch.rand(5, 4)) == [("linear", "L_+")]
