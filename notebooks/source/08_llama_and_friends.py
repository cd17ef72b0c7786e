# %% [markdown]
# # 8. Llama and friends, from their configurations
#
# A configuration of `transformers` is enough to draw a model: weights say nothing about which operation acts on which
# axis. So here are some models of today, side by side, and what they changed since GPT-2. Nothing is downloaded.

# %%
import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)
from transformers.utils import logging

import ncd
from ncd.models.llama import rotate
from ncd.models.mixture import MixtureOfExperts

logging.set_verbosity_error()
_ = torch.manual_seed(0)

# %% [markdown]
# ## GPT-2, 2019

# %%
gpt2 = ncd.trace(GPT2LMHeadModel(GPT2Config(use_cache=False)).eval(), ncd.tokens("b=2 s=16"))
gpt2.view(depth=2)

# %% [markdown]
# ## Llama, 2023
#
# A small one, of four layers. At first sight it is the same picture, and that is a finding: branches with a norm in
# front, attention, feed-forward, sums. But there is no table of positions at the entry; and the norms are another
# symbol.

# %%
config = LlamaConfig(
    vocab_size=1000,
    hidden_size=256,
    intermediate_size=688,
    num_hidden_layers=4,
    num_attention_heads=8,
    num_key_value_heads=2,
    use_cache=False,
)
llama = ncd.trace(LlamaForCausalLM(config).eval(), ncd.tokens("b=2 s=16"))
llama.view(depth=2)

# %% [markdown]
# Three things changed inside.
#
# **The feed-forward part has a gate** (SwiGLU, Shazeer 2020): two maps go up, one passes a SiLU, and they are
# multiplied number by number.

# %%
llama["model.layers.0.mlp"]

# %% [markdown]
# The same as code, written from the diagram. It runs.

# %%
print(llama["model.layers.0.mlp"].to_code())

# %% [markdown]
# **Heads share keys** (grouped-query attention, Ainslie et al. 2023). The eight heads of the queries are two groups `g`
# of four, `r`. Keys and values have the axis `g` but not `r`, so all queries of a group meet the same keys. In words:

# %%
for op in llama["model.layers.0.self_attn"].simplify().ops:
    if op.name in ("linear", "matmul", "softmax"):
        print(f"{op.path.removeprefix('model.layers.0.'):<18} {op.name:<8} {op.weave}")

# %% [markdown]
# and, without what else happens there, as a picture.


# %%
def grouped(query, key, value):
    scores = torch.einsum("sgrk,xgk->grsx", query, key) * key.shape[-1] ** -0.5
    return torch.einsum("grsx,xgv->sgrv", scores.softmax(-1), value)


arrays = ncd.array("s=6 g=2 r=4 k=8"), ncd.array("x=6 g=2 k=8"), ncd.array("x=6 g=2 v=8")
ncd.trace(grouped, *arrays).view(show=["g"])

# %% [markdown]
# **Positions turn** (RoPE, Su et al. 2021). In place of a table, pairs of features are turned by an angle that grows
# with the position. Each query and key is cut into halves (the pentagons), which are mixed with cosines and sines of
# the position, and put together again (the bar).

# %%
ncd.trace(rotate, ncd.array("s=16 k=8"), ncd.array("s=16 r=4"), ncd.array("s=16 r=4"))

# %% [markdown]
# Turned so, a score depends on the *distance* of two positions alone. Live: the same query and key, at positions that
# are three apart.

# %%
angle = torch.arange(20.0)[:, None] * 10_000 ** (-torch.arange(4) / 4)
q, k = torch.randn(8), torch.randn(8)
turned_q, turned_k = (rotate(x.expand(20, 8), angle.cos(), angle.sin()) for x in (q, k))
print("three apart: ", [round(float(turned_q[i] @ turned_k[i - 3]), 4) for i in (3, 9, 19)])
print("six apart:   ", [round(float(turned_q[i] @ turned_k[i - 6]), 4) for i in (6, 9, 19)])

