"""Attention as it is defined: contraction, scale, mask, softmax, contraction."""

from __future__ import annotations

import torch
from torch import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ / sqrt(d) + mask) v (Vaswani et al. 2017, eq. 1).

    A row in which nothing is allowed gives zeros, as the call itself does.
    """
    if dropout_p:
        raise NotImplementedError("dropout, which draws its own numbers")
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    scores = torch.matmul(query, key.transpose(-2, -1))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if scale != 1:
        scores = scores * scale
    if is_causal:
        later = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    if attn_mask is None:
        weights = torch.softmax(scores, -1)
    elif attn_mask.dtype == torch.bool:
        weights = torch.softmax(torch.where(attn_mask, scores, float("-inf")), -1).nan_to_num(0.0)
    else:
        weights = torch.softmax(scores + attn_mask, -1)
    return torch.matmul(weights, value)


ROWS = (scaled_dot_product_attention,)
