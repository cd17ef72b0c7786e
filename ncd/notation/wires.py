"""Wires, functions of numbers, products."""

from __future__ import annotations

from ncd.notation.entry import section

# fmt: off
WIRES = section(
    "Wires",
    ("An array", "lambda q: q.relu()", "y k", "map",
     "Every axis is a wire, its name or size above it. What touches no wire is done to every number."),
    ("Two arrays", "lambda q, k: (q.relu(), k.relu())", "y k; x k", "map map",
     "A dashed line parts neighbouring arrays."),
    ("Two axes as one", "nn.Conv2d(3, 8, 3, padding=1)", "b c=3 y x", "conv",
     "Neighbouring axes that everything treats alike, as those of an image, are one double wire."),
    ("Passing by", "lambda x: x.softmax(-1)", "h y x", "softmax",
     "An axis that passes a symbol untouched is one it is repeated over."),
    ("For every b", "nn.Linear(8, 5)", "b m=8", "linear",
     "An axis that everything is repeated over is said in the title."),
    ("Copy", "lambda x: (x.relu(), x.tanh())", "x m", "map map",
     "An array read twice has a dot on every wire; a dashed line begins."),
    ("Permute", "lambda x: x.transpose(-1, -2) @ x", "x k", "einsum",
     "Axes go where they are needed; their order in memory is not drawn."),
    ("A number", "lambda x: x.sum()", "k", "reduce", "An array without axes is an arrow."),
)
FUNCTIONS = section(
    "Functions of numbers",
    ("ReLU", "nn.ReLU()", "x m", "map", "A function of every number stands between arrowheads over its array."),
    ("GELU, SiLU", "lambda x: (F.gelu(x), F.silu(x))", "x m", "map map",
     "Letters for the commonest, names for the rest. One that is written out is recognised by its values."),
    ("Sigmoid, tanh", "lambda x: (x.sigmoid(), x.tanh())", "x m", "map map", "σ, and names."),
    ("Powers", "lambda x: (x ** 2).sqrt()", "x m", "map map", "As formulas of x."),
    ("With a number", "lambda x: (x * 0.5 + 3) / 7", "x m", "scale map scale", "What is done to every number."),
    ("Clamp", "lambda x: x.clamp(min=0, max=6)", "x m", "map", "Bounds as scripts."),
    ("Dropout", "lambda x: F.dropout(x, 0.1).relu()", "x m", "map", "Not drawn."),
    ("Sum", "lambda x, y: x + y", "x m; x m", "add",
     "Wires that share an index end in a dot; the sign is above. The dashed line ends, as two arrays become one."),
    ("Product", "lambda x, y: x * y", "x m; x m", "einsum", "Dots without a sign multiply."),
    ("Difference, quotient", "lambda x, y: (x - y) / y", "x m; x m", "add add", ""),
    ("Larger of two", "lambda x, y: torch.maximum(x, y)", "x m; x m", "add", ""),
    ("Comparison", "lambda x, y: x > y", "x m; x m", "add", "The result is true or false."),
    ("Choice", "lambda c, x, y: torch.where(c, x, y)", "x m: bool; x m; x m", "add",
     "The first where the condition holds, else the second."),
    ("Broadcast", "lambda x, y: x + y", "x m; m", "add", "An axis that one operand lacks passes by."),
    ("Outer sum", "lambda x, y: x[:, None] + y", "x; m", "add", "No index is shared: all pairs."),
    ("Residual", "lambda x: x + x.relu()", "x m", "map add", "Copy, then sum."),
    ("Gate", "lambda x, y: F.silu(x) * y", "x m; x m", "map einsum", "SwiGLU: one half lets through the other."),
)
PRODUCTS = section(
    "Products and sums",
    ("Inner product", "lambda x, y: x @ y", "k; k", "einsum", "Wires that are summed over are joined in a cup."),
    ("Matrix product", "lambda x, y: x @ y", "x k; k z", "einsum", "What is left of both is one array."),
    ("With a factor", "lambda x, y: x @ y * 4 ** -0.5", "y k; k x", "einsum scale",
     "One over the root of the size of what was summed over is written so."),
    ("Batched", "lambda x, y: torch.bmm(x, y)", "h x k; h k z", "einsum",
     "An index that both share and the result keeps: a dot."),
    ("Two at once", "lambda x, y: torch.einsum('xhk,zhk->xz', x, y)", "x h k; z h k", "einsum", "Nested cups."),
    ("Three arrays", "lambda x, y, z: torch.einsum('ik,jk,lk->ijl', x, y, z)", "i k; j k; l k", "einsum",
     "A dot on the cup joins the third."),
    ("Ellipsis", "lambda x, y: torch.einsum('...xk,kz->...xz', x, y)", "b h x k; k z", "einsum", "Passes by."),
    ("Outer product", "lambda x, y: torch.outer(x, y)", "x; y", "einsum", "The dashed line ends, nothing is joined."),
    ("Kronecker", "lambda x, y: torch.kron(x, y)", "x k; y l", "einsum", "The outer product; merging is not drawn."),
    ("Trace", "lambda x: torch.einsum('ii->', x)", "k=5 l=5", "einsum", "A cup within one array."),
    ("Diagonal", "lambda x: torch.diagonal(x)", "k=5 l=5", "view", "A dot within one array."),
    ("Attention", "F.scaled_dot_product_attention", "h y k; h x k; h x v", "einsum scale softmax einsum",
     "Scores, their scale, weights that sum to one over x, and the mean they are weights of."),
    ("Causal attention", "lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)",
     "h y=6 k; h x=6 k; h x=6 v", "einsum scale mask softmax einsum", "With a mask before the softmax."),
)