# %% [markdown]
# ## Seven billion parameters, none of them here
#
# On torch's device `meta` tensors have shapes and no numbers. That is all that tracing needs.

# %%
with torch.device("meta"):
    big = LlamaForCausalLM(LlamaConfig(use_cache=False))
    ids, mask = torch.zeros(2, 32, dtype=torch.long), torch.zeros(2, 1, 32, 32)
d = ncd.trace(big, ids, attention_mask=mask, axes={"input_ids": "b s", "attention_mask": "b 1 s s"})
cost = d.cost()
print(f"parameters: {int(cost.total.params):,}")
print(f"FLOPs:      {cost.total.flops}")

# %% [markdown]
# ## A mixture of experts: values decide
#
# In Mixtral (Jiang et al. 2024) a router sends each token to two of several feed-forward parts. Which tokens an expert
# gets depends on values: that isn't in the shapes. `ncd` marks such a place by a diamond, and `d.reads` says where in
# the code it is.

# %%
config = MixtralConfig(
    vocab_size=1000,
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    num_local_experts=4,
    use_cache=False,
)
mixtral = ncd.trace(MixtralForCausalLM(config).eval(), ncd.tokens("b=2 s=16"))
mixtral.view(depth=2, collapse=["MixtralAttention"])

# %%
for read in mixtral.reads:
    print(read)

# %% [markdown]
# The same outputs without any decision, if all experts see all tokens and all but the best two have the weight zero.
# Then the experts are simply an axis.

# %%
ncd.trace(MixtureOfExperts().eval(), ncd.array("b=2 s=5 d=64"))

# %% [markdown]
# ## And the rest
#
# No attention at all in Mamba (Gu and Dao 2023), and no mask in BERT (Devlin et al. 2019).

# %%
mamba = MambaForCausalLM(MambaConfig(vocab_size=1000, hidden_size=128, num_hidden_layers=2, use_cache=False)).eval()
ncd.trace(mamba, ncd.tokens("b=2 s=16"))

# %%
bert = ncd.trace(BertModel(BertConfig()).eval(), ncd.tokens("b=2 s=16"))
bert.view(depth=2)

# %% [markdown]
# Of the architectures in `transformers`, 465 could be built offline, small, by one script, and all of them were traced:
# [benchmarks/results](../benchmarks/results) has the list.
#
# ## Exercise 1: what must be kept
#
# While a causal model writes, it keeps the keys and values of all positions before. Write the bytes of that cache for
# one sequence of `s` positions, in float32 (four bytes): for `layers`, `heads` of keys and values, and `k` numbers each.
#
# <details><summary>Solution</summary>
#
# ```python
# def cache(s, layers, heads, k):
#     return 2 * 4 * s * layers * heads * k
# ```
#
# </details>

# %% tags=["exercise"]
cache = ...

# %%
if cache is ...:
    print("Your turn.")
else:
    for s in (16, 4096):
        measured = llama.cost().decode("s").cache.at(s=s) // 2  # of two sequences
        assert cache(s, layers=4, heads=2, k=32) == measured, f"for the Llama above at s={s}: {measured}"
    print("Right. With all eight heads of keys it would be four times as much.")

# %% [markdown]
# ## Exercise 2: how large are the gates?
#
# Which share of the parameters of the 7-billion Llama is in its feed-forward parts (the blocks `model.layers.N.mlp`)?
# Find it with `cost["model.layers.0.mlp"].params`, to two digits.
#
# <details><summary>Solution</summary>
#
# ```python
# share = 32 * int(cost["model.layers.0.mlp"].params) / int(cost.total.params)
# ```
#
# </details>

# %% tags=["exercise"]
share = ...

# %%
if share is ...:
    print("Your turn.")
else:
    sizes = sum(p.numel() for name, p in big.named_parameters() if ".mlp." in name)
    whole = sum(p.numel() for p in big.parameters())
    assert abs(share - sizes / whole) < 0.01, "there are 32 layers"
    print(f"Right: {sizes / whole:.1%}.")

# %% [markdown]
# Next: [costs, and the way back](09_costs_and_backprop.ipynb).
