"""Model types of transformers that want a less naive configuration, other inputs, or cannot be built at all."""

from __future__ import annotations

from typing import Any


def each(types: str, value: Any) -> dict[str, Any]:
    """The same for several types."""
    return dict.fromkeys(types.split(), value)


_SECTIONS = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}}
_PARTIAL = {
    "rope_parameters": {**_SECTIONS["rope_parameters"], "mrope_section": [1, 1, 2], "partial_rotary_factor": 0.5}
}
_RESNET = {
    "model_type": "resnet", "depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 48], "embedding_size": 16,
    "layer_type": "basic", "out_features": ["stage2", "stage3", "stage4"],
}  # fmt: skip
_DETECTOR = {"use_timm_backbone": False, "backbone": None, "backbone_config": _RESNET}
_SWIN = {"embed_dim": 24, "depths": [1, 1, 1, 1], "window_size": 2, "image_size": 64, "patch_size": 4}
_TIMES = {"prediction_length": 6, "context_length": 12, "lags_sequence": [1, 2, 3], "num_time_features": 1}
_TIME_INPUTS = {
    "input_ids": None, "past_values": (2, 15), "past_time_features": (2, 15, 1), "past_observed_mask": (2, 15),
    "future_values": (2, 6), "future_time_features": (2, 6, 1),
}  # fmt: skip
_MAMBA_HEADS = {"mamba_n_heads": 8, "mamba_d_head": 16}
_FEATURES = {"input_features": (2, 64, 80)}

