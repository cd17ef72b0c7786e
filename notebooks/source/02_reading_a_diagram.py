# %% [markdown]
# # 2. Reading a diagram
#
# The notation is Vincent Abbott's (*Neural Circuit Diagrams*, TMLR 2024). It has one rule, and a dozen symbols that
# follow it: **a line is an axis. A symbol sits on the axes that it mixes, and everything else passes it by.** Each
# picture here is traced from the line of code above it.

# %%
import torch
import torch.nn.functional as F
from torch import nn

import ncd
from ncd.models.attention import Attention

_ = torch.manual_seed(0)


def draw(function, *arrays):
    """Trace a function, on arrays described by strings, and draw it with all its axes."""
    d = ncd.trace(function, *map(ncd.array, arrays))
    return d.view(titles={"": ""}, show=list(d.axes))


# %% [markdown]
# ## Arrays
#
# An array is a bundle of lines, one for each of its axes; a dashed line separates it from the next array. Here are two
# arrays, `a b` and `c`, to which nothing happens.

# %%
draw(lambda x, y: (x, y), "a=3 b=4", "c=5")

# %% [markdown]
# ## Each number by itself
#
# A function of single numbers touches no line at all: it is written into the gap, between two arrowheads.

# %%
draw(lambda x: torch.tanh(x) ** 2, "a=3 b=4")

# %% [markdown]
# ## Dots
#
# A dot where lines meet says that they are the same index from there on. Two arrays added number by number share both
# of their axes (what is done with the numbers stands above):

# %%
draw(lambda x, y: x + y, "a=3 b=4", "a=3 b=4")

# %% [markdown]
# If an array lacks an axis, it is repeated over it, and its lines have nothing to meet. What NumPy calls broadcasting
# is visible, and so are its accidents.

# %%
draw(lambda x, y: x + y, "a=3 b=4", "b=4")

# %% [markdown]
# Backwards, a dot is a copy. The residual connection of every modern network: copy, change one of the two, add.

# %%
draw(lambda x: x + torch.tanh(x), "a=3 b=4")

# %% [markdown]
# ## Cups and sums
#
# Multiply and sum over a common index: the two lines bend into a **cup**, and end. That is a product of matrices,

# %%
draw(lambda x, y: x @ y, "a=3 b=4", "b=4 c=5")

# %% [markdown]
# and without anything in common it is the outer product, in which all lines go on.

# %%
draw(lambda x, y: torch.einsum("a,b->ab", x, y), "a=3", "b=4")

# %% [markdown]
# A line that ends in a letter is reduced to a single number, by a sum, a mean, a maximum.

# %%
draw(lambda x: (x.sum(0), x.mean(1), x.amax(1)), "a=3 b=4")

# %% [markdown]
# ## Symbols on lines
#
# Softmax is a triangle, a norm a circle, each on the axis along which it works. All other lines pass.

# %%
draw(lambda x: F.layer_norm(x.softmax(0), (4,)), "a=3 b=4")

# %% [markdown]
# ## Learned maps
#
# Bold letters are learned. A linear map **L** reads an axis and writes another; with a small **+** it also adds a bias.
# **E** is an embedding: it has no line in front, because it looks up numbers.


# %%
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.up = nn.Embedding(100, 8), nn.Linear(8, 32)

    def forward(self, ids):
        return self.up(self.embed(ids))


ncd.trace(Words(), ncd.tokens("b=2 s=6"))

# %% [markdown]
# ## Windows
#
# A convolution sits on the axes that it slides over, with the width of its window at the star. A line drawn double,
# in bold, stands for several axes that are treated alike (here the height and width of an image).

# %%
conv = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
ncd.trace(conv, ncd.array("b=2 c=3 y=16 x=16"))

# %% [markdown]
# ## What is not drawn
#
# Views, reshapes and transposes move no number: they rename. Here the axis `hk` of eight is split into two of two and
# of four, and two axes change places. What remains of all that is two lines instead of one.

# %%
draw(lambda x: x.view(3, 2, 4).transpose(0, 1).softmax(-1), "a=3 hk=8")

# %% [markdown]
# ## Blocks, and many of them
#
# An axis over which everything is repeated needs no line: from here on, the title says "for every b".
#
# A module is a coloured block, open or closed. Layers that are alike are drawn once, in brackets with a count: an array
# goes round as often as it says.

# %%
tower = nn.Sequential(*(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True) for _ in range(6))).eval()
d = ncd.trace(tower, ncd.array("b=2 s=10 d=64"))
d.view(depth=1)

# %% [markdown]
# The same, one level deeper, with the sizes of axes, and with notes at what one wants to talk about.

# %%
d.view(depth=2, labels="both", notes={"0.self_attn": "mixes positions", "0:relu": "each position by itself"})

# %% [markdown]
# ## The same in words
#
# Every operation has a *weave*, a line of text in the language of [einops](https://einops.rocks): inputs, an arrow, outputs.
# The axes in brackets are those it acts on. Without brackets: it is repeated over them.

# %%
attention = ncd.trace(Attention(d=64, heads=4), ncd.array("b=2 s=10 d=64"))
for op in attention.simplify().ops:
    print(f"{op.name:<10} {op.weave}")

# %% [markdown]
# If `ncd` doesn't know how an operation treats its axes, it says so: everything is in brackets, the picture is a plain
# box, and it is listed in `d.opaque`. It never guesses.

# %%
print("opaque in the tower:", len(d.opaque))

# %% [markdown]
# ## Walk along
#
# A walk goes from part to part. Without steps of your own, it goes from operation to operation, and says what each
# does.


# %%
def normalise(x):
    x = x - x.mean(-1, keepdim=True)
    spread = x.std(-1, keepdim=True)
    return x / spread


ncd.walkthrough(ncd.trace(normalise, ncd.array("s=5 d=6")), values=True)

# %% [markdown]
# ## Exercise 1: from words to code
#
# Which pattern of `torch.einsum` has the weave `b s [d], o [d] -> b s o`?
#
# <details><summary>Solution</summary>
#
# ```python
# pattern = "bsd,od->bso"
# ```
#
# </details>

# %% tags=["exercise"]
pattern = ...

# %%
if pattern is ...:
    print("Your turn.")
else:
    mine = ncd.trace(lambda x, w: torch.einsum(pattern, x, w), ncd.array("b=2 s=3 d=4"), ncd.array("o=5 d=4"))
    (op,) = mine.ops
    assert str(op.weave) == "b s [d], o [d] -> b s o", f"yours has {op.weave}"
    print("Right: a linear map without a bias.")

# %% [markdown]
# ## Exercise 2: what does it mix?
#
# On which of the axes `b`, `s`, `d` does this function act? Answer with a set, such as `{"b", "s"}`, before you draw it.
#
# <details><summary>Solution</summary>
#
# ```python
# mixed = {"b", "d"}
# ```
#
# `mean(0)` mixes `b`, the softmax `d`. Positions `s` never meet.
#
# </details>


# %%
def puzzle(x):  # b s d
    return (x - x.mean(0)).softmax(-1)


# %% tags=["exercise"]
mixed = ...

# %%
if mixed is ...:
    print("Your turn.")
else:
    acted = {name for op in ncd.trace(puzzle, ncd.array("b=2 s=3 d=4")).ops for name in op.target}
    assert mixed == acted, "follow each operation: along which dimension does it go?"
    print("Right:", sorted(acted))

# %% [markdown]
# All symbols, each with the least code that makes it: `make notation` writes them on one page.
#
# Next: [attention, line by line](03_attention.ipynb).
