# %% [markdown]
# # 1. Start here: any model in a minute
#
# A *neural circuit diagram* (Vincent Abbott, *Neural Circuit Diagrams*, TMLR 2024) draws a network as it computes:
# **every line is an axis of an array**, and every symbol sits on exactly those axes that it mixes. What it does not
# sit on, it is merely repeated over.
#
# `ncd` makes the diagram from running code, so it can't disagree with the code. This notebook is a tour; each of its
# stations has a notebook of its own later. Nothing here is downloaded: all models are made from their configurations,
# with random weights.

# %%
import torch
from torch import nn
from transformers import GPT2Config, GPT2Model

import ncd

torch.manual_seed(0)
model = GPT2Model(GPT2Config()).eval()

# %% [markdown]
# ## Draw it
#
# Trace the model with an input, and the last line of the cell is its picture. `ncd.tokens` are random token ids; the
# string says what their axes are called and how long they are: `b` sequences in the batch, of `s` tokens each.

# %%
d = ncd.trace(model, ncd.tokens("b=2 s=16"))
d

# %% [markdown]
# Read it from left to right, wrapping like text:
#
# - **E** looks up the tokens, **E**<sup>pos</sup> their positions; the dots where their lines meet, with a **+**, add
#   the two. From there on the array has two axes: `s`, the tokens, and `d_model`, the features of each.
# - The big brackets with **×12** say that the block between them comes twelve times.
# - The lines that leave at the bottom and come back at a **+** are the residual connections.
# - "for every b" in the title: all of this happens to each sequence of the batch by itself. That isn't assumed. If a
#   single operation mixed the sequences, the batch would have a line of its own.
#
# In JupyterLab, point at a line to see where else that axis goes, point at a symbol to see what it does and which code
# wrote it, and double-click a block to open or close it.

# %% [markdown]
# ## Look inside
#
# A part of the model is a diagram too. It is named by its path in the module, as in `model.get_submodule(...)`.

# %%
d["h.0.attn"]

# %% [markdown]
# This is attention, the subject of [the third notebook](03_attention.ipynb): each head `h` compares every token `s` with
# every token `s'`. The same in text: every operation has a *weave*, how its inputs' axes become its output's. It acts on
# what is in brackets, and is repeated over all the rest.

# %%
for op in d["h.0.attn"].simplify().ops:
    print(f"{op.name:<28} {op.weave}")

# %% [markdown]
# ## Is it true?
#
# `check` doesn't trust the picture. For every claim "this is merely repeated over that axis", it shuffles the axis
# before the operation and after, runs the model's own code, and compares. It also runs what is drawn, and compares that
# with the model's outputs.

# %%
d.check()

# %% [markdown]
# ## What flows through it
#
# `run` keeps the values of every array. Here are the weights of attention in the first block, one square for each of
# its heads: row `s` shows how much token `s` takes from every other. Above the diagonal there is nothing, because GPT-2
# does not look ahead. The weights of the model are random, so the heads have no preferences yet.

# %%
values = d.run()
values.heat("h.0.attn:softmax", b=0)

# %% [markdown]
# Values can be changed on their way. What do the outputs look like when head 3 of the first block says nothing?

# %%
d.run(patch={"h.0.attn:softmax": ncd.zero(h=3)}).change()

# %% [markdown]
# ## What it costs
#
# Costs follow from the axes, so they are formulas. Two FLOPs are counted for each multiplication with addition.

# %%
cost = d.cost()
print("FLOPs:     ", cost.total.flops)
print("parameters:", cost.total.params)
print(f"FLOPs for one sequence of 1024 tokens: {cost.total.flops.at(b=1, s=1024):,}")

# %% [markdown]
# ## Anything at all
#
# Any `nn.Module`, and any function of tensors. No annotations, no base class, no list of supported layers.

# %%
gate = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.AdaptiveAvgPool2d(1))
ncd.trace(gate.eval(), ncd.array("b=2 c=3 y=32 x=32"))


# %%
def distances(points, others):
    """All distances between two sets of points."""
    return (points[:, None] - others[None, :]).square().sum(-1).sqrt()


ncd.trace(distances, ncd.array("n=5 xy=2"), ncd.array("m=7 xy=2"))

# %% [markdown]
# The function makes an array with all three axes, although neither input has them, and it sums over one. Written in
# indices (`[:, None]`, `-1`) that takes a moment to see. In the picture it is what you see.

# %% [markdown]
# ## Exercise: find the bug
#
# Two classifiers by two authors. Both run, and both give outputs of the right shape. But one of them lets the images
# of a batch influence each other. Draw both (`ncd.trace(...)`), and say which: `"first"` or `"second"`.
#
# <details><summary>Solution</summary>
#
# ```python
# wrong = "second"
# ```
#
# In the picture of the second, the batch has a line of its own, and the softmax sits on it. The title of the first
# says "for every b".
#
# </details>


# %%
class Classifier(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.features, self.score, self.axis = nn.Linear(64, 32), nn.Linear(32, 10), axis

    def forward(self, image):
        return self.score(self.features(image).softmax(self.axis))


first, second = Classifier(axis=-1), Classifier(axis=0)

# %%
ncd.trace(first, ncd.array("b=4 pixels=64"))

# %% tags=["exercise"]
wrong = ...

# %%
if wrong is ...:
    print("Your turn.")
else:
    assert wrong == "second", "Look for the symbol of softmax, a triangle: on which line does it sit?"
    d2 = ncd.trace(second, ncd.array("b=4 pixels=64"))
    assert any(op.name == "softmax" and "b" in op.target for op in d2.ops)
    print("Right: its softmax acts on b.")

# %% [markdown]
# ## Keep it
#
# `d.save("gpt2.svg")` writes the picture; `.pdf`, `.png` and `.tex` (TikZ, for papers) do so as well, `.html` is a page
# that stays interactive. [The tenth notebook](10_a_figure_for_a_paper.ipynb) makes a figure for a paper.
#
# Next: [how to read a diagram](02_reading_a_diagram.ipynb).