CHANGES: dict[str, dict[str, Any]] = {
    # The sections of a rotary embedding fill half of a head's dimensions.
    **each("qwen2_vl_text qwen2_5_vl_text glm4v_text glm_image_text glm_ocr_text", _SECTIONS),
    **each(
        "qwen2_vl qwen2_5_vl glm4v glm46v glm_image glm_ocr glmga paddleocr_vl qwen2_5_omni_thinker",
        {"text_config": _SECTIONS},
    ),
    "glm4v_moe_text": _PARTIAL,
    "glm4v_moe": {"text_config": _PARTIAL},
    # Backbones of timm by default.
    **each("detr conditional_detr dab-detr deformable_detr table-transformer omdet-turbo", _DETECTOR),
    # Heads by stage divide the widths; windows are smaller than the last stage.
    **each("swin swinv2 donut-swin maskformer-swin", _SWIN),
    **each(
        "mask2former oneformer",
        {"backbone_config": {"model_type": "swin", **_SWIN, "out_features": ["stage1", "stage2", "stage3", "stage4"]}},
    ),
    "maskformer": {"backbone_config": {"model_type": "swin", **_SWIN}},
    **each(
        "grounding-dino mm-grounding-dino",
        {"backbone_config": {"model_type": "swin", **_SWIN, "out_features": ["stage2", "stage3", "stage4"]}},
    ),
    "swin2sr": {"embed_dim": 36, "depths": [1, 1], "num_heads": [2, 3], "window_size": 4},
    # No default: the length to forecast.
    **each("time_series_transformer autoformer informer", _TIMES),
    # As many state heads as make the inner width.
    "mamba2": {"num_heads": 8, "head_dim": 16},
    **each("bamba granitemoehybrid", _MAMBA_HEADS),
    # None by default, though it is needed.
    **each("ministral hunyuan_v1_dense hunyuan_v1_moe", {"head_dim": 16}),
    **each("dac encodec csm kyutai_speech_to_text mimi mimi_decoder mimi_encoder", {"codebook_size": 64}),
    "esm": {"vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "paligemma": {"text_config": {"num_key_value_heads": 2}},
    "nemotron": {"num_key_value_heads": 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "reformer": {
        "axial_pos_shape": [4, 4],
        "axial_pos_embds_dim": [24, 40],
        "attn_layers": ["local", "lsh"],
        "lsh_attn_chunk_length": 4,
        "local_attn_chunk_length": 4,
    },
    "efficientnet": {"hidden_dim": 2560},
    "layoutlmv3": {"coordinate_size": 11, "shape_size": 10},
    "lilt": {"hidden_size": 96, "num_attention_heads": 4},
    "levit": {"image_size": 64, "patch_size": 16},
    "mobilevitv2": {"image_size": 64},
    "moonshine": {"hidden_size": 64, "encoder_num_key_value_heads": 4, "decoder_num_key_value_heads": 4},
    "sam2_hiera_det_model": {"hidden_size": 96},
    "vivit": {"video_size": [4, 32, 32], "image_size": 32, "num_frames": 4, "tubelet_size": [2, 8, 8]},
    "patchtst": {"context_length": 24, "patch_length": 4, "patch_stride": 4, "num_input_channels": 3},
    "patchtsmixer": {"context_length": 24, "patch_length": 4, "patch_stride": 4, "num_input_channels": 3},
    "nemotron_h": {"n_groups": 2},
    "longcat_flash": {"head_dim": 8, "qk_rope_head_dim": 8},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 6,
        "layers_block_type": ["mamba", "mamba", "hybrid"] * 2,
        "attention_hidden_size": 128,  # of a token beside the embedding it came from
        "attention_head_dim": 32,
    },
    "sam": {"vision_config": {"num_pos_feats": 32}},  # half the width of a token
    "clap": {"audio_config": {"hidden_size": 512}},  # the width of the last of four stages
    "funnel": {"block_sizes": [1, 1], "block_repeats": [1, 1], "architectures": ["FunnelModel"]},
    "mgp-str": {"image_size": [32, 128], "patch_size": 4},
    "textnet": {
        "conv_layer_kernel_sizes": [[[3, 3]], [[3, 3], [1, 3]], [[3, 3], [3, 1]], [[3, 3]]],
        "conv_layer_strides": [[2], [2, 1], [2, 1], [2]],
        "image_size": [64, 64],
    },
    "vjepa2": {"crop_size": 32, "frames_per_clip": 4, "patch_size": 8},
    "blt": {"encoder_hash_byte_group_vocab": 500, "encoder_hash_byte_group_size": [3, 4]},
}
"""By type, what to change in the small configuration that the names of its sizes give."""

INPUTS: dict[str, dict[str, Any]] = {
    **each("time_series_transformer autoformer informer", _TIME_INPUTS),
    **each("patchtst patchtsmixer", {"past_values": (2, 24, 3)}),
    "decision_transformer": {
        "input_ids": None,
        "states": (2, 5, 17),
        "actions": (2, 5, 4),
        "rewards": (2, 5, 1),
        "returns_to_go": (2, 5, 1),
        "timesteps": (-9, 2, 5),
    },
    # Time before frequency.
    **each(
        "canary cohere_asr parakeet_ctc parakeet_encoder parakeet_rnnt parakeet_tdt nemotron3_5_asr "
        "nemotron_asr_streaming nemotron_asr_streaming_encoder speech_to_text",
        _FEATURES,
    ),
    **each("lasr_ctc lasr_encoder gemma4_audio", {"input_features": (2, 64, 128)}),
    **each("wav2vec2-bert granite_speech5_ctc granite_speech5_encoder", {"input_features": (2, 64, 160)}),
    "audio-spectrogram-transformer": {"input_values": (2, 64, 128)},
    "speecht5": {"input_values": (2, 9, 80), "decoder_input_values": (2, 5, 80)},
    "univnet": {"input_features": (2, 16, 100)},
    "lxmert": {"visual_feats": (2, 5, 2048), "visual_pos": (2, 5, 4)},
    "perceiver": {"inputs": (2, 9, 64)},
    "encodec": {"input_values": (2, 1, 1600)},
    "clap": {"input_features": (2, 1, 64, 64)},
    "dia": {"decoder_input_ids": (-150, 2, 7, 9)},
    "timesfm": {"past_values": (2, 64), "past_values_padding": [[0] * 64] * 2, "freq": [[0], [1]]},
    "timesfm2_5": {"past_values": (2, 64)},
    **each("timesformer videomae vivit", {"pixel_values": (2, 4, 3, 32, 32)}),
    "videomae": {"pixel_values": (2, 16, 3, 32, 32)},
    **each("vilt bridgetower aimv2 kosmos-2 blip-2 tvp", {"pixel_values": (2, 3, 32, 32)}),
    "mgp-str": {"pixel_values": (2, 3, 32, 128)},
    "blip_2_qformer": {"input_ids": None, "query_embeds": (2, 5, 64)},
    "seggpt": {"prompt_pixel_values": (2, 3, 32, 32), "prompt_masks": (2, 3, 32, 32)},
    "reformer": {"input_ids": (-150, 2, 16)},
    **each("pe_audio pe_audio_encoder vibevoice_acoustic_tokenizer", {"input_values": (2, 1, 1600)}),
    "video_llama_3_vision": {"merge_sizes": [1]},
    **each("pp_ocrv5_mobile_rec pp_ocrv5_server_rec", {"pixel_values": (2, 3, 48, 320)}),
}
"""By type, inputs by name: a shape to draw (integers below n where it begins with -n), values, or None: not given."""

_TIMM = "its backbone is a model of timm, which is not installed beside it (timm has a sweep of its own)"
LEFT_OUT: dict[str, str] = {
    **each(
        "edgetam edgetam_vision_model fast_vlm gemma3n gemma3n_vision pe_audio_video "
        "pe_audio_video_encoder pe_video pe_video_encoder perception_lm timm_backbone timm_wrapper",
        _TIMM,
    ),
    "dinat": "it needs the package natten, compiled for a GPU",
    "layoutlmv2": "it needs the package detectron2",
    "higgs_audio_v2_tokenizer": "it needs the package torchaudio",
    "evolla": "AutoModel has no class for it",
    "voxtral_realtime_text": "AutoModel names a class that does not exist",
    "glm_image_vqmodel": "it has no forward",
    **each(
        "edgetam_video sam2_video sam3_tracker_video sam3_video",
        "it is called with an inference session, which holds the frames of a video, not with tensors",
    ),
}
"""Types that cannot be built or called offline, and why."""

KNOWN: dict[str, str] = {
    "vits": "how long the sound is, is drawn at random while it runs: another run takes other shapes",
}
"""Types that fail, and why."""
