"""How fast ncd is, as ratios measured within one run; ``python -m benchmarks`` prints them all.

Absolute times depend on the machine and on what else it does.  So what is compared is timed in turns,
round after round, and the least of each is taken: load can only add to it.
"""
