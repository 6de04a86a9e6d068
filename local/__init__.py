"""The local cloud: moto, what moto lacks, pretend instances, and the program behind `make run`."""
