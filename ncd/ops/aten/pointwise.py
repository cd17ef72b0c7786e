"""Ops that act on each element by itself: torch's own tag, and the names it forgets."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Text

NAMES = (
    "clone _to_copy lift* copy copy_ contiguous alias detach* positive resolve_* real imag angle _conj* _neg_view*",
    "complex polar *_like fill fill_* zero_ masked_fill* where* clamp* nan_to_num* heaviside lerp* isclose rsub*",
    "floor_divide* gelu silu hardswish mish _prelu_kernel rrelu_with_noise* log_sigmoid* polygamma* special_* igamma*",
    "dropout native_dropout _fused_dropout bernoulli* normal* uniform* random_* exponential_* cauchy_* geometric_*",
    "log_normal_* poisson* binomial _standard_gamma quantize_* dequantize* fake_quantize_per_tensor* nextafter*",
    "frexp* ldexp* logit* to_sparse* _to_sparse* to_dense _to_dense",
)
PATTERNS = tuple(pattern for line in NAMES for pattern in line.split())


@lru_cache(None)
def named(name: str) -> bool:
    return any(fnmatchcase(name, p) for p in PATTERNS)


def weave(call: AtenCall) -> Text | None:
    """Broadcasting over everything; not where an operand has more dimensions than the result."""
    if not ("pointwise" in call.tags or named(call.name)) or not call.outs:
        return None
    n = call.outs[0].ndim
    if any(t.ndim > n for t in call.ins) or any(o.shape != call.outs[0].shape for o in call.outs):
        return None
    return ", ".join(["*"] * len(call.ins)) + " -> " + ", ".join(["*"] * len(call.outs))
