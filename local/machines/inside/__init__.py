"""What runs inside a pretend machine: its first process, its services, and stand-ins for the programs of a real one.

The folder is shown to the machine read-only and runs there by the base interpreter without any package, so it imports
the standard library and itself alone. Its name is the same there, with nothing around it.
"""
