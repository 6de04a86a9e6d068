"""Machines that play EC2 instances: a folder and processes each, with an agent that really runs documents."""
