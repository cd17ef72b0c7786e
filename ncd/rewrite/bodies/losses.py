"""Losses: a distance per element or example, then a mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def _reduced(loss: Tensor, reduction: Any) -> Tensor:
    return {"none": lambda: loss, "mean": loss.mean, "sum": loss.sum}[reduction]()


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean of -log p of the true class; of probabilities, the mean of -Σ p log q."""
    if weight is not None or label_smoothing:
        raise NotImplementedError("class weights and smoothed labels")
    classes = min(1, input.dim() - 1)
    logs = torch.log_softmax(input, classes)
    if target.is_floating_point():
        loss = -(logs * target).sum(classes)
        return (
            loss.sum() / (input.numel() // input.shape[classes]) if reduction == "mean" else _reduced(loss, reduction)
        )
    return F.nll_loss(logs, target, ignore_index=ignore_index, reduction=reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of minus the entry that the target names.  No target may be the one to be ignored."""
    if weight is not None:
        raise NotImplementedError("class weights")
    classes = min(1, input.dim() - 1)
    chosen = input.gather(classes, target.unsqueeze(classes)).squeeze(classes)
    return _reduced(-chosen, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """The mean of squared differences."""
    return _reduced(torch.square(input - target), reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """The mean of absolute differences."""
    return _reduced(torch.abs(input - target), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """softplus(x) - x t: minus the log of σ(x) where t is 1, of 1 - σ(x) where it is 0."""
    if weight is not None or pos_weight is not None:
        raise NotImplementedError("weights")
    return _reduced(F.softplus(input) - input * target, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - x) with x a logarithm, or e^t (t - x)."""
    loss = torch.exp(target) * (target - input) if log_target else torch.xlogy(target, target) - target * input
    return loss.sum() / input.shape[0] if reduction == "batchmean" else _reduced(loss, reduction)


ROWS = (cross_entropy, nll_loss, mse_loss, l1_loss, binary_cross_entropy_with_logits, kl_div)
