"""A small configuration of any model type of transformers, made from its default one by the names of its sizes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

VOCABULARY = 199
SIZES = [
    (r"(^|_)(type|segment|token_type)_vocab_size", 3),
    (r"vocab_size", VOCABULARY),
    (r"codebook_size", 64),
    (r"^head_out_channels$|num_embeddings$|^vocab_offset$", 72),
    (r"max_.*position|n_positions|max_source_pos|max_target_pos|max_seq|context_length$|max_sequence_length", 128),
    (r"num_(key_value|kv)_heads|n_kv_heads|num_kv_heads|linear_num_key_heads|num_query_groups", 2),
    (r"(^|_)(num_)?(attention_)?heads$|^n_heads?$|_nheads?$|num_value_heads", 4),
    (r"conv_layers|num_feature_levels|adapter_layers|lstm_layers", 9),
    (r"layers$|^n_layers?$|depth$|num_blocks$|_num_layers|iou_head_depth|merger_times|layers_count", 2),
    (r"experts_per_tok|^moe_k$|^moe_topk$|^num_experts_per|^topk_group$|^n_group$|experts_top_k|_shared_experts", 2),
    (r"num_.*experts|n_routed_experts|moe_num_experts|num_experts|zero_expert_num", 4),
    (r"qk_head_dim", 24),
    (r"qk_rope_head_dim|rope_head_dim|rotary_dim|rotary_ndims", 8),
    (r"head_dim|d_kv$|d_head|dim_head|mamba_headdim|v_head_dim|channel_per_head|attention_key_size", 16),
    (r"lora_rank|adapter_rank|index_topk|conv_pos_embedding_groups", 8),
    (r"mamba_d_state|state_size|ssm_state|mamba_d_ssm", 8),
    (r"chunk_size|n_window", 16),
    (r"intermediate|ffn|d_ff$|mlp_dim|feed_?forward|n_inner|mlp_hidden|linear_units", 96),
    (r"sliding_window$|local_attention$|attention_window|window_length", 6),
    (r"num_queries|num_query_tokens|num_detection_tokens", 10),
    (r"hidden_size|hidden_dim|d_model$|n_embd|emb_dim|embed_dim|^dim$|embedding_size|embedding_dim", 64),
    (r"projection_dim|proj_dim|latent_dim|out(put)?_dim|output_size|output_channels|hidden_channels", 64),
    (r"^width$|fpn_hidden|_width$|pooler_output|conv_dim_|cross_attention_dim|encoder_dim|d_latents", 64),
]  # fmt: skip
"""What a number may at most be, by its name: the first pattern found in it decides."""
DEPTHS = ("depths", "num_blocks", "blocks_per_stage", "num_layers", "layer_depths")
"""Numbers of layers by stage."""
KEPT = re.compile(
    r"num_channels|chunk_size_feed|first_k_dense|vision_feature_layer|_token_id|_token_index|dropout|scale|kernel|stride|loss|hash"
)


def small(model_type: str, **changed: Any) -> PretrainedConfig:
    """A small configuration; ``changed`` values are put in place of those found, nested ones as dicts."""
    cls = CONFIG_MAPPING[model_type]
    return cls(**merged(shrunk(cls()), changed))


def merged(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(one)
    for k, v in other.items():
        out[k] = merged(out[k], v) if isinstance(v, Mapping) and isinstance(out.get(k), dict) else v
    return out


def shrunk(config: PretrainedConfig) -> dict[str, Any]:
    """The arguments that make a small configuration of the same class."""
    taken = parameters(type(config))
    aliases = getattr(config, "attribute_map", {})
    found: dict[str, Any] = {}
    special: list[str] = []
    patch = vars(config).get("patch_size")
    for name, value in vars(config).items():
        if name.startswith("_") or (taken and name not in taken):
            continue
        if isinstance(value, PretrainedConfig):
            found[name] = shrunk(value)
            if value.model_type:
                found[name]["model_type"] = value.model_type
        elif isinstance(value, bool) or value is None:
            if name == "use_cache":
                found[name] = False
        elif re.search(r"_token_id$|_token_index$", name) and isinstance(value, int):
            special.append(name)
        elif isinstance(value, int):
            n = least(name, value)
            if n is not None:
                found[name] = n
        elif name in ("image_size", "patch_size"):
            pass
        elif name in DEPTHS and isinstance(value, (list, tuple)) and all(type(v) is int for v in value):
            found[name] = type(value)(min(v, 2) for v in value)
    if isinstance(vars(config).get("image_size"), int):
        if isinstance(patch, int):
            found["patch_size"] = min(patch, 8)
            found["image_size"] = 32 if patch > 4 else 16 * patch
        else:
            found["image_size"] = 64
    for k, name in enumerate(special):
        if getattr(config, name) >= VOCABULARY:
            found[name] = VOCABULARY - 2 - k
    heads, shared = "num_attention_heads", "num_key_value_heads"
    if vars(config).get(heads) == vars(config).get(shared) and {heads, shared} <= set(found):
        found[shared] = found[heads]
    kinds = getattr(config, "layer_types", None)
    if kinds and (not taken or "layer_types" in taken):
        different = list(dict.fromkeys(kinds))
        found["layer_types"] = different if len(different) > 1 else different * 2
        found[aliases.get("num_hidden_layers", "num_hidden_layers")] = len(found["layer_types"])
    for name in ("rope_parameters", "rope_scaling"):
        rope = getattr(config, name, None)
        if isinstance(rope, dict) and "mrope_section" in rope and (not taken or name in taken):
            found[name] = {**rope, "mrope_section": [2, 3, 3]}
    return found


def least(name: str, value: int) -> int | None:
    if KEPT.search(name):
        return None
    for pattern, most in SIZES:
        if re.search(pattern, name):
            return most if value > most else None
    return None


def parameters(cls: type) -> set[str]:
    """What the class takes by name; empty if that cannot be told."""
    if is_dataclass(cls):
        return {f.name for f in fields(cls) if f.init}
    names: set[str] = set()
    for c in cls.__mro__:
        if c is not PretrainedConfig and "__init__" in vars(c):
            names |= set(inspect.signature(c.__init__).parameters)
    return names - {"self", "kwargs"} | {"use_cache"}
