"""Every model family of timm, by its smallest variant, on small images.

A family is a module of ``timm.models``.  Of its variants the one of fewest parameters was taken
(timm 1.0.31, all of them counted on the meta device); where even that is large, it is built with
fewer layers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmarks.sweep.case import Case, Subject, Suite

IMAGE = (96, 128)
"""Not square, so that height and width are not the same axis by their size."""

SMALLEST = dict(
    line.split()
    for line in """
    beit beit_base_patch16_224
    byoanet eca_botnext26ts_256
    byobnet test_byobnet
    cait cait_xxs24_224
    coat coat_tiny
    convit convit_tiny
    convmixer convmixer_768_32
    convnext test_convnext
    cpubone cpubone_nano
    crossvit crossvit_tiny_240
    csatv2 csatv2
    cspnet cs3darknet_focus_s
    cspnext cspnext_tiny
    davit davit_tiny
    deepseek_vit deepseek_vit_412m
    deit deit_tiny_patch16_224
    densenet densenet121
    dla dla46x_c
    dpn dpn48b
    edgenext edgenext_xx_small
    efficientformer efficientformer_l1
    efficientformer_v2 efficientformerv2_s0
    efficientnet test_efficientnet
    efficientvim efficientvim_m1
    efficientvit_mit efficientvit_b0
    efficientvit_msra efficientvit_m0
    eva vit_tiny_patch16_dinov3_qkvb
    fasternet fasternet_t0
    fastvit fastvit_t8
    focalnet focalnet_tiny_srf
    gcvit gcvit_xxtiny
    gemma4_vit gemma4_vit_167m
    ghostnet ghostnet_050
    hardcorenas hardcorenas_b
    hgnet hgnetv2_b0
    hiera hiera_tiny_224
    hieradet_sam2 sam2_hiera_tiny
    hrnet hrnet_w18_small
    iformer iformer_t
    inception_next inception_next_atto
    inception_resnet_v2 inception_resnet_v2
    inception_v3 inception_v3
    inception_v4 inception_v4
    lcnetv2 lcnetv2_small
    levit levit_128s
    lowformer lowformer_b0
    mambaout test_mambaout
    maxxvit test_coatnet
    metaformer poolformerv2_s12
    mlp_mixer gmlp_ti16_224
    mobilenetv3 mobilenetv3_small_050
    mobilenetv5 mobilenetv5_300m
    mobilevit mobilevit_xxs
    mvitv2 mvitv2_tiny
    naflexvit naflexvit_so150m2_patch16_reg1_gap
    nasnet nasnetalarge
    nest nest_tiny
    nextvit nextvit_small
    nfnet test_nfnet
    pit pit_ti_224
    pnasnet pnasnet5large
    pvt_v2 pvt_v2_b0
    qwen3_vit qwen3_vit_88m
    rdnet rdnet_tiny
    regnet regnetx_002
    repghost repghostnet_050
    repvit repvit_m1
    res2net res2next50
    resnest resnest14d
    resnet test_resnet
    resnetv2 resnetv2_18
    rexnet rexnet_100
    selecsls selecsls42
    senet legacy_seresnet18
    sequencer sequencer2d_s
    shvit shvit_s1
    sknet skresnet18
    starnet starnet_s050
    swiftformer swiftformer_xs
    swin_transformer swin_tiny_patch4_window7_224
    swin_transformer_v2 swinv2_tiny_window8_256
    swin_transformer_v2_cr swinv2_cr_tiny_224
    tiny_vit tiny_vit_5m_224
    tnt tnt_s_legacy_patch16_224
    tresnet tresnet_m
    twins twins_svt_small
    vgg vgg11
    visformer visformer_tiny
    vision_transformer test_vit
    vision_transformer_hybrid vit_tiny_r_s16_p8_224
    vision_transformer_relpos test_vit_relpos
    vision_transformer_sam samvit_base_patch16_224
    vitamin vitamin_small_224
    volo volo_d1_224
    vovnet ese_vovnet19b_slim_dw
    xception legacy_xception
    xception_aligned xception41p
    xcit xcit_nano_12_p8_224
    """.strip().splitlines()
)
WELL_KNOWN = (
    "efficientnet_b0",
    "mixer_s32_224",
    "convnext_atto",
    "resnet18",
    "maxvit_rmlp_pico_rw_256",
    "vit_tiny_patch16_224",
)
"""Models that are drawn often, beside the smallest of their families."""

SHALLOW: dict[str, dict[str, Any]] = {
    "beit_base_patch16_224": {"depth": 2},
    "deepseek_vit_412m": {"depth": 2},
    "gemma4_vit_167m": {"depth": 2},
    "naflexvit_so150m2_patch16_reg1_gap": {"depth": 2},
    "qwen3_vit_88m": {"depth": 2},
    "samvit_base_patch16_224": {"depth": 2, "global_attn_indexes": (1,)},
}
SIZES: dict[str, tuple[int, int]] = {
    "convit_tiny": (96, 96),  # squares alone
    "nest_tiny": (96, 96),
    "maxvit_rmlp_pico_rw_256": (256, 256),  # windows of 1/32 of the image
    "deepseek_vit_412m": (224, 224),  # made for one size
    "efficientformer_l1": (224, 224),
}
UNTOLD = ("crossvit_tiny_240", "mvitv2_tiny")
"""Models that take images of any size as long as they are not built for one."""


def declare_vision_ops() -> None:
    """timm imports torchvision, and its wheels beside a CPU build of torch lack their compiled half.

    The two operators that its import asks for are declared, without anything to run them; no
    model here uses them.
    """
    global _library
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_library: torch.library.Library | None = None


def subject(name: str) -> Subject:
    import timm

    size = SIZES.get(name, IMAGE)
    how: dict[str, Any] = {"num_classes": 10, **SHALLOW.get(name, {})}
    if timm.models.get_pretrained_cfg(name).fixed_input_size and name not in UNTOLD:
        how["img_size"] = size
    model = timm.create_model(name, pretrained=False, **how)
    return Subject(model, [torch.randn(2, 3, *size)], axes={"x": "b c h w"})


def suite() -> Suite:
    declare_vision_ops()
    import timm

    missing = {f: "new in this version of timm" for f in timm.list_modules() if f not in SMALLEST}
    names = [*SMALLEST.values(), *WELL_KNOWN]
    return Suite("timm", [Case(n, partial(subject, n)) for n in names], ("timm", "torchvision"), missing)
