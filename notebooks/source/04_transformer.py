# %% [markdown]
# # 4. A transformer, end to end
#
# The model of *Attention is all you need* (Vaswani et al. 2017) reads one sequence and writes another. Here it is
# taken apart, put together, run, trained for a few seconds, and compared with PyTorch's own.

# %%
import torch
from torch import nn

import ncd
from ncd.models.transformer import EncoderLayer, Transformer

_ = torch.manual_seed(0)

# %% [markdown]
# ## From far away
#
# Tokens `x` are read, tokens `y` are written. Two towers of six layers: the encoder's output goes into every layer of
# the decoder.

# %%
model = Transformer(v=1000, m=64, heads=4, k=16, wide=256, layers=6).eval()
d = ncd.trace(model, ncd.tokens("b=2 x=10", high=1000), ncd.tokens("b=2 y=7", high=1000))
d.view(depth=1)

# %% [markdown]
# Follow the two axes. `x` and `y` never meet, but for one kind of place: where the decoder attends to the encoder. And
# neither reaches any learned map: no weight knows how long a sequence is. (The embedding of positions does. It is why
# this model reads at most 128 tokens.)
#
# ## A layer of the encoder
#
# Twice the same pattern: a branch, a sum with what went past it, a norm. In between, attention mixes the positions `x`;
# the feed-forward part never does.

# %%
d["encoder.0"].view(depth=3)

# %% [markdown]
# ## A layer of the decoder
#
# It has two attentions. The first is among the `y` written so far, and masked, so that none sees what comes after it.
# In the second the queries come from `y`, the keys and values from `x`. (The box → *C* puts an array by, and *C* → takes
# it up again further on: that saves a long line.)

# %%
d["decoder.0"].view(depth=3)

# %% [markdown]
# Let's walk through the second, with values.

# %%
at = "decoder.0.cross_attention.branch"
ncd.walkthrough(
    d[at],
    [
        {"at": f"{at}.query", "title": "Queries", "text": "What is written asks: the queries have the axis `y`."},
        {"at": f"{at}.key", "title": "Keys", "text": "What was read offers: keys (and values) have the axis `x`."},
        {"at": "softmax", "title": "Weights", "text": "Each `y` shares its attention among all `x`. There is no mask."},
    ],
    values=d.run(),
    titles={"": "attention to what was read"},
)

# %% [markdown]
# ## Nothing looks ahead
#
# The claim is that what is written at a position doesn't depend on later ones. Change the last target token, and see at
# which positions the output changes. Then change the first token that is read.

# %%
source, target = torch.randint(0, 1000, (1, 10)), torch.randint(0, 1000, (1, 7))


def changed(source2, target2):
    with torch.no_grad():
        difference = model(source, target) - model(source2, target2)
    return (difference.abs().amax(-1)[0] > 1e-6).int().tolist()


other = target.clone()
other[0, -1] = (other[0, -1] + 1) % 1000
print("another last target:  ", changed(source, other))
other = source.clone()
other[0, 0] = (other[0, 0] + 1) % 1000
print("another first source: ", changed(other, target))

# %% [markdown]
# ## Norm after, or norm before
#
# In the paper the norm comes after each sum; most models since put it at the start of each branch. It is one argument
# here, and in the picture the circle moves off the main line: then there is a path from the first layer to the last on
# which nothing but sums happens. That is said to be why such models are easier to train (Xiong et al. 2020).

# %%
before = EncoderLayer(m=64, heads=4, k=16, wide=256, first=True).eval()
ncd.trace(before, ncd.array("b=2 x=10 m=64")).view(collapse=["MultiHeadAttention"], titles={"": "norm before"})

# %%
after = EncoderLayer(m=64, heads=4, k=16, wide=256, first=False).eval()
ncd.trace(after, ncd.array("b=2 x=10 m=64")).view(collapse=["MultiHeadAttention"], titles={"": "norm after"})

# %% [markdown]
# ## Does it learn?
#
# A small one learns to write what it reads backwards. The answer to position `y` stands at position −`y` of the source,
# so it can't be done without attention.

# %%
small = Transformer(v=12, m=32, heads=2, k=16, wide=64, layers=1, first=True)
optimiser = torch.optim.Adam(small.parameters(), lr=3e-3)


def batch(n, length=8):
    source = torch.randint(2, 12, (n, length))
    answer = source.flip(1)
    told = torch.cat([torch.zeros(n, 1, dtype=torch.long), answer[:, :-1]], 1)  # 0 starts
    return source, told, answer


for step in range(101):
    source, told, answer = batch(64)
    loss = nn.functional.cross_entropy(small(source, told).flatten(0, 1), answer.flatten())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 20 == 0:
        print(f"step {step:>4}   loss {loss.item():.3f}")

# %% [markdown]
# And where does it look? A row for each position that is written, a column for each that was read, a square for each
# head.

# %%
source, told, answer = batch(1)
trained = ncd.trace(small.eval(), source, told, axes=["b x", "b y"])
values = trained.run()
print("read   ", source[0].tolist())
print("written", values[trained.outputs[0]].argmax(-1)[0].tolist())
values.heat("decoder.0.cross_attention:softmax", b=0)

# %% [markdown]
# ## Is it the same as PyTorch's?
#
# `nn.Transformer` is drawn from the same operations; its layers are the same circuit. (It adds a norm at the end of
# each tower, which the paper doesn't have.)

# %%
theirs = nn.Transformer(64, 4, 6, 6, dim_feedforward=256, batch_first=True).eval()
ncd.trace(theirs, ncd.array("b=2 x=10 d=64"), ncd.array("b=2 y=7 d=64")).view(depth=2)

# %% [markdown]
# ## Exercise 1: count the softmaxes
#
# How many softmaxes does the model `d` compute, with six layers in either tower? Count from the pictures.
#
# <details><summary>Solution</summary>
#
# ```python
# softmaxes = 6 + 6 * 2
# ```
#
# </details>

# %% tags=["exercise"]
softmaxes = ...

# %%
if softmaxes is ...:
    print("Your turn.")
else:
    assert softmaxes == sum(op.name == "softmax" for op in d.simplify().ops), "a layer of the decoder has two"
    print("Right: one for each attention.")

# %% [markdown]
# ## Exercise 2: cut the wire
#
# Without the encoder the small model can't know what to write. Set everything that comes from the encoder to zero, run
# `trained` on the traced inputs, and find the share of positions at which it then writes something else. (`patch=` of
# `run`, `ncd.zero()`, and `.change()`; the last layer of the encoder is the block `"encoder.0"`.)
#
# <details><summary>Solution</summary>
#
# ```python
# (difference,) = trained.run(patch={"encoder.0": ncd.zero()}).change()
# share = difference.flips
# ```
#
# </details>

# %% tags=["exercise"]
share = ...

# %%
if share is ...:
    print("Your turn.")
else:
    cut = trained.run(patch={"encoder.0": ncd.zero()})[trained.outputs[0]].argmax(-1)
    assert abs(share - (cut != values[trained.outputs[0]].argmax(-1)).float().mean()) < 1e-6
    print(f"Right: {share:.0%} of what it writes is different.")

# %% [markdown]
# Next: [convolutions, up to U-Net and the vision transformer](05_convolutions.ipynb).
