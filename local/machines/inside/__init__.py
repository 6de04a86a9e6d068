"""Code that runs inside a machine: its first process, its services, and fakes of programs of a real instance.

The folder is mounted read-only in the machine and runs there with the base interpreter and without packages, so it
imports only the standard library and itself. Its name in the machine is the same, but nothing else of the project is
there.
"""
