# %% [markdown]
# # 10. A figure for a paper
#
# The picture that one looks at while working isn't the one that explains. This notebook takes the second half of that
# way: names as in the text, only what matters open, the right width, a note or two, and a file that LaTeX takes.

# %%
import tempfile
from pathlib import Path

import torch
from torch import nn

import ncd

_ = torch.manual_seed(0)

# %% [markdown]
# ## The model
#
# Say the paper proposes an encoder in which tokens attend to each other, and then to a small learned memory.


# %%
class Layer(nn.Module):
    def __init__(self, d=64, slots=8):
        super().__init__()
        self.memory = nn.Parameter(torch.randn(slots, d))
        self.tokens = nn.MultiheadAttention(d, 4, batch_first=True)
        self.read = nn.MultiheadAttention(d, 4, batch_first=True)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.tokens(y, y, y, need_weights=False)[0]
        memory = self.memory.expand(len(x), -1, -1)
        x = x + self.read(self.norm2(x), memory, memory, need_weights=False)[0]
        return x + self.down(self.up(self.norm3(x)).relu())


class Encoder(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.embed = nn.Embedding(1000, 64)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


model = Encoder().eval()
d = ncd.trace(model, ncd.tokens("b=2 s=12"))
d

# %% [markdown]
# ## Say what it is
#
# Two figures are better than one: the whole, closed; and the layer, open where it is new. Titles are what the text
# calls things, by class or by path.

# %%
whole = d.view(depth=0, titles={"": "Memory encoder"})
whole

# %%
layer = d["layers.0"]
called = {"": "one layer", "layers.0.tokens": "Self-attention", "layers.0.read": "Memory attention"}
layer.view(titles=called)

# %% [markdown]
# ## Names as in the text
#
# Axes are named by what the code calls them. If the paper writes *n* tokens and speaks of the *slots* of the memory,
# the figure should, too. And that it all happens for every input of a batch `b` needn't be drawn: the caption says so.

# %%
drawn = layer.simplify()  # as it is drawn: without the axes of fused calls
print({name: axis.size for name, axis in drawn.axes.items()})

# %%
(slots,) = (name for name, axis in drawn.axes.items() if axis.size == 8)
figure = drawn.rename({slots: "slots", "s": "n"}).view(titles=called, hide=["b"])
figure

# %% [markdown]
# ## Only what matters
#
# Self-attention is known; it can stay closed. The new part is open, whatever the depth.

# %%
figure = figure.view(collapse=["layers.0.tokens"], expand=["layers.0.read"])
figure

# %% [markdown]
# ## Point it out
#
# Make a line or a symbol stand out, and say why. A note hangs at what it speaks of.

# %%
figure = figure.view(highlight=["slots"], notes={"slots": "the same for all inputs"})
figure

# %% [markdown]
# ## Fit the column
#
# `width` is where the figure wraps, in CSS pixels: 96 to the inch, so a column of 3.3 inches has 317, a page of 6.9 has
# 662. The theme `paper` is made for print; `colors={"layers.0.read": "violet"}` gives blocks a colour of your own.

# %%
page = figure.view(width=662, theme="paper")
page

# %% [markdown]
# ## Write it
#
# The ending of the name says which format. SVG and PDF hold real text; TikZ is compiled with the paper, in its fonts,
# its labels the LaTeX that it would be in the text.

# %%
folder = Path(tempfile.mkdtemp())
for name in ("layer.svg", "layer.pdf", "layer.tex", "layer.png"):
    path = page.save(folder / name)
    print(f"{name:<10} {path.stat().st_size / 1000:>6.1f} kB")
print()
print("\n".join((folder / "layer.tex").read_text().splitlines()[:6]), "…")

# %% [markdown]
# ## Say what it costs
#
# The same figure, coloured by where the work is, tells a reader in one look what is dear.

# %%
figure.view(heat="flops", highlight=[], notes={})

# %%
print("FLOPs of the whole:", d.cost().total.flops)

# %% [markdown]
# ## Is the figure right?
#
# It was made from the code, and can be tested against it: keep this line in the repository of the paper, and the figure
# can't go out of date unnoticed. What is shown here is what is run, block by block, operation by operation.

# %%
d.check()

# %% [markdown]
# ## Exercise: a figure for one column
#
# Make a figure of the layer for a column: at most 420 px wide, no attention open, in the theme `paper`, with the tokens
# called `n`. Call it `column`.
#
# <details><summary>Solution</summary>
#
# ```python
# column = layer.simplify().rename({"s": "n"}).view(width=420, theme="paper", collapse=["MultiheadAttention"])
# ```
#
# </details>

# %% tags=["exercise"]
column = ...

# %%
if column is ...:
    print("Your turn.")
else:
    svg = column.to_svg()
    wide = float(svg.split('width="')[1].split('"')[0])
    assert wide <= 420, f"it is {wide:.0f} px wide"
    assert "n" in column.axes, "rename the axis s"
    assert not any(op.name == "softmax" for op in ncd.show.draw(column).drawn.ops), "collapse the attentions"
    print(f"Right: {wide:.0f} px.")
    display(column)  # noqa: F821

# %% [markdown]
# All options, with what they do: [docs/options.md](../docs/options.md). On the command line:
#
# ```sh
# ncd draw model.py:make_model --input ids="b=2 s=12:int" --width 662 --theme paper -o layer.pdf
# ```
#
# This is the last notebook. [The first](01_start_here.ipynb) is where to come back to.
