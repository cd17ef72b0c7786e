# %% [markdown]
# # 3. Attention, from a scalar product to many heads
#
# Attention (Vaswani et al., *Attention is all you need*, 2017) is built here one line at a time: each step adds one
# axis or one symbol, and each picture is traced from the code above it.

# %%
import torch
from torch import nn

import ncd
from ncd.models.attention import Attention
from ncd.models.scaled import MultiHeadAttention, ScaledDotProductAttention

_ = torch.manual_seed(0)

# %% [markdown]
# ## How well do two vectors fit?
#
# A *query* asks, a *key* offers; both have `k` numbers. How well they fit is their scalar product: multiply number by
# number, and sum. The line of `k` bends into a **cup** and ends: the axis is summed away, and a single number is left.


# %%
def fit(query, key):
    return torch.einsum("k,k->", query, key)


ncd.trace(fit, ncd.array("k=8"), ncd.array("k=8"))

# %% [markdown]
# ## One query, many keys
#
# Now there are `x` keys. The operation is the same: the cup sits on `k` as before. The new line `x` goes past it, and
# that is all there is to say: what a line passes by is done for each of its indices.


# %%
def fits(query, key):
    return torch.einsum("k,xk->x", query, key)


ncd.trace(fits, ncd.array("k=8"), ncd.array("x=5 k=8"))

# %% [markdown]
# ## Many queries
#
# And `y` queries: another line that goes past. Every query has met every key; the result has both axes.


# %%
def scores(query, key):
    return torch.einsum("yk,xk->yx", query, key)


ncd.trace(scores, ncd.array("y=4 k=8"), ncd.array("x=5 k=8"))

# %% [markdown]
# ## Scale
#
# The sum of `k` products of random numbers spreads like √k. Large scores would make the next step all or nothing, so
# attention divides by √k.

# %%
for k in (4, 64, 1024):
    s = scores(torch.randn(100, k), torch.randn(100, k))
    print(f"k = {k:<5} spread of the scores {s.std():5.2f}   divided by √k {(s / k**0.5).std():.2f}")

# %% [markdown]
# ## Weigh
#
# Softmax turns the scores of a query into weights: positive, and their sum over all keys is one. Its symbol, the
# triangle, sits on `x` and not on `y`: every query has weights of its own. The keys compete with each other.


# %%
def weights(query, key):
    return (scores(query, key) * key.shape[-1] ** -0.5).softmax(-1)


ncd.trace(weights, ncd.array("y=4 k=8"), ncd.array("x=5 k=8"))

# %% [markdown]
# ## Gather
#
# Each key comes with a *value* of `v` numbers. What a query gets is the mean of the values under its weights: a second
# cup, this time on `x`. This is the whole of scaled dot-product attention.

# %%
attention = ncd.trace(ScaledDotProductAttention(), ncd.array("y=4 k=8"), ncd.array("x=5 k=8"), ncd.array("x=5 v=6"))
attention

# %% [markdown]
# Two questions, answered by looking. *Where do queries influence each other?* Nowhere: no symbol sits on `y`. *Do the
# keys have an order?* None that matters: `x` is only ever summed over or normalised along, so if keys and values are
# shuffled alike, nothing changes. Let's see whether that is so.

# %%
q, k, v = torch.randn(4, 8), torch.randn(5, 8), torch.randn(5, 6)
order = torch.randperm(5)
sdpa = ScaledDotProductAttention()
print("the same:", torch.allclose(sdpa(q, k, v), sdpa(q, k[order], v[order]), atol=1e-6))

# %% [markdown]
# ## Live
#
# Keys that point in five directions, and queries that ask for the last, for the first, for two at once, and for
# nothing. The values of every wire can be looked at; this is what left the softmax, a row for each query.

# %%
key = 6 * torch.eye(5, 8)
query = torch.stack([key[4], key[0], key[1] + key[2], torch.zeros(8)])
ran = attention.run(query, key, torch.randn(5, 6))
print(ran["softmax"].round(decimals=2))
ran.heat("softmax")

# %% [markdown]
# ## Many heads
#
# One set of weights can follow one interest at a time. *Multi-head* attention does it `h` times side by side. On paper
# that takes a page of indices; here it is one more line that everything passes by. (Left alone, `ncd` would say "for
# every h" in the title, and spare us the line.)


