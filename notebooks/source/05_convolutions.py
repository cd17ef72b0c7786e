# %% [markdown]
# # 5. From convolutions to U-Net and the vision transformer
#
# An image has a channel axis `c` and two axes of space, `y` and `x`. What makes a network for images is how it treats
# these three; so the differences between architectures are differences between lines.

# %%
import torch
from torch import nn

import ncd
from ncd.models.convolution import Convolutions
from ncd.models.recogniser import BasicImageRecogniser
from ncd.models.resnet import IdentityBlock
from ncd.models.unet import UNet
from ncd.models.vision import VisionTransformer, VisualAttention

_ = torch.manual_seed(0)
image = ncd.array("b=2 c=3 y=32 x=32")

# %% [markdown]
# ## Without any idea of space
#
# The simplest recogniser of digits flattens the image. Its first map **L** reads `y` and `x` whole: what a pixel's
# neighbours are is nothing it knows. (The three layers of Abbott's first example.)

# %%
ncd.trace(BasicImageRecogniser().eval(), ncd.array("b=2 y=28 x=28"))

# %% [markdown]
# ## A window
#
# A convolution reads all channels, but of space only a window, and does the same everywhere. On its box stands the
# window's size. The double line in bold is `y` and `x` together, because both are treated alike.

# %%
conv = nn.Conv2d(3, 8, 3, padding=1)
plain = ncd.trace(conv, image)
plain

# %% [markdown]
# In the weave the window is an index `i` next to the position: the output at `y` is made from the inputs at `y - 1`,
# `y`, `y + 1`. With a stride of two it is twice the position, dilated by two it is twice the step.

# %%
for options in ({}, {"stride": 2}, {"dilation": 2}, {"groups": 3}):
    made = ncd.trace(nn.Conv2d(3, 6, 3, padding=1, bias=False, **options), image)
    print(f"{options!s:<16} {made.ops[0].weave}")

# %% [markdown]
# "The same everywhere" can be tested: shift the image, and the answer shifts along (away from the edges).

# %%
picture = torch.rand(1, 3, 32, 32)
with torch.no_grad():
    there, here = conv(picture.roll(5, -1)), conv(picture).roll(5, -1)
print("the same:", torch.allclose(there[..., 6:-1], here[..., 6:-1], atol=1e-6))

# %% [markdown]
# ## The family
#
# Plain, with a stride (the box narrows: less space comes out), dilated (`d`), in groups of channels (`g`), depthwise
# (each channel by itself, so that `c` passes by), pooling, and transposed (`T`), which widens again.

# %%
ncd.trace(Convolutions().eval(), image)

# %% [markdown]
# ## Residual blocks
#
# A ResNet adds what a few convolutions compute to what was there (He et al. 2016). Circles are batch norms, *R* is the
# rectifier. The path along the bottom is the identity: nothing stands on it.

# %%
ncd.trace(IdentityBlock(64).eval(), ncd.array("b=2 d=64 y=16 x=16"))

# %% [markdown]
# ## U-Net
#
# For an answer at every pixel one needs both the whole and the detail. The U-Net (Ronneberger et al. 2015) goes down to
# coarser scales and up again, and at each scale of the way up takes what it had there on its way down.

# %%
unet = ncd.trace(UNet().eval(), ncd.array("b=2 c=3 y=64 x=64"))
unet

# %% [markdown]
# The bracket is a stage that is gone through three times, λ = 1, 2, 3, each time with other sizes: `x_λ` pixels, `c_λ`
# channels. What it puts by at → *C_λ* is taken up by the stage that goes up through the same scale; there the thick bar
# joins the two along their channels. So all skips are there, although the picture shows one. The sizes are formulas:

# %%
for row in str(unet.axes).splitlines():
    if row.split(" ")[0] in ("y", "y1", "y2", "y3", "can"):
        print(row)

# %% [markdown]
# Three halvings: that is why the sides of the image must be multiples of eight.

# %% [markdown]
# ## Patches for words
#
# The vision transformer (Dosovitskiy et al. 2021) cuts the image into patches and treats them as words. Cutting and
# embedding is a convolution whose stride is its window. Then `y` and `x` are *one* axis of patches, a learned token is
# put in front (the bar), and what follows is the encoder of a transformer.

# %%
vit = ncd.trace(VisionTransformer(side=32, patch=4).eval(), image)
vit

# %% [markdown]
# Where two pixels can meet is another thing now. In a convolution only neighbours do; here all patches meet all patches
# in the first layer.

# %%
vit.run().heat("layers.0.attention:softmax", b=0, h=0)

# %% [markdown]
# ## Attention between images
#
# Between the two worlds: queries from one feature map, keys and values from another, all maps 1 × 1 convolutions. Both
# axes of the second image, as a pair, bend into the cup; both of the first pass by.

# %%
visual = ncd.trace(VisualAttention().eval(), ncd.array("b=2 c=16 y=5 x=6"), ncd.array("b=2 c=16 v=7 u=8"))
ncd.walkthrough(
    visual,
    [
        {"at": ["y", "x"], "title": "Who asks", "text": "The positions of the first image: no symbol sits on them."},
        {"at": ["v", "u"], "title": "Who is asked", "text": "Those of the second are weighed, and summed away."},
    ],
)

# %% [markdown]
# ## Exercise 1: how far does it see?
#
# Three convolutions with windows of 3 follow each other. How many pixels wide is the part of the image that one output
# pixel depends on?
#
# <details><summary>Solution</summary>
#
# ```python
# width = 7
# ```
#
# Each adds one pixel on either side: 3, 5, 7.
#
# </details>

# %% tags=["exercise"]
width = ...

# %%
if width is ...:
    print("Your turn.")
else:
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)))
    x = torch.rand(1, 1, 21, 21, requires_grad=True)
    stack(x)[0, 0, 10, 10].backward()
    assert width == int((x.grad[0, 0, 10] != 0).sum()), "one window of 3 sees 3; what does a window of windows see?"
    print("Right: so many pixels of a row have a gradient.")

# %% [markdown]
# ## Exercise 2: how long is the sequence?
#
# Write, for an image of `y` × `x` pixels and patches of `p` × `p`, how many positions a vision transformer has.
#
# <details><summary>Solution</summary>
#
# ```python
# def positions(y, x, p):
#     return (y // p) * (x // p) + 1
# ```
#
# </details>

# %% tags=["exercise"]
positions = ...

# %%
if positions is ...:
    print("Your turn.")
else:
    for side, p in ((32, 4), (48, 8), (20, 5)):
        d = ncd.trace(VisionTransformer(side=side, patch=p, layers=1).eval(), torch.rand(1, 3, side, side))
        (weights,) = (op.outputs[0] for op in d.simplify().ops if op.name == "softmax")
        assert positions(side, side, p) == weights.shape[-1], f"{side} pixels, patches of {p}: {weights.shape[-1]}"
    print("Right: the patches, and the token in front of them.")

# %% [markdown]
# Next: [Pointer Networks](06_pointer_networks.ipynb).
