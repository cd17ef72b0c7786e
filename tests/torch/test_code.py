"""Emitted code runs at other sizes, and reads as if written by hand."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
import test_emit
import torch
from test_emit import Attention, close, outputs
from torch import Tensor, nn

import ncd
from ncd.circuit.diagram import Diagram
from ncd.emit.code import compile_code
from ncd.emit.wrap import wrapped
from ncd.models import recurrent, unet
from ncd.models.attention import LayerAttention

torch.set_num_threads(1)
Case = tuple[Callable[[], nn.Module], Callable[[int, int], tuple[Tensor, ...]], int, int]


def ids(b: int, s: int) -> tuple[Tensor, ...]:
    return (torch.randint(0, 50, (b, s)),)


def pairs(b: int, s: int) -> tuple[Tensor, ...]:
    return (torch.randn(b, s, 16), torch.randn(b, s + 3, 16))


def sequence(d: int) -> Callable[[int, int], tuple[Tensor, ...]]:
    return lambda b, s: (torch.randn(b, s, d),)


def image(b: int, s: int) -> tuple[Tensor, ...]:
    return (torch.randn(b, 3, s, s + 16),)


def square(b: int, s: int) -> tuple[Tensor, ...]:
    return (torch.randn(b, 3, 16, 16),)


def hugging(name: str, **config: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import transformers

        return getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**config))

    return make


class Words(nn.Module):
    """A model that takes two sequences of tokens."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.model = make()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.model(source, decoder_input_ids=target, use_cache=False).last_hidden_state


