"""How fast the suite is, and where its time goes: ``python -m benchmarks``."""
