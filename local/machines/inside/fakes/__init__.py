"""Stand-ins for programs of a real Ubuntu that cannot work in a sandbox: functions from arguments to an exit code.

`programs.py` on the host puts them in the place of the real ones.
"""
