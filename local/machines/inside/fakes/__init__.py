"""Fakes of programs of a real Ubuntu that cannot work in a sandbox: functions from arguments to an exit code.

`sandbox/programs.py` on the host installs them in place of the real ones.
"""
