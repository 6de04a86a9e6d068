"""Tests of the machines: the agent's engine by tables, the sandbox by running in it."""
