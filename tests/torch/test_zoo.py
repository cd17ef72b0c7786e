"""The reference models are plain modules that run, the same every time."""

from __future__ import annotations

import inspect

import pytest
import torch

from ncd.models import zoo


def test_there_are_twenty() -> None:
    assert len(zoo.MODELS) == 20


SMALL = ["mlp", "attn", "mha", "lstm", "pointer", "unet", "transformer"]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_model_runs_and_is_the_same_every_time(name: str) -> None:
    state = torch.get_rng_state()
    one, two = zoo.get(name), zoo.get(name)
    assert torch.equal(state, torch.get_rng_state())
    with torch.no_grad():
        assert torch.equal(one.module(*one.args, **one.kwargs), two.module(*two.args, **two.kwargs))
    assert not one.module.training


@pytest.mark.parametrize("name", SMALL)
def test_axes_name_parameters_of_forward_and_fit_their_shapes(name: str) -> None:
    example = zoo.get(name)
    bound = inspect.signature(example.module.forward).bind(*example.args, **example.kwargs)
    for parameter, axes in example.axes.items():
        assert len(axes.split()) == bound.arguments[parameter].ndim


def test_how_often_the_pointer_points_depends_on_the_values() -> None:
    module, (points,), *_ = zoo.get("pointer")
    torch.manual_seed(3)
    with torch.no_grad():
        steps = {module(torch.randn_like(points)).shape[1] for _ in range(20)}
    assert len(steps) > 1


def test_an_attention_is_the_layer_of_pytorch() -> None:
    """The attention written out and nn.MultiheadAttention compute the same from the same weights."""
    from ncd.models.attention import Attention, LayerAttention

    ours, theirs = Attention(), LayerAttention()
    layer = theirs.attention
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        layer.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        layer.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
        layer.out_proj.load_state_dict(ours.output.state_dict())
        x = torch.randn(2, 10, 64)
        torch.testing.assert_close(ours(x), theirs(x))
