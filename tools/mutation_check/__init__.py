"""Measure whether the tests notice a wrong decision in `chalicelib/domain`: `make mutation-check`.

Each mutant changes one decision: it inverts a condition, or it deletes a guard (an `if` that returns, raises or
continues). A seed chooses the decisions at random, so that no test can be written for the chosen ones. `mutations.py`
finds the decisions, `coverage_record.py` the tests that execute them, and `search.py` a test that fails.
"""
