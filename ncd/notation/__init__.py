"""The notation: every symbol from the least torch that makes it, with its meaning.  ``python -m ncd.notation OUT``."""
