"""SSM Command documents, the scripts they carry, and what composes the one from the other."""
