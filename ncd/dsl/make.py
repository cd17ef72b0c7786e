"""The symbols: one constructor each.

Symbols that say nothing about axes are values (``n.relu``, ``n.copy``); the others are functions of a pattern.
"""

from ncd.dsl import along, parts, weights, windows, wiring
from ncd.dsl.along import *  # noqa: F403
from ncd.dsl.parts import *  # noqa: F403
from ncd.dsl.weights import *  # noqa: F403
from ncd.dsl.windows import *  # noqa: F403
from ncd.dsl.wiring import *  # noqa: F403
from ncd.dsl.wiring import FUNCTIONS as FUNCTIONS

__all__ = ["FUNCTIONS"]
__all__ += wiring.__all__
__all__ += weights.__all__
__all__ += windows.__all__
__all__ += along.__all__
__all__ += parts.__all__
