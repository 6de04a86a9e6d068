"""GPU benchmarks: results, their validation, and the comparison of instance types."""
