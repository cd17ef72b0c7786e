"""Diagrams written by hand: symbols, ``>>`` and ``@``, and functions that become diagrams.

    from ncd import dsl as n

    attention = (n.einsum("q h k, x h k -> h q x") >> n.scale("k ** -0.5")
                 >> n.softmax("x") >> n.einsum("h q x, x h v -> q h v"))

A composed diagram is drawn, checked and costed as any other, runs (``to_module``), and prints as code.
"""

from ncd.dsl.function import diagram as diagram
from ncd.dsl.make import *  # noqa: F403
from ncd.dsl.make import FUNCTIONS as FUNCTIONS
from ncd.dsl.term import Term as Term
