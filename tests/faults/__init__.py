"""What is lost when processes die: ``python -m tests.faults [name]``, one module per fault, ``run() -> list[Row]``."""
