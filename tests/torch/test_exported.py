"""Exported programs: the diagram of the model they were made of, with its blocks, names and lines of code."""

from __future__ import annotations

import zipfile

import pytest
import torch
from torch import nn

import ncd
from ncd import TraceError
from ncd.cli import main
from ncd.models import zoo


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x):
        return x + self.norm(self.up(x)).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.rest = Block(), nn.ModuleList([Block(), Block()])
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]))

    def forward(self, x, *, gate=None):
        x = self.first(self.first(x))
        for block in self.rest:
            x = block(x)
        if gate is not None:
            x = x * gate[..., None]
        return {"scaled": x * self.scale, "plain": x}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def program(model):
    sizes = {"x": {0: torch.export.Dim("b"), 1: torch.export.Dim("s")}}
    sizes["gate"] = dict(sizes["x"])
    return torch.export.export(model, (torch.randn(2, 5, 4),), {"gate": torch.rand(2, 5)}, dynamic_shapes=sizes)


def alike(d):
    """What is drawn, but for the names of axes."""
    return [
        (op.kind, op.symbol, op.path, str(op.weave.renamed({v: f"v{i}" for i, v in enumerate(op.weave.variables)})))
        for op in d.simplify().ops
    ]


def test_blocks_names_and_lines_are_the_models_own(model, program):
    d, e = ncd.trace(program), ncd.trace(model, torch.randn(2, 5, 4), gate=torch.rand(2, 5))
    assert d.title == e.title == "Net" and d.blocks == e.blocks
    assert alike(d) == alike(e) and not d.opaque
    assert [a.name for op in d.ops for a in op.params] == [a.name for op in e.ops for a in op.params]
    assert [a.name for a in d.inputs] == ["x", "gate"]
    # The line, not the column: an exported program knows no more.
    assert [(op.source.file, op.source.line) for op in d.ops if op.name == "relu"] == [
        (op.source.file, op.source.line) for op in e.ops if op.name == "relu"
    ]
    assert d.check().ok


def test_sizes_that_were_left_open(model, program):
    x, gate = torch.randn(3, 7, 4), torch.rand(3, 7)
    d = ncd.trace(program, x, gate=gate, axes={"x": "b s d"})
    assert d.inputs[0].shape == (3, 7, 4) and d.inputs[0].axes[1].name == "s"
    got, want = d.to_module()(x, gate=gate), model(x, gate=gate)
    assert torch.allclose(got[0], want["scaled"], atol=1e-6) and torch.allclose(got[1], want["plain"], atol=1e-6)
    placeholder = ncd.trace(program, ncd.array("b=3 s=7 d=4"), gate=ncd.array("b=3 s=7"))
    assert alike(placeholder) == alike(d)


def test_sizes_that_were_not(model):
    program = torch.export.export(nn.Linear(4, 3), (torch.randn(2, 4),))
    with pytest.raises(Exception, match=r"2"):
        ncd.trace(program, torch.randn(5, 4))


@pytest.mark.parametrize("name", ["attn", "unet"])
def test_what_is_drawn_is_what_the_model_draws(name):
    e = zoo.get(name)
    program = torch.export.export(e.module.eval(), tuple(e.args), dict(e.kwargs))
    assert alike(ncd.trace(program)) == alike(ncd.trace(e.module, *e.args, **e.kwargs))


def test_multihead_attention():
    model = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    q, k = torch.randn(2, 5, 12), torch.randn(2, 6, 12)
    program = torch.export.export(model, (q, k, k), {"need_weights": False})
    assert alike(ncd.trace(program)) == alike(ncd.trace(model, q, k, k, need_weights=False))


def test_a_file(tmp_path, program, capsys):
    path = tmp_path / "net.pt2"
    torch.export.save(program, path)
    d = ncd.trace(path)
    assert d == ncd.trace(str(path)) and d.blocks == ncd.trace(program).blocks and d.check().ok
    assert main(["draw", str(path), "-o", str(tmp_path / "net.svg")]) == 0
    assert (tmp_path / "net.svg").read_text().startswith("<svg") and "0 opaque" in capsys.readouterr().out
    assert main(["check", str(path)]) == 0


def test_files_that_are_refused(tmp_path, program):
    with pytest.raises(TraceError, match="there is no file"):
        ncd.trace(tmp_path / "none.pt2")
    (tmp_path / "text.pt2").write_text("no archive")
    with pytest.raises(TraceError, match="no archive"):
        ncd.trace(tmp_path / "text.pt2")
    path = tmp_path / "net.pt2"
    torch.export.save(program, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/data/constants/custom_obj_0", b"cos\nsystem\n")
    with pytest.raises(TraceError, match="pickled"):
        ncd.trace(path)


def test_the_program_is_left_as_found(program):
    before = {k: (id(v), v.clone()) for k, v in program.state_dict.items()}
    ncd.trace(program)
    assert all(id(v) == before[k][0] and torch.equal(v, before[k][1]) for k, v in program.state_dict.items())
