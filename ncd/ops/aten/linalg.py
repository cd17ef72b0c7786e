"""Matrix factorisations and solvers: everything but the batch is acted on."""

from __future__ import annotations

from ncd.ops.aten.call import AtenCall
from ncd.ops.aten.spec import Family, Text

family = Family("""
cholesky cholesky_inverse: * [m] [n] -> * [m] [n]
cholesky_solve _cholesky_solve_helper: * [n] k, * [n] [m] -> * [n] k
_linalg_det: * [m] [n] -> *, * [m] [n], * [p]
_linalg_slogdet: * [m] [n] -> *, *, * [m] [n], * [p]
linalg_lu_factor_ex: * [m] [n] -> * [m] [n], * [p], *
linalg_cholesky_ex linalg_inv_ex: * [m] [n] -> * [m] [n], *
linalg_qr: * [m] [n] -> * [q] [r], * [s] [t]
linalg_eig: * [m] [m] -> * [m], * [m] [m]
_linalg_eigh: * [m] [n] -> * [p], * [m] [n]
_linalg_eigvals linalg_eigvals: * [m] [n] -> * [p]
_linalg_svd: * [m] [n] -> * [p] [q], * [r], * [s] [t]
linalg_matrix_exp: * [m] [n] -> * [m] [n]
linalg_lu: * [m] [n] -> * [p] [q], * [r] [s], * [t] [u]
linalg_ldl_factor_ex: * [m] [n] -> * [m] [n], * [p], *
linalg_householder_product orgqr: * [m] [n], * [k] -> * [m] [n]
geqrf: * [m] [n] -> * [m] [n], * [k]
triangular_solve: * [m] k, * [m] [n] -> * [m] k, * [m] [n]
linalg_ldl_solve: * [m] [n], * [m], * [m] k -> * [m] k
lu_unpack: * [m] [n], * [k] -> * [a] [b], * [c] [d], * [e] [f]
linalg_pinv.atol_rtol_tensor: * [m] [n] -> * [n] [m]
""")


@family("_linalg_solve_ex")
def solve(call: AtenCall) -> Text:
    """A right-hand side with one dimension less than the matrix is one vector, else columns."""
    a, b = call.ins
    if b.ndim == 1 or (a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape):
        return "* [m] [m], * [m] -> * [m], * [m] [m], * [m], *"
    return "* [m] [m], * [m] q -> * [m] q, * [m] [m], * [m], *"


@family("linalg_lstsq")
def least_squares(call: AtenCall) -> Text:
    """Residuals are only given where every matrix of the batch has full rank: that is no loop over the batch."""
    a, b = call.ins
    vector = b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]
    column = "" if vector else " k"
    given = not call.outs[1].empty
    some = a.shape[-2] > a.shape[-1] and not given and call.args.get("driver") in ("gelss", "gelsd")
    batch = "[*]" if some else "*"
    rows = [f"{batch} [n]{column}", f"{batch}{column}", batch, f"{batch} [r]"]
    outs = ", ".join("?" if o.empty else row for row, o in zip(rows, call.outs, strict=True))
    return f"{batch} [m] [n], {batch} [m]{column} -> {outs}"


@family("linalg_solve_triangular linalg_lu_solve ormqr")
def columns(call: AtenCall) -> Text:
    """Every column of the right-hand side on its own; every row where the matrix stands to its right."""
    side = "* [m] k" if call.args.get("left", True) else "* k [m]"
    if call.name == "linalg_solve_triangular":
        return f"* [m] [n], {side} -> {side}"
    inner = "* [m] [m], * [m]" if call.name == "linalg_lu_solve" else "* [p] [q], * [r]"
    return f"{inner}, {side} -> {side}"
