"""GPU benchmarks: results, their validation, comparisons."""
