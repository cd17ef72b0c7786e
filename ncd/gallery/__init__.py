"""The architectures of the paper, drawn from plain modules, on a page with the code beside.

Abbott, "Neural Circuit Diagrams: Robust Diagrams for the Communication, Implementation, and Analysis of
Deep Learning Architectures", TMLR 2024, draws these by hand.
"""
