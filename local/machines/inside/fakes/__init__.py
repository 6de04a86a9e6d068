"""Fakes of Ubuntu's programs that cannot work in a sandbox: functions that take arguments and return an exit code.

`sandbox/programs.py` installs them in place of the real programs.
"""
