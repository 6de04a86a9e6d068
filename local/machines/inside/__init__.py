"""Code that runs inside a machine: its first process, its services, and fakes of programs of a real instance.

This folder is mounted read-only on the machine under the same package name, without the rest of the project. It runs
with the base interpreter without packages, so it imports only the standard library and itself.
"""
