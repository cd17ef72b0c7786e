# %% [markdown]
# # 9. Costs, and the way back
#
# What a model costs follows from its axes, so a diagram knows it before anything is run: as formulas, not only as
# numbers. And because every operation is known, so is its derivative: the way back is a diagram, too.

# %%
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

import ncd
from ncd.models.gpt2 import GPT2
from ncd.models.scaled import ScaledDotProductAttention

_ = torch.manual_seed(0)

# %% [markdown]
# ## A cup costs the product of its lines
#
# A product of matrices multiplies and adds once for every triple of indices `a`, `b`, `c`: for all lines that are in
# the picture. Two FLOPs are counted for each. Whatever passes without a cup costs none.


# %%
def product(x, y):
    return x @ y


multiply = ncd.trace(product, ncd.array("a=3 b=4"), ncd.array("b=4 c=5"))
print("FLOPs:", multiply.cost().total.flops)
multiply

# %% [markdown]
# ## A whole model
#
# GPT-2 by blocks: the costs of what is equal are shown once. The last column says how often a byte that was fetched is
# used: where it is low, a machine waits for its memory.

# %%
gpt2 = GPT2LMHeadModel(GPT2Config(use_cache=False)).eval()
d = ncd.trace(gpt2, ncd.tokens("b=2 s=1024"))
cost = d.cost()
cost

# %% [markdown]
# For one text of 1024 tokens, the model with its head takes 291,648,307,200 FLOPs, and PyTorch's own counter agrees to the
# last digit. (It counts by running: here our own `GPT2`,
# on the device `meta`, without numbers.)

# %%
from torch.utils.flop_counter import FlopCounterMode

with torch.device("meta"):
    ours, ids = GPT2(), torch.zeros(1, 1024, dtype=torch.long)
with FlopCounterMode(display=False) as counter:
    ours(ids)
print(f"PyTorch counts {counter.get_total_flops():,}")
print(f"ncd reads off  {int(cost.total.flops) // 2:,} for each of the two texts")
print("which is       ", cost.total.flops)

# %% [markdown]
# The formula says what the number can't: one part grows with the length of the text, another with its square. Up to
# which length is the square the smaller part?

# %%
square = 4 * 12 * 768  # FLOPs for each pair of tokens: in twelve blocks two cups of 768 numbers
for s in (128, 1024, 8192, 65536):
    total = cost.total.flops.at(s=s) / 2
    print(f"{s:>6} tokens: {total:.2e} FLOPs, {square * s * s / total:.0%} of them in the square")

# %%
_ = cost.plot("s")

# %% [markdown]
# ## A bench
#
# `explore()` is the picture with a bench beside it. Its *sizes* are sliders, and the FLOPs follow them as they are
# moved; *Run* sends inputs through and shows what is in every line; *Change* scales a line on the way, and says what
# that does to the outputs. Here is attention from `y` queries to `x` keys: which sliders move the FLOPs, and how?
# (Where no notebook runs, as on GitHub, one sees the picture alone.)

# %%
attention = ncd.trace(ScaledDotProductAttention(), ncd.array("y=4 k=8"), ncd.array("x=5 k=8"), ncd.array("x=5 v=6"))
attention.explore()

# %% [markdown]
# ## Where is it?
#
# The same in the picture: operations and closed blocks, coloured by their share.

# %%
d.view(depth=2, heat="flops")

# %% [markdown]
# ## The way back
#
# To train, one needs the gradient: what a small change of each input does to the output. Going back through a diagram,
# what was copied comes back as a sum (and what was summed is handed to both). A function of single numbers comes back
# as a multiplication with its slope. It is repeated over the same axes: no line was touched going, none is coming back.


# %%
def curve(x):
    return torch.tanh(x)


ncd.trace(curve, ncd.array("a=3 b=4")).backward().view(show=["a", "b"])

# %% [markdown]
# What was repeated over an axis has been used once for each of its indices, so its gradient is a sum over that axis.
# Here is a bias, `y`, that is added at every `a`:


# %%
def bias(x, y):
    return x + y


ncd.trace(bias, ncd.array("a=3 b=4"), ncd.array("b=4")).backward()

# %% [markdown]
# And the product of matrices comes back as two products, each the gradient with the *other* factor. The cup of `b` has
# become the line that is missing; the lines `a` and `c`, which passed, are now bent.