class Convolutions(nn.Module):
    """Blocks that differ in a number, and a depth-wise one; in training, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv1d(6, 6, 3, padding=k, dilation=k, groups=k) for k in (1, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + torch.relu(block(x))[..., : x.shape[-1] // 2].repeat(1, 1, 2)
        return x


BERT = {"num_hidden_layers": 2, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40, "vocab_size": 50}
T5 = {"d_model": 24, "d_kv": 6, "d_ff": 40, "num_layers": 2, "num_heads": 4, "vocab_size": 50}
WHISPER = {
    "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3, "decoder_attention_heads": 3,
    "encoder_ffn_dim": 40, "decoder_ffn_dim": 40, "vocab_size": 50, "num_mel_bins": 8, "max_source_positions": 10,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip
RESNET = {"embedding_size": 8, "hidden_sizes": [16, 24], "depths": [2, 3]}
CONVNEXT = {"hidden_sizes": [8, 12, 16, 20], "depths": [2, 2, 2, 2]}

CASES: dict[str, Case] = {
    "gpt2": (test_emit.gpt2, ids, 2, 7),
    "llama": (test_emit.llama, ids, 2, 7),
    "bert": (hugging("Bert", **BERT), ids, 2, 7),
    "t5": (lambda: Words(hugging("T5", **T5)), lambda b, s: (*ids(b, s), *ids(b, s + 3)), 2, 7),
    "whisper": (
        lambda: Words(hugging("Whisper", **WHISPER)),
        lambda b, s: (torch.randn(b, 8, 20), *ids(b, s)),
        2,
        7,
    ),
    "vit": (hugging("ViT", **BERT, image_size=16, patch_size=4), square, 2, 16),
    "resnet": (hugging("ResNet", **RESNET), image, 2, 32),
    "convnext": (hugging("ConvNext", **CONVNEXT), image, 2, 64),
    "unet": (lambda: unet.UNet(channels=(4, 8)), image, 2, 32),
    "mha": (lambda: LayerAttention(16, 4), sequence(16), 2, 7),
    "transformer": (lambda: nn.Transformer(16, 4, 2, 2, 32, batch_first=True), pairs, 2, 7),
    "lstm": (lambda: recurrent.example()[0], lambda b, s: (torch.randint(0, 5, (b, s)),), 2, 7),
    "attention": (Attention, sequence(12), 2, 7),
    "convolutions": (Convolutions, lambda b, s: (torch.randn(b, 6, 2 * s),), 2, 7),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Diagram, Any, int, int]:
    make, inputs, b, s = CASES[request.param]
    torch.manual_seed(0)
    module = make().eval()
    return module, ncd.trace(module, *inputs(b, s)), inputs, b, s


def test_code_runs_at_other_sizes(case: Any) -> None:
    module, diagram, inputs, b, s = case
    code = diagram.to_code()
    forward = compile_code(code, diagram)
    for shape in ((b, s), (b + 1, s), (1, 2 * s)):
        args = inputs(*shape)
        with torch.no_grad():
            close(outputs(forward(*args)), outputs(module(*args)))
    assert max(map(len, code.splitlines())) <= 120
    names_are_used(code)


def names_are_used(code: str) -> None:
    """No import, parameter or assignment is for nothing."""
    tree = ast.parse(code)
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
        read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        made = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        assert made - {"_"} <= read
        if function.name != "forward":
            assert {a.arg for a in function.args.args} <= read
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert all((a.asname or a.name) in read for a in node.names)
        if isinstance(node, ast.FunctionDef):
            assert node.name == "forward" or node.name in read


@pytest.mark.parametrize(
    ("name", "path"), [("gpt2", "h.1.attn"), ("transformer", "decoder.layers.0"), ("attention", "q_proj")]
)
def test_a_part_is_code_too(name: str, path: str) -> None:
    make, inputs, b, s = CASES[name]
    torch.manual_seed(0)
    diagram = ncd.trace(make().eval(), *inputs(b, s))
    values, part = diagram.run(*inputs(b, s)), diagram[path]
    forward = compile_code(part.to_code(), part)
    with torch.no_grad():
        close(outputs(forward(*(values[a] for a in part.inputs))), [values[a] for a in part.outputs])


def test_code_from_a_file_needs_the_module_only_to_run() -> None:
    module = test_emit.gpt2().eval()
    args = ids(2, 7)
    read = Diagram.from_json(ncd.trace(module, *args).to_json())
    code = read.to_code()
    assert "for layer in module.h[:2]:" in code
    with torch.no_grad():
        close(outputs(compile_code(code, read, module)(*args)), outputs(module(*args)))


def test_training_draws_the_same_numbers() -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 6), nn.Dropout(0.5)).train()
    x = torch.randn(8, 6)
    code = ncd.trace(module, x).to_code()
    assert code.count("F.dropout(") == 2
    torch.manual_seed(3)
    wanted = module(x)
    torch.manual_seed(3)
    close(outputs(compile_code(code, ncd.trace(module, x))(x)), [wanted])


def test_nothing_is_said_that_need_not_be() -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Identity()).eval()
    code = ncd.trace(module, torch.randn(8, 6)).to_code()
    assert code.endswith("    return F.relu(F.linear(x, module[0].weight, module[0].bias))\n")


def test_one_module_called_again_is_a_loop() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = self.layer(x)
            return x

    torch.manual_seed(0)
    module = Again().eval()
    diagram = ncd.trace(module, torch.randn(2, 5, 16))
    code = diagram.to_code()
    assert "    for _ in range(3):\n        x = transformer_encoder_layer(module.layer, x)\n" in code
    x = torch.randn(3, 4, 16)
    with torch.no_grad():
        close(outputs(compile_code(code, diagram)(x)), [module(x)])


def test_the_same_code_every_time() -> None:
    codes = {ncd.trace(test_emit.gpt2().eval(), *ids(2, 7)).to_code() for _ in range(2)}
    assert len(codes) == 1


def test_long_lines_are_broken_at_commas() -> None:
    call = f"x = f({', '.join(f'argument_{k}' for k in range(12))})"
    assert max(map(len, wrapped(call, 4))) <= 100
    assert ast.dump(ast.parse(call)) == ast.dump(ast.parse("\n".join(wrapped(call))))
    text = "x = rearrange(" + "a" * 60 + ', "b s (h k) -> b h s k, (not) a bracket", h=4)'
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse("\n".join(wrapped(text))))


def test_other_bits_are_other_values() -> None:
    x = torch.randn(3, 4)
    diagram = ncd.trace(lambda x: x.view(torch.int32) + 1, x)
    assert torch.equal(compile_code(diagram.to_code(), diagram)(x), x.view(torch.int32) + 1)


def test_sparse_arrays_are_multiplied_as_they_are() -> None:
    x = torch.randn(3, 4)
    diagram = ncd.trace(lambda x: torch.eye(3).to_sparse_csr() @ x, x)
    close([compile_code(diagram.to_code(), diagram)(x)], [x])


def test_a_scripted_module_is_read_too() -> None:
    module = torch.jit.script(nn.Sequential(nn.Linear(4, 5), nn.ReLU()).eval())
    x = torch.randn(3, 4)
    diagram = ncd.trace(module, x)
    close(outputs(compile_code(diagram.to_code(), diagram)(x)), [module(x)])


def test_casts_on_the_way_are_said() -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            x = self.linear(x)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                x = self.linear(x)
            return x * 2

    module, x = Cast(), torch.randn(3, 6)
    diagram = ncd.trace(module, x)
    code = diagram.to_code()
    assert code.count('    with torch.autocast("cpu", dtype=torch.bfloat16):') == 1
    with torch.no_grad():
        assert torch.equal(compile_code(code, diagram)(x), module(x))
