"""Derivatives of calls: rows of plain tensor operations, and autograd's own where there is no row."""

from ncd.analysis.derivatives import along, moved, pointwise, products, windows
from ncd.analysis.derivatives.rows import ROWS
from ncd.analysis.derivatives.whole import gradient

__all__ = ["ROWS", "along", "gradient", "moved", "pointwise", "products", "windows"]
