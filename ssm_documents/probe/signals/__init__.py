"""The sensors of the seven signals.

Each sensor compares two measurements, so it never depends on the clock of another program. Its sources (libraries,
folders, commands) are parameters, so that tests can replace them.
"""
