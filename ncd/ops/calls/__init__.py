"""What a torch call is called in a diagram: kind, symbol and label, one line a call.

A call without a row gets all three from its weave: no targets means ``map``, an index that only
the inputs have means ``contraction`` or ``reduce``, and so on (``default_kind``).  The rows name
what the weave alone cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ncd.circuit.weave import Weave


@dataclass(frozen=True)
class Row:
    kind: str
    symbol: str
    label: str = ""


_ROWS = """
linear addmm                                    : contraction linear L
matmul mm bmm mv dot inner tensordot einsum baddbmm vdot outer ger kron : contraction einsum
bilinear                                        : contraction linear L
softmax                                         : along softmax
log_softmax                                     : along softmax log
softmin                                         : along softmax min
gumbel_softmax                                  : along softmax {}
layer_norm native_layer_norm                    : along norm LN
rms_norm                                        : along norm RMS
group_norm native_group_norm                    : along norm G
batch_norm native_batch_norm                    : along norm
instance_norm                                   : along norm I
normalize                                       : along softmax ‖·‖
local_response_norm                             : along box LRN
conv1d conv2d conv3d convolution conv_tbc       : window conv ★
conv_transpose1d conv_transpose2d conv_transpose3d : window upconv ★
max_pool1d max_pool2d max_pool3d                : window pool max
max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices : window pool max
avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d : window pool avg
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d : window pool avg
adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d : window pool max
interpolate upsample                            : window upconv ↑
unfold im2col                                   : window box unfold
fold col2im                                     : window box fold
embedding embedding_bag                         : gather embed E
gather index_select take_along_dim take         : gather gather
scatter scatter_ scatter_add scatter_reduce index_add index_copy index_put index_fill masked_scatter : gather box {}
setitem                                         : gather box write
nonzero unique masked_select argwhere           : gather box {}
one_hot                                         : gather box one-hot
meshgrid                                        : rearrange box {}
cat concat concatenate hstack vstack            : join concat
stack                                           : join concat stack
pad constant_pad_nd                             : join index pad
split chunk tensor_split unbind split_with_sizes unsafe_chunk : rearrange split
getitem select narrow slice index diagonal      : rearrange index
view reshape flatten unflatten view_as reshape_as : rearrange view
permute transpose T mT t movedim swapaxes swapdims squeeze unsqueeze : rearrange view
expand expand_as broadcast_to repeat repeat_interleave tile : rearrange view
roll flip                                       : rearrange index {}
pixel_shuffle pixel_unshuffle channel_shuffle   : rearrange view
mean sum max min prod std var                   : reduce reduce {}
amax nanmax                                     : reduce reduce max
amin                                            : reduce reduce min
nanmean                                         : reduce reduce mean
nansum                                          : reduce reduce sum
norm vector_norm linalg_norm linalg_vector_norm linalg_matrix_norm : reduce reduce ‖x‖
argmax argmin any all logsumexp median count_nonzero : reduce reduce {}
cumsum cumprod cummax cummin logcumsumexp sort argsort fft ifft rfft irfft : along box {}
topk                                            : along box top-k
lstm                                            : along scan LSTM
gru                                             : along scan GRU
rnn_tanh rnn_relu                               : along scan RNN
lstm_cell                                       : contraction box LSTM
gru_cell                                        : contraction box GRU
rnn_tanh_cell rnn_relu_cell                     : contraction box RNN
scaled_dot_product_attention                    : contraction box attention
multi_head_attention_forward                    : contraction box MHA
tril triu                                       : along mask {}
zeros zeros_like new_zeros                      : source source 0
ones ones_like new_ones                         : source source 1
eye                                             : source source I
arange full empty linspace full_like new_full tensor : source source {}
randn randn_like normal                         : source source ∼N
rand rand_like                                  : source source ∼U
randint randint_like                            : source source ∼
add sub mul div truediv eq ne lt gt le ge and or xor where masked_fill pow maximum minimum : map add {}
logical_and logical_or floordiv remainder mod lerp addcmul addcdiv atan2 rsub bitwise_and : map add {}
bitwise_or : map add {}
relu : map map R
sigmoid : map map σ
gelu : map map GELU
silu : map map SiLU
dropout feature_dropout alpha_dropout dropout1d dropout2d dropout3d : map map ↯
to float half bfloat16 double type type_as clone contiguous detach long int bool alias : map map cast
"""


def spoken(name: str) -> str:
    """A call's name in words: ``linalg_inv`` is ``inv``."""
    for family in ("linalg_", "fft_", "special_"):
        name = name.removeprefix(family)
    return name.strip("_").replace("_", " ")


def _read(text: str) -> dict[str, Row]:
    rows = {}
    for line in text.strip().splitlines():
        names, row = line.rsplit(" : ", 1) if " : " in line else line.rsplit(":", 1)
        kind, symbol, *label = row.split()
        for name in names.split():
            rows[name] = Row(kind, symbol, " ".join(label).replace("{}", spoken(name)))
    return rows


ROWS = _read(_ROWS)


@cache
def row(name: str) -> Row | None:
    """The row of a call by its short name; ``add_`` and ``add`` are one."""
    return ROWS.get(name) or ROWS.get(name.rstrip("_"))


def is_window(name: str) -> bool:
    """Whether the call reads its input through a sliding window."""
    found = row(name)
    return found is not None and found.kind == "window"


def default_kind(weave: Weave) -> str:
    """The kind that follows from a weave alone."""
    if not weave.ins:
        return "source"
    read, made = frozenset[str]().union(*weave.read), weave.made
    if not weave.targets:
        shapes = all(len(f.terms) < 2 and not f.const for a in (*weave.ins, *weave.outs) for f in a)
        return "map" if shapes and made == read and not weave.rest else "rearrange"
    gone = weave.targets & (read - made)
    if gone and weave.targets <= read - made:
        return "contraction" if len(weave.ins) > 1 else "reduce"
    return "along"


def describe(name: str, weave: Weave) -> Row:
    """Kind, symbol and label of a call that has an exact weave."""
    found = row(name)
    # One name may be several operations: torch.max of two arrays reduces nothing, where(c) looks values up.
    odd = found is not None and (
        (found.kind in ("reduce", "along") and not weave.targets) or (found.kind == "map" and bool(weave.targets))
    )
    if found is not None and (not odd or found.symbol == "norm"):
        return found
    kind = default_kind(weave)
    if found is not None:
        return Row(kind, "box" if weave.targets else "map", spoken(name))
    symbol = {"map": "map", "contraction": "box", "reduce": "reduce", "rearrange": "view", "source": "source"}
    return Row(kind, symbol.get(kind, "box"), spoken(name))
