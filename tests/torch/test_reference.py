"""Reference transformers against others' implementations, weights copied by role, and against published counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ncd
from ncd.models import llama, transformer
from ncd.models.bert import Bert
from ncd.models.gpt2 import GPT2
from ncd.models.llama import Llama
from ncd.models.mamba import Mamba
from ncd.models.mixture import MixtureOfExperts
from ncd.models.scaled import MultiHeadAttention
from ncd.models.transformer import Transformer
from ncd.models.vision import VisionTransformer


def copy(pairs):
    """Each of ours from each of theirs: modules with weights and perhaps biases, or tensors."""
    with torch.no_grad():
        for ours, theirs in pairs:
            if isinstance(ours, nn.Module):
                ours.weight.copy_(theirs.weight)
                if getattr(ours, "bias", None) is not None:
                    ours.bias.copy_(theirs.bias)
            else:
                ours.copy_(theirs)


def turned(conv1d):
    """transformers' Conv1D keeps (in, out)."""
    return conv1d.weight.T, conv1d.bias


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def randomised(module):
    """Norms and biases too: what starts at 0 or 1 would hide a mistake."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.double().eval()


def projections(ours, theirs):
    """``nn.MultiheadAttention`` keeps its three maps in one, and has biases, which ours has not."""
    with torch.no_grad():
        theirs.in_proj_bias.zero_()
        theirs.out_proj.bias.zero_()
    maps = (ours.query, ours.key, ours.value)
    return [
        *((mine.weight, weight) for mine, weight in zip(maps, theirs.in_proj_weight.chunk(3), strict=True)),
        (ours.output.weight, theirs.out_proj.weight),
    ]


def test_multi_head_attention_is_torchs():
    ours = MultiHeadAttention(24, 3, 8).double()
    theirs = randomised(nn.MultiheadAttention(24, 3, batch_first=True))
    copy(projections(ours, theirs))
    y, x = torch.randn(2, 5, 24).double(), torch.randn(2, 7, 24).double()
    assert torch.allclose(ours(y, x), theirs(y, x, x, need_weights=False)[0], atol=1e-12)


@pytest.mark.parametrize("first", [False, True], ids=["post-norm", "pre-norm"])
def test_the_transformer_is_torchs(first):
    m, heads, wide, layers = 24, 3, 40, 2
    theirs = randomised(nn.Transformer(m, heads, layers, layers, wide, 0.0, batch_first=True, norm_first=first))
    ours = Transformer(50, m, heads, m // heads, wide, layers, first, length=20).double().eval()
    pairs = []
    if first:
        pairs += [(ours.encoded, theirs.encoder.norm), (ours.decoded, theirs.decoder.norm)]
    else:  # Theirs ends each stack in one more norm, which the paper has not.
        theirs.encoder.norm = theirs.decoder.norm = None
    for mine, layer in zip(ours.encoder, theirs.encoder.layers, strict=True):
        pairs += projections(mine.attention.branch, layer.self_attn)
        pairs += [(mine.attention.norm, layer.norm1), (mine.feed_forward.norm, layer.norm2)]
        pairs += [(mine.feed_forward.branch.up, layer.linear1), (mine.feed_forward.branch.down, layer.linear2)]
    for mine, layer in zip(ours.decoder, theirs.decoder.layers, strict=True):
        pairs += projections(mine.attention.branch, layer.self_attn)
        pairs += projections(mine.cross_attention.branch, layer.multihead_attn)
        pairs += [(mine.attention.norm, layer.norm1), (mine.cross_attention.norm, layer.norm2)]
        pairs += [(mine.feed_forward.norm, layer.norm3)]
        pairs += [(mine.feed_forward.branch.up, layer.linear1), (mine.feed_forward.branch.down, layer.linear2)]
    copy(pairs)
    source, target = torch.randint(0, 50, (2, 9)), torch.randint(0, 50, (2, 7))
    later = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64)
    told = theirs(ours.placed(source), ours.placed(target), tgt_mask=later) @ ours.embed.weight.T
    assert torch.allclose(ours(source, target), told, atol=1e-12)


def test_positions_are_the_papers_waves():
    w = transformer.waves(7, 6)
    for position, i in [(0, 0), (3, 0), (5, 1), (6, 2)]:
        angle = torch.tensor(position / 10_000 ** (2 * i / 6))
        assert torch.allclose(w[position, 2 * i : 2 * i + 2], torch.stack([angle.sin(), angle.cos()]))


def test_the_vision_transformer_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96, image_size=16, patch_size=4,
        num_labels=5, layer_norm_eps=1e-6,
    )  # fmt: skip
    theirs = randomised(hf.ViTForImageClassification(config))
    ours = VisionTransformer(16, 4, 3, 24, 3, 2, 5).double().eval()
    body = theirs.vit
    e = body.embeddings
    pairs = [(ours.patches, e.patch_embeddings.projection), (ours.token, e.cls_token)]
    pairs += [(ours.position, e.position_embeddings), (ours.norm, body.layernorm), (ours.score, theirs.classifier)]
    for mine, layer in zip(ours.layers, body.layers, strict=True):
        for part, their in zip("query key value output".split(), "qkvo", strict=True):
            pairs.append((getattr(mine.attention, part), getattr(layer.attention, f"{their}_proj")))
        pairs += [(mine.feed_forward.up, layer.mlp.fc1), (mine.feed_forward.down, layer.mlp.fc2)]
        pairs += [
            (mine.attention_norm, layer.layernorm_before),
            (mine.feed_forward_norm, layer.layernorm_after),
        ]
    copy(pairs)
    image = torch.randn(2, 3, 16, 16).double()
    assert torch.allclose(ours(image), theirs(image).logits, atol=1e-12)


def test_gpt2_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.GPT2Config(vocab_size=50, n_positions=20, n_embd=24, n_head=3, n_layer=2)
    theirs = randomised(hf.GPT2LMHeadModel(config))
    ours = GPT2(50, 20, 24, 3, 2).double().eval()
    body = theirs.transformer
    pairs = [(ours.embed, body.wte), (ours.position, body.wpe), (ours.norm, body.ln_f)]
    for mine, block in zip(ours.blocks, body.h, strict=True):
        weight, bias = turned(block.attn.c_attn)
        for part, w, b in zip("query key value".split(), weight.chunk(3), bias.chunk(3), strict=True):
            pairs += [(getattr(mine.attention, part).weight, w), (getattr(mine.attention, part).bias, b)]
        for linear, conv1d in (
            (mine.attention.output, block.attn.c_proj),
            (mine.feed_forward.up, block.mlp.c_fc),
            (mine.feed_forward.down, block.mlp.c_proj),
        ):
            weight, bias = turned(conv1d)
            pairs += [(linear.weight, weight), (linear.bias, bias)]
        pairs += [(mine.attention_norm, block.ln_1), (mine.feed_forward_norm, block.ln_2)]
    copy(pairs)
    ids = torch.randint(0, 50, (2, 9))
    assert torch.allclose(ours(ids), theirs(ids).logits, atol=1e-12)


def test_bert_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.BertConfig(
        vocab_size=50, hidden_size=24, num_attention_heads=3, intermediate_size=40, num_hidden_layers=2
    )
    theirs = randomised(hf.BertModel(config, add_pooling_layer=False))
    ours = Bert(50, 512, 24, 3, 40, 2).double().eval()
    e = theirs.embeddings
    pairs = [(ours.token, e.word_embeddings), (ours.position, e.position_embeddings)]
    pairs += [(ours.segment, e.token_type_embeddings), (ours.norm, e.LayerNorm)]
    for mine, layer in zip(ours.layers, theirs.encoder.layer, strict=True):
        a = layer.attention
        pairs += [(mine.attention.query, a.self.query), (mine.attention.key, a.self.key)]
        pairs += [(mine.attention.value, a.self.value), (mine.attention.output, a.output.dense)]
        pairs += [(mine.attention_norm, a.output.LayerNorm), (mine.up, layer.intermediate.dense)]
        pairs += [(mine.down, layer.output.dense), (mine.norm, layer.output.LayerNorm)]
    copy(pairs)
    ids, segments = torch.randint(0, 50, (2, 9)), torch.randint(0, 2, (2, 9))
    real = torch.arange(9) < torch.tensor([[9], [6]])
    found = ours(ids, segments, real)
    told = theirs(ids, attention_mask=real.long(), token_type_ids=segments).last_hidden_state
    assert torch.allclose(found[real], told[real], atol=1e-12)


def test_llama_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, rms_norm_eps=1e-6,
    )  # fmt: skip
    theirs = randomised(hf.LlamaForCausalLM(config))
    ours = Llama(50, 32, 4, 2, 48, 2).double().eval()
    pairs = [(ours.embed, theirs.model.embed_tokens), (ours.norm, theirs.model.norm), (ours.score, theirs.lm_head)]
    for mine, layer in zip(ours.layers, theirs.model.layers, strict=True):
        pairs += [
            (mine.attention_norm, layer.input_layernorm),
            (mine.feed_forward_norm, layer.post_attention_layernorm),
        ]
        for part, their in zip("query key value output".split(), "qkvo", strict=True):
            pairs.append((getattr(mine.attention, part), getattr(layer.self_attn, f"{their}_proj")))
        for part in ("gate", "up", "down"):
            pairs.append((getattr(mine.feed_forward, part), getattr(layer.mlp, f"{part}_proj")))
    copy(pairs)
    ids = torch.randint(0, 50, (2, 9))
    # Theirs normalises and turns in float32 whatever the dtype.
    assert torch.allclose(ours(ids), theirs(ids).logits, atol=2e-6)


def test_turning_neighbours_is_turning_halves_after_a_permutation():
    """Meta's release turns features 2i and 2i + 1, transformers' i and i + k/2."""
    cos, sin = llama.angles(5, 8, 10_000.0, torch.device("cpu"))
    x = torch.randn(5, 8)
    order = torch.arange(8).view(4, 2).T.flatten()
    pairs = x.view(5, 4, 2)
    neighbours = torch.stack(
        [pairs[..., 0] * cos - pairs[..., 1] * sin, pairs[..., 1] * cos + pairs[..., 0] * sin], dim=-1
    ).flatten(1)
    assert torch.allclose(llama.rotate(x[:, order], cos, sin), neighbours[:, order], atol=1e-6)


def test_the_mixture_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.MixtralConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=4,
    )  # fmt: skip
    config._experts_implementation = "eager"
    theirs = randomised(hf.MixtralModel(config)).layers[0].mlp
    ours = MixtureOfExperts(16, 24, 4, 2).double()
    gate, up = theirs.experts.gate_up_proj.chunk(2, dim=1)
    copy([(ours.router, theirs.gate), (ours.gate, gate), (ours.up, up), (ours.down, theirs.experts.down_proj)])
    x = torch.randn(2, 7, 16).double()
    told = theirs(x)
    told = told[0] if isinstance(told, tuple) else told
    # The router's softmax is in float32 there.
    assert torch.allclose(ours(x), told, atol=1e-6)


def test_mamba_is_transformers():
    hf = pytest.importorskip("transformers")
    config = hf.MambaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, state_size=8)
    theirs = randomised(hf.MambaModel(config)).layers[0].mixer.float()
    ours = Mamba(32, 8)
    scan = ours.scan
    copy([
        (ours.inward, theirs.in_proj), (ours.convolution, theirs.conv1d), (ours.outward, theirs.out_proj),
        (scan.select, theirs.x_proj), (scan.step, theirs.dt_proj), (scan.log_decay, theirs.A_log),
        (scan.skip, theirs.D),
    ])  # fmt: skip
    x = torch.randn(2, 9, 32)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)


COUNTS = {
    "gpt2": (GPT2, 124_439_808),
    "bert": (Bert, 108_891_648),  # BERT-base without its pooler
    "llama": (Llama, 6_738_415_616),
    # nn.Transformer's 44,140,544 without embeddings, less its biases of attention (36,864) and last norms (2,048),
    # with one table of 37,000 words.
    "transformer": (lambda: Transformer(37_000, 512, 8, 64, 2048), 44_140_544 - 36_864 - 2_048 + 37_000 * 512),
    "transformer, big": (
        lambda: Transformer(37_000, 1024, 16, 64, 4096),
        176_361_472 - 73_728 - 4_096 + 37_000 * 1024,
    ),
    "vit-b/16": (lambda: VisionTransformer(224, 16, 3, 768, 12, 12, 1000), 86_567_656),
    "vit-s/16": (lambda: VisionTransformer(224, 16, 3, 384, 6, 12, 1000), 22_050_664),
    "vit-l/16": (lambda: VisionTransformer(224, 16, 3, 1024, 16, 24, 1000), 304_326_632),
    "deit-ti": (lambda: VisionTransformer(224, 16, 3, 192, 3, 12, 1000), 5_717_416),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_the_published_ones(name):
    make, count = COUNTS[name]
    with torch.device("meta"):
        assert sum(p.numel() for p in make().parameters()) == count


def long(*shape):
    return torch.zeros(shape, dtype=torch.long)


FLOPS = {
    "gpt2": (GPT2, lambda: (long(1, 1024),), 291_648_307_200),
    "bert": (Bert, lambda: (long(1, 128), long(1, 128)), 22_347_251_712),
    "llama": (
        lambda: Llama(32_000, 256, 8, 8, 688, 2),
        lambda: (long(1, 128),),
        2 * 128 * (2 * (4 * 256**2 + 3 * 256 * 688) + 32_000 * 256) + 4 * 2 * 128**2 * 256,
    ),
    "transformer": (
        lambda: Transformer(37_000, 512, 8, 64, 2048),
        lambda: (long(1, 100), long(1, 100)),
        # The stacks as the counter has them for nn.Transformer, and the scores.
        9_176_678_400 + 2 * 100 * 37_000 * 512,
    ),
    "vit-b/16": (
        lambda: VisionTransformer(224, 16, 3, 768, 12, 12, 1000),
        lambda: (torch.zeros(1, 3, 224, 224),),
        # 12 layers on 197 tokens, the patches, and the head: 17.56 GMAC, published as 17.6 "GFLOPs".
        12 * (2 * 197 * 12 * 768**2 + 4 * 197**2 * 768) + 2 * 196 * 768 * 768 + 2 * 768 * 1000,
    ),
}


@pytest.mark.parametrize("name", FLOPS)
def test_flops_are_the_known_ones(name):
    make, inputs, count = FLOPS[name]
    with torch.device("meta"):
        d = ncd.trace(make().eval(), *inputs())
    assert int(d.cost().total.flops) == count
