"""How many multiply-adds an aten op takes: products of index extents, read off its weave.

A sum of products over shared axes takes one multiply-add for every combination of its indices, so
its weave says it all: ``b s [i], o [i] -> b s o`` takes ``b·s·i·o``, and a convolution likewise,
whose window is an index of the kernel.  Fused attention is two such products.  Elementwise maps,
reductions, normalisations and everything that only moves numbers take none; of an op that is
neither, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from ncd.circuit.weave import Weave

Products = tuple[tuple[str, ...], ...]
"""Index variables of a weave: the sum of the products of their extents is the number of multiply-adds."""

RECURRENT = frozenset("lstm gru rnn_tanh rnn_relu".split())
"""Calls that go through a sequence step by step: their ops would be as many as there are steps."""

_ROWS = """
mm bmm mv dot vdot linear _scaled_mm _scaled_mm_v2      : all
addmm _addmm_activation addmv baddbmm addbmm            : all
convolution _convolution convolution_overrideable mkldnn_convolution cudnn_convolution : all
_scaled_dot_product_*                                   : attention
_grouped_mm                                             : grouped
_cdist_forward _euclidean_dist _pdist_forward           : unknown
_sparse_addmm _sparse_mm _sparse_mm_reduce_impl sparse_sampled_addmm : unknown
_trilinear stft istft _fft_* _linalg_* linalg_* cholesky* triangular_solve geqrf orgqr ormqr : unknown
_cholesky_solve_helper lu_unpack ctc_loss _ctc_loss     : unknown
linalg_vector_norm linalg_cross linalg_diagonal         : none
"""


@lru_cache(None)
def _rows() -> Mapping[str, str]:
    found = {}
    for line in _ROWS.strip().splitlines():
        names, _, row = line.rpartition(":")
        found.update(dict.fromkeys(names.split(), row.strip()))
    return found


@lru_cache(None)
def _row(name: str) -> str:
    rows = _rows()
    for key in (name, name.rstrip("_")):
        if key in rows:
            return rows[key]
    return next((row for pattern, row in rows.items() if "*" in pattern and fnmatchcase(name, pattern)), "none")


def work(name: str, weave: Weave) -> Products | None:
    """The multiply-adds of an aten op with this weave; none for ops that only map, reduce or move; None: unknown."""
    match _row(name):
        case "none":
            return ()
        case "all":
            return (weave.variables,)
        case "attention":
            q, k, v = map(_variables, weave.ins[:3])
            out = _variables(weave.outs[0])
            return tuple(tuple(dict.fromkeys([*a, *b])) for a, b in ((q, k), (out, v)))
        case "grouped":
            # Every row meets the matrix of its own group alone.
            groups = set(_variables(weave.ins[2])) if len(weave.ins) > 2 else set()
            return (tuple(v for v in weave.variables if v not in groups),)
    return None


def recurrent(weave: Weave) -> Products:
    """An LSTM, GRU or RNN over a sequence: every weight, a matrix, meets every position of the sequence."""
    places = _variables(weave.ins[0][:-1])
    return tuple((*places, *_variables(w)) for w in weave.ins[1:] if len(w) == 2)


def _variables(forms: Iterable) -> tuple[str, ...]:
    return tuple(dict.fromkeys(v for form in forms for v in form.variables))
