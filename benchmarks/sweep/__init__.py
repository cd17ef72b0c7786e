"""Many programs, each traced, checked, turned back into a module and drawn.

``python -m benchmarks.sweep SUITE`` holds every case of a suite and writes a report.  A suite is a
module of this package with a function ``suite()``; see ``case.Suite``.
"""
