"""Local cloud: moto, what moto lacks, instances that really run scripts, and the program of `make run`."""
