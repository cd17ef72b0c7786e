"""The architectures of the circuit diagram paper: sizes, counts, and what its notebook's code got wrong.

Abbott, "Neural Circuit Diagrams: Robust Diagrams for the Communication, Implementation, and Analysis of Deep Learning
Architectures", TMLR 2024.  Its notebook runs without an error; what each definition computes is another matter.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ncd
from ncd.cli import main
from ncd.models import convolution, held, recogniser, resnet, scaled, unet
from ncd.models.index import REFERENCES
from ncd.models.recogniser import BasicImageRecogniser
from ncd.models.resnet import IdentityResNet
from ncd.models.scaled import MultiHeadAttention
from ncd.models.unet import DoubleConv, UNet
from ncd.models.vision import VisualAttention

SCALES = (64, 128, 256, 512, 1024)

COUNTS = {
    "recogniser": (BasicImageRecogniser, 669_706),
    "multi-head attention": (lambda: MultiHeadAttention(128, 4, 16), 32_768),
    "u-net of 2015": (lambda: UNet(1, SCALES, 2, valid=True), 31_030_658),
    "u-net, padded": (lambda: UNet(3, SCALES, 2), 31_037_698),
    # The figure feeds a block back for lambda from 1 to N - 1; the notebook makes one block fewer: N = 2 of ours.
    "identity resnet of the notebook": (lambda: IdentityResNet(2), 221_290),
    "identity resnet of the figure": (IdentityResNet, 314_698),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name):
    make, count = COUNTS[name]
    with torch.device("meta"):
        assert sum(p.numel() for p in make().parameters()) == count


def test_flops():
    with torch.device("meta"):
        digits = ncd.trace(BasicImageRecogniser(), torch.zeros(7, 28, 28))
        net = ncd.trace(UNet(1, SCALES, 2, valid=True).eval(), torch.zeros(1, 1, 572, 572))
        heads = ncd.trace(MultiHeadAttention(128, 4, 16), torch.zeros(3, 5, 128), torch.zeros(3, 9, 128))
    assert int(digits.cost().total.flops) == 2 * 7 * (784 * 512 + 512 * 512 + 512 * 10)
    assert int(heads.cost().total.flops) == 2 * 3 * 64 * 128 * (2 * 5 + 2 * 9) + 4 * 3 * 5 * 9 * 16 * 4
    # Every convolution: 2 y x k k c d of its output; going up, of its input.
    count, side, wide = 0, 572, 1
    for c in SCALES:
        count += 2 * 9 * ((side - 2) ** 2 * wide * c + (side - 4) ** 2 * c * c)
        side, wide = (side - 4) // 2, c
    side *= 2  # no pool after the coarsest
    for c in reversed(SCALES[:-1]):
        count += 2 * 4 * side**2 * 2 * c * c
        side *= 2
        count += 2 * 9 * ((side - 2) ** 2 * 2 * c * c + (side - 4) ** 2 * c * c)
        side -= 4
    count += 2 * 388**2 * 64 * 2
    assert side == 388 and round(count / 1e9, 1) == 300.9
    assert int(net.cost().total.flops) == count


def test_the_recogniser_gives_probabilities():
    """There ``forward`` ends in ``nn.Softmax(x)``, which makes a module and gives that back."""
    answers = recogniser.BasicImageRecogniser()(torch.randn(5, 28, 28))
    assert answers.shape == (5, 10) and torch.allclose(answers.sum(-1), torch.ones(5), atol=1e-6)


def test_the_recogniser_is_a_sequence_of_layers():
    ours = recogniser.BasicImageRecogniser()
    x = torch.randn(5, 28, 28)
    told = nn.Sequential(nn.Flatten(), *ours.stack, nn.Softmax(1))(x)
    assert torch.allclose(ours(x), told)


def test_the_u_net_is_whole():
    """There it cannot be made, its blocks are kept in plain lists, and one of its skips is never read."""
    net = UNet().eval()
    made = {name.split(".")[0] for name, _ in net.named_parameters()}
    assert made == {"first", "down", "grow", "up", "score"}
    assert all(p.requires_grad for p in net.parameters())
    image = torch.randn(1, 3, 16, 16)
    assert net(image).shape == (1, 2, 16, 16)  # poolings halve and ups double: there both were padded, 16 to 9
    seen = []
    for up in net.up:
        up.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    net(image)
    assert seen == [128, 64, 32]  # what came up beside what was kept, at every scale
    d = ncd.trace(net, image)
    kept = [o for o in d.ops if o.kind == "join"]
    assert len(kept) == len(net.up) == 3 and all(len(o.inputs) == 2 for o in kept)


def test_a_double_convolution_can_be_called():
    """There the second convolution is declared for as many channels as the first, and fails on its output."""
    assert DoubleConv(1, 64)(torch.randn(1, 1, 8, 8)).shape == (1, 64, 8, 8)
    assert DoubleConv(1, 64, valid=True)(torch.randn(1, 1, 8, 8)).shape == (1, 64, 4, 4)


def test_the_first_u_net_loses_its_margin():
    with torch.device("meta"):
        assert UNet(1, SCALES, 2, valid=True)(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


def test_the_middle_is_cut_out_evenly():
    image = torch.arange(36).view(1, 6, 6)
    assert unet.middle(image, 2, 4).tolist() == [[[13, 14, 15, 16], [19, 20, 21, 22]]]


def test_a_loop_written_out_writes_every_column():
    """There the loop that shows broadcasting writes one column again and again, and checks only that one."""
    x = torch.randn(3, 4, 5)
    written = torch.empty(3, 5)
    for j in range(5):
        written[:, j] = x[:, :, j].softmax(1)[:, 0]
    assert torch.allclose(written, x.softmax(1)[:, 0])
    d = ncd.trace(lambda x: x.softmax(1), x, axes={"x": "i k j"})
    assert d.check().ok and d.ops[0].tiled == ("i", "j")


def test_visual_attention_keeps_the_size_of_its_target():
    """There 16 by 16 comes out as 15 by 15, the kernel being as large as the stride."""
    target, source = torch.randn(2, 16, 16, 16), torch.randn(2, 16, 9, 7)
    ours = VisualAttention()
    found = ours(target, source)
    assert found.shape == target.shape
    q, k, v = (x.flatten(2).mT for x in (ours.query(target), ours.key(source), ours.value(source)))
    told = nn.functional.scaled_dot_product_attention(q, k, v).mT.unflatten(2, (16, 16))
    assert torch.allclose(found, ours.output(told), atol=1e-5)


def test_heads_are_packed_outside():
    """There heads are packed as ``(k h)``, by torch as ``(h k)``: weights carry over after a permutation only."""
    theirs = nn.MultiheadAttention(24, 3, bias=False, batch_first=True)
    packed = torch.arange(24).view(3, 8)  # h k
    x, ours = torch.randn(2, 5, 24), MultiHeadAttention(24, 3, 8)
    maps = (ours.query, ours.key, ours.value)
    told = theirs(x, x, x, need_weights=False)[0]
    for order, same in ((packed.flatten(), True), (packed.T.flatten(), False)):
        with torch.no_grad():
            for mine, weight in zip(maps, theirs.in_proj_weight.chunk(3), strict=True):
                mine.weight.copy_(weight[order])
            ours.output.weight.copy_(theirs.out_proj.weight[:, order])
        assert torch.allclose(ours(x, x), told, atol=1e-6) is same


def test_attention_is_torchs():
    q, k, v = torch.randn(7, 12), torch.randn(10, 12), torch.randn(10, 9)
    told = nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    assert torch.allclose(scaled.ScaledDotProductAttention()(q, k, v), told, atol=1e-6)


def test_convolutions_are_windows():
    """Each kind against windows cut out by hand: output y x, offsets i j, input at ``y stride + i dilation - p``."""
    net = convolution.Convolutions().double()
    x = torch.randn(2, 16, 9, 8).double()
    for layer in (net.dilated, net.grouped):
        c, d, g = layer.in_channels, layer.out_channels, layer.groups
        windows = nn.functional.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        windows = windows.view(2, g, c // g * layer.weight[0, 0].numel(), -1)
        told = torch.einsum("bgkn,gok->bgon", windows, layer.weight.view(g, d // g, -1)).flatten(1, 2)
        assert torch.allclose(layer(x).flatten(2), told + layer.bias[:, None], atol=1e-12)
    up, y = net.transposed, torch.randn(2, 32, 3, 5).double()
    parts = torch.einsum("bcn,ck->bkn", y.flatten(2), up.weight.flatten(1))
    told = nn.functional.fold(parts, (12, 20), up.kernel_size, stride=up.stride) + up.bias[:, None, None]
    assert torch.allclose(up(y), told, atol=1e-12)


def test_an_identity_block_is_the_sequence_it_says():
    block = resnet.IdentityBlock(16).eval()
    x = torch.randn(2, 16, 5, 5)
    r = block.residual
    told = nn.Sequential(
        block.activate.norm, nn.ReLU(), r.narrow, r.first.norm, nn.ReLU(), r.middle, r.second.norm, nn.ReLU(), r.widen
    )(x)
    assert torch.allclose(block(x), x + told)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_is_drawn_without_an_opaque_op(name):
    model, args = REFERENCES[name].example()
    d = ncd.trace(model, *args)
    assert not d.opaque and d.check(trials=1).ok


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_names_a_test_that_there_is(name):
    file, _, test = REFERENCES[name].test.partition("::")
    assert f"\ndef {test}(" in (Path(__file__).parent / file).read_text()


def test_they_are_listed(capsys):
    assert main(["models", "attention", "gpt2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].split()[:4] == ["attention", "0", "2,940", "Vaswani"]  # 2 (7 10 12 + 7 10 9)
    assert said[2].startswith("gpt2 ") and "test_gpt2_is_transformers" in said[2] and len(said) == 3
    assert main(["models", "gpt3"]) == 2 and "gpt2" in capsys.readouterr().err


def test_the_tests_they_are_held_to_are_run(capsys, monkeypatch):
    assert main(["models", "--test", "recogniser", "u-net"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [" passed " in row for row in rows] == [True, True]
    assert held.outcomes(["test_reference.py::test_that_is_not_there"]) == {
        "test_reference.py::test_that_is_not_there": "not run"
    }
    monkeypatch.setattr(held, "TESTS", Path("nowhere"))
    assert main(["models", "--test", "u-net"]) == 2 and "clone" in capsys.readouterr().err
