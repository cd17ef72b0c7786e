"""The zoo for tests: every model by name, and which of them need transformers."""

from __future__ import annotations

from ncd.models.zoo import MODELS, Example, get

SMALL = ("mlp", "attn", "mha", "lstm", "pointer", "unet", "transformer")
"""Models of ours and of PyTorch, ready in milliseconds."""
NO_WEIGHTS = ("llama_7b",)
"""Models on the meta device: they can be traced and drawn, not run."""
RUNNABLE = tuple(name for name in MODELS if name not in NO_WEIGHTS)

__all__ = ["MODELS", "NO_WEIGHTS", "RUNNABLE", "SMALL", "Example", "get"]
