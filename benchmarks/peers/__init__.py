"""ncd beside other tools that draw or export torch modules: ``python -m benchmarks.peers``."""
