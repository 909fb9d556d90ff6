"""Benchmarks: suites of measurements against backpropagation, and the report on them."""
