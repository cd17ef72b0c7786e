"""What papers call the sizes that programs give other names."""

from __future__ import annotations

import re
from functools import lru_cache

PAPER = {
    alias: name
    for name, aliases in {
        "d_model": "hidden_size n_embd embed_dim d_model model_dim "
        "pooler_output_size transformer_width projection_size",
        "d_k": "head_dim head_size attention_head_size d_kv d_k d_head dim_head key_dim kdim key_value_proj_dim "
        "attention_dim d_q",
        "d_v": "v_head_dim d_v vdim value_dim",
        "d_ff": "intermediate_size ffn_dim d_ff n_inner dim_feedforward mlp_dim ffn_hidden inner_dim ffn_embed_dim "
        "encoder_ffn_dim decoder_ffn_dim moe_intermediate_size ffn_hidden_size feedforward_dim hidden_features d_hid "
        "ff_dim dim_ff expert_dim",
        "d_inner": "d_inner",
        "d_h": "hidden hid_dim hidden_dim n_hidden hidden_units nhid",
        "h": "num_attention_heads num_heads n_head nhead n_heads heads h encoder_attention_heads "
        "decoder_attention_heads num_attn_heads",
        "g": "num_key_value_heads n_kv_heads num_kv_heads",
        "r": "num_key_value_groups time_step_rank dt_rank rank lora_rank q_lora_rank kv_lora_rank",
        "v": "vocab_size n_vocab vocab vocabulary ntoken num_tokens vocabulary_size n_tokens src_vocab tgt_vocab",
        "e": "num_local_experts num_experts n_routed_experts n_experts experts",
        "n": "state_size ssm_state_size d_state",
        "l": "max_position_embeddings n_positions n_ctx max_source_positions max_target_positions max_len block_size",
        "c": "channels conv_dim hidden_sizes n_channels num_filters filters width",
        "w": "window_size",
        "buckets": "relative_attention_num_buckets",
        "mel": "num_mel_bins n_mels mel_bins",
        "classes": "num_labels num_classes n_classes classes",
        "queries": "num_queries num_object_queries",
        "z": "latent_dim z_dim latent_size latent n_latent",
        "d_att": "attention_hidden_size",
        "k": "top_k topk num_experts_per_tok",
        "d_proj": "projection_dim proj_dim",
        "d_e": "embedding_size emb_dim d_emb emb_size",
        "types": "type_vocab_size",
    }.items()
    for alias in aliases.split()
}
SPELLED = {"height": "y", "width": "x", "H": "y", "W": "x", "seq_len": "s", "seq_length": "s", "sequence_length": "s",
           "num_patches": "p", "win_h": "w", "win_w": "w"}  # fmt: skip
"""What the arguments of a view say, as nothing else does."""
GENERIC = frozenset(
    (
        "in_features out_features in_channels out_channels num_embeddings embedding_dim input_size output_size nx "
        "nf num_features num_channels normalized_shape dim input_dim output_dim dims size in_dim out_dim in_chs "
        "out_chs in_planes out_planes planes inplanes channels_in channels_out reduces_channels "
        "embedding_dimension dim_in dim_out in_size out_size inner width args kwargs config"
    ).split()
)
"""What every layer calls its sizes: it says no more than the operation does."""
LOOSE = frozenset("hidden hidden_dim hid_dim inner_dim width".split())
"""Names that mean one thing here and another there, for want of a better one."""
_PLAIN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)?")


@lru_cache(maxsize=4096)
def known(candidates: tuple[str, ...]) -> str:
    """What a paper writes for a size with these names in the program, the nearest first; empty if they say nothing."""
    told = [n for n in candidates if n not in GENERIC]
    for n in sorted(told, key=LOOSE.__contains__):
        if n in PAPER:
            return PAPER[n]
    for n in told:
        if found := _word(n):
            return found
    return ""


def _word(name: str) -> str:
    """``latent_size`` is d_latent, ``num_boxes`` n_boxes; nothing for single letters and for what is no word."""
    name = name.lower().strip("_")
    for ending in ("_size", "_dim", "_dims", "_features", "_width"):
        if name.endswith(ending):
            return _short(f"d_{name.removesuffix(ending)}")
    for start in ("dim_", "d_"):
        if name.startswith(start):
            return _short(f"d_{name.removeprefix(start)}")
    if name.endswith("_channels"):
        return _short(f"c_{name.removesuffix('_channels')}")
    for start in ("num_", "n_"):
        if name.startswith(start):
            return _short(name.removeprefix(start))
    return _short(name)


def _short(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and 2 <= len(name.replace("_", "")) <= 12 else ""