# %%
def heads(query, key, value):
    w = (torch.einsum("yhk,xhk->hyx", query, key) * key.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("hyx,xhv->yhv", w, value)


ncd.trace(heads, ncd.array("y=4 h=3 k=8"), ncd.array("x=5 h=3 k=8"), ncd.array("x=5 h=3 v=6")).view(show=["h"])

# %% [markdown]
# The dots join lines that are one and the same index: head 2 of the queries only ever meets head 2 of the keys.
#
# ## Learned projections
#
# In a network, queries, keys and values are made from features `m` by learned linear maps: bold letters **L**, which
# read an axis and write others. Another one mixes what the heads have gathered.

# %%
mha = ncd.trace(MultiHeadAttention(m=64, heads=4, k=12), ncd.array("y=7 m=64"), ncd.array("x=10 m=64"))
mha

# %% [markdown]
# Let's walk through it, with the values of a random input. (In Jupyter this is a player; in a preview, a strip.)

# %%
ncd.walkthrough(
    mha,
    [
        ("query", "From each of the `y` positions that ask, **L** makes a query for every head `h`."),
        ("softmax", "Every head has weights of its own: they sum to one over the positions `x` that are asked."),
        ("h", "The heads never meet, from where they are made to the last map, which reads all of them."),
    ],
    values=True,
)

# %% [markdown]
# ## Self-attention, and not looking ahead
#
# When a sequence asks itself, `y` and `x` are two copies of one axis, drawn as `s` and `s'`. This is the attention of
# `ncd.models.attention`, written with views and transposes as one meets it in practice. The views leave no trace in the
# picture, because they only rename: `d` is `(h k)`.

# %%
own = ncd.trace(Attention(d=64, heads=4), ncd.array("b=2 s=10 d=64"))
own

# %% [markdown]
# A language model must not look at what comes later. Before the softmax, the scores of later positions are set to −∞,
# which makes their weights zero: a *mask*, drawn as a square that is dark where nothing passes.

# %%
masked = ncd.trace(MultiHeadAttention(mask=True), ncd.array("y=9 m=64"), ncd.array("x=9 m=64"))
masked

# %%
masked.run().heat("softmax")

# %% [markdown]
# ## Is PyTorch's layer the same?
#
# `nn.MultiheadAttention` is one call of a fused kernel. Opened, it is the circuit above.

# %%
layer = nn.MultiheadAttention(64, 4, batch_first=True)


def theirs(x):
    return layer(x, x, x, need_weights=False)[0]


ncd.trace(theirs, ncd.array("b=2 s=10 d=64"))

# %% [markdown]
# ## Exercise 1: one key for all heads
#
# The keys of all heads must be kept while a model writes text. *Multi-query* attention (Shazeer 2019) saves memory by
# giving all heads the same keys: they have `x` and `k`, but no `h`. Write the pattern of the scores.
#
# <details><summary>Solution</summary>
#
# ```python
# pattern = "yhk,xk->hyx"
# ```
#
# </details>

# %% tags=["exercise"]
pattern = ...

# %%
if pattern is ...:
    print("Your turn.")
else:
    q, k = torch.randn(4, 3, 8), torch.randn(5, 8)
    wanted = torch.stack([q[:, h] @ k.T for h in range(3)])
    assert torch.allclose(torch.einsum(pattern, q, k), wanted, atol=1e-5), "y h k, x k -> ?"
    print("Right. In its picture, h comes from the queries alone:")
    shared = ncd.trace(lambda q, k: torch.einsum(pattern, q, k), q, k, axes=["y h k", "x k"])
    print(shared.ops[0].weave)

# %% [markdown]
# ## Exercise 2: what it costs
#
# Two FLOPs for each multiplication with addition. How many does the function `heads` above take, for any sizes?
# (Values have `v` numbers. Read it off the picture: a cup costs the product of all lines that are there.)
#
# <details><summary>Solution</summary>
#
# ```python
# def flops(y, x, h, k, v):
#     return 2 * h * y * x * (k + v)
# ```
#
# The first cup has the lines h, y, x, k, the second h, y, x, v.
#
# </details>

# %% tags=["exercise"]
flops = ...

# %%
if flops is ...:
    print("Your turn.")
else:
    d = ncd.trace(heads, ncd.array("y=4 h=3 k=8"), ncd.array("x=5 h=3 k=8"), ncd.array("x=5 h=3 v=6"))
    total = d.cost().total.flops
    for sizes in ({"y": 4, "x": 5, "h": 3, "k": 8, "v": 6}, {"y": 100, "x": 50, "h": 2, "k": 64, "v": 32}):
        assert flops(**sizes) == total.at(**sizes), f"{sizes}: {total.at(**sizes)}, not {flops(**sizes)}"
    print("Right:", total)

# %% [markdown]
# Next: [a transformer, end to end](04_transformer.ipynb).