# %%
back = multiply.backward()
back["∂"].view(titles={"": "the gradients of x and y"})

# %% [markdown]
# Two cups instead of one: that is why training takes three times the work of a forward pass, one to go and two to come
# back.

# %%
print("forward: ", multiply.cost().total.flops)
print("backward:", back.cost()["∂"].flops)

# %% [markdown]
# ## Back through attention
#
# The gradient ∂y of what was gathered goes in; those of values, queries and keys come out, on the axes that these have.

# %%
reverse = attention.backward()
reverse["∂"].view(titles={"": "back through attention"})

# %% [markdown]
# Is it right? Run it, and let autograd say what it finds.

# %%
q, k, v, g = torch.randn(4, 8), torch.randn(5, 8), torch.randn(5, 6), torch.randn(4, 6)
_, *mine = reverse.run(q, k, v, g).outputs
inputs = [x.requires_grad_() for x in (q, k, v)]
theirs = torch.autograd.grad(ScaledDotProductAttention()(*inputs), inputs, g)
for array, a, b in zip(reverse.outputs[1:], mine, theirs, strict=True):
    print(f"{array.name or array!s:<10} differs from autograd's by at most {float((a - b).abs().max()):.1e}")

# %% [markdown]
# ## What must be kept
#
# The lines that go from the way there to the way back are what has to stay in memory until then: all below but ∂y. In
# attention one of them has both axes, `y x`: the weights. It is the only one that grows with the square of the length.

# %%
for array in reverse["∂"].inputs:
    print(f"{array.name or 'made on the way':<16}", " ".join(axis.name for axis in array.axes))

# %% [markdown]
# That is why long texts don't fit, and why attention is computed in tiles today (FlashAttention, Dao et al. 2022). As a
# diagram: a loop over tiles of `x`, which keeps a running maximum and sum. No array in it has both axes whole.

# %%
long = ncd.trace(ScaledDotProductAttention(), ncd.array("y=64 k=8"), ncd.array("x=64 k=8"), ncd.array("x=64 v=8"))
tiled = long.stream("x", 16)
tiled.view(depth=2)

# %%
x = torch.randn(64, 8), torch.randn(64, 8), torch.randn(64, 8)
print("the same:", torch.allclose(tiled.run(*x).outputs[0], ScaledDotProductAttention()(*x), atol=1e-5))

# %% [markdown]
# ## Exercise 1: the parameters of a block
#
# A block of GPT-2 with `d` features has four maps: `d` → `3d` and `d` → `d` in attention, `d` → `4d` → `d` after it,
# each with a bias, and two norms with a gain and a bias. How many parameters are that?
#
# <details><summary>Solution</summary>
#
# ```python
# def parameters(d):
#     return 12 * d * d + 13 * d
# ```
#
# </details>

# %% tags=["exercise"]
parameters = ...

# %%
if parameters is ...:
    print("Your turn.")
else:
    wanted = int(cost["transformer.h.0"].params)
    assert parameters(768) == wanted, f"{wanted:,} at d = 768"
    print(f"Right: {wanted:,} at d = 768.")

# %% [markdown]
# ## Exercise 2: not quite twice
#
# Training this network, the way back takes less than twice the way there. By which factor, and why? (`inputs=False,
# parameters=True`; the cost of the block `"∂"`.)
#
# <details><summary>Solution</summary>
#
# ```python
# there = trained.cost().total.flops
# back = trained.backward(inputs=False, parameters=True).cost()["∂"].flops
# factor = int(back) / int(there)
# ```
#
# Nobody asks for the gradient of the image, so one product is saved in the first layer, which is the largest.
#
# </details>

# %%
layers = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
trained = ncd.trace(layers, ncd.array("b=8 pixels=784"))

# %% tags=["exercise"]
factor = ...

# %%
if factor is ...:
    print("Your turn.")
else:
    n = [784, 512, 512, 10]
    products = n[0] * n[1] + n[1] * n[2] + n[2] * n[3]
    assert abs(factor - (2 * products - n[0] * n[1]) / products) < 1e-6
    print(f"Right: {factor:.3f}.")

# %% [markdown]
# Next: [a figure for a paper](10_a_figure_for_a_paper.ipynb).
