"""Ratios against other libraries, run by hand: `python -m tests.benchmarks.run`. Never collected by pytest."""
