"""SSM Command and Session documents, the scripts they carry, and the programs that compose and check them."""
