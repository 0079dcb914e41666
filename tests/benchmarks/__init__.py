"""Figures beside the peers: ``python -m tests.benchmarks [name]``, one module per bench with ``run() -> list[Row]``."""
