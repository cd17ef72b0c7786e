"""Data, training and evaluation of the reference models; ``ncd train`` and ``ncd evaluate`` on the command line."""
